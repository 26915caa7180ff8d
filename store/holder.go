package store

import (
	"context"
	"slices"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
)

// OtherHolders implements admin.BulkJobs: the users who may sign in and the keys in
// force that have a right.
func (s *Store) OtherHolders(ctx context.Context, merchantID string, scope merchant.Scope, besides audit.Person) (int, error) {
	keys, err := s.Keys(ctx, merchantID)
	if err != nil {
		return 0, err
	}
	users, err := s.Users(ctx)
	if err != nil {
		return 0, err
	}
	is := func(a audit.Actor, behind audit.Behind) bool {
		_, same := besides.Same(audit.Person{Actor: a, Behind: behind})
		return same
	}
	keys = slices.DeleteFunc(keys, func(k merchant.Key) bool {
		return !k.May(scope) || is(audit.ByKey(k.ID), k.MadeBy) || !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(s.now())
	})
	users = slices.DeleteFunc(users, func(u merchant.User) bool {
		return !u.May(merchantID, scope) || is(audit.ByUser(u.Email), u.Behind(s.now())) || u.Disabled()
	})
	return len(keys) + len(users), nil
}
