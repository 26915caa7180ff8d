package service

import (
	"context"
	"time"
)

// triesInterval is how often counts of tries to sign in are deleted that bound nothing
// any more.
const triesInterval = 5 * time.Minute

// forgetTries deletes old counts of tries to sign in, until ctx ends.
func (s *Service) forgetTries(ctx context.Context) {
	ticker := time.NewTicker(triesInterval)
	defer ticker.Stop()
	for {
		if _, err := s.admin.ForgetOldTries(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("old tries to sign in were not deleted; it is tried again", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
