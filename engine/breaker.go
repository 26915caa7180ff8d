package engine

import (
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// breakerAfter is after how many calls in a row without an answer, about as
	// many refunds, an account is left alone: half of what is called at once.
	breakerAfter = 16
	// firstBreak is for how long at first; doubled with each probe that gets no
	// answer either, up to longestBreak. A channel that is back is noticed so soon.
	firstBreak   = time.Second
	longestBreak = 30 * time.Second
	// alertBreak is from which wait on an operator is alerted.
	alertBreak = 8 * firstBreak
)

// breaker leaves an account alone whose channel answers no call, whatever the call
// is, and lets one through at a time to find out whether it does again. Then the
// number of calls at once is doubled with each answer.
type breaker struct {
	failed int    // calls in a row
	last   string // the refund of the last one
	// wait is how long the account is left alone now, 0 while it is not; since and
	// until are when that began and ends.
	wait         time.Duration
	since, until time.Time
	allowed      int // calls at once, 0 is any number
}

// tripped reports whether the account is left alone, or probed.
func (b *breaker) tripped() bool { return b.wait > 0 }

// open reports whether no call may begin now.
func (b *breaker) open(now time.Time) bool { return b.until.After(now) }

// bound is how many calls may be under way, of most. Each call without an answer
// takes its part away, so that those which hang are not followed by others.
func (b *breaker) bound(most int, now time.Time) int {
	switch {
	case b.open(now):
		return 0
	case b.tripped():
		return 1
	case b.allowed > 0:
		most = min(most, b.allowed)
	}
	return max(1, most*(breakerAfter-b.failed)/breakerAfter)
}

// answered takes the end of a call that got an answer.
func (b *breaker) answered(most int) {
	if b.tripped() {
		*b = breaker{allowed: 1}
	}
	b.failed = 0
	if b.allowed *= 2; b.allowed >= most {
		b.allowed = 0
	}
}

// unanswered takes the end of a call that began at a time and got none. It reports
// whether the account is left alone from now on.
func (b *breaker) unanswered(refundID string, began, now time.Time) bool {
	switch {
	case b.tripped() && began.Before(b.since):
		return false // a call of the time before
	case b.tripped():
		b.wait = min(2*b.wait, longestBreak)
	case refundID == b.last:
		return false // it may be that refund's own fault
	default:
		b.last = refundID
		if b.failed++; b.failed < breakerAfter {
			return false
		}
		b.wait = firstBreak
	}
	b.since, b.until, b.allowed, b.failed = now, now.Add(b.wait), 1, 0
	return true
}

// unanswered reports whether an outcome says that the channel did not answer. Try
// later is an answer, often to one refund alone, whose own back-off heeds it.
func unanswered(kind refund.OutcomeKind) bool { return kind == refund.OutcomeUnknown }

// judge tells a lane's breaker how a call ended, and returns the alert that is to
// be raised, if any. The lock is held.
func (e *Engine) judge(j job, kind refund.OutcomeKind, began, now time.Time) *refund.Alert {
	l := j.lane
	if !unanswered(kind) {
		closed := l.breaker.tripped()
		l.breaker.answered(l.most)
		if closed {
			// The times were those of calls without an answer.
			l.took, l.submits.each, l.queries.each = 0, 0, 0
			e.refill(l, now)
		}
		return nil
	}
	if !l.breaker.unanswered(j.Refund.ID, began, now) {
		return nil
	}
	e.agenda.add(l.breaker.until, now)
	e.giveBackLane(l, l.breaker.until)
	l.fallBehind()
	if l.breaker.wait != alertBreak {
		return nil
	}
	return &refund.Alert{Account: l.ID, Text: "channel account " + l.ID +
		" does not answer; its refunds wait, and it is called again from time to time (hint: refundry account check " + l.ID + ")"}
}
