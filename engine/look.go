package engine

import (
	"context"
	"fmt"
	"time"
)

// StepLook finds refunds that are due, claims them and queues them. It says
// how many; with a full batch there may be more.
func (e *Engine) StepLook(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	now := e.now()
	e.resume(ctx, now)
	e.mu.Lock()
	e.agenda.pass(now)
	e.lastLook, e.wanted = now, false
	e.mu.Unlock()
	room := e.reserve(mostLooked, e.opts.Queue)
	if room == 0 {
		return 0, nil
	}
	due, err := e.store.DueRefunds(ctx, now, room)
	if err != nil || len(due) == 0 {
		e.Release(room)
		return 0, wrap(err, "look for due refunds")
	}
	// Each lease counts from its own claim: the look may have taken a while.
	now = e.now()
	claimed, err := e.store.ClaimRefunds(ctx, due, now, now.Add(Lease))
	e.Release(room - len(claimed))
	e.Take(claimed)
	if len(claimed) == room {
		// There may be more. Where others took some, they look on.
		e.mu.Lock()
		e.wanted = true
		e.mu.Unlock()
	}
	return len(claimed), wrap(err, "claim due refunds")
}

// NextLook is when StepLook should be called next: when a refund is due that
// was at this engine, at the latest when the poll interval is over, and at
// once when someone asked.
func (e *Engine) NextLook() time.Time {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wanted {
		return time.Time{}
	}
	at := e.lastLook.Add(PollInterval)
	if first, ok := e.agenda.first(); ok && first.Before(at) {
		return first
	}
	return at
}

// remember puts a due time on the agenda. The lock is held.
func (e *Engine) remember(due time.Time) {
	before, had := e.agenda.first()
	e.agenda.add(due, e.now())
	if first, has := e.agenda.first(); has && (!had || first.Before(before)) {
		ring(e.lookBell) // the loop's timer is set anew
	}
}

func wrap(err error, doing string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
