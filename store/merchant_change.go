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

// ChangeIdentity sets what is no secret of one of a merchant's identities; ""
// takes a name away. It gives the identity as it is then. Absent is
// KindNotFound.
func (s *Store) ChangeIdentity(ctx context.Context, merchantID, dialect, name string, set map[string]string) (merchant.Identity, error) {
	const (
		find = `SELECT ` + identityColumns + ` FROM identities i WHERE i.merchant_id = $1 AND i.dialect = $2 AND i.name = $3`
		save = `UPDATE identities SET settings = $4 WHERE merchant_id = $1 AND dialect = $2 AND name = $3`
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
		if err != nil {
			return err
		}
		if identity.Public == nil {
			identity.Public = make(map[string]string, len(set))
		}
		maps.Copy(identity.Public, set)
		maps.DeleteFunc(identity.Public, func(_, value string) bool { return value == "" })
		text, err := jsonText(identity.Public)
		if err != nil {
			return fmt.Errorf("encode identity: %w", err)
		}
		if _, err = q.Exec(ctx, save, merchantID, dialect, name, text); err != nil {
			return err
		}
		identity.PlatformKeys, err = s.queryPlatformKeys(ctx, q, platformKeysFor, dialect, name)
		return err
	})
	s.directory.forget()
	if err != nil {
		return merchant.Identity{}, fmt.Errorf("change identity: %w", err)
	}
	return identity, nil
}
