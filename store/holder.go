package store

import (
	"context"
	"slices"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
)

// OtherHolders implements admin.BulkJobs: the keys in force that have a right.
func (s *Store) OtherHolders(ctx context.Context, merchantID string, scope merchant.Scope, besides audit.Actor) (int, error) {
	keys, err := s.Keys(ctx, merchantID)
	if err != nil {
		return 0, err
	}
	keys = slices.DeleteFunc(keys, func(k merchant.Key) bool {
		return !k.May(scope) || audit.ByKey(k.ID) == besides || !k.ExpiresAt.IsZero() && !k.ExpiresAt.After(s.now())
	})
	return len(keys), nil
}
