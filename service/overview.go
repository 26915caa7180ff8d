package service

import (
	"context"
	"slices"
	"time"

	"github.com/refundry/refundry/refund"
)

// overviews are the store's, with what this process's engine knows.
type overviews struct{ s *Service }

// Overview implements native.Overviews.
func (o overviews) Overview(ctx context.Context, f refund.OverviewFilter, now time.Time) (refund.Overview, error) {
	found, err := o.s.Store.Overview(ctx, f, now)
	if err != nil {
		return found, err
	}
	unanswered := o.s.engine.UnansweredAccounts()
	for n := range found.Accounts {
		found.Accounts[n].Unanswered = slices.Contains(unanswered, found.Accounts[n].ID)
	}
	return found, nil
}
