package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// PolicySample implements admin.Policies. What channels made without us is left out:
// no policy is asked about it.
func (s *Store) PolicySample(ctx context.Context, merchantID string, after refund.Position, limit int) ([]refund.Claimed, error) {
	const text = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND (r.created_at, r.id) > ($2, $3)
		ORDER BY r.created_at, r.id LIMIT $4`
	var found []refund.Claimed
	err := s.Read(ctx, func(q sqldb.Querier) error {
		found = nil
		args := []any{merchantID, sqldb.Micros(after.CreatedAt), after.ID, int64(limit)}
		err := q.Query(ctx, text, args, func(scan func(...any) error) error {
			r, err := scanRefund(scan)
			if isCorrupt(err) {
				r, err = refund.Refund{MerchantID: r.MerchantID, ID: r.ID, CreatedAt: r.CreatedAt}, nil
			}
			found = append(found, refund.Claimed{Refund: r})
			return err
		})
		if err != nil {
			return err
		}
		keys := make([]refund.ChargeKey, len(found))
		for n, one := range found {
			keys[n] = refund.ChargeKey{MerchantID: merchantID, ID: one.Refund.ChargeID}
		}
		charges, err := s.soundCharges(ctx, q, keys, false)
		for n := range found {
			found[n].Charge = charges[keys[n]]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read refunds for a dry run: %w", err)
	}
	return found, nil
}
