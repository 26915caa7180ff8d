package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// AllPlatformKeys lists the service's own keys, retired ones too, without
// their private halves. What identities were made with is not among them until
// it is replaced.
func (s *Store) AllPlatformKeys(ctx context.Context) ([]merchant.PlatformKey, error) {
	const text = `SELECT ` + platformKeyColumns + ` FROM platform_keys k WHERE k.purpose <> $1 ORDER BY k.purpose, k.identity, k.activates_at, k.created_at, k.id`
	var keys []merchant.PlatformKey
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{checkID}, func(scan func(...any) error) error {
			k, _, err := scanPlatformKey(scan)
			keys = append(keys, k)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list platform keys: %w", err)
	}
	return keys, nil
}

// AddPlatformKeys adds keys that are to take the place of those in use, all of
// them or none. The old ones stay, and are retired at retireAt (zero: not
// yet). While an earlier one still waits to become the one in use, another is
// KindStateConflict. Other processes learn of them within staleLife.
func (s *Store) AddPlatformKeys(ctx context.Context, keys []merchant.PlatformKey, retireAt time.Time, record audit.Record) error {
	if err := s.CheckMasterKey(ctx); err != nil { // it also sees to the row that is locked
		return err
	}
	err := s.write(ctx, func(q sqldb.Querier) error {
		if err := lockPlatformKeys(ctx, q); err != nil {
			return err
		}
		for _, k := range keys {
			before, err := s.predecessors(ctx, q, k)
			if err != nil {
				return err
			}
			for _, old := range before {
				if !old.Active(k.CreatedAt) && !old.Retired(k.CreatedAt) {
					return refund.Errorf(refund.KindStateConflict, "", "key %s is made already and takes over at %s (hint: refundry key expire %s takes it back)",
						old.ID, old.ActivatesAt.Format(time.RFC3339), old.ID)
				}
				if old.Retired(k.CreatedAt) || retireAt.IsZero() || !old.ExpiresAt.IsZero() && old.ExpiresAt.Before(retireAt) {
					continue
				}
				if err := retire(ctx, q, old.ID, retireAt); err != nil {
					return err
				}
			}
			if err := s.addPlatformKey(ctx, q, k); err != nil {
				return err
			}
		}
		return s.appendAudit(ctx, q, record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("add platform keys: %w", err)
	}
	return nil
}

// predecessors are the keys before k; what an identity was made with becomes a
// row of its own here.
func (s *Store) predecessors(ctx context.Context, q sqldb.Querier, k merchant.PlatformKey) ([]merchant.PlatformKey, error) {
	const text = `SELECT ` + identityColumns + ` FROM identities i WHERE i.dialect = $1 AND i.name = $2`
	before, err := s.queryPlatformKeys(ctx, q, platformKeysFor, k.Purpose, k.Identity)
	if err != nil || len(before) > 0 || k.Identity == "" {
		return before, err
	}
	err = q.Query(ctx, text, []any{k.Purpose, k.Identity}, func(scan func(...any) error) error {
		i, err := s.scanIdentity(scan)
		before = i.Platform()
		return err
	})
	for _, first := range before {
		if err == nil {
			err = s.addPlatformKey(ctx, q, first)
		}
	}
	return before, err
}

func retire(ctx context.Context, q sqldb.Querier, id string, at time.Time) error {
	_, err := q.Exec(ctx, `UPDATE platform_keys SET expires_at = $2 WHERE id = $1`, id, sqldb.Micros(at))
	return err
}

// RetirePlatformKeys ends the lives of keys at a time, all of them or none.
// One that is then in use can't be retired, KindStateConflict: nothing would sign.
// Absent is KindNotFound. Other processes go by a key for up to staleLife
// longer.
func (s *Store) RetirePlatformKeys(ctx context.Context, ids []string, at time.Time, record audit.Record) error {
	err := s.write(ctx, func(q sqldb.Querier) error {
		if err := lockPlatformKeys(ctx, q); err != nil {
			return err
		}
		for _, id := range ids {
			if err := s.retirePlatformKey(ctx, q, id, at); err != nil {
				return err
			}
		}
		return s.appendAudit(ctx, q, record)
	})
	s.directory.forget()
	if err != nil {
		return fmt.Errorf("retire platform keys: %w", err)
	}
	return nil
}

func (s *Store) retirePlatformKey(ctx context.Context, q sqldb.Querier, id string, at time.Time) error {
	found, err := s.queryPlatformKeys(ctx, q, platformKeyByID, id)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return refund.Errorf(refund.KindNotFound, "key", "there is no platform key %q that could be retired", id)
	}
	siblings, err := s.queryPlatformKeys(ctx, q, platformKeysFor, found[0].Purpose, found[0].Identity)
	if err != nil {
		return err
	}
	if inUse, _ := merchant.KeyInUse(siblings, at); inUse.ID == id {
		return refund.Errorf(refund.KindStateConflict, "key", "platform key %s is the one in use: nothing could take its place (hint: refundry key rotate)", id)
	}
	if found[0].Retired(at) {
		return nil
	}
	if err := retire(ctx, q, id, at); err != nil {
		return err
	}
	// Where a successor is taken back, the one before stays as long as it takes.
	siblings = slices.DeleteFunc(siblings, func(k merchant.PlatformKey) bool { return k.ID == id })
	inUse, _ := merchant.KeyInUse(siblings, at)
	if _, followed := merchant.KeyInUse(siblings, inUse.ExpiresAt); inUse.ExpiresAt.IsZero() || followed {
		return nil
	}
	return retire(ctx, q, inUse.ID, time.Time{})
}
