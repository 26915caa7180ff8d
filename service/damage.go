package service

import (
	"context"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// damageAgain is the least time between two alerts about one damaged row: clients
	// repeat a request that failed, and each alert is a write.
	damageAgain = 10 * time.Minute
	// maxDamaged bounds the rows that are remembered; beyond it all are forgotten, and
	// an alert more is raised.
	maxDamaged = 1000
	// damageTimeout bounds the write of an alert, which the request waits for.
	damageTimeout = 2 * time.Second
)

// damaged remembers the damaged rows that requests of merchants have met.
type damaged struct {
	mu   sync.Mutex
	told map[string]time.Time // by merchant and text
}

// due reports whether an alert is to be raised, and remembers that it was.
func (d *damaged) due(key string, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if at, known := d.told[key]; known && now.Sub(at) < damageAgain {
		return false
	}
	if d.told == nil || len(d.told) >= maxDamaged {
		d.told = make(map[string]time.Time)
	}
	d.told[key] = now
	return true
}

// forget has the next request try again.
func (d *damaged) forget(key string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.told, key)
}

// alertDamage implements dialect.Damage: the live auditor finds the row too, but in a
// large database its round takes long. The dialect logs the request.
func (s *Service) alertDamage(ctx context.Context, merchantID string, e *refund.Error) {
	text := "a request was refused because of a damaged row: " + e.Told() + " (hint: refundry verify)"
	key := merchantID + " " + text
	if !s.damaged.due(key, s.now()) {
		return
	}
	s.opts.Metrics.Alert()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), damageTimeout)
	defer cancel()
	if err := s.Store.RaiseAlert(ctx, merchantID, refund.Alert{RefundID: e.Refund, Text: text}); err != nil {
		s.damaged.forget(key)
		s.opts.Log.WarnContext(ctx, "an alert could not be kept", "error", err)
	}
}
