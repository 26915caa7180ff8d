package engine

import (
	"time"

	"github.com/refundry/refundry/channel"
)

const (
	// slowest is the least part of its rate at which an account is called: a channel
	// that is called once in a while says when it takes more again.
	slowest = 64
	// recoverAfter is how long a slowed queue is called without a word of too many
	// calls before its rate is doubled. Limits are counted by the minute at most.
	recoverAfter = 30 * time.Second
	// leastGap is the time between calls from which on an account without a limit of
	// its own is slowed down.
	leastGap = time.Millisecond
)

// slowing is by how much less often the calls of a queue begin, because the channel
// said that there are too many.
type slowing struct {
	// by is the divisor of the rate, 0 and 1 for none; gap is the time between calls
	// that it stretches, of an account that has no limit.
	by  int
	gap time.Duration
	// since is when it was last slowed down, until when it is called faster again.
	since, until time.Time
}

// throttled takes the channel's word that a call which began at a time was one too
// many, and reports whether the rate was halved for it: once for all that were
// under way.
func (s *slowing) throttled(began, now time.Time, gap time.Duration) bool {
	s.recover(now)
	s.until = now.Add(recoverAfter)
	if began.Before(s.since) || s.by >= slowest {
		return false
	}
	if s.by <= 1 {
		s.by, s.gap = 1, max(gap, leastGap)
	}
	s.by *= 2
	s.since = now
	return true
}

// recover doubles the rate for each while that was quiet.
func (s *slowing) recover(now time.Time) {
	for s.by > 1 && !now.Before(s.until) {
		s.by /= 2
		s.until = s.until.Add(recoverAfter)
	}
}

// stretch is the time between two calls, of which there is none without a limit.
func (s *slowing) stretch(calls channel.Calls, every time.Duration) time.Duration {
	if s.by <= 1 {
		return every
	}
	if calls.PerSecond <= 0 {
		every = s.gap
	}
	return every * time.Duration(s.by)
}

// heed takes the outcome of a call: where the channel said that there are too many,
// the calls of its kind begin half as often. The lock is held.
func (e *Engine) heed(j job, throttled bool, began, now time.Time) {
	if !throttled {
		return
	}
	q := j.lane.queue(j.step)
	gap := j.lane.took / time.Duration(j.lane.slots(now))
	if q.turns.slow.throttled(began, now, gap) {
		e.opts.Log.Warn("a channel says that it is called too often; its account is called half as often",
			"account", j.lane.ID, "step", j.step, "part", q.turns.slow.by)
	}
}
