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

// lane is the queues of one channel account, called within its limits. An
// account that hangs holds up no other.
type lane struct {
	account string
	// submits and queries wait apart, since each has a limit of its own.
	submits, queries queue
	running          int
	// most calls at once: one until the connector is known and has said more.
	most   int
	limits channel.Limits
	known  bool
}

// queue is the jobs of one step.
type queue struct {
	jobs    []job
	limiter *rate.Limiter // nil: any rate
}

// job is a claimed refund that waits for its call.
type job struct {
	refund.Claimed
	step  refund.Step
	lane  *lane
	since time.Time
}

func (l *lane) queue(step refund.Step) *queue {
	if step == refund.StepSubmit {
		return &l.submits
	}
	return &l.queries
}

func (l *lane) empty() bool { return len(l.submits.jobs)+len(l.queries.jobs) == 0 }

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
		if l.empty() {
			e.ready = append(e.ready, l)
		}
		step := refund.NextStep(claimed.Refund)
		q := l.queue(step)
		q.jobs = append(q.jobs, job{Claimed: claimed, step: step, lane: l, since: now})
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
			if l.empty() && l.running == 0 {
				delete(e.lanes, key)
			}
		}
	}
	l := &lane{account: account, most: 1}
	e.lanes[account] = l
	return l
}

// learn sets a lane's limits when its connector is known, and again when they
// have changed with the account's settings. A call of each step counts as the one
// that is under way.
func (e *Engine) learn(l *lane, limits channel.Limits) {
	if limits.Concurrent <= 0 {
		limits.Concurrent = channel.DefaultConcurrent
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.known && l.limits == limits {
		return
	}
	l.most, l.limits, l.known = limits.Concurrent, limits, true
	l.submits.limiter, l.queries.limiter = e.limiter(limits.Submit), e.limiter(limits.Query)
	e.pump()
}

func (e *Engine) limiter(calls channel.Calls) *rate.Limiter {
	if calls.PerSecond <= 0 {
		return nil
	}
	limiter := rate.NewLimiter(rate.Limit(calls.PerSecond), max(1, calls.Burst))
	limiter.AllowN(e.now(), 1)
	return limiter
}

// next takes the next job that may be called now: lanes take turns. When only
// rate limits stand against it, wait is how long.
func (e *Engine) next(now time.Time) (found job, ok bool, wait time.Duration) {
	for n, l := range e.ready {
		if l.running >= l.most {
			continue
		}
		q, delay := l.next(now)
		if q == nil {
			if wait == 0 || delay < wait {
				wait = delay
			}
			continue
		}
		found = q.jobs[0]
		q.jobs[0] = job{}
		if q.jobs = q.jobs[1:]; len(q.jobs) == 0 {
			q.jobs = nil
		}
		copy(e.ready[n:], e.ready[n+1:])
		e.ready = e.ready[:len(e.ready)-1]
		if !l.empty() {
			e.ready = append(e.ready, l)
		}
		l.running++
		e.queued--
		return found, true, 0
	}
	return job{}, false, wait
}

// next is the queue whose first job may be called now, the one that waits longer
// first. When rate limits stand against both, it is nil and wait is how long.
func (l *lane) next(now time.Time) (found *queue, wait time.Duration) {
	first, second := &l.submits, &l.queries
	if len(first.jobs) == 0 || len(second.jobs) > 0 && second.jobs[0].since.Before(first.jobs[0].since) {
		first, second = second, first
	}
	for _, q := range []*queue{first, second} {
		if len(q.jobs) == 0 {
			continue
		}
		delay := q.take(now)
		if delay == 0 {
			return q, 0
		}
		if wait == 0 || delay < wait {
			wait = delay
		}
	}
	return nil, wait
}

// take takes the queue's turn now, or says after how long it comes.
func (q *queue) take(now time.Time) (wait time.Duration) {
	if q.limiter == nil {
		return 0
	}
	turn := q.limiter.ReserveN(now, 1)
	delay := turn.DelayFrom(now)
	if delay > 0 {
		turn.CancelAt(now)
	}
	return delay
}

// giveBackQueue gives back the leases of all that waits, due again at once.
func (e *Engine) giveBackQueue(now time.Time) {
	for _, l := range e.ready {
		for _, q := range []*queue{&l.submits, &l.queries} {
			for _, j := range q.jobs {
				e.words = append(e.words, giveBack(j, now))
			}
			q.jobs = nil
		}
	}
	e.ready, e.queued = nil, 0
	ring(e.recordBell)
}
