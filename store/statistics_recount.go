package store

import (
	"context"
	"errors"

	"github.com/refundry/refundry/store/sqldb"
)

const (
	nextRecount = `SELECT h.hour FROM stat_recounts h WHERE h.merchant_id = $1 ORDER BY h.hour LIMIT 1`
	// countHour counts the refunds that were accepted in an hour, as they are now.
	countHour = `SELECT r.currency, r.channel_account, r.state, COUNT(*), CAST(SUM(r.amount / 1000000000) AS BIGINT), CAST(SUM(r.amount % 1000000000) AS BIGINT)
		FROM refunds r WHERE r.merchant_id = $1 AND r.created_at >= $2 AND r.created_at < $3 GROUP BY r.currency, r.channel_account, r.state`
	// notFolded are events that are not counted yet, of refunds of an hour: those
	// behind the cursor, and those without a number.
	notFolded = `SELECT e.created_at, e.type, e.was, r.created_at, r.currency, r.channel_account, r.amount
		FROM events e JOIN refunds r ON r.merchant_id = e.merchant_id AND r.id = e.refund_id
		WHERE e.merchant_id = $1 AND e.feed_number > 0 AND e.feed_number > $2 AND r.created_at >= $3 AND r.created_at < $4
		UNION ALL SELECT e.created_at, e.type, e.was, r.created_at, r.currency, r.channel_account, r.amount
		FROM events e JOIN refunds r ON r.merchant_id = e.merchant_id AND r.id = e.refund_id
		WHERE e.merchant_id = $1 AND e.feed_number = 0 AND r.created_at >= $3 AND r.created_at < $4`
	dropHour  = `DELETE FROM refund_counts WHERE merchant_id = $1 AND hour = $2`
	recounted = `DELETE FROM stat_recounts WHERE merchant_id = $1 AND hour = $2`
	// sameCursor keeps others from moving it until the transaction ends.
	sameCursor = `UPDATE stat_cursors SET folded = folded WHERE merchant_id = $1 AND folded = $2`
)

// errUnsaid says that an hour can't be counted anew yet: an event that is not counted
// does not say what it changed.
var errUnsaid = errors.New("an event does not say what it changed")

// recountHour counts one of a merchant's hours anew, if one needs it: the refunds as
// they are, less what events have changed that are not counted yet. Both are read as
// of one moment, and written only if nothing was counted since.
func (s *Store) recountHour(ctx context.Context, merchantID string) (int, error) {
	var hour, folded int64
	there := false
	f := &folding{counts: make(map[countKey]counted), times: make(map[timeKey]int64), unsaid: make(map[int64]bool)}
	err := s.db.Snapshot(ctx, func(q sqldb.Querier) error {
		err := q.Query(ctx, nextRecount, []any{merchantID}, func(scan func(...any) error) error {
			there = true
			return scan(&hour)
		})
		if err != nil || !there {
			return err
		}
		if err := q.Query(ctx, cursorOf, []any{merchantID}, func(scan func(...any) error) error { return scan(&folded) }); err != nil {
			return err
		}
		return f.countAnew(ctx, q, merchantID, hour, folded)
	})
	if errors.Is(err, errUnsaid) {
		return 0, nil
	}
	if err != nil || !there {
		return 0, err
	}
	err = s.Share(ctx, func(q sqldb.Querier) error {
		same, err := q.Exec(ctx, sameCursor, merchantID, folded)
		if err == nil && same == 0 {
			return errNothingDone // counted since: the next look counts again
		}
		if err != nil {
			return err
		}
		key := []any{merchantID, hour}
		statements := append([]sqldb.Statement{{SQL: dropHour, Args: key}, {SQL: recounted, Args: key}}, f.statements(merchantID)...)
		_, err = q.Send(ctx, statements)
		return err
	})
	return 1, err
}

// countAnew counts an hour as its refunds are, and takes back what is not counted yet.
func (f *folding) countAnew(ctx context.Context, q sqldb.Querier, merchantID string, hour, folded int64) error {
	later := folding{counts: f.counts, times: make(map[timeKey]int64), unsaid: make(map[int64]bool)}
	err := q.Query(ctx, notFolded, []any{merchantID, folded, hour, hour + hourMicros}, func(scan func(...any) error) error {
		var eventAt, acceptedAt, amount int64
		var kind, was, currency, account string
		if err := scan(&eventAt, &kind, &was, &acceptedAt, &currency, &account, &amount); err != nil {
			return err
		}
		later.add(eventAt, kind, was, acceptedAt, currency, account, amount)
		return nil
	})
	if err != nil {
		return err
	}
	if len(later.unsaid) > 0 {
		return errUnsaid
	}
	for key, c := range f.counts {
		f.counts[key] = counted{-c.refunds, -c.high, -c.low}
	}
	return q.Query(ctx, countHour, []any{merchantID, hour, hour + hourMicros}, func(scan func(...any) error) error {
		key, c := countKey{hour: hour}, counted{}
		if err := scan(&key.currency, &key.account, &key.state, &c.refunds, &c.high, &c.low); err != nil {
			return err
		}
		was := f.counts[key]
		f.counts[key] = counted{was.refunds + c.refunds, was.high + c.high, was.low + c.low}
		return nil
	})
}
