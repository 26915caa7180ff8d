package store

import (
	"context"
	"fmt"
	"maps"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ChangeSettings lets change alter a merchant's settings under a lock, and
// returns them as they are then; its error leaves them as they were. Other
// processes go by the old ones for up to entryLife longer. Absent is
// KindNotFound.
func (s *Store) ChangeSettings(ctx context.Context, merchantID string, action refund.Action, change admin.SettingsChange) (merchant.Settings, error) {
	var settings merchant.Settings
	err := s.writeOnce(ctx, action.MerchantID, action.Write, func(q sqldb.Querier) error {
		m, err := lockedMerchant(ctx, q, merchantID)
		if err != nil {
			return err
		}
		settings = m.Settings
		record, err := change(&settings, action.Record)
		if err != nil {
			return err
		}
		text, err := jsonText(settings)
		if err != nil {
			return fmt.Errorf("encode settings: %w", err)
		}
		if _, err := q.Exec(ctx, `UPDATE merchants SET settings = $2 WHERE id = $1`, merchantID, text); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record)
	})
	s.directory.forget()
	if err != nil {
		return merchant.Settings{}, fmt.Errorf("change settings: %w", err)
	}
	return settings, nil
}

// lockedMerchant reads a merchant that nobody else may change meanwhile. Absent is
// KindNotFound.
func lockedMerchant(ctx context.Context, q sqldb.Querier, id string) (merchant.Merchant, error) {
	const find = `SELECT ` + merchantColumns + ` FROM merchants m WHERE m.id = $1`
	var m merchant.Merchant
	err := q.Query(ctx, find+q.Lock(""), []any{id}, func(scan func(...any) error) (err error) {
		m, err = scanMerchant(scan)
		return err
	})
	if err == nil && m.ID == "" {
		err = refund.Errorf(refund.KindNotFound, "merchant", "there is no merchant %q", id)
	}
	return m, err
}

// DisableMerchant has a merchant's keys and identities not be known any more;
// other processes know them for up to entryLife longer. One that is disabled
// stays as it is, without a record. Absent is KindNotFound.
func (s *Store) DisableMerchant(ctx context.Context, id string, record refund.Action, now time.Time) (merchant.Merchant, error) {
	return s.setDisabled(ctx, id, now, record)
}

// EnableMerchant takes DisableMerchant back.
func (s *Store) EnableMerchant(ctx context.Context, id string, record refund.Action) (merchant.Merchant, error) {
	return s.setDisabled(ctx, id, time.Time{}, record)
}

func (s *Store) setDisabled(ctx context.Context, id string, at time.Time, record refund.Action) (merchant.Merchant, error) {
	var m merchant.Merchant
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) (err error) {
		if m, err = lockedMerchant(ctx, q, id); err != nil || m.DisabledAt.IsZero() == at.IsZero() {
			return err
		}
		m.DisabledAt = at
		if _, err := q.Exec(ctx, `UPDATE merchants SET disabled_at = $2 WHERE id = $1`, id, sqldb.Micros(at)); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return merchant.Merchant{}, fmt.Errorf("disable merchant: %w", err)
	}
	return m, nil
}

// ChangeIdentity lets change alter the settings and secrets of one of a
// merchant's identities under a lock, and returns it as it is then; an error of
// change leaves it as it was. Absent is KindNotFound.
func (s *Store) ChangeIdentity(
	ctx context.Context, merchantID, dialect, name string, action refund.Action, change admin.IdentityChange,
) (merchant.Identity, error) {
	const (
		find = `SELECT ` + identityColumns + ` FROM identities i WHERE i.merchant_id = $1 AND i.dialect = $2 AND i.name = $3`
		save = `UPDATE identities SET settings = $4 WHERE merchant_id = $1 AND dialect = $2 AND name = $3`
		seal = `UPDATE identities SET sealed = $4 WHERE merchant_id = $1 AND dialect = $2 AND name = $3`
	)
	var identity merchant.Identity
	err := s.writeOnce(ctx, action.MerchantID, action.Write, func(q sqldb.Querier) error {
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
		if err != nil {
			return err
		}
		before := identity.Secrets
		var record audit.Record
		if identity, record, err = change(identity, action.Record); err != nil {
			return err
		}
		public, sealed, err := s.identityTexts(identity)
		if err == nil {
			_, err = q.Exec(ctx, save, merchantID, dialect, name, public)
		}
		if err == nil && !maps.Equal(before, identity.Secrets) {
			_, err = q.Exec(ctx, seal, merchantID, dialect, name, sealed)
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record)
	})
	s.directory.forget()
	if err != nil {
		return merchant.Identity{}, fmt.Errorf("change identity: %w", err)
	}
	return identity, nil
}
