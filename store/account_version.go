package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/sqldb"
)

// accountVersions reads the versions of an account before the one in use, newest
// first. Those without secrets, such as the retired, have only their settings. One that
// is damaged is left out, as if it had retired, and logged: the account itself is not.
func (s *Store) accountVersions(ctx context.Context, q sqldb.Querier, id string) ([]merchant.AccountVersion, error) {
	const text = `SELECT v.version, v.settings, v.sealed, v.retires_at FROM channel_account_versions v WHERE v.account_id = $1 ORDER BY v.version DESC`
	var found []merchant.AccountVersion
	err := q.Query(ctx, text, []any{id}, func(scan func(...any) error) error {
		var v merchant.AccountVersion
		var settings, sealed string
		var retiresAt int64
		err := scan(&v.Version, &settings, &sealed, &retiresAt)
		if err != nil {
			return err
		}
		if err = fromJSON(settings, &v.Settings); err != nil {
			err = unreadable("channel account", id, err)
		} else {
			v.Secrets, err = s.openAccount(id, v.Version, sealed)
		}
		if isCorrupt(err) {
			s.log.Error("an earlier version of a channel account can't be read and is left out (hint: refundry verify)", "account_id", id, "version", v.Version, "error", err)
			return nil
		}
		v.RetiresAt = sqldb.FromMicros(retiresAt)
		found = append(found, v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read versions of channel account: %w", err)
	}
	return found, nil
}

// saveVersions keeps the version that a newer one took the place of, sets when
// versions retire where that was changed, and forgets the secrets of those that
// have retired.
func (s *Store) saveVersions(ctx context.Context, q sqldb.Querier, before, after merchant.ChannelAccount, now time.Time) error {
	const (
		insert = `INSERT INTO channel_account_versions (account_id, version, settings, sealed, retires_at)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
		retire = `UPDATE channel_account_versions SET retires_at = $3 WHERE account_id = $1 AND version = $2`
		forget = `UPDATE channel_account_versions SET sealed = '' WHERE account_id = $1 AND retires_at <= $2 AND sealed <> ''`
	)
	for _, v := range after.Previous {
		if v.Version < before.Version {
			if _, err := q.Exec(ctx, retire, after.ID, v.Version, sqldb.Micros(v.RetiresAt)); err != nil {
				return fmt.Errorf("retire version of channel account: %w", err)
			}
			continue
		}
		settings, err := jsonText(v.Settings)
		if err != nil {
			return fmt.Errorf("encode settings of account: %w", err)
		}
		sealed, err := s.sealAccount(after.ID, v.Version, v.Secrets)
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, insert, after.ID, v.Version, settings, sealed, sqldb.Micros(v.RetiresAt)); err != nil {
			return fmt.Errorf("keep version of channel account: %w", err)
		}
	}
	if _, err := q.Exec(ctx, forget, after.ID, sqldb.Micros(now)); err != nil {
		return fmt.Errorf("forget secrets of channel account: %w", err)
	}
	return nil
}
