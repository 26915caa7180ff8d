package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	keyRowColumns = `k.id, k.dialect, k.identity, k.merchant_id, k.scopes, k.hint, k.plain, k.settings, k.created_at, k.expires_at, k.limits, k.made_by`
	insertKey     = `INSERT INTO api_keys (id, hash, dialect, identity, merchant_id, scopes, hint, plain, settings, sealed, created_at, expires_at, limits, made_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING`
	keyOwner = `SELECT k.merchant_id FROM api_keys k WHERE k.dialect = $1 AND k.hash = $2`
)

// keyTable is bound into the seals of keys' secrets.
const keyTable = "api_keys"

// keyHash is what is stored of a key's text. Keys that we make are random
// enough that a plain hash can't be reversed.
func keyHash(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func (s *Store) addKey(ctx context.Context, q sqldb.Querier, f merchant.FreshKey) (fresh bool, err error) {
	k := f.Key
	settings := "{}"
	if len(k.Public) > 0 {
		if settings, err = jsonText(k.Public); err != nil {
			return false, fmt.Errorf("encode key: %w", err)
		}
	}
	sealed := "" // without secrets, no master key is needed
	if len(k.Secrets) > 0 {
		secrets, err := json.Marshal(k.Secrets)
		if err != nil {
			return false, fmt.Errorf("encode key: %w", err)
		}
		if sealed, err = s.seal(secrets, keyTable, k.ID); err != nil {
			return false, err
		}
	}
	limits, err := limitsText(k.Limits)
	if err != nil {
		return false, err
	}
	hash := keyHash(f.Secret)
	inserted, err := q.Exec(ctx, insertKey, k.ID, hash, k.Dialect, k.Identity, k.MerchantID,
		scopesText(k), k.Hint, k.Plain, settings, sealed, sqldb.Micros(k.CreatedAt), sqldb.Micros(k.ExpiresAt), limits, string(k.MadeBy))
	if err != nil {
		return false, err
	}
	return inserted > 0, owned(ctx, q, k.MerchantID, keyOwner, k.Dialect, hash)
}

// limitsText is a key's limits as its row has them.
func limitsText(l merchant.KeyLimits) (string, error) {
	if l.IsZero() {
		return "", nil
	}
	text, err := jsonText(l)
	if err != nil {
		return "", fmt.Errorf("encode key: %w", err)
	}
	return text, nil
}

// scopesText is a key's scopes as its row has them.
func scopesText(k merchant.Key) string {
	scopes := make([]string, len(k.Scopes))
	for n, scope := range k.Scopes {
		scopes[n] = string(scope)
	}
	return strings.Join(scopes, " ")
}

// scanKey reads a key without its secrets. One whose settings or limits can't be read is
// KindCorrupt, and has all else.
func scanKey(scan func(...any) error, more ...any) (merchant.Key, error) {
	var k merchant.Key
	var scopes, settings, limits string
	var createdAt, expiresAt int64
	err := scan(append([]any{&k.ID, &k.Dialect, &k.Identity, &k.MerchantID, &scopes, &k.Hint, &k.Plain, &settings, &createdAt, &expiresAt, &limits, (*string)(&k.MadeBy)}, more...)...)
	if err != nil {
		return merchant.Key{}, fmt.Errorf("read key: %w", err)
	}
	for scope := range strings.FieldsSeq(scopes) {
		k.Scopes = append(k.Scopes, merchant.Scope(scope))
	}
	k.CreatedAt, k.ExpiresAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(expiresAt)
	if err := errors.Join(fromJSON(settings, &k.Public), fromJSON(limits, &k.Limits)); err != nil {
		k.Public, k.Limits = nil, merchant.KeyLimits{}
		return k, unreadable("key", k.ID, err)
	}
	return k, nil
}

// openKey gives a key its secrets, which most keys have none of.
func (s *Store) openKey(k *merchant.Key, sealed string) error {
	if sealed == "" {
		return nil
	}
	secrets, err := s.unseal(sealed, keyTable, k.ID)
	if err == nil {
		err = json.Unmarshal(secrets, &k.Secrets)
	}
	if err != nil {
		return fmt.Errorf("read key: %w", err)
	}
	return nil
}

// AddKey stores an API key's hash. The same key again changes nothing; one
// that another merchant has is an error.
func (s *Store) AddKey(ctx context.Context, f merchant.FreshKey, record refund.Action) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		if _, err := s.addKey(ctx, q, f); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("add key %s: %w", f.Key.Hint, err)
	}
	return nil
}

// Keys lists a merchant's API keys, expired ones too, oldest first, without
// their secrets. One that is damaged says so.
func (s *Store) Keys(ctx context.Context, merchantID string) ([]merchant.Key, error) {
	const text = `SELECT ` + keyRowColumns + ` FROM api_keys k WHERE k.merchant_id = $1 ORDER BY k.created_at, k.id`
	found, err := s.keys(ctx, text, merchantID)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return found, nil
}

func (s *Store) keys(ctx context.Context, text string, args ...any) (found []merchant.Key, err error) {
	read := func(scan func(...any) error) (merchant.Key, error) { return scanKey(scan) }
	err = s.Read(ctx, func(q sqldb.Querier) error {
		found, err = markRows(ctx, q, text, args, read, func(k *merchant.Key) { k.Unreadable = true })
		return err
	})
	return found, err
}

// ExpireKey ends a key's life at the given time. Other processes may go by the
// key for up to entryLife longer. Absent is KindNotFound.
func (s *Store) ExpireKey(ctx context.Context, merchantID, id string, record refund.Action, at time.Time) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		touched, err := q.Exec(ctx, `UPDATE api_keys SET expires_at = $3 WHERE merchant_id = $1 AND id = $2`, merchantID, id, sqldb.Micros(at))
		if err == nil && touched == 0 {
			err = refund.Errorf(refund.KindNotFound, "key", "the merchant has no key %q", id)
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("expire key: %w", err)
	}
	return nil
}

// ChangeKey changes a key's scopes, limits and the end of its life, and returns it
// as it is then. Other processes may go by what it was for up to entryLife longer.
// Absent is KindNotFound; an error of change leaves the key as it was.
func (s *Store) ChangeKey(ctx context.Context, merchantID, id string, action refund.Action, change admin.KeyChange) (merchant.Key, error) {
	const (
		text   = `SELECT ` + keyRowColumns + ` FROM api_keys k WHERE k.merchant_id = $1 AND k.id = $2`
		update = `UPDATE api_keys SET scopes = $3, expires_at = $4, limits = $5 WHERE merchant_id = $1 AND id = $2`
	)
	var k merchant.Key
	err := s.writeOnce(ctx, action.MerchantID, action.Write, func(q sqldb.Querier) error {
		k = merchant.Key{}
		err := q.Query(ctx, text+q.Lock(""), []any{merchantID, id}, func(scan func(...any) error) (err error) {
			k, err = scanKey(scan)
			return err
		})
		if err == nil && k.ID == "" {
			err = refund.Errorf(refund.KindNotFound, "id", "there is no such key")
		}
		if err != nil {
			return err
		}
		record := action.Record
		if k, record, err = change(k, record); err != nil {
			return err
		}
		limits, err := limitsText(k.Limits)
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, update, merchantID, id, scopesText(k), sqldb.Micros(k.ExpiresAt), limits); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record)
	})
	s.directory.forget()
	if err != nil {
		return merchant.Key{}, fmt.Errorf("change key: %w", err)
	}
	return k, nil
}
