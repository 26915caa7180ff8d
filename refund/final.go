package refund

import (
	"time"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// succeed moves the money in the books; legs says from where (Settling from
// what was reserved, Correcting from what had been released).
func (d *decision) succeed(legs func(ledger.Legs, money.Currency) []ledger.Transfer) {
	d.r.SucceededAt = d.o.SucceededAt
	if !d.r.SucceededAt.After(time.Unix(0, 0)) { // none, or a broken one that no row may hold
		d.r.SucceededAt = d.now
	}
	if d.o.Settled.Minor != 0 {
		d.r.Settled = d.o.Settled
	}
	if d.o.Landed != (Landed{}) {
		d.land(d.o.Landed)
	}
	d.missID()
	reserved := d.r.State.Reserves()
	d.to(Succeeded)
	d.close()
	d.resolved()
	d.r.FailureCode, d.r.FailureMessage = "", ""
	if reserved {
		d.charge.Reserved -= d.r.Amount
	} else {
		d.charge.use(d.r.Parts, 1)
	}
	d.charge.Refunded += d.r.Amount
	d.charge.UpdatedAt = d.now
	d.legs = legs(d.r.Parts.Legs(d.charge.Detail.Coupons), d.r.Currency)
}

// end closes an open refund without success and gives back what it held.
func (d *decision) end(next State) {
	d.to(next)
	if d.r.State != next {
		return
	}
	d.close()
	d.resolved()
	d.charge.Reserved -= d.r.Amount
	d.charge.use(d.r.Parts, -1)
	d.charge.Excess = d.charge.overflow()
	d.charge.UpdatedAt = d.now
	d.legs = ledger.Releasing(d.r.Amount, d.r.Currency)
}

// close ends everything that a final state has no use for.
func (d *decision) close() {
	d.known()
	d.r.Contradicted, d.r.Hinted = false, false
	d.r.DueAt, d.r.Tries = time.Time{}, 0
}

// olderWord is the note of a word that changes nothing of what is known.
const olderWord = "older than what we know"

// afterEnd takes a word about a refund in a final state. One that agrees or
// is older changes nothing; one that contradicts is confirmed by a query of
// its own, and if the channel stands by it, state and books follow the money.
func (d *decision) afterEnd() {
	switch {
	case d.against() && d.o.Source == Operator && !d.o.confirmed():
		d.nothing("one person does not change a final state")
	case d.against() && d.o.Source == Operator:
		d.confirm()
		d.turn()
	case d.r.Contradicted && d.o.Source == Query && !d.o.SentAt.IsZero() && d.o.SentAt.Before(d.before.UpdatedAt):
		d.nothing("asked before the contradiction came: asking again")
		d.r.DueAt = d.now
	case d.r.Contradicted && d.o.Source == Query:
		d.answered()
	case d.doubts():
		d.contradict("contradicts a final state: asking")
	default:
		d.nothing(olderWord)
		if d.agrees() {
			d.takeID()
		}
		if d.r.Landed == (Landed{}) && d.r.State == Succeeded && d.agrees() {
			d.land(d.o.Landed) // a notice was faster than the answer that says where
		}
		if !d.r.Contradicted {
			d.r.DueAt = time.Time{}
		} else if d.o.Source.Call() {
			d.r.DueAt = d.now
		}
	}
}

// against: the money is elsewhere than the state says.
func (d *decision) against() bool {
	if d.r.State == Succeeded {
		return d.o.Kind == OutcomeFailed
	}
	return d.o.Kind == OutcomeDone
}

// agrees: the word is the state's own.
func (d *decision) agrees() bool {
	if d.r.State == Succeeded {
		return d.o.Kind == OutcomeDone
	}
	return d.o.Kind == OutcomeFailed
}

// doubts: the word is against the state, or shows the channel at work on a
// refund that ended here without it: one of which it should know nothing, or
// one that a call of ours did bring to it.
func (d *decision) doubts() bool {
	if d.against() {
		return true
	}
	alive := d.o.Kind == OutcomeAccepted || d.o.Kind == OutcomeAbnormal
	return alive && (d.r.State == Canceled || d.r.State == Failed && d.o.Source == Submit)
}

func (d *decision) contradict(note string) {
	d.alert(d.contradicted())
	if d.r.Contradicted && !d.r.Hinted {
		d.nothing(note)
	} else {
		d.attempt.Note = note
		d.r.Tries = 0
	}
	d.r.Contradicted, d.r.Hinted = true, false
	d.r.DueAt = d.now
}

// answered takes the answer to the query that a contradiction asked for. Only
// a word that is final itself ends the matter, unless it began with a hint alone.
func (d *decision) answered() {
	gone := d.o.Kind == OutcomeNotFound && d.settled() || d.o.Kind == OutcomeShortOfFunds
	switch {
	case d.against():
		d.turn()
	case d.agrees(), gone && d.r.State != Succeeded:
		d.attempt.Note = "the final state stands"
		if d.r.State == Succeeded && d.o.Landed != (Landed{}) {
			d.land(d.o.Landed) // the money has gone on since
		}
		d.close()
	default:
		d.undecided()
	}
}

const (
	// hintAnswers is after how many questions an answer that says nothing ends what
	// a hint began, and hintTries after how many also none does: most of a day.
	hintAnswers, hintTries = 5, 48
	// wordTries is after how many questions a word against a final state needs a
	// person, and rarely how many of the longest waits lie between two of them then.
	wordTries, rarely = 24, 24
)

// undecided takes an answer that decides nothing about a contradicted state. What
// began with a hint alone ends as it was; a word against the state needs a person.
func (d *decision) undecided() {
	tries := d.r.Tries + 1
	if d.r.Hinted && !d.empty() {
		d.r.Hinted = false // this is a word: the channel does not have it as we do
	}
	answered := d.o.Kind != OutcomeUnknown && d.o.Kind != OutcomeTryLater && d.o.Kind != OutcomeNotFound // that came too early
	switch {
	case d.r.Hinted && (answered && tries >= hintAnswers || tries >= hintTries):
		d.note("the channel says nothing against it")
		d.close()
		return
	case !d.r.Hinted && tries >= wordTries:
		d.person("the channel contradicts a final state and, asked many times, does not say how the refund stands: it needs a person (hint: look it up at the channel)")
	}
	d.backOff()
	if d.r.NeedsPerson {
		d.r.DueAt = later(d.r.DueAt, d.now.Add(rarely*d.pace.Longest))
	}
}

// empty reports whether an answer says nothing at all about a refund in a final
// state: it may be no answer, or one to another question.
func (d *decision) empty() bool {
	if d.o.Amount != nil && *d.o.Amount != d.r.Amount {
		return false
	}
	switch d.o.Kind {
	case OutcomeInconclusive, OutcomeRefused, OutcomeUnknown, OutcomeTryLater, OutcomeShortOfFunds:
		return true
	}
	return d.o.Kind == OutcomeNotFound && d.r.State != Succeeded
}

// turn follows the money: returned, or corrected.
func (d *decision) turn() {
	if d.o.Kind == OutcomeDone && !d.charge.counts(d.r.Amount) {
		d.alert("corrected, the charge would hold more than can be counted: left as it is")
		d.r.Contradicted = true
		d.backOff()
		return
	}
	d.takeID()
	if d.o.Kind == OutcomeDone {
		d.alert(d.turned("the refund had ended without success and succeeded after all: corrected"))
		d.succeed(ledger.Correcting)
		d.charge.Excess = d.charge.overflow()
		return
	}
	d.alert(d.turned("a bank sent the money back: the refund is returned"))
	d.explain()
	d.to(Failed)
	d.close()
	d.resolved()
	d.r.SucceededAt, d.r.Settled = time.Time{}, money.Amount{}
	d.charge.Refunded -= d.r.Amount
	d.charge.use(d.r.Parts, -1)
	d.charge.Excess = d.charge.overflow()
	d.charge.UpdatedAt = d.now
	d.legs = ledger.Returning(d.r.Parts.Legs(d.charge.Detail.Coupons), d.r.Currency)
}

// overflow is how much more the charge holds than was paid. It is what Excess
// has to be: more would loosen the cap that the database holds.
func (c Charge) overflow() money.Minor {
	return max(0, c.Reserved+c.Refunded+c.Blocked-c.Amount)
}

// counts reports whether the charge's sums stay within 64 bits when more is
// added to what it holds. Only what a channel has done can bring them there.
func (c Charge) counts(more money.Minor) bool {
	_, ok := money.Add(c.Reserved+c.Refunded+c.Blocked, more)
	return ok
}

// Cancel withdraws a refund before the channel is called. A claimed refund
// can't be withdrawn, nor one that a call may have carried to the channel. One
// that is held after an attempt stays held, for cancel: it is canceled when
// the channel, asked, does not know it.
func Cancel(charge Charge, r Refund, cause Cause, now time.Time) (Change, *Error) {
	switch {
	case r.State == Canceled, r.HeldReason == HeldForCancel:
		return Change{Charge: charge, Refunds: []Refund{r}}, nil
	case !r.withdrawable():
		e := Errorf(KindStateConflict, "refund", "the channel may already have been told; the refund is %s", r.State)
		e.Refund = r.ID
		return Change{}, e
	case r.State == Held && r.Attempts > 0:
		r.HeldReason, r.HoldUntil = HeldForCancel, time.Time{}
		r.Tries, r.DueAt, r.UpdatedAt = 0, now, now
		return Change{Charge: charge, Refunds: []Refund{r}}, nil
	}
	return withdraw(charge, r, cause, now), nil
}

// withdrawable: unclaimed, and no call may have reached the channel.
func (r Refund) withdrawable() bool {
	return (r.State == Created || r.State == Held) && r.LeaseUntil.IsZero() && !r.Unknown && r.ChannelRefundID == ""
}

func withdraw(charge Charge, r Refund, cause Cause, now time.Time) Change {
	d := decision{charge: charge, before: r, r: r, now: now, ending: &ApprovalEnd{State: ApprovalWithdrawn, By: cause.Actor}}
	d.r.UpdatedAt = now
	d.end(Canceled)
	return Change{
		Charge: d.charge, Refunds: []Refund{d.r}, Transfers: transfers(d.r, d.legs),
		Events: []Event{event(d.before.State, d.r, d.charge, now, cause)}, Ended: d.ended,
	}
}

// makeRoom cancels open refunds that no call can have brought to the channel, newest
// first, until what the channel has done fits what is left of the charge.
func (c *Change) makeRoom(open []Refund, need money.Minor, cause Cause, now time.Time) {
	for i := len(open) - 1; i >= 0 && c.Charge.Refundable() < need; i-- {
		r := open[i]
		if r.Attempts > 0 || !r.withdrawable() {
			continue
		}
		one := withdraw(c.Charge, r, cause, now)
		c.Charge = one.Charge
		c.Refunds = append(c.Refunds, one.Refunds...)
		c.Transfers = append(c.Transfers, one.Transfers...)
		c.Events = append(c.Events, one.Events...)
		c.Ended = append(c.Ended, one.Ended...)
	}
}

// Foreign is a refund that the channel made without us: seen in its bill, or
// told by a notice that names none of our numbers.
type Foreign struct {
	RefundID        string // the id we give it
	ChannelNumber   string // the number the channel knows it by
	ChannelRefundID string
	Amount          money.Minor
	SucceededAt     time.Time
	Reason          string
	// Source says how we came to know of it.
	Source Source
	// Cause is whose request had it adopted; zero where the channel told us.
	Cause Cause
}

// ByChannel is the dialect of refunds that nobody asked us for: the channel
// made them, and Adopt recorded them.
const ByChannel = "channel"

// Adopt records a foreign refund, which has happened whatever we think of it.
// Open refunds that never had an attempt and no longer fit are canceled
// first, newest first; what still does not fit is excess. The refund itself is
// the last of the change's.
func Adopt(charge Charge, open []Refund, f Foreign, now time.Time) (Change, *Error) {
	if f.Amount <= 0 {
		return Change{}, Errorf(KindInvalid, "amount", "the amount must be above 0")
	}
	if err := charge.Check(); err != nil {
		return Change{}, As(err)
	}
	if !charge.counts(f.Amount) {
		return Change{}, Errorf(KindInvalid, "amount", "the charge would hold more than can be counted")
	}
	out := Change{Charge: charge}
	out.makeRoom(open, f.Amount, f.Cause, now)
	parts, _ := Allocate(out.Charge, min(f.Amount, out.Charge.Refundable()), nil)
	if rest := f.Amount - parts.Payer - parts.Discount(); rest > 0 {
		parts.Payer += rest // what does not fit went to the payer as well
	}
	r := Refund{
		MerchantID: charge.MerchantID, ID: f.RefundID, ChargeID: charge.ID, UnitID: f.RefundID,
		Amount: f.Amount, Currency: charge.Currency, State: Created, Reason: f.Reason, Customer: charge.customer(), Parts: parts,
		Channel: charge.Channel, ChannelAccount: charge.ChannelAccount,
		ChannelNumber: f.ChannelNumber, ChannelRefundID: f.ChannelRefundID,
		CreatedAt: now, UpdatedAt: now, By: Asker{Dialect: ByChannel},
	}
	d := decision{charge: out.Charge, before: r, r: r, o: Outcome{Kind: OutcomeDone, SucceededAt: f.SucceededAt}, now: now}
	d.charge.hold(r)
	d.succeed(ledger.Settling)
	d.charge.Refunds++
	d.r.Sequence = d.charge.Refunds
	if f.Source.Call() {
		d.r.Attempts = 1 // what the refund counts and what is recorded of it agree
	}
	d.charge.LastRefundAt = now
	if over := d.charge.overflow(); over > d.charge.Excess {
		d.charge.Excess = over
		out.Alerts = append(out.Alerts, Alert{RefundID: r.ID, Text: "a refund made at the channel does not fit what was paid: recorded as excess"})
	}
	out.Charge = d.charge
	out.Attempts = append(out.Attempts, Attempt{RefundID: r.ID, Source: f.Source, Outcome: OutcomeDone, At: now, Actor: f.Cause.Actor, Note: "made at the channel without us: adopted"})
	out.Alerts = append(out.Alerts, Alert{RefundID: r.ID, Text: "a refund that nobody asked us for was made at the channel: adopted"})
	out.Refunds = append(out.Refunds, d.r)
	out.Transfers = append(out.Transfers, transfers(d.r, append(ledger.Reserving(f.Amount, r.Currency), d.legs...))...)
	out.Events = append(out.Events, event("", d.r, d.charge, now, f.Cause))
	return out, nil
}
