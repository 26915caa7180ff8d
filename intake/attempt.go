package intake

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// attempt is one run of a batch through one transaction. Everything in it is
// made anew when the transaction is repeated.
type attempt struct {
	intake  *Intake
	asked   []refund.Unit
	units   []refund.Unit // those of asked, completed once their charges are known
	now     time.Time
	results []batch.Result[Result]
	books   map[string]rules // by merchant
	// Units whose charges another transaction holds end with errHeld, unless it is
	// patient.
	patience patience
	// taken are channel numbers that are found to stand for other refunds.
	taken map[refund.ChannelNumber]bool
	// made are the channel numbers of this run's refunds.
	made map[refund.ChannelNumber]bool

	charges map[refund.ChargeKey]refund.Charge
	counts  *counting
	owners  map[refund.NumberKey]refund.Number // who holds each number now
	mine    map[refund.NumberKey]refund.Number // claims that this transaction inserted
	days    map[refund.DayKey]money.Minor      // what keys with a ceiling for a day asked for
	raised  map[refund.DayKey]refund.DayTotal  // those that this run has raised
	order   []refund.ChargeKey                 // charges that changed, in the order of change
	changes map[refund.ChargeKey]*refund.Change
	room    []refund.AccountKey // reserved at the engine and not used
	claimed []refund.Claimed
	left    []refund.AccountKey // of refunds that the engine had no room for
	putOff  []refund.AccountKey // of refunds whose accounts send nothing
}

// rules are a merchant's, or why they are not known.
type rules struct {
	book refund.RuleBook
	err  error
}

func newAttempt(i *Intake, units []refund.Unit) *attempt {
	return &attempt{intake: i, asked: units, units: units}
}

// run takes the batch through one transaction and hands over what it claimed.
// After refund.ErrCommitUnknown the claims are kept until handOver knows.
func (b *attempt) run(ctx context.Context) (err error) {
	// The rules are looked up before anything is locked: they may have to be read.
	b.books = make(map[string]rules)
	for _, unit := range b.units {
		if _, has := b.books[unit.MerchantID]; !has {
			var found rules
			found.book, found.err = b.intake.store.RuleBook(unit.MerchantID)
			b.books[unit.MerchantID] = found
		}
	}
	known := false
	defer func() {
		if !known { // also when the transaction panics
			b.giveBack()
		}
	}()
	err = b.intake.store.InTx(ctx, func(tx Tx) error {
		b.reset()
		return b.decide(ctx, tx)
	})
	switch {
	case err == nil:
		known = true
		b.intake.engine.Release(b.room)
		b.intake.engine.Take(b.claimed)
		b.intake.engine.Left(b.left)
		b.intake.engine.PutOff(b.putOff)
	case errors.Is(err, refund.ErrCommitUnknown):
		known = true
	}
	return err
}

// handOver ends what run left open after refund.ErrCommitUnknown: the claims that a
// lookup found are the engine's, for the others there is room again.
func (b *attempt) handOver(found map[refund.Key]refund.Refund) {
	var there []refund.Claimed
	for _, claimed := range b.claimed {
		r, ok := found[refund.Key{MerchantID: claimed.Refund.MerchantID, ID: claimed.Refund.ID}]
		if ok && r.LeaseEpoch == claimed.Refund.LeaseEpoch && r.LeaseUntil.Equal(claimed.Refund.LeaseUntil) {
			there = append(there, claimed)
		} else {
			b.room = append(b.room, accountOf(claimed.Refund))
		}
	}
	b.intake.engine.Release(b.room)
	b.intake.engine.Take(there)
	b.intake.engine.PutOff(b.putOff) // also those that are not there: they are only asked about
	b.room, b.claimed, b.left, b.putOff = nil, nil, nil, nil
}

func accountOf(r refund.Refund) refund.AccountKey {
	return refund.AccountKey{MerchantID: r.MerchantID, ID: r.ChannelAccount}
}

// giveBack returns the room at the engine that a failed run had reserved.
func (b *attempt) giveBack() {
	for _, claimed := range b.claimed {
		b.room = append(b.room, accountOf(claimed.Refund))
	}
	b.intake.engine.Release(b.room)
	b.room, b.claimed, b.left, b.putOff = nil, nil, nil, nil
}

func (b *attempt) reset() {
	b.giveBack()
	b.now = b.intake.opts.Now().UTC().Truncate(time.Microsecond)
	b.units = slices.Clone(b.asked)
	b.results = make([]batch.Result[Result], len(b.units))
	b.changes = make(map[refund.ChargeKey]*refund.Change)
	b.made = make(map[refund.ChannelNumber]bool)
	b.order = nil
	b.setApart()
}

func (b *attempt) decide(ctx context.Context, tx Tx) (err error) {
	if err := b.lock(ctx, tx); err != nil {
		return err
	}
	if err := b.count(ctx, tx); err != nil {
		return err
	}
	claims := b.claims()
	b.owners, b.mine = map[refund.NumberKey]refund.Number{}, map[refund.NumberKey]refund.Number{}
	var earlier map[refund.Key]refund.Refund
	if len(claims) > 0 {
		if b.owners, err = tx.ClaimNumbers(ctx, claims); err != nil {
			return err
		}
		for _, c := range claims {
			if _, taken := b.owners[c.NumberKey]; !taken {
				b.mine[c.NumberKey] = c
			}
		}
		if earlier, err = tx.Refunds(ctx, b.earlierKeys()); err != nil {
			return err
		}
	}
	if err := b.lockDays(ctx, tx); err != nil {
		return err
	}
	accepted := make(map[refund.Key]*refund.Refund)
	for n, unit := range b.units {
		if b.results[n].Err != nil {
			continue
		}
		value, uerr := b.one(ctx, unit, earlier, accepted)
		if ctx.Err() != nil {
			return ctx.Err() // policies were not asked
		}
		if uerr != nil {
			b.results[n].Err = uerr
			continue
		}
		b.results[n].Value = value
	}
	b.claim()
	if moves := b.moves(claims); len(moves) > 0 {
		if err := tx.MoveNumbers(ctx, moves); err != nil {
			return err
		}
	}
	if len(b.order) == 0 {
		return nil
	}
	if err := b.saveDays(ctx, tx); err != nil {
		return err
	}
	return tx.Insert(ctx, b.sortedChanges())
}

// lock locks the charges. It ends the units whose charges are held, where it does
// not wait for them. What it waits for comes first, while it holds nothing.
func (b *attempt) lock(ctx context.Context, tx Tx) error {
	var wait []refund.ChargeKey
	look := b.chargeKeys()
	if b.patience == waits {
		wait, look = b.intake.vain.part(look, b.now)
	}
	charges, err := tx.LockCharges(ctx, wait)
	if err != nil {
		return err
	}
	free, held, err := tx.FreeCharges(ctx, look)
	if err != nil {
		return err
	}
	maps.Copy(free, charges)
	b.charges = free
	if err := b.lockNamed(ctx, tx); err != nil {
		return err
	}
	for _, key := range look {
		at := place{key.MerchantID, key.ID}
		b.intake.held.note(at, held[key], b.now)
		if b.patience != skips || !held[key] {
			b.intake.vain.note(at, held[key], b.now)
		}
	}
	for _, key := range wait {
		b.intake.held.note(place{key.MerchantID, key.ID}, false, b.now)
	}
	for n, unit := range b.units {
		for _, request := range unit.Requests {
			if held[refund.ChargeKey{MerchantID: unit.MerchantID, ID: request.ChargeID}] {
				b.results[n].Err = errHeld
			}
		}
	}
	b.complete()
	return nil
}

// one decides about one unit: a repeat, or the rules.
func (b *attempt) one(ctx context.Context, unit refund.Unit, earlier map[refund.Key]refund.Refund, accepted map[refund.Key]*refund.Refund) (Result, *refund.Error) {
	ids, repeated, err := b.repeats(unit)
	if err != nil {
		return Result{}, err
	}
	if repeated {
		return b.repeat(unit, ids, earlier, accepted)
	}
	charges := make(map[string]refund.Charge, 1)
	for _, request := range unit.Requests {
		if c, ok := b.charges[refund.ChargeKey{MerchantID: unit.MerchantID, ID: request.ChargeID}]; ok {
			charges[c.ID] = c
		}
	}
	rules := b.books[unit.MerchantID]
	if rules.err != nil {
		return Result{}, busy(rules.err)
	}
	rules.book.Taken = func(account, number string) bool {
		return b.takes(refund.ChannelNumber{MerchantID: unit.MerchantID, Account: account, Number: number})
	}
	rules.book.Asked = func(c money.Currency) money.Minor { return b.days[b.dayOf(unit, c)] }
	judge, keep := b.judging(ctx, unit.MerchantID, rules.book.Policies)
	rules.book.Judge = judge
	changes, err := refund.Accept(charges, unit, rules.book, b.now)
	if err != nil {
		return Result{}, err
	}
	keep()
	result := Result{Charges: make(map[string]refund.Charge, 1)}
	for _, change := range changes {
		b.merge(unit.MerchantID, change)
		b.raiseDays(unit, change)
		result.Charges[change.Charge.ID] = change.Charge
	}
	byID := make(map[string]*refund.Refund, len(unit.Requests))
	for _, change := range changes {
		for n := range change.Refunds {
			byID[change.Refunds[n].ID] = &change.Refunds[n]
		}
	}
	// They are copied: what is claimed is marked in the change alone.
	result.Refunds = make([]refund.Refund, len(unit.Requests))
	for n, request := range unit.Requests {
		result.Refunds[n] = *byID[request.RefundID]
		accepted[refund.Key{MerchantID: unit.MerchantID, ID: request.RefundID}] = &result.Refunds[n]
	}
	b.own(unit)
	return result, nil
}

// takes reports whether a channel number is another refund's, and if not takes it
// for one of this run's.
func (b *attempt) takes(number refund.ChannelNumber) bool {
	if b.taken[number] || b.made[number] {
		return true
	}
	b.made[number] = true
	return false
}

// busy is the answer to a request whose rules are not known now.
func busy(err error) *refund.Error {
	if fault := refund.As(err); fault != nil {
		return fault
	}
	fault := refund.Errorf(refund.KindBusy, "", "nothing was accepted, try again")
	fault.Cause = err
	return fault
}

func (b *attempt) merge(merchantID string, change refund.Change) {
	key := refund.ChargeKey{MerchantID: merchantID, ID: change.Charge.ID}
	b.charges[key] = change.Charge
	have, ok := b.changes[key]
	if !ok {
		b.changes[key] = &change
		b.order = append(b.order, key)
		return
	}
	have.Charge, have.Routed = change.Charge, have.Routed || change.Routed
	have.Refunds = append(have.Refunds, change.Refunds...)
	have.Transfers = append(have.Transfers, change.Transfers...)
	have.Events = append(have.Events, change.Events...)
	have.Approvals = append(have.Approvals, change.Approvals...)
	have.Alerts = append(have.Alerts, change.Alerts...)
}

// claim records, before any byte leaves, that this process may tell the
// channel. What the engine has no room for is left unclaimed and due now, and what
// its account would not send is due later.
func (b *attempt) claim() {
	var open []refund.AccountKey
	for _, key := range b.order {
		for _, r := range b.changes[key].Refunds {
			if r.State == refund.Created {
				open = append(open, accountOf(r))
			}
		}
	}
	reserved := b.intake.engine.Reserve(open)
	until := b.now.Add(b.intake.engine.Lease())
	for _, key := range b.order {
		change := b.changes[key]
		for n := range change.Refunds {
			r := &change.Refunds[n]
			if r.State != refund.Created {
				continue
			}
			got := reserved[0]
			reserved = reserved[1:]
			switch {
			case !got.PutOff.IsZero():
				r.DueAt = got.PutOff
				b.putOff = append(b.putOff, accountOf(*r))
				continue
			case !got.Room:
				b.left = append(b.left, accountOf(*r))
				continue
			}
			spaced, ok := refund.Space(change.Charge, r.SubmitSpacing, b.now)
			if !ok {
				r.DueAt = change.Charge.NotBefore // sent later
				b.room = append(b.room, accountOf(*r))
				continue
			}
			change.Charge = spaced
			r.LeaseEpoch, r.LeaseUntil, r.DueAt = 1, until, until
			b.claimed = append(b.claimed, refund.Claimed{Refund: *r, Charge: change.Charge})
		}
	}
}

func (b *attempt) sortedChanges() []refund.Change {
	slices.SortFunc(b.order, func(x, y refund.ChargeKey) int {
		return cmp.Or(cmp.Compare(x.MerchantID, y.MerchantID), cmp.Compare(x.ID, y.ID))
	})
	out := make([]refund.Change, len(b.order))
	for n, key := range b.order {
		out[n] = *b.changes[key]
	}
	return out
}

// answer writes the run's results to their places.
func (b *attempt) answer(results []batch.Result[Result], todo []int) {
	for n, at := range todo {
		results[at] = b.results[n]
	}
}

// present finds a unit's refunds among those that a lookup found. Repeats are
// not among them: they are run again, which changes nothing.
func (b *attempt) present(unit refund.Unit, found map[refund.Key]refund.Refund) (Result, bool) {
	result := Result{Charges: make(map[string]refund.Charge, 1)}
	for _, request := range unit.Requests {
		r, ok := found[refund.Key{MerchantID: unit.MerchantID, ID: request.RefundID}]
		if !ok {
			return Result{}, false
		}
		result.Refunds = append(result.Refunds, r)
		result.Charges[r.ChargeID] = b.charges[refund.ChargeKey{MerchantID: unit.MerchantID, ID: r.ChargeID}]
	}
	return result, true
}
