package store

import (
	"context"
	"fmt"
	"maps"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ChangeSettings lets change alter a merchant's settings under a lock, and
// gives them as they are then; its error leaves them as they were. Other
// processes go by the old ones for up to entryLife longer. Absent is
// KindNotFound.
func (s *Store) ChangeSettings(ctx context.Context, merchantID string, change func(*merchant.Settings) error) (merchant.Settings, error) {
	const find = `SELECT ` + merchantColumns + ` FROM merchants m WHERE m.id = $1`
	var settings merchant.Settings
	err := s.write(ctx, func(q sqldb.Querier) error {
		there := false
		err := q.Query(ctx, find+q.Lock(""), []any{merchantID}, func(scan func(...any) error) error {
			m, err := scanMerchant(scan)
			settings, there = m.Settings, true
			return err
		})
		if err == nil && !there {
			err = refund.Errorf(refund.KindNotFound, "merchant", "there is no merchant %q", merchantID)
		}
		if err == nil {
			err = change(&settings)
		}
		if err != nil {
			return err
		}
		text, err := jsonText(settings)
		if err != nil {
			return fmt.Errorf("encode settings: %w", err)
		}
		_, err = q.Exec(ctx, `UPDATE merchants SET settings = $2 WHERE id = $1`, merchantID, text)
		return err
	})
	s.directory.forget()
	if err != nil {
		return merchant.Settings{}, fmt.Errorf("change settings: %w", err)
	}
	return settings, nil
}

// ChangeIdentity lets change alter the settings and secrets of one of a
// merchant's identities under a lock, and returns it as it is then; an error of
// change leaves it as it was. Absent is KindNotFound.
func (s *Store) ChangeIdentity(
	ctx context.Context, merchantID, dialect, name string, change func(merchant.Identity) (merchant.Identity, error),
) (merchant.Identity, error) {
	const (
		find = `SELECT ` + identityColumns + ` FROM identities i WHERE i.merchant_id = $1 AND i.dialect = $2 AND i.name = $3`
		save = `UPDATE identities SET settings = $4 WHERE merchant_id = $1 AND dialect = $2 AND name = $3`
		seal = `UPDATE identities SET sealed = $4 WHERE merchant_id = $1 AND dialect = $2 AND name = $3`
	)
	var identity merchant.Identity
	err := s.write(ctx, func(q sqldb.Querier) error {
		there := false
		err := q.Query(ctx, find+q.Lock(""), []any{merchantID, dialect, name}, func(scan func(...any) error) (err error) {
			identity, err = s.scanIdentity(scan)
			there = true
			return err
		})
		if err == nil && !there {
			err = refund.Errorf(refund.KindNotFound, "name", "the merchant has no identity of this name in dialect %s", dialect)
		}
		if err == nil {
			identity.PlatformKeys, err = s.queryPlatformKeys(ctx, q, platformKeysFor, dialect, name)
		}
		before := identity.Secrets
		if err == nil {
			identity, err = change(identity)
		}
		if err != nil {
			return err
		}
		public, sealed, err := s.identityTexts(identity)
		if err == nil {
			_, err = q.Exec(ctx, save, merchantID, dialect, name, public)
		}
		if err == nil && !maps.Equal(before, identity.Secrets) {
			_, err = q.Exec(ctx, seal, merchantID, dialect, name, sealed)
		}
		return err
	})
	s.directory.forget()
	if err != nil {
		return merchant.Identity{}, fmt.Errorf("change identity: %w", err)
	}
	return identity, nil
}
