package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// AlertExpiringKeys leaves an alert for each API key whose life ends within a time,
// once per key and end, and returns how many are new.
func (s *Store) AlertExpiringKeys(ctx context.Context, now time.Time, within time.Duration) (int, error) {
	const ending = `SELECT ` + keyRowColumns + ` FROM api_keys k JOIN merchants m ON m.id = k.merchant_id
		WHERE k.expires_at > $1 AND k.expires_at <= $2 AND m.disabled_at = 0 ORDER BY k.merchant_id, k.id`
	keys, err := s.keys(ctx, ending, sqldb.Micros(now), sqldb.Micros(now.Add(within)))
	if err != nil {
		return 0, fmt.Errorf("find keys that end: %w", err)
	}
	raised := 0
	for _, k := range keys {
		is, err := s.alertOnce(ctx, k.MerchantID, expiryText(k), k.ExpiresAt.Add(-within))
		if err != nil {
			return raised, fmt.Errorf("tell of a key that ends: %w", err)
		}
		if is {
			raised++
		}
	}
	return raised, nil
}

// expiryText is the same at every look.
func expiryText(k merchant.Key) string {
	return fmt.Sprintf("API key %s (%s, %s) ends at %s: make another, or move its end (key set --expires)",
		k.ID, k.Dialect, k.Hint, k.ExpiresAt.UTC().Format(time.RFC3339))
}

// alertOnce leaves an alert of the merchant unless there is one with the text since
// a time, whether somebody has looked at it or not.
func (s *Store) alertOnce(ctx context.Context, merchantID, text string, since time.Time) (raised bool, err error) {
	const there = `SELECT a.id FROM alerts a WHERE a.merchant_id = $1 AND a.created_at >= $2 AND a.refund_id = '' AND a.text = $3`
	err = s.write(ctx, func(q sqldb.Querier) error {
		raised = true
		err := q.Query(ctx, there, []any{merchantID, sqldb.Micros(since), text}, func(scan func(...any) error) error {
			raised = false
			var id string
			return scan(&id)
		})
		if err != nil {
			return err
		}
		if !raised {
			return errNothingDone
		}
		one := s.alertStatement(merchantID, refund.Alert{Text: text})
		_, err = q.Exec(ctx, one.SQL, one.Args...)
		return err
	})
	return raised, err
}
