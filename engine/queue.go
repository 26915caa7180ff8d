package engine

import (
	"time"

	"golang.org/x/time/rate"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// mostIdleLanes is how many accounts' limits are remembered while they have
// nothing to do.
const mostIdleLanes = 1024

// lane is the queue of one channel account, called within its limits. An
// account that hangs holds up no other.
type lane struct {
	account string
	jobs    []job
	running int
	// most calls at once: one until the connector is known and has said more.
	most    int
	learned bool
	limiter *rate.Limiter // nil: any rate
}

// job is a claimed refund that waits for its call.
type job struct {
	refund.Claimed
	lane  *lane
	since time.Time
}

// Reserve gives how many of n refunds the engine can take now.
func (e *Engine) Reserve(n int) int { return e.reserve(n, e.opts.Queue-e.opts.Queue/lookShare) }

func (e *Engine) reserve(n, most int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping {
		return 0
	}
	got := max(0, min(n, most-e.used))
	e.used += got
	e.short = e.short || got < n
	return got
}

// Release gives room back.
func (e *Engine) Release(n int) {
	if n == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.release(n)
}

func (e *Engine) release(n int) {
	e.used -= n
	if e.short && n > 0 {
		// Refunds were left in the database: there is room for them now.
		e.short, e.wanted = false, true
		ring(e.lookBell)
	}
}

// Take takes claimed refunds over, into room that was reserved.
func (e *Engine) Take(refunds []refund.Claimed) {
	if len(refunds) == 0 {
		return
	}
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, claimed := range refunds {
		l := e.lane(claimed.Refund.ChannelAccount)
		if len(l.jobs) == 0 {
			e.ready = append(e.ready, l)
		}
		l.jobs = append(l.jobs, job{Claimed: claimed, lane: l, since: now})
		e.queued++
	}
	if e.stopping {
		e.giveBackQueue(now)
		return
	}
	e.pump()
}

func (e *Engine) lane(account string) *lane {
	if l := e.lanes[account]; l != nil {
		return l
	}
	if len(e.lanes) >= mostIdleLanes {
		for key, l := range e.lanes {
			if len(l.jobs) == 0 && l.running == 0 {
				delete(e.lanes, key)
			}
		}
	}
	l := &lane{account: account, most: 1}
	e.lanes[account] = l
	return l
}

// learn sets a lane's limits when its connector is known.
func (e *Engine) learn(l *lane, connector channel.Connector) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.learned {
		return
	}
	limits := connector.Limits()
	if limits.Concurrent <= 0 {
		limits.Concurrent = channel.DefaultConcurrent
	}
	l.most, l.learned = limits.Concurrent, true
	if limits.Submit.PerSecond > 0 {
		l.limiter = rate.NewLimiter(rate.Limit(limits.Submit.PerSecond), max(1, limits.Submit.Burst))
		l.limiter.AllowN(e.now(), 1) // the call that is under way
	}
	e.pump()
}

// next takes the next job that may be called now: lanes take turns. When only
// rate limits stand against it, wait is how long.
func (e *Engine) next(now time.Time) (found job, ok bool, wait time.Duration) {
	for n, l := range e.ready {
		if l.running >= l.most {
			continue
		}
		if l.limiter != nil {
			turn := l.limiter.ReserveN(now, 1)
			if delay := turn.DelayFrom(now); delay > 0 {
				turn.CancelAt(now)
				if wait == 0 || delay < wait {
					wait = delay
				}
				continue
			}
		}
		found = l.jobs[0]
		l.jobs[0] = job{}
		l.jobs = l.jobs[1:]
		copy(e.ready[n:], e.ready[n+1:])
		e.ready = e.ready[:len(e.ready)-1]
		if len(l.jobs) > 0 {
			e.ready = append(e.ready, l)
		} else {
			l.jobs = nil
		}
		l.running++
		e.queued--
		return found, true, 0
	}
	return job{}, false, wait
}

// giveBackQueue gives back the leases of all that waits, due again at once.
func (e *Engine) giveBackQueue(now time.Time) {
	for _, l := range e.ready {
		for _, j := range l.jobs {
			e.words = append(e.words, giveBack(j, now))
		}
		l.jobs = nil
	}
	e.ready, e.queued = nil, 0
	ring(e.recordBell)
}
