package service

import (
	"context"
	"time"
)

// monthsInterval is how often the service looks whether the next months have their
// partitions: they are made months before.
const monthsInterval = 6 * time.Hour

// keepMonths makes the partitions of the next months where tables are cut by month,
// until ctx ends.
func (s *Service) keepMonths(ctx context.Context) {
	ticker := time.NewTicker(monthsInterval)
	defer ticker.Stop()
	for {
		switch made, err := s.Store.KeepMonths(ctx, s.clock.now()); {
		case err != nil && ctx.Err() == nil:
			s.opts.Log.Warn("partitions of the next months could not be made; trying again later", "error", err)
		case made > 0:
			s.opts.Log.Info("made partitions of the next months", "partitions", made)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
