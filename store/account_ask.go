package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// LastKnown is when the newest row of a merchant's refunds, attempts or events was
// written, the merchant's own time where there is none: what happened later is not
// in this database.
func (s *Store) LastKnown(ctx context.Context, merchantID string) (time.Time, error) {
	const text = `SELECT MAX(v.at) FROM (SELECT m.created_at AS at FROM merchants m WHERE m.id = $1
		UNION ALL SELECT MAX(r.created_at) FROM refunds r WHERE r.merchant_id = $1
		UNION ALL SELECT MAX(t.created_at) FROM attempts t WHERE t.merchant_id = $1
		UNION ALL SELECT MAX(e.created_at) FROM events e WHERE e.merchant_id = $1) v`
	var last int64
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID}, func(scan func(...any) error) error { return scan(&last) })
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("find the newest row: %w", err)
	}
	return sqldb.FromMicros(last), nil
}

// ChargesOfAccount lists charges that a channel account took, by their numbers at
// the channel, after one of these.
func (s *Store) ChargesOfAccount(ctx context.Context, merchantID, account, after string, limit int) ([]refund.Charge, error) {
	const text = `SELECT ` + chargeColumns + ` FROM charges c WHERE c.merchant_id = $1 AND c.channel_account = $2 AND c.transaction_id > $3
		ORDER BY c.transaction_id LIMIT $4`
	var found []refund.Charge
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID, account, after, int64(limit)}, func(scan func(...any) error) error {
			c, err := scanCharge(scan)
			found = append(found, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list charges of a channel account: %w", err)
	}
	return found, nil
}
