package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	insertWrite = `INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at,
		write_call, write_content, write_made, sealed) VALUES ($1, 'key', $2, '[]', '[]', $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`
	// forgetSecrets is sent with each write that tells a secret, so that the
	// merchant's old ones do not stay.
	forgetSecrets = `UPDATE refund_numbers SET sealed = '' WHERE merchant_id = $1 AND created_at < $2 AND sealed <> ''`
)

// errNothingDone ends a transaction that changed nothing, so that no write is
// recorded with it. Callers of write never see it.
var errNothingDone = errors.New("nothing was changed")

// keeping has the record of a write with an Idempotency-Key ride on the
// transaction that does it. The key comes last of all that a transaction locks:
// who waits for it holds nothing that its owner still wants.
func (s *Store) keeping(ctx context.Context, work func(sqldb.Querier) error) func(sqldb.Querier) error {
	w := merchant.WriteOf(ctx)
	if w == nil || w.Kept {
		return work
	}
	return func(q sqldb.Querier) error {
		if err := work(q); err != nil {
			return err
		}
		return s.keep(ctx, q, w)
	}
}

// kept notes that the transaction of keeping is on disk.
func kept(ctx context.Context) {
	if w := merchant.WriteOf(ctx); w != nil {
		w.Kept = true
	}
}

func (s *Store) keep(ctx context.Context, q sqldb.Querier, w *merchant.Write) error {
	now := s.now()
	sealed := ""
	if w.Secret != "" {
		var err error
		if sealed, err = s.seal([]byte(w.Secret), "refund_numbers", writeRow(w.MerchantID, w.Key)); err != nil {
			return err
		}
		if _, err := q.Exec(ctx, forgetSecrets, w.MerchantID, sqldb.Micros(now.Add(-merchant.WriteSecretLife))); err != nil {
			return fmt.Errorf("forget secrets: %w", err)
		}
	}
	touched, err := q.Exec(ctx, insertWrite, w.MerchantID, w.Key, sqldb.Micros(now), w.Call, w.Content, w.Made, sealed)
	if err == nil && touched == 0 {
		err = refund.Errorf(refund.KindBusy, "idempotency_key", "another request with this idempotency key came first; try again")
	}
	return err
}

// writeRow names a key's row in the seal of its secret. Merchants' ids have no
// slash.
func writeRow(merchantID, key string) string { return merchantID + "/" + key }

// KeptWrite implements dialect.Writes.
func (s *Store) KeptWrite(ctx context.Context, merchantID, key string) (merchant.Write, bool, error) {
	const text = `SELECT n.write_call, n.write_content, n.write_made, n.sealed, n.created_at FROM refund_numbers n
		WHERE n.merchant_id = $1 AND n.namespace = 'key' AND n.value = $2`
	w := merchant.Write{MerchantID: merchantID, Key: key}
	var sealed string
	var createdAt int64
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{merchantID, key}, func(scan func(...any) error) error {
			w.Kept = true
			return scan(&w.Call, &w.Content, &w.Made, &sealed, &createdAt)
		})
	})
	if err == nil && sealed != "" && sqldb.FromMicros(createdAt).Add(merchant.WriteSecretLife).After(s.now()) {
		var secret []byte
		secret, err = s.unseal(sealed, "refund_numbers", writeRow(merchantID, key))
		w.Secret = string(secret)
	}
	if err != nil {
		return merchant.Write{}, false, fmt.Errorf("find idempotency key: %w", err)
	}
	return w, w.Kept, nil
}

// KeepWrite implements dialect.Writes.
func (s *Store) KeepWrite(ctx context.Context, w *merchant.Write) error {
	err := s.write(merchant.WithWrite(ctx, w), func(sqldb.Querier) error { return nil })
	if err != nil {
		return fmt.Errorf("record idempotency key: %w", err)
	}
	return nil
}

// FreeWrite implements dialect.Writes.
func (s *Store) FreeWrite(ctx context.Context, w *merchant.Write) error {
	const text = `DELETE FROM refund_numbers WHERE merchant_id = $1 AND namespace = 'key' AND value = $2
		AND write_call = $3 AND write_content = $4`
	err := s.write(ctx, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, text, w.MerchantID, w.Key, w.Call, w.Content)
		return err
	})
	if err != nil {
		return fmt.Errorf("free idempotency key: %w", err)
	}
	w.Kept = false
	return nil
}
