package engine

import (
	"slices"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// enqueue queues a claimed refund, whose room was reserved, behind the others of
// its step. The lock is held, here and below.
func (e *Engine) enqueue(l *lane, claimed *refund.Claimed, now time.Time) {
	j := job{Claimed: claimed, step: refund.NextStep(claimed.Refund), lane: l, since: now}
	if l.empty() {
		e.ready = append(e.ready, l)
	}
	q := l.queue(j.step)
	if j.ahead = len(q.jobs); j.ahead == 0 {
		q.moved = now
	}
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

func (j job) key() refund.Key {
	return refund.Key{MerchantID: j.Refund.MerchantID, ID: j.Refund.ID}
}

// tooLate reports whether a call that begins at the given time would outlast the
// job's lease.
func (j job) tooLate(at time.Time) bool {
	return at.Add(channel.CallTimeout).After(j.Refund.LeaseUntil)
}

// first takes the first job out of a queue.
func (e *Engine) first(q *queue) job {
	j := q.jobs[0]
	q.jobs[0] = job{}
	if q.jobs = q.jobs[1:]; len(q.jobs) == 0 {
		q.jobs = nil
	}
	e.queued--
	return j
}

// next takes the next job that may be called now: lanes take turns. When only
// rate limits stand against it, wait is how long.
func (e *Engine) next(now time.Time) (found job, ok bool, wait time.Duration) {
	free := e.opts.Workers - e.calling
	for n := 0; n < len(e.ready); {
		l := e.ready[n]
		if l.running >= l.breaker.bound(l.most, now) || share(free, l.running, l.owner.running) == 0 {
			n++
			continue
		}
		q, delay := e.nextOf(l, now)
		if q == nil {
			if delay > 0 && (wait == 0 || delay < wait) {
				wait = delay
			}
			if l.empty() { // its jobs went back
				e.ready = slices.Delete(e.ready, n, n+1)
			} else {
				n++
			}
			continue
		}
		found = e.first(q)
		q.left(found, now)
		e.ready = slices.Delete(e.ready, n, n+1)
		if !l.empty() {
			e.ready = append(e.ready, l)
		}
		l.running++
		l.owner.running++
		e.began[found.key()] = now
		e.refill(l, now)
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
		e.giveBackLate(q, now)
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

// giveBackLate gives back the jobs of a queue whose leases have become too short
// for a call. They are due again at once: they keep their place, and are claimed
// when their lane has room.
func (e *Engine) giveBackLate(q *queue, now time.Time) {
	for len(q.jobs) > 0 && q.jobs[0].tooLate(now) {
		j := e.first(q)
		q.behind = true
		e.say(giveBack(j, now), now)
	}
}

// expire gives back what waits too long in lanes that are not called at all.
func (e *Engine) expire(now time.Time) {
	e.ready = slices.DeleteFunc(e.ready, func(l *lane) bool {
		e.giveBackLate(&l.submits, now)
		e.giveBackLate(&l.queries, now)
		return l.empty()
	})
}

// giveBackLane gives back all that waits in a lane.
func (e *Engine) giveBackLane(l *lane, due time.Time) {
	if l.empty() {
		return
	}
	for _, q := range []*queue{&l.submits, &l.queries} {
		for len(q.jobs) > 0 {
			e.say(giveBack(e.first(q), due), e.now())
		}
	}
	e.ready = slices.DeleteFunc(e.ready, func(other *lane) bool { return other == l })
}

// giveBackQueue gives back the leases of all that waits, due again at once.
func (e *Engine) giveBackQueue(now time.Time) {
	for _, l := range slices.Clone(e.ready) {
		e.giveBackLane(l, now)
	}
}

// say hands a word to the recorder.
func (e *Engine) say(w *word, now time.Time) {
	w.said = now
	e.words = append(e.words, w)
	ring(e.recordBell)
}
