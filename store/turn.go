package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/store/sqldb"
)

var _ engine.SharedTurns = (*Store)(nil)

// TakeTurns implements engine.SharedTurns. One statement moves the account's next
// turn ahead, so that no two replicas get the same one.
func (s *Store) TakeTurns(ctx context.Context, key engine.TurnKey, n int, every, ahead time.Duration, now, latest time.Time) (time.Time, bool, error) {
	const text = `INSERT INTO channel_turns (merchant_id, account, step, next_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (merchant_id, account, step) DO UPDATE
		SET next_at = CASE WHEN channel_turns.next_at > $5 THEN channel_turns.next_at ELSE $5 END + $6
		WHERE channel_turns.next_at <= $7
		RETURNING next_at`
	took := time.Duration(n) * every
	args := []any{
		key.MerchantID, key.Account, string(key.Step), sqldb.Micros(now.Add(took)),
		sqldb.Micros(now), took.Microseconds(), sqldb.Micros(latest.Add(ahead)),
	}
	var next int64
	taken := false
	err := s.Share(ctx, func(q sqldb.Querier) error {
		taken = false
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			taken = true
			return scan(&next)
		})
	})
	if err != nil {
		return time.Time{}, false, fmt.Errorf("take turns of calls: %w", err)
	}
	return sqldb.FromMicros(next).Add(-took - ahead), taken, nil
}
