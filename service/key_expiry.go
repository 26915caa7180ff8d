package service

import (
	"context"
	"time"
)

const (
	// keyWarning is how long before an API key's life ends an operator is told:
	// time enough to give its user another.
	keyWarning = 7 * 24 * time.Hour
	// keyInterval is how often the service looks for such keys.
	keyInterval = time.Hour
)

// watchKeys leaves an alert for keys whose life ends soon, until ctx ends.
func (s *Service) watchKeys(ctx context.Context) {
	ticker := time.NewTicker(keyInterval)
	defer ticker.Stop()
	for {
		if _, err := s.Store.AlertExpiringKeys(ctx, s.clock.now(), keyWarning); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("keys that end soon were not looked for", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
