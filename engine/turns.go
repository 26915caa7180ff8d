package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// latestTurn is how far ahead turns are taken from those that replicas share.
	// A call whose turn comes later would find its lease too short.
	latestTurn = Lease - channel.CallTimeout
	// maxTurns bounds the turns that are taken at once: a second's, as a rule.
	maxTurns = 256
	// turnPause is waited before shared turns are asked for again, where all of
	// the next ones are others' or the database did not answer.
	turnPause = time.Second
)

// TurnKey names the limit of one kind of call to an account.
type TurnKey struct {
	MerchantID, Account string
	Step                refund.Step
}

// SharedTurns hands out the turns of calls among all replicas.
type SharedTurns interface {
	// TakeTurns takes up to n turns, every so long one, for calls of the key that
	// begin at the latest at a given time; ahead is by how much a call may begin
	// before its turn where turns before it were left unused. It returns when the
	// first call may begin; the others follow, every so long one. False: all turns
	// until the latest time are taken. The first turn may be over, by ahead at most.
	TakeTurns(ctx context.Context, key TurnKey, n int, every, ahead time.Duration, now, latest time.Time) (first time.Time, ok bool, err error)
}

// turns say when calls of one kind to one account may begin: at a steady rate,
// and after a pause as many at once as the limit's burst. It is the generic cell
// rate algorithm.
type turns struct {
	key   TurnKey
	calls channel.Calls
	// next is the turn of the next call, where this process is the only one.
	next time.Time
	// slots are turns that were taken from the shared ones, the earliest first.
	slots []time.Time
	// slow makes them rarer while the channel says that there are too many.
	slow slowing
	// pausedUntil is when shared turns may be asked for again; asked says that
	// they are wanted, and asking that someone is at it.
	pausedUntil   time.Time
	asked, asking bool
}

// every is the time between two calls at the steady rate, rounded up to what the
// store keeps.
func (t *turns) every() time.Duration {
	rate := int64(t.calls.PerSecond)
	if rate <= 0 {
		return t.slow.stretch(t.calls, 0)
	}
	second := time.Second.Microseconds()
	return t.slow.stretch(t.calls, time.Duration((second+rate-1)/rate)*time.Microsecond)
}

// ahead is by how much a call may begin before its turn.
func (t *turns) ahead() time.Duration { return time.Duration(max(1, t.calls.Burst)-1) * t.every() }

func (t *turns) unlimited() bool { return t.calls.PerSecond <= 0 && t.slow.by <= 1 }

// ofAll reports whether the turns are those that replicas share. An account without
// a limit that is slowed down is so by each process.
func (t *turns) ofAll(shared bool) bool { return shared && t.calls.PerSecond > 0 }

// resting reports whether what was called before still delays the next call.
func (t *turns) resting(now time.Time) bool {
	return t.next.After(now) || len(t.slots) > 0 || t.asking || t.slow.by > 1 && t.slow.until.After(now)
}

// take takes a turn now, or says after how long there may be one. The engine's
// lock is held, here and below.
func (t *turns) take(now time.Time, shared bool) (wait time.Duration) {
	t.slow.recover(now)
	switch {
	case t.unlimited():
		return 0
	case t.ofAll(shared):
		return t.takeSlot(now)
	}
	turn := t.next
	if turn.Before(now) {
		turn = now
	}
	if wait := turn.Add(-t.ahead()).Sub(now); wait > 0 {
		return wait
	}
	t.next = turn.Add(t.every())
	return 0
}

// takeSlot is take of the turns that were taken from the shared ones. One that
// was not used in its time is lost, so that calls never come closer together
// than the limit says.
func (t *turns) takeSlot(now time.Time) (wait time.Duration) {
	late := now.Add(-t.every() - t.ahead())
	t.slots = slices.DeleteFunc(t.slots, func(slot time.Time) bool { return slot.Before(late) })
	switch {
	case len(t.slots) == 0 && t.pausedUntil.After(now):
		return t.pausedUntil.Sub(now)
	case len(t.slots) == 0:
		t.asked = !t.asking
		return turnPause
	case t.slots[0].After(now):
		return t.slots[0].Sub(now)
	}
	t.slots = t.slots[1:]
	return 0
}

// giveBack returns a turn that was taken at now and not used.
func (t *turns) giveBack(now time.Time, shared bool) {
	switch {
	case t.unlimited():
	case t.ofAll(shared):
		t.slots = slices.Insert(t.slots, 0, now)
	default:
		t.next = t.next.Add(-t.every())
	}
}

// StepTurns takes turns from those that replicas share, for the calls that wait
// for them, and reports how many. Accounts without limits need none.
func (e *Engine) StepTurns(ctx context.Context) (int, error) {
	if e.opts.Turns == nil {
		return 0, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	type asking struct {
		*turns
		n int
	}
	e.mu.Lock()
	var all []asking
	for _, l := range e.ready {
		for _, q := range []*queue{&l.submits, &l.queries} {
			if q.turns.asked {
				q.turns.asked, q.turns.asking = false, true
				all = append(all, asking{&q.turns, min(len(q.jobs), q.turns.calls.PerSecond, maxTurns)})
			}
		}
	}
	e.mu.Unlock()
	total := 0
	var problems []error
	for _, a := range all {
		slots, err := e.takeShared(ctx, a.turns, max(1, a.n))
		problems = append(problems, err)
		total += len(slots)
	}
	e.mu.Lock()
	e.pump()
	e.mu.Unlock()
	return total, errors.Join(problems...)
}

// takeShared takes turns from the shared ones and keeps them.
func (e *Engine) takeShared(ctx context.Context, t *turns, n int) ([]time.Time, error) {
	now := e.now()
	first, ok, err := e.opts.Turns.TakeTurns(ctx, t.key, n, t.every(), t.ahead(), now, now.Add(latestTurn))
	e.mu.Lock()
	defer e.mu.Unlock()
	t.asking = false
	if err != nil || !ok {
		t.pausedUntil = now.Add(turnPause)
		return nil, wrap(err, "take turns of calls to a channel")
	}
	slots := make([]time.Time, n)
	for i := range slots {
		slots[i] = first.Add(time.Duration(i) * t.every())
	}
	t.slots = append(t.slots, slots...)
	return slots, nil
}
