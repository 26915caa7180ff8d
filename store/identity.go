package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	identityColumns = `i.dialect, i.name, i.sub, i.merchant_id, i.settings, i.sealed, i.created_at`
	insertIdentity  = `INSERT INTO identities (dialect, name, sub, merchant_id, settings, sealed, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`
	identityOwner = `SELECT i.merchant_id FROM identities i WHERE i.dialect = $1 AND i.name = $2`
)

// identityRow names an identity's row in the seal of its secrets. Dialects'
// names have no slash.
func identityRow(i merchant.Identity) string { return i.Dialect + "/" + i.Name }

// addIdentity writes an identity. One that is there already stays as it is: then
// fresh is false, and errTaken says that it is another merchant's.
func (s *Store) addIdentity(ctx context.Context, q sqldb.Querier, i merchant.Identity) (fresh bool, err error) {
	public, sealed, err := s.identityTexts(i)
	if err != nil {
		return false, err
	}
	inserted, err := q.Exec(ctx, insertIdentity, i.Dialect, i.Name, i.Sub, i.MerchantID, public, sealed, sqldb.Micros(i.CreatedAt))
	if err != nil {
		return false, err
	}
	return inserted > 0, owned(ctx, q, i.MerchantID, identityOwner, i.Dialect, i.Name)
}

// identityTexts are an identity's settings, and its secrets sealed. Without
// secrets no master key is needed.
func (s *Store) identityTexts(i merchant.Identity) (public, sealed string, err error) {
	if public, err = jsonText(i.Public); err != nil {
		return "", "", fmt.Errorf("encode identity: %w", err)
	}
	if len(i.Secrets) == 0 {
		return public, "", nil
	}
	secrets, err := json.Marshal(i.Secrets)
	if err != nil {
		return "", "", fmt.Errorf("encode identity: %w", err)
	}
	sealed, err = s.seal(secrets, "identities", identityRow(i))
	return public, sealed, err
}

// scanIdentity reads an identity and opens its secrets. One of which either can't be read
// is KindCorrupt, and has all else.
func (s *Store) scanIdentity(scan func(...any) error) (merchant.Identity, error) {
	var i merchant.Identity
	var public, sealed string
	var createdAt int64
	err := scan(&i.Dialect, &i.Name, &i.Sub, &i.MerchantID, &public, &sealed, &createdAt)
	if err != nil {
		return merchant.Identity{}, fmt.Errorf("read identity: %w", err)
	}
	i.CreatedAt = sqldb.FromMicros(createdAt)
	if err = json.Unmarshal([]byte(public), &i.Public); err != nil {
		err = unreadable("identity", identityRow(i), err)
	}
	if err == nil && sealed != "" {
		var secrets []byte
		if secrets, err = s.unseal(sealed, "identities", identityRow(i)); err == nil {
			err = json.Unmarshal(secrets, &i.Secrets)
		}
	}
	if err != nil {
		i.Public, i.Secrets = nil, nil
		return i, fmt.Errorf("read identity: %w", err)
	}
	return i, nil
}

// identityRows are identities with those that are damaged, which say so.
func (s *Store) identityRows(ctx context.Context, q sqldb.Querier, text string, args ...any) ([]merchant.Identity, error) {
	return markRows(ctx, q, text, args, s.scanIdentity, func(i *merchant.Identity) { i.Unreadable = true })
}

// IdentitiesOfDialect lists every merchant's identities in a dialect with their
// secrets opened, without the platform keys that came later. One that is damaged says so.
func (s *Store) IdentitiesOfDialect(ctx context.Context, dialect string) ([]merchant.Identity, error) {
	const text = `SELECT ` + identityColumns + ` FROM identities i WHERE i.dialect = $1 ORDER BY i.merchant_id, i.created_at, i.name`
	var found []merchant.Identity
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = s.identityRows(ctx, q, text, dialect)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list identities: %w", err)
	}
	return found, nil
}

// openIdentities are a merchant's identities without their secrets, for which no
// master key is needed.
func (s *Store) openIdentities(ctx context.Context, q sqldb.Querier, merchantID string) ([]merchant.Identity, error) {
	const text = `SELECT i.dialect, i.name, i.sub, i.merchant_id, i.settings, '', i.created_at FROM identities i WHERE i.merchant_id = $1`
	return s.identityRows(ctx, q, text, merchantID)
}

// identities are a merchant's, with their platform keys. One that is damaged says so.
func (s *Store) identities(ctx context.Context, merchantID string) ([]merchant.Identity, error) {
	const (
		text = `SELECT ` + identityColumns + ` FROM identities i WHERE i.merchant_id = $1 ORDER BY i.dialect, i.created_at, i.name`
		keys = `SELECT ` + platformKeyColumns + ` FROM identities i JOIN platform_keys k ON k.purpose = i.dialect AND k.identity = i.name
			WHERE i.merchant_id = $1` + platformKeyOrder
	)
	var found []merchant.Identity
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		if found, err = s.identityRows(ctx, q, text, merchantID); err != nil {
			return err
		}
		replaced, err := s.queryPlatformKeys(ctx, q, keys, merchantID)
		for _, k := range replaced {
			for n := range found {
				if found[n].Dialect == k.Purpose && found[n].Name == k.Identity {
					found[n].PlatformKeys = append(found[n].PlatformKeys, k)
				}
			}
		}
		return err
	})
	return found, err
}
