package service

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/store"
)

var _ timekeeper = (*store.Store)(nil)

const (
	// clockInterval is how often the database is asked for its time: clocks
	// drift by far less than a millisecond in that time.
	clockInterval = time.Minute
	// clockTolerance is the offset from which on an operator should know: the
	// machine's own clock is then no longer kept.
	clockTolerance = 2 * time.Second
)

// timekeeper says how far ahead of this machine's clock its own is.
type timekeeper interface {
	ClockOffset(ctx context.Context) (time.Duration, error)
}

// clock is this process's time, corrected by the database's, so that replicas
// agree about leases and due times.
type clock struct {
	base   func() time.Time
	offset atomic.Int64 // nanoseconds that the database is ahead
}

func (c *clock) now() time.Time { return c.base().Add(time.Duration(c.offset.Load())) }

// correct asks the database for its time.
func (c *clock) correct(ctx context.Context, s timekeeper, log *slog.Logger) error {
	offset, err := s.ClockOffset(ctx)
	if err != nil {
		return err
	}
	if offset.Abs() > clockTolerance {
		log.Warn("this machine's clock differs from the database's; the database's is used", "offset", offset)
	}
	c.offset.Store(int64(offset))
	return nil
}

// keep corrects the clock until ctx ends.
func (c *clock) keep(ctx context.Context, s timekeeper, log *slog.Logger) {
	ticker := time.NewTicker(clockInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := c.correct(ctx, s, log); err != nil && ctx.Err() == nil {
				log.Warn("the clock was not corrected", "error", err)
			}
		case <-ctx.Done():
			return
		}
	}
}
