package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// claimWrite claims the key. The columns write_... repeat what the row of
	// writes says, for replicas of the version before.
	claimWrite = `INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at, write_call, write_content, write_made)
		VALUES ($1, 'key', $2, '[]', '[]', $3, $4, $5, $6) ON CONFLICT DO NOTHING`
	insertWrite = `INSERT INTO writes (merchant_id, key, created_at, call, content, made, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	writeWidth  = 7
	// forgetSecrets is sent with each write that tells a secret, so that the
	// merchant's old ones do not stay; forgetOlder has those of the version before.
	forgetSecrets = `UPDATE writes SET sealed = '' WHERE merchant_id = $1 AND created_at < $2 AND sealed <> ''`
	forgetOlder   = `UPDATE refund_numbers SET sealed = '' WHERE merchant_id = $1 AND created_at < $2 AND sealed <> ''`
	// findWrite reads what a key stands for. A replica of the version before
	// writes the claim's columns alone; a key of refunds has neither.
	findWrite = `SELECT COALESCE(w.call, n.write_call), COALESCE(w.content, n.write_content), COALESCE(w.made, n.write_made),
		COALESCE(w.sealed, n.sealed), n.created_at FROM refund_numbers n LEFT JOIN writes w ON w.merchant_id = n.merchant_id AND w.key = n.value
		WHERE n.merchant_id = $1 AND n.namespace = 'key' AND n.value = $2`
)

// errNothingDone ends a transaction that changed nothing, so that no write is
// recorded with it. Callers of write never see it.
var errNothingDone = errors.New("nothing was changed")

// keeping adds to a transaction the record of the write with an Idempotency-Key
// that it does; w may be nil. The key comes last of all that a transaction locks:
// another that waits for it holds nothing that its owner still wants.
func (s *Store) keeping(ctx context.Context, w *refund.Write, work func(sqldb.Querier) error) func(sqldb.Querier) error {
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

// writeOnce is write for a request that may have an Idempotency-Key: w, if it is
// not nil and not on disk yet, is recorded in the same transaction.
//
// The merchant's turn is waited for, so that one whose row another session holds
// does not have all connections wait for that.
func (s *Store) writeOnce(ctx context.Context, merchantID string, w *refund.Write, work func(sqldb.Querier) error) error {
	end, err := s.writers.begin(ctx, merchantID)
	if err != nil {
		return err
	}
	defer end()
	return kept(ctx, w, s.db.Write(ctx, s.keeping(ctx, w, work)))
}

// ShareOnce is Share for such a request.
func (s *Store) ShareOnce(ctx context.Context, w *refund.Write, work func(sqldb.Querier) error) error {
	return kept(ctx, w, s.db.Share(ctx, s.keeping(ctx, w, work)))
}

// kept ends a transaction of keeping, which returned err.
func kept(ctx context.Context, w *refund.Write, err error) error {
	if err == nil && w != nil {
		w.Kept = true
	}
	return ended(ctx, err)
}

func (s *Store) keep(ctx context.Context, q sqldb.Querier, w *refund.Write) error {
	now := s.now()
	sealed := ""
	if w.Secret != "" {
		var err error
		if sealed, err = s.seal([]byte(w.Secret), sealedWrites, writeRow(w.MerchantID, w.Key)); err != nil {
			return err
		}
		for _, text := range []string{forgetSecrets, forgetOlder} {
			if _, err := q.Exec(ctx, text, w.MerchantID, sqldb.Micros(now.Add(-refund.WriteSecretLife))); err != nil {
				return fmt.Errorf("forget secrets: %w", err)
			}
		}
	}
	at := sqldb.Micros(now)
	claimed, err := q.Exec(ctx, claimWrite, w.MerchantID, w.Key, at, w.Call, w.Content, w.Made)
	if err != nil {
		return fmt.Errorf("claim idempotency key: %w", err)
	}
	if claimed == 0 {
		return refund.Errorf(refund.KindBusy, "idempotency_key", "another request with this idempotency key came first; try again")
	}
	if _, err := q.Exec(ctx, insertWrite, w.MerchantID, w.Key, at, w.Call, w.Content, w.Made, sealed); err != nil {
		return fmt.Errorf("record write: %w", err)
	}
	return nil
}

// keepWrites records the writes of actions that changes are the effect of, and
// returns those.
func (s *Store) keepWrites(ctx context.Context, q sqldb.Querier, changes []refund.Change) ([]*refund.Write, error) {
	var writes []*refund.Write
	for _, change := range changes {
		for _, action := range change.Actions {
			if action.Write == nil || action.Write.Kept {
				continue
			}
			if err := s.keep(ctx, q, action.Write); err != nil {
				return nil, err
			}
			writes = append(writes, action.Write)
		}
	}
	return writes, nil
}

// sealedWrites is the table's name in the seals of secrets: the one that held
// them first, so that those seals open.
const sealedWrites = "refund_numbers"

// writeRow names a key's row in the seal of its secret. Merchants' ids have no
// slash.
func writeRow(merchantID, key string) string { return merchantID + "/" + key }

// KeptWrite implements dialect.Writes.
func (s *Store) KeptWrite(ctx context.Context, merchantID, key string) (refund.Write, bool, error) {
	w := refund.Write{MerchantID: merchantID, Key: key}
	var sealed string
	var createdAt int64
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, findWrite, []any{merchantID, key}, func(scan func(...any) error) error {
			w.Kept = true
			return scan(&w.Call, &w.Content, &w.Made, &sealed, &createdAt)
		})
	})
	if err == nil && sealed != "" && sqldb.FromMicros(createdAt).Add(refund.WriteSecretLife).After(s.now()) {
		var secret []byte
		secret, err = s.unseal(sealed, sealedWrites, writeRow(merchantID, key))
		w.Secret = string(secret)
	}
	if err != nil {
		return refund.Write{}, false, fmt.Errorf("find idempotency key: %w", err)
	}
	return w, w.Kept, nil
}

// KeepWrite implements dialect.Writes.
func (s *Store) KeepWrite(ctx context.Context, w *refund.Write) error {
	err := s.writeOnce(ctx, w.MerchantID, w, func(sqldb.Querier) error { return nil })
	if err != nil {
		return fmt.Errorf("record idempotency key: %w", err)
	}
	return nil
}

// FreeWrite implements dialect.Writes.
func (s *Store) FreeWrite(ctx context.Context, w *refund.Write) error {
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
