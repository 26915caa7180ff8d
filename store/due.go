package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/engine"
)

// DueRefunds implements engine.Store. It reads across merchants, so it locks
// nothing; whoever takes one of them compares and sets its epoch.
func (s *Store) DueRefunds(ctx context.Context, now time.Time, limit int) ([]engine.Due, error) {
	const text = `SELECT merchant_id, id, lease_epoch FROM refunds WHERE due_at > 0 AND due_at <= $1 ORDER BY due_at LIMIT $2`
	var due []engine.Due
	err := s.read(ctx, func(q querier) error {
		return q.query(ctx, text, []any{micros(now), int64(limit)}, func(scan func(...any) error) error {
			var d engine.Due
			err := scan(&d.MerchantID, &d.ID, &d.LeaseEpoch)
			due = append(due, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find due refunds: %w", err)
	}
	return due, nil
}

// TakeOverLeases implements engine.Store. lease_until stays: it is how the
// next claim knows that a call may be under way, and asks first. A refund in a
// final state that nobody looks at again is left alone.
func (s *Store) TakeOverLeases(ctx context.Context, now time.Time) (int64, error) {
	const text = `UPDATE refunds SET due_at = $1 WHERE due_at > $1 AND lease_until > 0`
	var taken int64
	err := s.write(ctx, func(q querier) (err error) {
		taken, err = q.exec(ctx, text, micros(now))
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("take over leases: %w", err)
	}
	return taken, nil
}
