package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// summaryColumns are the tries, the last of them, and the first that was
// received, over deliveries d with their attempts a.
const summaryColumns = `COUNT(a.id), COALESCE(MAX(a.created_at), 0), COALESCE(MIN(CASE WHEN d.state = 'delivered' THEN d.ended_at END), 0)`

// DeliverySummary sums up what a dialect's addresses were notified of the state
// that a refund is in. A change and its event have one time, by which the event
// is found without looking through all of the merchant's.
func (s *Store) DeliverySummary(ctx context.Context, dialect string, r refund.Refund) (merchant.DeliverySummary, error) {
	const text = `SELECT ` + summaryColumns + `
		FROM events e JOIN deliveries d ON d.merchant_id = e.merchant_id AND d.event_id = e.id
		LEFT JOIN delivery_attempts a ON a.merchant_id = d.merchant_id AND a.delivery_id = d.id
		WHERE e.merchant_id = $1 AND e.created_at = $2 AND e.refund_id = $3 AND d.dialect = $4`
	return s.deliverySummary(ctx, text, r.MerchantID, sqldb.Micros(r.UpdatedAt), r.ID, dialect)
}

func (s *Store) deliverySummary(ctx context.Context, text string, args ...any) (merchant.DeliverySummary, error) {
	var sum merchant.DeliverySummary
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			var last, received int64
			err := scan(&sum.Tries, &last, &received)
			sum.LastAt, sum.ReceivedAt = sqldb.FromMicros(last), sqldb.FromMicros(received)
			return err
		})
	})
	if err != nil {
		return merchant.DeliverySummary{}, fmt.Errorf("sum up deliveries: %w", err)
	}
	return sum, nil
}
