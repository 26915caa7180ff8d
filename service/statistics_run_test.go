package service

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// backlog is a store in which one merchant has pieces that wait.
type backlog struct {
	pieces int
	done   context.CancelFunc
}

func (b *backlog) MerchantsToFold(context.Context, string, int) ([]string, error) {
	return []string{"m"}, nil
}

func (b *backlog) FoldStatistics(context.Context, string) (int, bool, error) {
	if b.pieces--; b.pieces == 0 {
		b.done()
	}
	return 1, b.pieces > 0, nil
}

// What waits of one merchant is counted without a pause.
func TestCountingGoesOnWhileMoreWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, done := context.WithCancel(t.Context())
		s := &Service{}
		s.clock.base = time.Now
		c := counting{service: s, store: &backlog{100, done}}
		begun := time.Now()
		c.run(ctx)
		if took := time.Since(begun); took != 0 {
			t.Errorf("it paused for %s", took)
		}
	})
}
