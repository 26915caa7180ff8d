package sim

import (
	"sync/atomic"
	"time"
)

// Clock is the one clock of a service and of the world around it. It goes at the
// pace of this machine's, and moves on at once where nothing happens until then.
type Clock struct {
	began time.Time // by this machine's clock
	start time.Time // what the clock showed then
	ahead atomic.Int64
}

// NewClock is a clock that shows start now.
func NewClock(start time.Time) *Clock { return &Clock{began: time.Now(), start: start} }

// Now is the time in UTC, to the microsecond.
func (c *Clock) Now() time.Time {
	return c.start.Add(time.Since(c.began) + time.Duration(c.ahead.Load())).UTC().Truncate(time.Microsecond)
}

// MoveTo moves the clock on to at. A time that is over changes nothing.
func (c *Clock) MoveTo(at time.Time) {
	if ahead := at.Sub(c.Now()); ahead > 0 {
		c.ahead.Add(int64(ahead))
	}
}
