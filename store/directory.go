package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/policy"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// directory remembers for a moment who is who: each request asks, and the
// answers hardly ever change. Its zero value is ready. What it gives is shared
// and must not be changed.
type directory struct {
	callers      cache[callerKey, merchant.Caller]
	merchants    cache[string, merchant.Merchant]
	identities   cache[string, []merchant.Identity]
	names        cache[callerKey, known]
	accounts     cache[string, []merchant.ChannelAccount]
	policies     cache[string, *policy.Set]
	opened       cache[string, merchant.ChannelAccount]
	platformKeys cache[string, []merchant.PlatformKey]
	secrets      cache[callerKey, []merchant.EndpointSecret] // by merchant and endpoint
}

// callerKey is a key's dialect and the hash of its text: memory holds no keys
// either.
type callerKey struct{ dialect, hash string }

// forget is called after this process has changed something.
func (d *directory) forget() {
	d.callers.forget()
	d.merchants.forget()
	d.identities.forget()
	d.names.forget()
	d.accounts.forget()
	d.policies.forget()
	d.opened.forget()
	d.platformKeys.forget()
	d.secrets.forget()
}

// longestKey bounds what is hashed; the longest key that we make has 32
// characters.
const longestKey = 256

// Caller implements dialect.Directory.
func (s *Store) Caller(ctx context.Context, dialect, key string) (merchant.Caller, error) {
	if key == "" || len(key) > longestKey {
		return merchant.Caller{}, unknownKey()
	}
	hash := keyHash(key)
	caller, err := s.directory.callers.get(ctx, callerKey{dialect, hash}, s.now(), func(ctx context.Context) (merchant.Caller, error) {
		return s.caller(ctx, dialect, hash)
	})
	if err != nil {
		return merchant.Caller{}, err
	}
	if caller.Merchant.Disabled() {
		return merchant.Caller{}, refund.Errorf(refund.KindUnauthenticated, "key", "the merchant is disabled")
	}
	if !caller.Key.ExpiresAt.IsZero() && !caller.Key.ExpiresAt.After(s.now()) {
		return merchant.Caller{}, unknownKey()
	}
	return caller, nil
}

func unknownKey() *refund.Error {
	return refund.Errorf(refund.KindUnauthenticated, "key", "the key is missing, unknown or expired")
}

func (s *Store) caller(ctx context.Context, dialect, hash string) (merchant.Caller, error) {
	const text = `SELECT ` + keyRowColumns + `, k.sealed, ` + merchantColumns + `
		FROM api_keys k JOIN merchants m ON m.id = k.merchant_id WHERE k.dialect = $1 AND k.hash = $2`
	var caller merchant.Caller
	there := false
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{dialect, hash}, func(scan func(...any) error) (err error) {
			there = true
			var sealed string
			// One row, read by two scans: each takes its own columns.
			caller.Merchant, err = scanMerchant(func(columns ...any) error {
				caller.Key, err = scanKey(scan, append([]any{&sealed}, columns...)...)
				return err
			})
			if err == nil {
				err = s.openKey(&caller.Key, sealed)
			}
			return err
		})
	})
	if err != nil {
		return merchant.Caller{}, fmt.Errorf("find caller: %w", err)
	}
	if !there {
		return merchant.Caller{}, unknownKey()
	}
	s.directory.merchants.put(caller.Merchant.ID, caller.Merchant, s.now())
	return caller, nil
}

// known is an identity with its merchant.
type known struct {
	merchant merchant.Merchant
	identity merchant.Identity
}

// Identity implements dialect.Directory.
func (s *Store) Identity(ctx context.Context, dialect, name string) (merchant.Merchant, merchant.Identity, error) {
	unknown := refund.Errorf(refund.KindUnauthenticated, "identity", "there is no such identity")
	if name == "" || len(name) > longestKey {
		return merchant.Merchant{}, merchant.Identity{}, unknown
	}
	found, err := s.directory.names.get(ctx, callerKey{dialect, name}, s.now(), func(ctx context.Context) (known, error) {
		return s.identity(ctx, dialect, name, unknown)
	})
	return found.merchant, found.identity, err
}

func (s *Store) identity(ctx context.Context, dialect, name string, unknown error) (known, error) {
	const text = `SELECT ` + identityColumns + ` FROM identities i WHERE i.dialect = $1 AND i.name = $2`
	var found known
	there := false
	err := s.Read(ctx, func(q sqldb.Querier) error {
		err := q.Query(ctx, text, []any{dialect, name}, func(scan func(...any) error) (err error) {
			there = true
			found.identity, err = s.scanIdentity(scan)
			return err
		})
		if err == nil && there {
			found.identity.PlatformKeys, err = s.queryPlatformKeys(ctx, q, platformKeysFor, dialect, name)
		}
		return err
	})
	if err != nil {
		return known{}, fmt.Errorf("find identity: %w", err)
	}
	if !there {
		return known{}, unknown
	}
	found.merchant, err = s.MerchantByID(ctx, found.identity.MerchantID)
	return found, err
}

// Identities implements dialect.Directory.
func (s *Store) Identities(ctx context.Context, merchantID string) ([]merchant.Identity, error) {
	return s.directory.identities.get(ctx, merchantID, s.now(), func(ctx context.Context) ([]merchant.Identity, error) {
		return s.identities(ctx, merchantID)
	})
}

// ChannelAccounts implements dialect.Directory. It reads them anew each time: a
// charge that is registered right after its account was added must find it.
func (s *Store) ChannelAccounts(ctx context.Context, merchantID string) ([]merchant.ChannelAccount, error) {
	now := s.now()
	found, err := s.accounts(ctx, merchantID)
	if err != nil {
		return nil, fmt.Errorf("find channel accounts: %w", err)
	}
	s.directory.accounts.put(merchantID, found, now)
	return found, nil
}

// recentAccounts is ChannelAccounts mostly from memory.
func (s *Store) recentAccounts(ctx context.Context, merchantID string) ([]merchant.ChannelAccount, error) {
	return s.directory.accounts.get(ctx, merchantID, s.now(), func(ctx context.Context) ([]merchant.ChannelAccount, error) {
		return s.accounts(ctx, merchantID)
	})
}

// PlatformKeys implements dialect.Directory.
func (s *Store) PlatformKeys(ctx context.Context, purpose string) ([]merchant.PlatformKey, error) {
	return s.directory.platformKeys.get(ctx, "purpose "+purpose, s.now(), func(ctx context.Context) ([]merchant.PlatformKey, error) {
		return s.platformKeys(ctx, platformKeysFor, purpose, "")
	})
}

// PlatformKey implements dialect.Directory. None is an error: EnsurePlatformKey
// makes it at start.
func (s *Store) PlatformKey(ctx context.Context, purpose string) (merchant.PlatformKey, error) {
	keys, err := s.PlatformKeys(ctx, purpose)
	if err != nil {
		return merchant.PlatformKey{}, err
	}
	key, there := merchant.KeyInUse(keys, s.now())
	if !there {
		return merchant.PlatformKey{}, fmt.Errorf("there is no platform key for %s", purpose)
	}
	return key, nil
}

// PlatformKeyByID implements dialect.Directory. None is an error: keys are
// never deleted.
func (s *Store) PlatformKeyByID(ctx context.Context, id string) (merchant.PlatformKey, error) {
	keys, err := s.directory.platformKeys.get(ctx, "id "+id, s.now(), func(ctx context.Context) ([]merchant.PlatformKey, error) {
		return s.platformKeys(ctx, platformKeyByID, id)
	})
	switch {
	case err != nil:
		return merchant.PlatformKey{}, err
	case len(keys) == 0:
		return merchant.PlatformKey{}, fmt.Errorf("there is no platform key with id %s", id)
	case keys[0].Retired(s.now()):
		return s.PlatformKey(ctx, keys[0].Purpose)
	}
	return keys[0], nil
}
