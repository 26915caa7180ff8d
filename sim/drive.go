package sim

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/service"
)

const (
	// breath is how long the service is left to itself before it is asked again
	// whether anything is under way, by this machine's clock.
	breath = time.Millisecond
	// patience is how often in a row it may be idle with something due before time
	// passes nevertheless: an account that did not answer is left alone for a while.
	patience = 20
	// nudge is how far the clock is then moved.
	nudge = time.Second
	// defaultStuck is a Drive's Stuck where it does not say.
	defaultStuck = 20 * time.Second
	// maxMove bounds one move, so that what only other clocks know, such as the end of
	// a lease, is not jumped over.
	maxMove = 10 * time.Minute
)

// ErrStuck says that nothing will ever happen any more.
var ErrStuck = errors.New("nothing is due, and the end is not reached")

// Actor is somebody besides the service who acts at times of his own.
type Actor interface {
	// NextDue is when he acts next; false is not at all.
	NextDue() (time.Time, bool)
	// Step does what is due.
	Step(ctx context.Context) error
}

// Drive moves the clock of a service and of the actors around it: hours of
// waiting pass at once, and what takes a machine's time takes it. The loops of the
// service are those of production.
type Drive struct {
	Clock   *Clock
	Service *service.Service
	Actors  []Actor
	// Stuck is how long nothing may be due and under way, by this machine's clock,
	// until ErrStuck: a call that is on its way is seen by nobody. Default 20 s.
	Stuck time.Duration
}

// Until drives until done reports true, or an error ends it: its own, ErrStuck or
// the context's.
func (d Drive) Until(ctx context.Context, done func() (bool, error)) error {
	idle, moved := 0, time.Now()
	for ctx.Err() == nil {
		for _, actor := range d.Actors {
			if err := actor.Step(ctx); err != nil {
				return err
			}
		}
		if d.Service.Busy() {
			idle, moved = 0, time.Now()
			time.Sleep(breath)
			continue
		}
		if ended, err := done(); ended || err != nil {
			return err
		}
		next, err := d.next(ctx)
		if err != nil {
			return err
		}
		switch {
		case !next.IsZero():
			moved = time.Now()
		case time.Since(moved) > cmp.Or(d.Stuck, defaultStuck):
			return ErrStuck
		}
		idle = d.move(next, idle)
		time.Sleep(breath)
	}
	return ctx.Err()
}

// next is when something is due next, zero for never.
func (d Drive) next(ctx context.Context) (time.Time, error) {
	next, err := d.Service.NextDue(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for _, actor := range d.Actors {
		if at, ok := actor.NextDue(); ok && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next, nil
}

// move moves the clock to what is due next. idle is how often in a row that was
// over and nothing was under way.
func (d Drive) move(next time.Time, idle int) int {
	now := d.Clock.Now()
	switch {
	case next.IsZero():
	case next.After(now):
		d.Clock.MoveTo(earlier(next, now.Add(maxMove)))
		idle = 0
	case idle < patience:
		idle++
	default:
		d.Clock.MoveTo(now.Add(nudge))
		idle = 0
	}
	d.Service.ClockMoved()
	return idle
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
