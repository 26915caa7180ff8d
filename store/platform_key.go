package store

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	platformKeyColumns = `k.id, k.purpose, k.identity, k.public, k.sealed, k.certificate, k.public_key_id, k.created_at, k.activates_at, k.expires_at`
	insertPlatformKey  = `INSERT INTO platform_keys (id, purpose, identity, public, sealed, certificate, public_key_id, created_at, activates_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`
	platformKeyOrder = ` ORDER BY k.activates_at, k.created_at, k.id`
	platformKeysFor  = `SELECT ` + platformKeyColumns + ` FROM platform_keys k WHERE k.purpose = $1 AND k.identity = $2` + platformKeyOrder
	platformKeyByID  = `SELECT ` + platformKeyColumns + ` FROM platform_keys k WHERE k.id = $1`

	// checkID is the row whose sealed text tells whether a master key is the
	// database's own; its public column holds the key's id, and its certificate
	// column the ids of those that were replaced, separated by spaces.
	checkID = "check"
	// nextID is the same for a key that is about to replace the database's.
	nextID    = "check.next"
	checkText = "refundry"
)

// CheckMasterKey makes sure that the keyring is the one that this database was
// made with; the first to come seals the check value. Another key is an error
// with a hint: nothing that is sealed could be read, and what it sealed would
// be lost to everybody else. While one key replaces the other both are needed.
func (s *Store) CheckMasterKey(ctx context.Context) error {
	if s.keyring == nil {
		return fmt.Errorf("check master key: %w", errNoKeyring)
	}
	values, err := s.checkValues(ctx)
	if err == nil && len(values) == 0 {
		first := s.keyring.ID()
		sealed := s.keyring.Seal([]byte(checkText), "platform_keys", sealedColumn, checkID)
		err = s.write(ctx, func(q sqldb.Querier) error { return s.addCheck(ctx, q, checkID, first, sealed) })
		if err == nil {
			values, err = s.checkValues(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("check master key: %w", err)
	}
	for _, value := range values {
		plain, err := s.unseal(value.sealed, "platform_keys", value.row)
		if err == nil && string(plain) != checkText {
			err = secret.ErrBroken
		}
		switch {
		case err != nil && value.row == nextID:
			return fmt.Errorf("check master key: master key %s is about to replace the database's, and those given are %s: %w (hint: give both keys, "+
				"separated by a comma, until refundry key rotate --master has ended)", value.key, strings.Join(s.keyring.IDs(), ","), err)
		case err != nil:
			return fmt.Errorf("check master key: this database was made with master key %s, and the one given is %s: %w "+
				"(hint: REFUNDRY_MASTER_KEY, or master.key in the --data folder, must be the one that the first serve used)", value.key, strings.Join(s.keyring.IDs(), ","), err)
		}
	}
	return nil
}

// checkValue is a text that only one master key opens.
type checkValue struct{ row, key, sealed string }

// checkValues are that of the database's master key, and then that of the one which
// is about to replace it.
func (s *Store) checkValues(ctx context.Context) (values []checkValue, err error) {
	const text = `SELECT k.id, k.public, k.sealed FROM platform_keys k WHERE k.id IN ($1, $2) ORDER BY k.id`
	err = s.Read(ctx, func(q sqldb.Querier) error {
		values = nil
		return q.Query(ctx, text, []any{checkID, nextID}, func(scan func(...any) error) error {
			var value checkValue
			err := scan(&value.row, &value.key, &value.sealed)
			values = append(values, value)
			return err
		})
	})
	return values, err
}

// MasterKeys are the ids of the database's master key and of those that it had before.
func (s *Store) MasterKeys(ctx context.Context) (current string, replaced []string, err error) {
	const text = `SELECT k.public, k.certificate FROM platform_keys k WHERE k.id = $1`
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{checkID}, func(scan func(...any) error) error {
			var ids string
			err := scan(&current, &ids)
			replaced = strings.Fields(ids)
			return err
		})
	})
	if err != nil {
		return "", nil, fmt.Errorf("look for the database's master keys: %w", err)
	}
	return current, replaced, nil
}

// OtherHosts are the addresses of other hosts whose Refundry processes have a
// connection to the PostgreSQL database now, as far as it lets this one see them. A
// pooler between them hides them. There are none on SQLite.
func (s *Store) OtherHosts(ctx context.Context) (hosts []string, err error) {
	if s.SQLite() {
		return nil, nil
	}
	const text = `SELECT DISTINCT COALESCE(host(a.client_addr), 'the host of the database') FROM pg_stat_activity a
		WHERE a.datname = current_database() AND a.application_name = current_setting('application_name')
			AND a.client_addr IS DISTINCT FROM inet_client_addr()`
	err = s.Read(ctx, func(q sqldb.Querier) error {
		hosts = nil
		return q.Query(ctx, text, nil, func(scan func(...any) error) error {
			var host string
			err := scan(&host)
			hosts = append(hosts, host)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("look for other hosts: %w", err)
	}
	return hosts, nil
}

func (s *Store) addCheck(ctx context.Context, q sqldb.Querier, row, key, sealed string) error {
	_, err := q.Exec(ctx, insertPlatformKey, row, checkID, "", key, sealed, "", "", sqldb.Micros(s.now()), int64(0), int64(0))
	return err
}

// HasMasterKey reports whether the database was made with a master key, which
// then is the only one that can be used with it. Any schema that has tables
// knows that.
func (s *Store) HasMasterKey(ctx context.Context) (bool, error) {
	current, _, err := s.Schema(ctx)
	if err != nil || current == 0 {
		return false, err
	}
	has := false
	err = s.Read(ctx, func(q sqldb.Querier) error {
		const check = `SELECT k.id FROM platform_keys k WHERE k.id = $1`
		return q.Query(ctx, check, []any{checkID}, func(scan func(...any) error) error {
			has = true
			return scan(new(string))
		})
	})
	if err != nil {
		return false, fmt.Errorf("look for the master key's check: %w", err)
	}
	return has, nil
}

// EnsurePlatformKey returns the key pair in use for a purpose, and has make make
// it if there is none. Where two processes come at once, the first one's is
// kept and given to both.
func (s *Store) EnsurePlatformKey(ctx context.Context, purpose string, make func() (merchant.PlatformKey, error)) (merchant.PlatformKey, error) {
	fail := func(err error) (merchant.PlatformKey, error) {
		return merchant.PlatformKey{}, fmt.Errorf("ensure platform key for %s: %w", purpose, err)
	}
	all, err := s.platformKeys(ctx, platformKeysFor, purpose, "")
	if err != nil {
		return fail(err)
	}
	if found, there := merchant.KeyInUse(all, s.now()); there {
		return found, nil
	}
	// It also sees to the row that is locked below.
	if err := s.CheckMasterKey(ctx); err != nil {
		return fail(err)
	}
	made, err := make() // takes long, so outside the transaction
	if err != nil {
		return fail(err)
	}
	if made.ID == "" || made.PrivatePEM == "" {
		return fail(errors.New("the new key lacks an id or its private half"))
	}
	made.Purpose = purpose
	found := made
	err = s.write(ctx, func(q sqldb.Querier) error {
		if err := lockPlatformKeys(ctx, q); err != nil {
			return err
		}
		all, err := s.queryPlatformKeys(ctx, q, platformKeysFor, purpose, "")
		if err != nil {
			return err
		}
		there := false
		if found, there = merchant.KeyInUse(all, s.now()); there {
			return nil
		}
		found = made
		return s.addPlatformKey(ctx, q, made)
	})
	s.directory.forget()
	if err != nil {
		return fail(err)
	}
	return found, nil
}

// lockPlatformKeys lets one transaction at a time change them.
func lockPlatformKeys(ctx context.Context, q sqldb.Querier) error {
	return q.Query(ctx, `SELECT k.id FROM platform_keys k WHERE k.id = $1`+q.Lock(""), []any{checkID}, ignoreRow)
}

// ignoreRow is for rows that are only locked.
func ignoreRow(func(...any) error) error { return nil }

func (s *Store) addPlatformKey(ctx context.Context, q sqldb.Querier, k merchant.PlatformKey) error {
	sealed, err := s.seal([]byte(k.PrivatePEM), "platform_keys", k.ID)
	if err != nil {
		return err
	}
	inserted, err := q.Exec(ctx, insertPlatformKey, k.ID, k.Purpose, k.Identity, k.PublicPEM, sealed, k.CertificatePEM, k.PublicKeyID,
		sqldb.Micros(k.CreatedAt), sqldb.Micros(k.ActivatesAt), sqldb.Micros(k.ExpiresAt))
	if err == nil && inserted == 0 {
		err = fmt.Errorf("another key has the id %s already", k.ID)
	}
	return err
}

func (s *Store) platformKeys(ctx context.Context, text string, args ...any) (keys []merchant.PlatformKey, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) (err error) {
		keys, err = s.queryPlatformKeys(ctx, q, text, args...)
		return err
	})
	return keys, err
}

func (s *Store) queryPlatformKeys(ctx context.Context, q sqldb.Querier, text string, args ...any) (keys []merchant.PlatformKey, err error) {
	err = q.Query(ctx, text, args, func(scan func(...any) error) error {
		k, sealed, err := scanPlatformKey(scan)
		if err != nil {
			return err
		}
		private, err := s.unseal(sealed, "platform_keys", k.ID)
		k.PrivatePEM = string(private)
		keys = append(keys, k)
		return err
	})
	return keys, err
}

// scanPlatformKey reads a key and its private half as it is sealed.
func scanPlatformKey(scan func(...any) error) (k merchant.PlatformKey, sealed string, err error) {
	var createdAt, activatesAt, expiresAt int64
	err = scan(&k.ID, &k.Purpose, &k.Identity, &k.PublicPEM, &sealed, &k.CertificatePEM, &k.PublicKeyID, &createdAt, &activatesAt, &expiresAt)
	if err != nil {
		return merchant.PlatformKey{}, "", fmt.Errorf("read platform key: %w", err)
	}
	k.CreatedAt, k.ActivatesAt, k.ExpiresAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(activatesAt), sqldb.FromMicros(expiresAt)
	return k, sealed, nil
}
