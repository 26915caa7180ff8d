package refund

import (
	"time"

	"github.com/refundry/refundry/ledger"
)

// unknownLook is how soon after an unknown outcome the channel is asked.
const unknownLook = time.Second

// Apply takes a channel's word about a refund. It gives the charge and refund
// as they are afterwards and what hangs on the change. The attempt is always
// recorded, also where the word changes nothing.
//
//   - A call's outcome under a lease that was lost only makes the refund due now.
//   - An amount that is not the refund's is not believed.
//   - A word against a final state waits for a query of its own.
func Apply(charge Charge, r Refund, o Outcome, pace Pace, now time.Time) Change {
	d := decision{charge: charge, before: r.State, r: r, o: o, pace: pace, now: now}
	d.attempt = Attempt{RefundID: r.ID, Source: o.Source, Epoch: o.Epoch, Outcome: o.Kind, Code: o.Code, Message: o.Message, At: now}
	d.r.UpdatedAt = now
	if o.Source.Call() {
		d.r.Attempts++
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
	return d.change()
}

// decision is Apply at work: everything it changes is a copy.
type decision struct {
	charge  Charge
	before  State
	r       Refund
	o       Outcome
	pace    Pace
	now     time.Time
	attempt Attempt
	legs    []ledger.Transfer
	alerts  []Alert
	failure bool // the outcome's code and message explain a failure
}

func (d *decision) change() Change {
	out := Change{Charge: d.charge, Refunds: []Refund{d.r}, Attempts: []Attempt{d.attempt}, Alerts: d.alerts}
	out.Transfers = transfers(d.r, d.legs)
	if d.r.State != d.before {
		out.Events = []Event{event(d.r, d.charge, d.now, "")}
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

// stale keeps a word that came after its lease was lost: someone else may be
// at work, so it decides nothing, but the refund is looked at now.
func (d *decision) stale() {
	d.attempt.Note = "lease lost"
	if !d.r.State.Final() {
		d.r.DueAt = d.now
		d.r.Unknown = d.r.Unknown || d.o.Source == Submit
	}
}

func (d *decision) disbelieve() {
	d.attempt.Note = "amount not believed"
	d.alert("the channel speaks of another amount than the refund's; not believed")
	d.release()
	if d.r.State.Final() {
		return
	}
	// The call itself may have moved money: never submit before asking.
	if d.o.Source == Submit {
		d.submitted()
		d.r.Unknown = true
		d.to(Pending)
	}
	if d.o.Source == Notice {
		d.r.DueAt = earlier(d.r.DueAt, d.now)
		return
	}
	d.backOff()
}

func (d *decision) whileOpen() {
	if d.o.Source == Submit && d.o.Kind != OutcomeTryLater {
		d.submitted()
	}
	if d.o.ChannelRefundID != "" {
		d.r.ChannelRefundID = d.o.ChannelRefundID
	}
	switch d.o.Kind {
	case OutcomeAccepted:
		d.accepted()
	case OutcomeDone:
		d.succeed(ledger.Settling)
	case OutcomeRefused:
		d.refused()
	case OutcomeFailed:
		d.fail()
	case OutcomeTryLater:
		d.backOff()
	case OutcomeShortOfFunds:
		d.shortOfFunds()
	case OutcomeAbnormal:
		d.known()
		d.explain()
		d.to(Abnormal)
		d.backOff()
	case OutcomeNotFound:
		d.notFound()
	default:
		d.unknown()
	}
}

func (d *decision) submitted() {
	d.r.SubmittedAt = d.o.SentAt
	if d.r.SubmittedAt.IsZero() {
		d.r.SubmittedAt = d.now
	}
}

// known forgets doubts: the channel has spoken about this very refund.
func (d *decision) known() { d.r.Unknown, d.r.Refused = false, false }

func (d *decision) accepted() {
	d.known()
	if d.r.State == Abnormal && d.o.Source != Reroute && d.o.Source != Query {
		// An old "processing" that comes after "abnormal" is older than what we know.
		d.attempt.Note = "older than what we know"
		return
	}
	if d.r.State != Pending {
		d.to(Pending)
		d.r.Tries = 0
	}
	d.backOff()
}

func (d *decision) refused() {
	if d.o.Source == Reroute {
		// The reroute was refused; the refund itself is as abnormal as before.
		d.backOff()
		return
	}
	if d.o.Source == Submit && d.r.Unknown {
		// An earlier call may have moved the money: the channel may refuse this
		// one only because that one is done. Ask.
		d.r.Refused = true
		d.explain()
		d.to(Pending)
		d.r.DueAt = d.now
		return
	}
	d.explain()
	d.end(Failed)
}

// fail is the channel's own word that the refund failed.
func (d *decision) fail() {
	d.explain()
	d.end(Failed)
}

func (d *decision) shortOfFunds() {
	if d.r.Unknown {
		d.to(Pending)
		d.r.DueAt = d.now.Add(unknownLook)
		return
	}
	d.r.SubmittedAt = time.Time{} // nothing was created
	d.r.HeldReason = HeldForFunds
	d.to(Held)
	d.backOff()
}

func (d *decision) notFound() {
	switch {
	case d.o.Source != Query:
		d.attempt.Note = "not found is no answer to this call"
		d.unknown()
	case !d.r.SubmittedAt.IsZero() && d.o.SentAt.Before(d.r.SubmittedAt.Add(d.pace.SettlingTime)):
		// Too early: the submit may still be on its way inside the channel.
		d.r.DueAt = later(d.r.SubmittedAt.Add(d.pace.SettlingTime), d.now)
		d.to(Pending)
	case d.r.Refused:
		d.r.Unknown = false
		d.end(Failed)
	case d.r.Unknown:
		// Proven absent: the next step is a submit with the same number.
		d.known()
		d.r.SubmittedAt = time.Time{}
		if d.r.State != Abnormal {
			d.to(Pending)
		}
		d.r.DueAt = d.now
	default:
		// It had the refund, and now knows nothing of it: no case for a guess.
		d.alert("the channel no longer knows a refund that it had")
		d.backOff()
	}
}

func (d *decision) unknown() {
	if d.o.Source == Submit || d.o.Source == Reroute {
		d.r.Unknown = true
		d.r.Tries = 0
	}
	if d.r.State == Created || d.r.State == Held {
		d.to(Pending)
	}
	if d.r.Tries == 0 {
		d.r.Tries = 1
		d.r.DueAt = d.now.Add(unknownLook)
		return
	}
	d.backOff()
}

// backOff makes the refund due again after a wait that grows.
func (d *decision) backOff() {
	d.r.Tries++
	d.r.DueAt = d.now.Add(max(d.pace.Backoff(d.r.Tries), d.o.RetryAfter))
}

func (d *decision) explain() {
	d.r.FailureCode, d.r.FailureMessage = d.o.Code, d.o.Message
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
