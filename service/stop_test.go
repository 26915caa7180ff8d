package service

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// part is a loop that ends some time after it was stopped.
func part(name string, ends time.Duration) *running {
	return begin(name, func(ctx context.Context) {
		<-ctx.Done()
		time.Sleep(ends)
	})
}

// A channel and a receiver that hang are waited for at the same time, and whatever
// hangs for longer than the stop may take is named.
func TestAStopWaitsForCallsAndWebhooksAtOnceAndIsBounded(t *testing.T) {
	for name, test := range map[string]struct {
		engine, webhooks, takes time.Duration
		stuck                   string
	}{
		"nothing hangs":                    {0, 0, 0, ""},
		"a channel and a receiver hang":    {30 * time.Second, 28 * time.Second, 30 * time.Second, ""},
		"a call that ignores its deadline": {time.Hour, 0, 35 * time.Second, "engine"},
		"a database that does not answer":  {5 * time.Second, time.Hour, 35 * time.Second, "webhooks"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				stages := [][]*running{{part("intake", 0)}, {part("engine", test.engine), part("webhooks", test.webhooks)}, {part("sandbox", 0)}}
				ctx, cancel := context.WithTimeout(t.Context(), CloseTimeout)
				defer cancel()
				start := time.Now()
				err := stopAll(ctx, stages)
				if took := time.Since(start); took != test.takes {
					t.Errorf("it took %v, want %v", took, test.takes)
				}
				if stuck := err != nil; stuck != (test.stuck != "") || stuck && (!strings.Contains(err.Error(), test.stuck) || !errors.Is(err, context.DeadlineExceeded)) {
					t.Errorf("error %v, want one about %q", err, test.stuck)
				}
				for _, stage := range stages {
					for _, one := range stage {
						one.stop()
						<-one.done
					}
				}
			})
		})
	}
}
