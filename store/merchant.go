package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	merchantColumns = `m.id, m.name, m.mode, m.settings, m.created_at, m.disabled_at`
	insertMerchant  = `INSERT INTO merchants (id, name, mode, settings, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
)

// scanMerchant reads a row of merchantColumns. One whose settings can't be read is
// KindCorrupt, and has all else.
func scanMerchant(scan func(...any) error, more ...any) (merchant.Merchant, error) {
	var m merchant.Merchant
	var settings string
	var createdAt, disabledAt int64
	err := scan(append([]any{&m.ID, &m.Name, (*string)(&m.Mode), &settings, &createdAt, &disabledAt}, more...)...)
	if err != nil {
		return merchant.Merchant{}, fmt.Errorf("read merchant: %w", err)
	}
	m.CreatedAt, m.DisabledAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(disabledAt)
	if err := json.Unmarshal([]byte(settings), &m.Settings); err != nil {
		m.Settings = merchant.Settings{}
		return m, unreadable("merchant", m.ID, err)
	}
	return m, nil
}

// errTaken: an identity, key or account that would be new is another
// merchant's already.
var errTaken = errors.New("another merchant has it already (hint: ask again, names are drawn anew)")

// AddMerchant writes a new merchant with its identities, keys and channel
// accounts in one transaction. Rows that are there already stay as they are,
// so that the demo merchant can be added at every start; one that belongs to
// another merchant is an error, and nothing is written. So is a name that another
// merchant has: KindStateConflict. The record is written with a merchant that was
// not there.
func (s *Store) AddMerchant(ctx context.Context, f merchant.Fresh, record refund.Action) error {
	settings, err := jsonText(f.Merchant.Settings)
	if err != nil {
		return fmt.Errorf("encode settings: %w", err)
	}
	err = s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		m := f.Merchant
		if err := nameIsFree(ctx, q, m); err != nil {
			return err
		}
		inserted, err := q.Exec(ctx, insertMerchant, m.ID, m.Name, string(m.Mode), settings, sqldb.Micros(m.CreatedAt))
		if err != nil {
			return err
		}
		if inserted > 0 {
			if err := s.appendAudit(ctx, q, record.Record); err != nil {
				return err
			}
		}
		if err := s.addMembers(ctx, q, f); err != nil {
			return err
		}
		for _, key := range f.Keys {
			if m.Settings.Demo {
				// An older program made the key with the scopes that there were then.
				if _, err := q.Exec(ctx, `UPDATE api_keys SET scopes = $3 WHERE merchant_id = $1 AND id = $2`, m.ID, key.Key.ID, scopesText(key.Key)); err != nil {
					return err
				}
			}
		}
		for _, account := range f.Accounts {
			if err := s.addAccount(ctx, q, account); err != nil {
				return fmt.Errorf("channel account %s: %w", account.ID, err)
			}
		}
		return nil
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("add merchant %s: %w", f.Merchant.Name, err)
	}
	return nil
}

// nameIsFree refuses a name that another merchant has. Merchants are added one
// after the other: who adds one holds the end of the installation's audit chain.
func nameIsFree(ctx context.Context, q sqldb.Querier, m merchant.Merchant) error {
	const text = `SELECT m.id FROM merchants m WHERE m.name = $1 AND m.id <> $2 LIMIT 1`
	if _, err := lockChain(ctx, q, ""); err != nil {
		return err
	}
	other := ""
	err := q.Query(ctx, text, []any{m.Name, m.ID}, func(scan func(...any) error) error { return scan(&other) })
	if err == nil && other != "" {
		err = refund.Errorf(refund.KindStateConflict, "name", "there is a merchant named %q already: %s", m.Name, other)
	}
	return err
}

// addMembers writes identities and keys; those that are there stay as they are.
func (s *Store) addMembers(ctx context.Context, q sqldb.Querier, f merchant.Fresh) error {
	for _, identity := range f.Identities {
		if _, err := s.addIdentity(ctx, q, f.Kept(identity)); err != nil {
			return fmt.Errorf("%s identity %s: %w", identity.Dialect, identity.Name, err)
		}
	}
	for _, key := range f.Keys {
		if _, err := s.addKey(ctx, q, key); err != nil {
			return fmt.Errorf("%s key %s: %w", key.Key.Dialect, key.Key.Hint, err)
		}
	}
	return nil
}

// AddIdentities writes new identities and keys of a merchant that is there. What
// is there already is KindStateConflict, which says whose it is only if it is the
// merchant's own.
func (s *Store) AddIdentities(ctx context.Context, f merchant.Fresh, record refund.Action) error {
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		for _, i := range f.Identities {
			fresh, err := s.addIdentity(ctx, q, f.Kept(i))
			if err := newMember(fresh, err, "name", i.Dialect+" identity "+i.Name); err != nil {
				return err
			}
		}
		for _, key := range f.Keys {
			fresh, err := s.addKey(ctx, q, key)
			if err := newMember(fresh, err, "key", key.Key.Dialect+" key "+key.Key.Hint); err != nil {
				return err
			}
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("add identity: %w", err)
	}
	return nil
}

// newMember refuses an identity or key that was not written because it was there.
func newMember(fresh bool, err error, param, what string) error {
	switch {
	case errors.Is(err, errTaken):
		return refund.Errorf(refund.KindStateConflict, param, "the %s is not free (hint: look whether it is written right, and in whose name it was set up)", what)
	case err != nil:
		return fmt.Errorf("%s: %w", what, err)
	case !fresh:
		return refund.Errorf(refund.KindStateConflict, param, "the merchant has the %s already (hint: change it instead)", what)
	}
	return nil
}

// owned checks that a row which was inserted, or was there, is the merchant's.
func owned(ctx context.Context, q sqldb.Querier, merchantID, text string, args ...any) error {
	owner := ""
	err := q.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&owner) })
	if err == nil && owner != merchantID {
		err = errTaken
	}
	return err
}

// Merchants lists all merchants, oldest first. One that is damaged says so.
func (s *Store) Merchants(ctx context.Context) ([]merchant.Merchant, error) {
	return s.merchants(ctx, `SELECT `+merchantColumns+` FROM merchants m ORDER BY m.created_at, m.id`)
}

// MerchantByID finds a merchant; absent is KindNotFound, damaged KindCorrupt.
func (s *Store) MerchantByID(ctx context.Context, id string) (merchant.Merchant, error) {
	found, err := s.merchants(ctx, `SELECT `+merchantColumns+` FROM merchants m WHERE m.id = $1`, id)
	switch {
	case err != nil:
		return merchant.Merchant{}, err
	case len(found) == 0:
		return merchant.Merchant{}, refund.Errorf(refund.KindNotFound, "merchant", "there is no merchant %q", id)
	}
	return readableMerchant(found[0])
}

// MerchantByName finds a merchant by its name. Absent is KindNotFound. A test
// and a live merchant may share a name: then it is KindInvalid, and the id
// must be used.
func (s *Store) MerchantByName(ctx context.Context, name string) (merchant.Merchant, error) {
	found, err := s.merchants(ctx, `SELECT `+merchantColumns+` FROM merchants m WHERE m.name = $1 ORDER BY m.id`, name)
	switch {
	case err != nil:
		return merchant.Merchant{}, err
	case len(found) == 0:
		return merchant.Merchant{}, refund.Errorf(refund.KindNotFound, "merchant", "there is no merchant %q", name)
	case len(found) > 1:
		return merchant.Merchant{}, refund.Errorf(refund.KindInvalid, "merchant", "%d merchants are called %q: use the id", len(found), name)
	}
	return readableMerchant(found[0])
}

// readableMerchant refuses a merchant of whose settings nothing is known: they bound
// what it may do.
func readableMerchant(m merchant.Merchant) (merchant.Merchant, error) {
	if m.Unreadable {
		return merchant.Merchant{}, refund.Errorf(refund.KindCorrupt, "merchant", "merchant %s can't be read (hint: refundry verify)", m.ID)
	}
	return m, nil
}

func (s *Store) merchants(ctx context.Context, text string, args ...any) ([]merchant.Merchant, error) {
	read := func(scan func(...any) error) (merchant.Merchant, error) { return scanMerchant(scan) }
	var found []merchant.Merchant
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = markRows(ctx, q, text, args, read, func(m *merchant.Merchant) { m.Unreadable = true })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read merchants: %w", err)
	}
	return found, nil
}

// HasLiveMerchant reports whether a merchant's money is real. Any schema that
// has tables knows that.
func (s *Store) HasLiveMerchant(ctx context.Context) (bool, error) {
	current, _, err := s.Schema(ctx)
	if err != nil || current == 0 {
		return false, err
	}
	has := false
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, `SELECT m.id FROM merchants m WHERE m.mode = $1 LIMIT 1`, []any{string(merchant.Live)}, func(scan func(...any) error) error {
			has = true
			return scan(new(string))
		})
	})
	if err != nil {
		return false, fmt.Errorf("look for live merchants: %w", err)
	}
	return has, nil
}
