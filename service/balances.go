package service

import (
	"context"
	"errors"
	"fmt"
	"time"
)

const (
	// carryPause is how long carrying waits between two looks at all merchants.
	carryPause = time.Minute
	// carryLook is how many merchants one look takes.
	carryLook = 100
)

// carryBalances keeps each merchant's balances added up (store.CarryBalances), so that
// whoever asks for them reads the transfers of the last minutes only, until ctx ends.
func (s *Service) carryBalances(ctx context.Context) {
	for {
		if _, err := s.stepCarry(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("balances could not be carried forward; trying again in a minute", "error", err)
		}
		timer := time.NewTimer(carryPause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// stepCarry looks at all merchants once and returns how many slices were added up.
// Merchants take turns, a slice each; one whose balances can't be carried holds up no
// other.
func (s *Service) stepCarry(ctx context.Context) (slices int, err error) {
	var failed error
	broken := make(map[string]bool)
	for after, again := "", false; ; {
		merchants, err := s.Store.MerchantsToCarry(ctx, after, carryLook)
		if err != nil {
			return slices, errors.Join(failed, err)
		}
		for _, id := range merchants {
			if broken[id] {
				continue
			}
			more, err := s.Store.CarryBalances(ctx, id)
			if err != nil {
				if ctx.Err() != nil {
					return slices, ctx.Err()
				}
				broken[id] = true
				failed = errors.Join(failed, fmt.Errorf("merchant %s: %w", id, err))
				continue
			}
			again = again || more
			slices++
		}
		switch {
		case len(merchants) == carryLook:
			after = merchants[len(merchants)-1]
		case again:
			after, again = "", false
		default:
			return slices, failed
		}
	}
}
