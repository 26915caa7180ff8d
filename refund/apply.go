package refund

import (
	"time"

	"github.com/refundry/refundry/ledger"
)

const (
	// unknownLook is how soon after an unknown outcome the channel is asked; later
	// with the back-off, where it stays unknown.
	unknownLook = time.Second
	// longestRetryAfter bounds what a channel may ask us to wait: a refund
	// that a broken header put off by years would be forgotten.
	longestRetryAfter = 24 * time.Hour
)

// Apply takes a channel's word about a refund. It returns the charge and refund
// as they are afterwards and what hangs on the change. The attempt is always
// recorded, also where the word changes nothing.
//
//   - A call's outcome under a lease that was lost decides nothing: the refund
//     is due now, or when the lease of the process that took it over runs out.
//   - An amount that is not the refund's is not believed.
//   - A word against a final state waits for a query of its own.
func Apply(charge Charge, r Refund, o Outcome, pace Pace, now time.Time) Change {
	d := decision{charge: charge, before: r, r: r, o: o, pace: pace, now: now}
	d.attempt = Attempt{RefundID: r.ID, Source: o.Source, Epoch: o.Epoch, Outcome: o.Kind, Code: o.Code, Message: o.Message, At: now, Sent: o.Sent, Actor: o.Cause.Actor}
	d.r.UpdatedAt = now
	if o.Source.Call() {
		d.r.Attempts++
	}
	if o.Source == Submit && len(o.Sent.Shown) > 0 {
		d.r.Shown = o.Sent.Shown
	}
	switch {
	case o.Source.Call() && o.Epoch != r.LeaseEpoch:
		d.stale()
	case o.Amount != nil && *o.Amount != r.Amount:
		d.disbelieve()
	case r.State.Final():
		d.release()
		d.afterEnd()
	default:
		d.release()
		d.whileOpen()
	}
	d.twice()
	d.escalate()
	d.keepLease()
	d.watch()
	return d.change()
}

// decision is Apply at work: everything it changes is a copy.
type decision struct {
	charge  Charge
	before  Refund
	r       Refund
	o       Outcome
	pace    Pace
	now     time.Time
	attempt Attempt
	legs    []ledger.Transfer
	alerts  []Alert
	// ending says how the approval ends that the refund waits for, where that is known;
	// ended is how it did.
	ending *ApprovalEnd
	ended  []ApprovalEnd
}

func (d *decision) change() Change {
	attempts := d.streak()
	out := Change{Charge: d.charge, Refunds: []Refund{d.r}, Attempts: attempts, Alerts: d.alerts, Ended: d.ended}
	out.Transfers = transfers(d.r, d.legs)
	if d.r.State != d.before.State {
		out.Events = []Event{event(d.before.State, d.r, d.charge, d.now, d.o.Cause)}
	}
	return out
}

// release ends the lease under which the call was made. A notice leaves the
// lease of a call under way alone.
func (d *decision) release() {
	if d.o.Source.Call() {
		d.r.LeaseUntil = time.Time{}
	}
}

// keepLease: while a call is under way, its lease's end is when the refund is
// due, whatever else is said meanwhile. Making it due earlier would let a
// second call begin beside the first, whose answer would then be stale, and so
// on with neither ever counting.
func (d *decision) keepLease() {
	under := d.before.LeaseUntil.After(d.now) && d.before.DueAt.Equal(d.before.LeaseUntil)
	if under && !d.r.LeaseUntil.IsZero() && !d.r.DueAt.IsZero() {
		d.r.DueAt = d.r.LeaseUntil
	}
}

// stale keeps a word that came after its lease was lost: someone else may be
// at work, so it decides nothing, but the refund is looked at again.
func (d *decision) stale() {
	d.attempt.Note = "lease lost"
	if d.r.State.Final() {
		if d.doubts() {
			d.contradict("lease lost; contradicts a final state: asking")
		}
		return
	}
	d.r.DueAt = d.now
	if d.o.Source == Submit {
		d.r.Unknown = true
		d.r.SubmittedAt = later(d.r.SubmittedAt, d.sentAt())
		d.r.firstSubmitted(d.sentAt())
	}
}

// disbelieve keeps a word of another amount than the refund's. A person is told once,
// and the channel is asked on.
func (d *decision) disbelieve() {
	d.attempt.Note = "amount not believed"
	const text = "the channel speaks of another amount than the refund's; not believed"
	switch {
	case !d.r.State.Final():
		d.person(text)
	case !d.r.Contradicted || d.before.Tries == 0:
		d.alert(text)
	}
	d.release()
	switch {
	case d.r.State.Final() && !d.r.Contradicted:
		d.nothing(d.attempt.Note)
		return
	case d.o.Source == Submit && !d.r.State.Final():
		// The call itself may have moved money: never submit before asking.
		d.r.SubmittedAt = d.sentAt()
		d.r.firstSubmitted(d.sentAt())
		d.r.Unknown = true
		d.mayHaveIt()
	}
	switch {
	case !d.o.Source.Call():
		d.r.DueAt = earlier(d.r.DueAt, d.now)
	case d.r.State.Final():
		d.undecided()
	default:
		d.backOff()
	}
}

// backOff makes the refund due again after a wait that grows.
func (d *decision) backOff() {
	d.r.Tries++
	d.r.DueAt = d.now.Add(max(d.pace.Backoff(d.r.Tries), min(d.o.RetryAfter, longestRetryAfter)))
}

// askSoon makes the refund due again after a call of which nobody knows what became:
// at once at first, and then with the back-off.
func (d *decision) askSoon() {
	wait := max(unknownLook, d.pace.FirstQuery)
	if d.r.Tries++; d.r.Tries > 1 {
		wait = max(wait, d.pace.Backoff(d.r.Tries-1))
	}
	d.r.DueAt = d.now.Add(wait)
}

// nothing keeps a word that changes nothing.
func (d *decision) nothing(note string) {
	d.attempt.Note = note
	d.r.UpdatedAt = d.before.UpdatedAt
}

// sentAt is when the call left.
func (d *decision) sentAt() time.Time {
	if d.o.SentAt.IsZero() {
		return d.now
	}
	return d.o.SentAt
}

func (d *decision) explain() {
	d.r.FailureCode, d.r.FailureMessage = d.o.Code, d.o.Message
}

// note adds to what we made of the word.
func (d *decision) note(text string) {
	if d.attempt.Note != "" {
		text = d.attempt.Note + "; " + text
	}
	d.attempt.Note = text
}

func (d *decision) alert(text string) {
	d.alerts = append(d.alerts, Alert{RefundID: d.r.ID, Text: text})
}

// to moves the refund on; staying where it is is no move.
func (d *decision) to(next State) {
	if d.r.State == next {
		return
	}
	if !d.r.State.May(next) {
		d.alert("a move from " + string(d.r.State) + " to " + string(next) + " was asked for, which there is not")
		d.attempt.Note = "no such move"
		return
	}
	if d.r.HeldReason == HeldForApproval {
		d.overtake()
	}
	if next != Held {
		d.r.HeldReason, d.r.HoldUntil = "", time.Time{}
	}
	d.r.State = next
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
