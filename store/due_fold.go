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
