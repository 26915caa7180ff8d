package engine

import (
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// maxIdleLanes is how many accounts' limits are remembered while they have
	// nothing to do.
	maxIdleLanes = 1024
	// fillAhead is for how long ahead a lane takes refunds: half of the time that a
	// lease leaves for waiting, so that a channel which becomes slower still gets
	// to most of what waits.
	fillAhead = (Lease - channel.CallTimeout) / 2
	// unknownRoom is how many refunds wait of an account whose limits are not
	// known. The first call learns them.
	unknownRoom = 32
	// averageOver is over how many calls times are averaged.
	averageOver = 8
)

// lane is the queues of one channel account, called within its limits. An
// account that hangs holds up no other.
type lane struct {
	refund.AccountKey
	owner *owner
	// submits and queries wait apart, since each has a limit of its own.
	submits, queries queue
	reroutes         turns
	// held are the account's refunds that this engine has: reserved for, queued,
	// called and not yet recorded; running are those that are called.
	held, running int
	// most calls at once: one until the connector is known and has said more.
	most   int
	limits channel.Limits
	known  bool
	// took is how long a call takes, averaged.
	took    time.Duration
	breaker breaker
	// asked says that the next look is to read the account's due refunds; lookAfter
	// when it may, where the last one claimed none of them.
	asked     bool
	lookAfter time.Time
}

// owner is a merchant with its accounts' lanes together.
type owner struct {
	lanes         int
	held, running int
}

// queue is the jobs of one step, and when their calls may begin.
type queue struct {
	jobs  []job
	turns turns
	// reserved is the room for refunds that are being accepted or claimed; behind
	// says that due refunds for the queue are in the database.
	reserved int
	behind   bool
	// each is how long the queue takes for one job, averaged; moved is when a job
	// last left it, or came while it was empty.
	each  time.Duration
	moved time.Time
}

// job is a claimed refund that waits for its call.
type job struct {
	*refund.Claimed
	step  refund.Step
	lane  *lane
	since time.Time
	// ahead is how many jobs were before it.
	ahead int
}

func (l *lane) queue(step refund.Step) *queue {
	if step == refund.StepSubmit {
		return &l.submits
	}
	return &l.queries
}

func (l *lane) empty() bool { return len(l.submits.jobs)+len(l.queries.jobs) == 0 }

// fallBehind notes that due refunds of the account may be in the database.
func (l *lane) fallBehind() { l.submits.behind, l.queries.behind = true, true }

// waiting is how many refunds wait in the queue or are on their way into it.
func (q *queue) waiting() int { return len(q.jobs) + q.reserved }

// idle reports whether nothing of the lane needs to be remembered.
func (l *lane) idle(now time.Time) bool {
	return l.held == 0 && l.running == 0 && !l.asked && !l.breaker.tripped() && !l.submits.turns.resting(now) && !l.queries.turns.resting(now) && !l.reroutes.resting(now)
}

// capacity is how many refunds may wait in the queue, so that each is called
// before its lease ends: as many as are called in fillAhead, at the limit's rate,
// with as many calls at once as the account allows, and at the rate at which jobs
// have left the queue lately. Replicas that share a limit find out so which part
// of it they get.
func (l *lane) capacity(q *queue, now time.Time) int {
	switch {
	case l.breaker.open(now):
		return 0
	case l.breaker.tripped():
		return 1 // the probe: others would go back if it gets no answer either
	case !l.known:
		return unknownRoom
	}
	slots := time.Duration(l.slots(now))
	each := max(q.each, l.took/slots)
	if !q.turns.unlimited() {
		each = max(each, q.turns.every())
	}
	if len(q.jobs) > 0 {
		each = max(each, now.Sub(q.moved)/slots) // calls that share a commit end together
	}
	if each <= 0 {
		return DefaultQueue
	}
	return max(1, int(fillAhead/each)) + max(0, q.turns.calls.Burst-1)
}

// slots is how many calls of the lane may be under way now, at least one.
func (l *lane) slots(now time.Time) int { return max(1, l.breaker.bound(l.most, now)) }

// left notes that a job left the queue for its call.
func (q *queue) left(j job, now time.Time) {
	q.each = average(q.each, now.Sub(j.since)/time.Duration(j.ahead+1))
	q.moved = now
}

func average(so, now time.Duration) time.Duration {
	return so + (now-so)/averageOver
}

// lane is an account's lane, made where there is none. The engine's lock is held,
// here and below.
func (e *Engine) lane(key refund.AccountKey) *lane {
	if l := e.lanes[key]; l != nil {
		return l
	}
	if len(e.lanes) >= maxIdleLanes {
		e.forgetIdle()
	}
	o := e.owners[key.MerchantID]
	if o == nil {
		o = &owner{}
		e.owners[key.MerchantID] = o
	}
	o.lanes++
	l := &lane{AccountKey: key, owner: o, most: 1}
	e.lanes[key] = l
	return l
}

func (e *Engine) forgetIdle() {
	now := e.now()
	for key, l := range e.lanes {
		if !l.idle(now) {
			continue
		}
		delete(e.lanes, key)
		if l.owner.lanes--; l.owner.lanes == 0 {
			delete(e.owners, key.MerchantID)
		}
	}
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
	key := TurnKey{MerchantID: l.MerchantID, Account: l.ID}
	for _, one := range []struct {
		turns *turns
		step  refund.Step
		calls channel.Calls
	}{{&l.submits.turns, refund.StepSubmit, limits.Submit}, {&l.queries.turns, refund.StepQuery, limits.Query}, {&l.reroutes, refund.StepReroute, limits.Reroute}} {
		if one.turns.calls != one.calls {
			key.Step = one.step
			*one.turns = turns{key: key, calls: one.calls, next: one.turns.next, slow: one.turns.slow}
		}
	}
	e.refill(l, e.now())
	e.pump()
	return step != "" && !l.queue(step).turns.unlimited()
}
