package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// The state before an event, as rows say it. See refund.Event.
const (
	wasNew     = "none"
	wasUnknown = "" // a program of an earlier version wrote the event
)

func wasText(was refund.State) string {
	if was == "" {
		return wasNew
	}
	return string(was)
}

const (
	// foldEvents is how many events are counted at once: the transaction that writes
	// what they come to is short, however many wait.
	foldEvents = 2000
	// hourMicros is an hour, as columns have it.
	hourMicros = int64(time.Hour / time.Microsecond)
	// minorUnit is what the parts of a sum are of: see sqldb.Wide.
	minorUnit = int64(1e9)
)

const (
	cursorOf  = `SELECT c.folded FROM stat_cursors c WHERE c.merchant_id = $1`
	newCursor = `INSERT INTO stat_cursors (merchant_id, folded) VALUES ($1, 0) ON CONFLICT DO NOTHING`
	// moveCursor compares: whoever moved it first has counted the same events.
	moveCursor = `UPDATE stat_cursors SET folded = $3 WHERE merchant_id = $1 AND folded = $2`
	// toFold are the next events of a merchant's feed. A refund that is not there
	// is no reason to stop: verify finds it.
	toFold = `SELECT e.feed_number, e.created_at, e.type, e.was, COALESCE(r.created_at, 0), COALESCE(r.currency, ''), COALESCE(r.channel_account, ''), COALESCE(r.amount, 0)
		FROM events e LEFT JOIN refunds r ON r.merchant_id = e.merchant_id AND r.id = e.refund_id
		WHERE e.merchant_id = $1 AND e.feed_number > 0 AND e.feed_number > $2 ORDER BY e.feed_number LIMIT $3`
	addCounts = `INSERT INTO refund_counts (merchant_id, hour, currency, account, state, refunds, minor_high, minor_low) VALUES`
	onCounts  = `ON CONFLICT (merchant_id, hour, currency, account, state) DO UPDATE SET refunds = refund_counts.refunds + excluded.refunds,
		minor_high = refund_counts.minor_high + excluded.minor_high, minor_low = refund_counts.minor_low + excluded.minor_low`
	addTimes = `INSERT INTO refund_times (merchant_id, hour, account, up_to, refunds) VALUES`
	onTimes  = `ON CONFLICT (merchant_id, hour, account, up_to) DO UPDATE SET refunds = refund_times.refunds + excluded.refunds`
	recount  = `INSERT INTO stat_recounts (merchant_id, hour) VALUES ($1, $2) ON CONFLICT DO NOTHING`

	countWidth = 8
	timeWidth  = 5
)

// countKey and timeKey are the keys of refund_counts and refund_times without the
// merchant.
type countKey struct {
	hour                     int64
	currency, account, state string
}

type timeKey struct {
	hour    int64
	account string
	upTo    int64
}

// counted is a row of refund_counts.
type counted struct{ refunds, high, low int64 }

// folding is what some events come to.
type folding struct {
	events int64 // how many
	last   int64 // the number of the last one
	counts map[countKey]counted
	times  map[timeKey]int64
	// unsaid are hours that have to be counted anew.
	unsaid map[int64]bool
}

// add counts one event: the refund leaves the state it was in and is in another.
// These changes have no order, so that what all events come to is what the refunds
// are, in whichever order they were numbered.
func (f *folding) add(eventAt int64, kind, was string, acceptedAt int64, currency, account string, amount int64) {
	state := strings.TrimPrefix(kind, "refund.")
	if acceptedAt <= 0 || !refund.State(state).Valid() {
		return // no refund, or no state: verify finds what is wrong
	}
	hour := acceptedAt - acceptedAt%hourMicros
	move := func(state string, by int64) {
		key := countKey{hour, currency, account, state}
		c := f.counts[key]
		f.counts[key] = counted{c.refunds + by, c.high + by*(amount/minorUnit), c.low + by*(amount%minorUnit)}
	}
	switch {
	case was == wasUnknown:
		f.unsaid[hour] = true
	case was == wasNew:
		move(state, 1)
	case was != state:
		move(was, -1)
		move(state, 1)
	}
	if timed(kind, was, eventAt, acceptedAt) {
		f.times[timeKey{eventAt - eventAt%hourMicros, account, upTo(eventAt - acceptedAt)}]++
	}
}

// timed reports whether an event is a success whose time is counted. A refund that
// was made at its channel and adopted had succeeded before we knew of it.
func timed(kind, was string, eventAt, acceptedAt int64) bool {
	return kind == "refund."+string(refund.Succeeded) && was != wasNew && (was != wasUnknown || eventAt > acceptedAt)
}

// upTo is the step of a time, in milliseconds.
func upTo(micros int64) int64 {
	return refund.TimeBound(time.Duration(micros) * time.Microsecond).Milliseconds()
}

// FoldStatistics counts a merchant's next events, and an hour anew that needs it where
// no more events are left. It returns how many events and hours that were, and whether more may be
// left, which is for the next call. Of two processes that count the same events one changes nothing.
func (s *Store) FoldStatistics(ctx context.Context, merchantID string) (n int, more bool, err error) {
	n, err = s.foldEvents(ctx, merchantID)
	more = n >= foldEvents
	if err == nil && !more {
		var hours int
		hours, err = s.recountHour(ctx, merchantID)
		n, more = n+hours, hours > 0
	}
	if err != nil {
		return n, false, fmt.Errorf("count refunds: %w", err)
	}
	return n, more, nil
}

func (s *Store) foldEvents(ctx context.Context, merchantID string) (int, error) {
	folded, there, err := s.foldedTo(ctx, merchantID)
	if err == nil && !there {
		err = s.Share(ctx, func(q sqldb.Querier) error {
			_, err := q.Exec(ctx, newCursor, merchantID)
			return err
		})
	}
	if err != nil {
		return 0, err
	}
	f, err := s.readFolding(ctx, merchantID, folded)
	if err != nil || f.events == 0 {
		return 0, err
	}
	err = s.Share(ctx, func(q sqldb.Querier) error {
		moved, err := q.Exec(ctx, moveCursor, merchantID, folded, f.last)
		if err == nil && moved == 0 {
			return errNothingDone // another process was faster
		}
		if err != nil {
			return err
		}
		_, err = q.Send(ctx, f.statements(merchantID))
		return err
	})
	return int(f.events), err
}

func (s *Store) foldedTo(ctx context.Context, merchantID string) (folded int64, there bool, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, cursorOf, []any{merchantID}, func(scan func(...any) error) error {
			there = true
			return scan(&folded)
		})
	})
	return folded, there, err
}

// readFolding reads outside of the transaction that writes: numbered events never
// change, and neither does what is read of their refunds.
func (s *Store) readFolding(ctx context.Context, merchantID string, folded int64) (*folding, error) {
	f := &folding{last: folded, counts: make(map[countKey]counted), times: make(map[timeKey]int64), unsaid: make(map[int64]bool)}
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, toFold, []any{merchantID, folded, int64(foldEvents)}, func(scan func(...any) error) error {
			var eventAt, acceptedAt, amount int64
			var kind, was, currency, account string
			if err := scan(&f.last, &eventAt, &kind, &was, &acceptedAt, &currency, &account, &amount); err != nil {
				return err
			}
			f.events++
			f.add(eventAt, kind, was, acceptedAt, currency, account, amount)
			return nil
		})
	})
	return f, err
}

// statements write what was counted.
func (f *folding) statements(merchantID string) []sqldb.Statement {
	var counts, times [][]any
	for key, c := range f.counts {
		if c != (counted{}) {
			counts = append(counts, []any{merchantID, key.hour, key.currency, key.account, key.state, c.refunds, c.high, c.low})
		}
	}
	for key, n := range f.times {
		times = append(times, []any{merchantID, key.hour, key.account, key.upTo, n})
	}
	statements := sqldb.InsertRows(addCounts, countWidth, counts, onCounts)
	statements = append(statements, sqldb.InsertRows(addTimes, timeWidth, times, onTimes)...)
	for hour := range f.unsaid {
		statements = append(statements, sqldb.Statement{SQL: recount, Args: []any{merchantID, hour}})
	}
	return statements
}

// dropStatistics forgets what was counted of a merchant: everything is counted again.
func dropStatistics(ctx context.Context, q sqldb.Querier, merchantID string) error {
	for _, text := range []string{
		`DELETE FROM stat_cursors WHERE merchant_id = $1`,
		`DELETE FROM refund_counts WHERE merchant_id = $1`,
		`DELETE FROM refund_times WHERE merchant_id = $1`,
		`DELETE FROM stat_recounts WHERE merchant_id = $1`,
	} {
		if _, err := q.Exec(ctx, text, merchantID); err != nil {
			return err
		}
	}
	return nil
}
