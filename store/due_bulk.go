package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/store/sqldb"
)

// DueBulkJobs implements bulk.Store. It reads across merchants, so it locks
// nothing; whoever takes one of them compares and sets its epoch.
func (s *Store) DueBulkJobs(ctx context.Context, now time.Time, limit int) ([]bulk.Key, error) {
	const text = `SELECT j.merchant_id, j.id FROM bulk_jobs j
		WHERE j.due_at > 0 AND j.due_at <= $1 AND j.lease_until <= $1 ORDER BY j.due_at, j.merchant_id, j.id LIMIT $2`
	var due []bulk.Key
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{sqldb.Micros(now), int64(limit)}, func(scan func(...any) error) error {
			var key bulk.Key
			err := scan(&key.MerchantID, &key.ID)
			due = append(due, key)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find due bulk jobs: %w", err)
	}
	return due, nil
}

// TakeOverBulk gives back the leases of jobs whose process has ended: on SQLite,
// where a file has one at a time.
func (s *Store) TakeOverBulk(ctx context.Context) error {
	const text = `UPDATE bulk_jobs SET lease_until = 0 WHERE due_at > 0 AND lease_until > 0`
	err := s.write(ctx, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, text)
		return err
	})
	if err != nil {
		return fmt.Errorf("take over bulk jobs: %w", err)
	}
	return nil
}
