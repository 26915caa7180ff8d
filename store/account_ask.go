package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// LastKnown is when the newest row of a merchant's refunds, attempts or events was
// written, the merchant's own time where there is none: what happened later is not
// in this database.
func (s *Store) LastKnown(ctx context.Context, merchantID string) (time.Time, error) {
	// A text that stands in the place of a time, which SQLite takes, is above every number.
	const text = `SELECT COALESCE(MAX(v.at), 0) FROM (SELECT m.created_at AS at FROM merchants m WHERE m.id = $1 AND m.created_at < $2
		UNION ALL SELECT MAX(r.created_at) FROM refunds r WHERE r.merchant_id = $1 AND r.created_at < $2
		UNION ALL SELECT MAX(t.created_at) FROM attempts t WHERE t.merchant_id = $1 AND t.created_at < $2
		UNION ALL SELECT MAX(e.created_at) FROM events e WHERE e.merchant_id = $1 AND e.created_at < $2) v`
	var last int64
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID, int64(math.MaxInt64)}, func(scan func(...any) error) error { return scan(&last) })
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("find the newest row: %w", err)
	}
	return sqldb.FromMicros(last), nil
}

// PauseToAsk implements admin.Store.
func (s *Store) PauseToAsk(ctx context.Context, merchantID, id string, since time.Time, record refund.Action, now time.Time) error {
	const text = `UPDATE channel_accounts SET state = CASE WHEN state = $3 THEN $3 ELSE $4 END,
		ask_since = CASE WHEN ask_since = 0 OR ask_since > $5 THEN $5 ELSE ask_since END, updated_at = $6 WHERE merchant_id = $1 AND id = $2`
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		changed, err := q.Exec(ctx, text, merchantID, id, string(merchant.AccountClosed), string(merchant.AccountPaused), sqldb.Micros(since), sqldb.Micros(now))
		if err != nil {
			return err
		}
		if changed == 0 {
			return refund.Errorf(refund.KindNotFound, "channel_account", "the merchant has no channel account %q", id)
		}
		record.Write.Makes(id)
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("pause channel account: %w", err)
	}
	return nil
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
