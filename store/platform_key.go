package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/secret"
)

const (
	platformKeyColumns = `k.id, k.purpose, k.public, k.sealed, k.created_at, k.expires_at`
	insertPlatformKey  = `INSERT INTO platform_keys (id, purpose, public, sealed, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`
	platformKeyInUse = `SELECT ` + platformKeyColumns + ` FROM platform_keys k
		WHERE k.purpose = $1 AND k.expires_at = 0 ORDER BY k.created_at, k.id LIMIT 1`
	platformKeyByID = `SELECT ` + platformKeyColumns + ` FROM platform_keys k WHERE k.id = $1`

	// checkID is the row whose sealed text tells whether a master key is the
	// database's own; its public column holds the key's id.
	checkID   = "check"
	checkText = "refundry"
)

// CheckMasterKey makes sure that the keyring is the one that this database was
// made with; the first to come seals the check value. Another key is an error
// with a hint: nothing that is sealed could be read, and what it sealed would
// be lost to everybody else.
func (s *Store) CheckMasterKey(ctx context.Context) error {
	const check = `SELECT k.public, k.sealed FROM platform_keys k WHERE k.id = $1`
	sealed, err := s.seal([]byte(checkText), "platform_keys", checkID)
	if err != nil {
		return fmt.Errorf("check master key: %w", err)
	}
	var id, stored string
	read := func(q querier) error {
		return q.query(ctx, check, []any{checkID}, func(scan func(...any) error) error { return scan(&id, &stored) })
	}
	// Mostly it is there, and a look is enough.
	if err = s.read(ctx, read); err == nil && stored == "" {
		err = s.write(ctx, func(q querier) error {
			if _, err := q.exec(ctx, insertPlatformKey, checkID, checkID, s.keyring.ID(), sealed, micros(s.now()), int64(0)); err != nil {
				return err
			}
			return read(q)
		})
	}
	if err != nil {
		return fmt.Errorf("check master key: %w", err)
	}
	plain, err := s.unseal(stored, "platform_keys", checkID)
	if err == nil && string(plain) != checkText {
		err = secret.ErrBroken
	}
	if err != nil {
		return fmt.Errorf("check master key: this database was made with master key %s, and the one given is %s: %w "+
			"(hint: REFUNDRY_MASTER_KEY, or master.key in the --data folder, must be the one that the first serve used)", id, s.keyring.ID(), err)
	}
	return nil
}

// EnsurePlatformKey gives the key pair in use for a purpose, and has make make
// it if there is none. Where two processes come at once, the first one's is
// kept and given to both.
func (s *Store) EnsurePlatformKey(ctx context.Context, purpose string, make func() (merchant.PlatformKey, error)) (merchant.PlatformKey, error) {
	fail := func(err error) (merchant.PlatformKey, error) {
		return merchant.PlatformKey{}, fmt.Errorf("ensure platform key for %s: %w", purpose, err)
	}
	found, there, err := s.platformKey(ctx, platformKeyInUse, purpose)
	if err != nil {
		return fail(err)
	}
	if there {
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
	sealed, err := s.seal([]byte(made.PrivatePEM), "platform_keys", made.ID)
	if err != nil {
		return fail(err)
	}
	err = s.write(ctx, func(q querier) error {
		if err := q.query(ctx, `SELECT k.id FROM platform_keys k WHERE k.id = $1`+q.lock(""), []any{checkID}, ignoreRow); err != nil {
			return err
		}
		if found, there, err = s.queryPlatformKey(ctx, q, platformKeyInUse, purpose); err != nil || there {
			return err
		}
		found = made
		inserted, err := q.exec(ctx, insertPlatformKey, made.ID, purpose, made.PublicPEM, sealed, micros(made.CreatedAt), micros(made.ExpiresAt))
		if err == nil && inserted == 0 {
			err = fmt.Errorf("another key has the id %s already", made.ID)
		}
		return err
	})
	s.directory.forget()
	if err != nil {
		return fail(err)
	}
	return found, nil
}

// ignoreRow is for rows that are only locked.
func ignoreRow(func(...any) error) error { return nil }

func (s *Store) platformKey(ctx context.Context, text, arg string) (key merchant.PlatformKey, there bool, err error) {
	err = s.read(ctx, func(q querier) (err error) {
		key, there, err = s.queryPlatformKey(ctx, q, text, arg)
		return err
	})
	return key, there, err
}

func (s *Store) queryPlatformKey(ctx context.Context, q querier, text, arg string) (key merchant.PlatformKey, there bool, err error) {
	err = q.query(ctx, text, []any{arg}, func(scan func(...any) error) error {
		var sealed string
		var createdAt, expiresAt int64
		if err := scan(&key.ID, &key.Purpose, &key.PublicPEM, &sealed, &createdAt, &expiresAt); err != nil {
			return fmt.Errorf("read platform key: %w", err)
		}
		private, err := s.unseal(sealed, "platform_keys", key.ID)
		key.PrivatePEM, key.CreatedAt, key.ExpiresAt = string(private), fromMicros(createdAt), fromMicros(expiresAt)
		there = true
		return err
	})
	return key, there, err
}
