package store

import (
	"context"
	"slices"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
)

// OtherHolders implements admin.BulkJobs: the users who may sign in and the keys in
// force that have a right.
func (s *Store) OtherHolders(ctx context.Context, merchantID string, scope merchant.Scope, besides audit.Actor) (int, error) {
	keys, err := s.Keys(ctx, merchantID)
	if err != nil {
		return 0, err
	}
	users, err := s.Users(ctx)
	if err != nil {
		return 0, err
	}
	keys = slices.DeleteFunc(keys, func(k merchant.Key) bool {
		return !k.May(scope) || audit.ByKey(k.ID) == besides || !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(s.now())
	})
	users = slices.DeleteFunc(users, func(u merchant.User) bool {
		return !u.May(merchantID, scope) || audit.ByUser(u.Email) == besides || u.Disabled()
	})
	return len(keys) + len(users), nil
}
