package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/store/sqldb"
)

// MerchantsToFold are merchants, by id behind one, that FoldStatistics has something to
// do for. It reads one row for each merchant, without locks.
func (s *Store) MerchantsToFold(ctx context.Context, after string, limit int) ([]string, error) {
	const text = `SELECT f.merchant_id FROM feed_counters f LEFT JOIN stat_cursors c ON c.merchant_id = f.merchant_id
		WHERE f.merchant_id > $1 AND f.last_number > COALESCE(c.folded, 0)
		UNION SELECT h.merchant_id FROM stat_recounts h WHERE h.merchant_id > $1 ORDER BY 1 LIMIT $2`
	var merchants []string
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{after, int64(limit)}, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			merchants = append(merchants, id)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find merchants with events to count: %w", err)
	}
	return merchants, nil
}

// MerchantsToCarry are merchants, by id behind one, that CarryBalances has much to do
// for. It reads a few rows of each merchant, without locks.
func (s *Store) MerchantsToCarry(ctx context.Context, after string, limit int) ([]string, error) {
	// feed_counters has a row for each merchant with events, and lies beside its
	// transfers on Citus, as merchants does not.
	const text = `SELECT f.merchant_id FROM feed_counters f WHERE f.merchant_id > $1 AND (SELECT t.created_at FROM transfers t
			WHERE t.merchant_id = f.merchant_id AND t.created_at <= $2
			AND t.created_at > COALESCE((SELECT MAX(b.carried_to) FROM carried_balances b WHERE b.merchant_id = f.merchant_id), 0)
			ORDER BY t.created_at LIMIT 1 OFFSET $3) IS NOT NULL
		ORDER BY f.merchant_id LIMIT $4`
	var merchants []string
	err := s.Read(ctx, func(q sqldb.Querier) error {
		args := []any{after, sqldb.Micros(s.now().Add(-carryLag)), int64(carryFrom / 2), int64(limit)}
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			var id string
			err := scan(&id)
			merchants = append(merchants, id)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find merchants whose balances are to be carried forward: %w", err)
	}
	return merchants, nil
}
