package engine

import (
	"slices"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// mostIdleLanes is how many accounts' limits are remembered while they have
// nothing to do.
const mostIdleLanes = 1024

// lane is the queues of one channel account, called within its limits. An
// account that hangs holds up no other.
type lane struct {
	merchantID, account string
	// submits and queries wait apart, since each has a limit of its own.
	submits, queries queue
	reroutes         turns
	running          int
	// most calls at once: one until the connector is known and has said more.
	most   int
	limits channel.Limits
	known  bool
}

// queue is the jobs of one step, and when their calls may begin.
type queue struct {
	jobs  []job
	turns turns
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
		l := e.lane(claimed.Refund.MerchantID, claimed.Refund.ChannelAccount)
		j := job{Claimed: claimed, step: refund.NextStep(claimed.Refund), lane: l, since: now}
		if wait := l.queue(j.step).wait(); j.tooLate(now.Add(wait)) {
			// Its turn comes after its lease. Others may be sooner at it.
			e.words = append(e.words, giveBack(j, now.Add(wait)))
			ring(e.recordBell)
			continue
		}
		e.enqueue(j)
	}
	if e.stopping {
		e.giveBackQueue(now)
		return
	}
	e.pump()
}

// idle reports whether nothing of the lane needs to be remembered.
func (l *lane) idle(now time.Time) bool {
	return l.empty() && l.running == 0 && !l.submits.turns.resting(now) && !l.queries.turns.resting(now) && !l.reroutes.resting(now)
}

// enqueue queues a job behind the others of its step.
func (e *Engine) enqueue(j job) {
	if j.lane.empty() {
		e.ready = append(e.ready, j.lane)
	}
	q := j.lane.queue(j.step)
	q.jobs = append(q.jobs, j)
	e.queued++
}

// requeue puts a job back that was not called, before the others of its step.
func (e *Engine) requeue(j job) {
	if j.lane.empty() {
		e.ready = append(e.ready, j.lane)
	}
	q := j.lane.queue(j.step)
	q.jobs = slices.Insert(q.jobs, 0, j)
	e.queued++
}

// tooLate reports whether a call that begins at the given time would outlast the
// job's lease.
func (j job) tooLate(at time.Time) bool {
	return at.Add(channel.CallTimeout).After(j.Refund.LeaseUntil)
}

// wait is about how long a job that is queued now waits for its turn.
func (q *queue) wait() time.Duration {
	if q.turns.unlimited() {
		return 0
	}
	return time.Duration(max(0, len(q.jobs)-max(1, q.turns.calls.Burst))) * q.turns.every()
}

func (e *Engine) lane(merchantID, account string) *lane {
	if l := e.lanes[account]; l != nil {
		return l
	}
	if len(e.lanes) >= mostIdleLanes {
		for key, l := range e.lanes {
			if l.idle(e.now()) {
				delete(e.lanes, key)
			}
		}
	}
	l := &lane{merchantID: merchantID, account: account, most: 1}
	e.lanes[account] = l
	return l
}

// learn sets a lane's limits when its connector is known, and again when they
// have changed with the account's settings. It reports whether calls of the step
// have a limit that was not known before.
func (e *Engine) learn(l *lane, limits channel.Limits, step refund.Step) bool {
	if limits.Concurrent <= 0 {
		limits.Concurrent = channel.DefaultConcurrent
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l.known && l.limits == limits {
		return false
	}
	l.most, l.limits, l.known = limits.Concurrent, limits, true
	key := TurnKey{MerchantID: l.merchantID, Account: l.account}
	for _, one := range []struct {
		turns *turns
		step  refund.Step
		calls channel.Calls
	}{{&l.submits.turns, refund.StepSubmit, limits.Submit}, {&l.queries.turns, refund.StepQuery, limits.Query}, {&l.reroutes, refund.StepReroute, limits.Reroute}} {
		if one.turns.calls != one.calls {
			key.Step = one.step
			*one.turns = turns{key: key, calls: one.calls, next: one.turns.next}
		}
	}
	e.pump()
	return step != "" && !l.queue(step).turns.unlimited()
}

// next takes the next job that may be called now: lanes take turns. When only
// rate limits stand against it, wait is how long.
func (e *Engine) next(now time.Time) (found job, ok bool, wait time.Duration) {
	for n, l := range e.ready {
		if l.running >= l.most {
			continue
		}
		q, delay := e.nextOf(l, now)
		if q == nil {
			if delay > 0 && (wait == 0 || delay < wait) {
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

// nextOf is the queue of a lane whose first job may be called now, the one that
// waits longer first. When limits stand against both, it is nil and wait is how
// long. No turn is taken for a job whose lease has become too short: it goes back.
func (e *Engine) nextOf(l *lane, now time.Time) (found *queue, wait time.Duration) {
	first, second := &l.submits, &l.queries
	if len(first.jobs) == 0 || len(second.jobs) > 0 && second.jobs[0].since.Before(first.jobs[0].since) {
		first, second = second, first
	}
	for _, q := range []*queue{first, second} {
		for len(q.jobs) > 0 && q.jobs[0].tooLate(now) && !q.turns.unlimited() {
			j := q.jobs[0]
			q.jobs = q.jobs[1:]
			e.queued--
			e.words = append(e.words, giveBack(j, now.Add(now.Sub(j.since))))
			ring(e.recordBell)
		}
		if len(q.jobs) == 0 {
			continue
		}
		delay := q.turns.take(now, e.opts.Turns != nil)
		if delay == 0 {
			return q, 0
		}
		if q.turns.asked {
			ring(e.turnBell)
		}
		if wait == 0 || delay < wait {
			wait = delay
		}
	}
	return nil, wait
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
