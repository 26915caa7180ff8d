package refund

import (
	"time"

	"github.com/refundry/refundry/ledger"
)

// whileOpen takes a word about a refund that is not in a final state.
func (d *decision) whileOpen() {
	if d.saysNothing() {
		d.nothing("says nothing of the refund")
		return
	}
	if d.o.Source == Submit && d.o.Kind != OutcomeTryLater {
		d.r.SubmittedAt = d.sentAt()
		d.r.firstSubmitted(d.sentAt())
	}
	d.takeID()
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
	case OutcomeNotFound, OutcomeInconclusive:
		d.notFound()
	default:
		d.unknown()
	}
	d.tellOperator()
}

// tellOperator reports what is wrong with the account, once for a refund.
func (d *decision) tellOperator() {
	switch {
	case d.o.Alert == "":
	case d.r.State.Final():
		d.alert(d.o.Alert)
	default:
		d.r.NeedsPerson = d.r.NeedsPerson || d.before.NeedsPerson
		d.person(d.o.Alert)
	}
}

// saysNothing: the kinds that are about a call of ours mean nothing without one.
func (d *decision) saysNothing() bool {
	switch d.o.Kind {
	case OutcomeRefused:
		return d.o.Source == Notice
	case OutcomeTryLater, OutcomeUnknown, OutcomeNotFound, OutcomeInconclusive:
		return !d.o.Source.Call()
	}
	return false
}

// told reports whether the channel may have had the refund before this word:
// then a submit that it refuses proves nothing about the refund.
func (d *decision) told() bool { return NextStep(d.before) == StepQuery || d.before.Unproven }

// known forgets doubts: the channel has spoken about this very refund.
func (d *decision) known() {
	d.r.Unknown, d.r.Refused, d.r.Unproven, d.r.NeedsPerson = false, false, false, false
}

// mayHaveIt moves on a refund that nobody had told the channel of until now.
func (d *decision) mayHaveIt() {
	if d.r.State == Created || d.r.State == Held {
		d.to(Pending)
	}
}

func (d *decision) accepted() {
	if d.r.State == Abnormal && d.o.Source != Reroute && d.o.Source != Query {
		d.nothing(olderWord)
		if d.o.Source.Call() {
			d.backOff()
		}
		return
	}
	d.known()
	if d.r.SubmittedAt.IsZero() {
		// A notice can be quicker than the answer to the call: the channel has
		// it, and must not be told again.
		d.r.SubmittedAt = d.sentAt()
	}
	if d.r.State != Pending {
		d.to(Pending)
		d.r.Tries = 0
	}
	d.r.FailureCode, d.r.FailureMessage = "", ""
	d.backOff()
}

func (d *decision) refused() {
	switch {
	case d.o.Source == Reroute:
		// The reroute was refused; the refund itself is as abnormal as before.
		d.backOff()
	case d.o.Source == Query:
		// It is the question that was refused: that says nothing of the refund.
		d.attempt.Note = "refused to answer"
		d.alert("the channel refuses to be asked about a refund")
		d.backOff()
	case d.o.Source == Submit && d.told():
		// An earlier call may have moved the money: the channel may refuse this
		// one only because that one is done. Ask.
		d.r.Refused = true
		d.explain()
		d.mayHaveIt()
		d.r.DueAt = d.now
	default:
		d.fail()
	}
}

// fail is the channel's own word that the refund failed.
func (d *decision) fail() {
	d.explain()
	d.end(Failed)
}

func (d *decision) shortOfFunds() {
	switch {
	case d.r.HeldReason == HeldForApproval:
		d.nothing("nothing was sent: the refund waits for an approval")
	case d.r.Unknown, d.o.Source == Submit && d.told():
		d.r.Unknown = true
		d.mayHaveIt()
		d.askSoon()
	case d.r.State == Abnormal, d.r.HeldReason == HeldForCancel:
		// A reroute that waits for funds leaves the refund abnormal, and a
		// question answered like this was not answered.
		d.backOff()
	default:
		// No call has created anything.
		d.r.FirstSubmittedAt, d.r.Unproven, d.r.NeedsPerson = time.Time{}, false, false
		d.to(Held)
		d.r.HeldReason = HeldForFunds
		d.backOff()
		d.r.HoldUntil = d.r.DueAt
	}
}

// notFound takes a query's answer that shows no refund. Only one that says that
// there is none ends anything.
func (d *decision) notFound() {
	says := d.o.Kind == OutcomeNotFound
	switch {
	case d.o.Source != Query:
		d.attempt.Note = "not found is no answer to this call"
		d.unknown()
	case !d.settled():
		// Too early: the submit may still be on its way inside the channel.
		d.r.DueAt = later(d.r.SubmittedAt.Add(d.pace.SettlingTime), d.now)
		if d.r.Unknown {
			d.mayHaveIt()
		}
	case says && d.r.HeldReason == HeldForCancel:
		d.end(Canceled)
	case says && d.r.Refused:
		d.end(Failed)
	case d.r.HeldReason == HeldForCancel:
		d.backOff()
		d.person("the channel does not say whether it knows a refund that is to be canceled")
	case d.r.Refused:
		d.backOff()
		d.person("the channel refuses a refund and does not say whether an earlier call moved money")
	case d.r.waitsForSubmit():
		d.absent()
	case says:
		// It had the refund, and now knows nothing of it: no case for a guess.
		d.alert("the channel no longer knows a refund that it had")
		d.backOff()
	case d.repeats():
		d.note("accepted, and not shown since: the same number is submitted again")
		d.absent()
	default:
		d.backOff()
	}
}

// repeats counts a question whose answer shows nothing of an accepted refund, and
// reports whether the same number is to be submitted again.
func (d *decision) repeats() bool {
	if d.pace.RepeatAfter == 0 || d.r.State != Pending {
		return false
	}
	return d.r.Tries >= d.pace.RepeatAfter && d.r.Tries%d.pace.RepeatAfter == 0
}

// settled reports whether "not found" counts: the question left when a submit
// could no longer be on its way inside the channel.
func (d *decision) settled() bool {
	return d.r.SubmittedAt.IsZero() || !d.o.SentAt.Before(d.r.SubmittedAt.Add(d.pace.SettlingTime))
}

func (d *decision) unknown() {
	told := d.o.Source == Submit || d.o.Source == Reroute
	d.r.Unknown = d.r.Unknown || told
	if d.r.Unknown {
		d.mayHaveIt()
	}
	if told {
		d.askSoon()
		return
	}
	d.backOff()
}
