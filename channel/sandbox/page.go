package sandbox

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/channel"
)

// page is the part of the books that one transaction works on, in memory
// until it is saved.
type page struct {
	now      time.Time // of the machine; each account's clock is ahead of it
	accounts map[string]Account
	entries  map[Key]Entry
	fresh    map[Key]bool // not in the books yet
	changed  map[Key]bool
	notices  []Notice
}

// open reads the entries of keys, with what time alone has changed in them.
func (s *Sandbox) open(ctx context.Context, tx Tx, keys []Key) (*page, error) {
	p := s.blank()
	var ids []string
	for _, key := range keys {
		ids = append(ids, key.Account)
	}
	if err := p.readAccounts(ctx, tx, ids); err != nil {
		return nil, err
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, compareKeys)
	var err error
	if p.entries, err = tx.Entries(ctx, slices.Compact(keys)); err != nil {
		return nil, err
	}
	for key := range p.entries {
		p.wake(key)
	}
	// Waking goes by map order; what it left is put in an order of its own.
	slices.SortFunc(p.notices, func(a, b Notice) int { return cmp.Compare(a.ID, b.ID) })
	return p, nil
}

func (s *Sandbox) blank() *page {
	return &page{
		now: s.opts.Now().UTC().Truncate(time.Microsecond), accounts: map[string]Account{},
		entries: map[Key]Entry{}, fresh: map[Key]bool{}, changed: map[Key]bool{},
	}
}

func (p *page) readAccounts(ctx context.Context, tx Tx, ids []string) error {
	slices.Sort(ids)
	accounts, err := tx.Accounts(ctx, slices.Compact(ids))
	if err != nil {
		return err
	}
	p.accounts = accounts
	return nil
}

// clock is an account's own time.
func (p *page) clock(account string) time.Time {
	return p.now.Add(p.accounts[account].ClockOffset)
}

// create puts a new entry on the page; it is in the books once it is saved.
func (p *page) create(i channel.Instruction) Entry {
	now := p.clock(i.Account)
	e := Entry{
		Account: i.Account, Number: i.Number, ChannelID: channelID(i.Account, i.Number, now),
		TransactionID: i.TransactionID, Amount: i.Amount, State: Absent, CreatedAt: now,
	}
	p.fresh[e.Key()] = true
	return e
}

// put writes an entry on the page.
func (p *page) put(e Entry) {
	p.entries[e.Key()] = e
	p.changed[e.Key()] = true
}

// save writes what changed on the page, in the order of keys.
func (p *page) save(ctx context.Context, tx Tx) error {
	var added, saved []Entry
	var clocks []string
	for key := range p.changed {
		e := p.entries[key]
		if e.Moves > 1 {
			return fmt.Errorf("save sandbox refund %s of %s: money would move %d times", e.Number, e.Account, e.Moves)
		}
		if p.fresh[key] {
			added = append(added, e)
		} else {
			saved = append(saved, e)
		}
		if _, made := p.accounts[e.Account]; !made && !e.WakesAt.IsZero() {
			clocks = append(clocks, e.Account)
		}
	}
	byKey := func(a, b Entry) int { return compareKeys(a.Key(), b.Key()) }
	slices.SortFunc(added, byKey)
	slices.SortFunc(saved, byKey)
	slices.Sort(clocks)
	if len(added) > 0 {
		if err := tx.AddEntries(ctx, added); err != nil {
			return err
		}
	}
	if len(saved) > 0 {
		if err := tx.SaveEntries(ctx, saved); err != nil {
			return err
		}
	}
	// Only accounts that are there are looked at when time has passed.
	for _, account := range slices.Compact(clocks) {
		if err := tx.MoveClock(ctx, account, 0); err != nil {
			return err
		}
	}
	if len(p.notices) > 0 {
		return tx.AddNotices(ctx, p.notices)
	}
	return nil
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Number, b.Number))
}

// channelID is the sandbox's own number for a refund: 28 digits, the day and
// 20 that follow from account and number, so that a submit which is run again
// gets the same.
func channelID(account, number string, at time.Time) string {
	sum := sha256.Sum256([]byte(account + "\x00" + number))
	const tenDigits = 10_000_000_000
	high := binary.BigEndian.Uint64(sum[:8]) % tenDigits
	low := binary.BigEndian.Uint64(sum[8:16]) % tenDigits
	return fmt.Sprintf("%s%010d%010d", at.UTC().Format("20060102"), high, low)
}
