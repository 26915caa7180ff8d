package store

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// RetryShortOfFunds implements admin.Refunds. Rows that another transaction is at
// work on are left out: it looks at them itself.
func (s *Store) RetryShortOfFunds(ctx context.Context, merchantID, account string, record refund.Action, limit int, now time.Time) (retried int, err error) {
	const (
		waiting = `SELECT r.id FROM refunds r WHERE r.merchant_id = $1 AND ` + shortOfFunds + ` AND r.channel_account = $2
			AND r.due_at > $3 AND r.lease_until <= $3 AND r.updated_at <= $3 ORDER BY r.id LIMIT $4`
		due = `UPDATE refunds SET due_at = v.due_at FROM v WHERE refunds.merchant_id = v.merchant_id AND refunds.id = v.id AND refunds.held_reason || '' = 'funds'`
	)
	err = s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		ids, err := queryIDs(ctx, q, waiting+q.Lock("OF r SKIP LOCKED"), merchantID, account, sqldb.Micros(now), int64(limit))
		if err != nil {
			return err
		}
		if retried = len(ids); retried == 0 {
			return errNothingDone
		}
		rows := make([][]any, len(ids))
		for n, id := range ids {
			rows[n] = []any{merchantID, id, sqldb.Micros(now)}
		}
		if _, err := sqldb.Sent(ctx, q, sqldb.WithValues(retryColumns, rows, due)); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record.With("refunds", strconv.Itoa(retried)))
	})
	if err != nil {
		return 0, fmt.Errorf("retry what waits for funds: %w", err)
	}
	return retried, nil
}

var retryColumns = sqldb.NewColumns("merchant_id TEXT", "id TEXT", "due_at BIGINT")
