package sandbox

import (
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// The last two digits of the minor amount that make the sandbox misbehave
// (docs/design.md, the sandbox channel). Any other succeeds at once.
const (
	refusedForGood  = 51
	accountAbnormal = 52
	answerLost      = 53 // after the money moved
	submitLost      = 54 // the first one, before anything happened
	shortOfFunds    = 55 // until funds are added
	returnedLater   = 56 // a day of the account's clock later
	noticesMixed    = 57 // twice, and out of order
	pendingLong     = 58 // an hour of the account's clock, or until settled
	throttled       = 59 // the first three submits
	noticeWrong     = 60 // its amount; must not be believed
	billIncomplete  = 61 // it leaves the refund out
)

const (
	returnsAfter  = 24 * time.Hour
	succeedsAfter = time.Hour
	throttles     = 3
)

// digits are the last two of an amount.
func digits(amount money.Minor) money.Minor { return amount % 100 }

// submit decides about one submit. A refund that is there is not made again,
// whatever its amount says: the caller learns how it stands.
func (p *page) submit(i channel.Instruction) refund.Outcome {
	e, known := p.entries[Key{i.Account, i.Number}]
	switch {
	case !known:
		e = p.create(i)
	case e.Amount != i.Amount || e.TransactionID != i.TransactionID:
		return refund.Outcome{
			Kind: refund.OutcomeRefused, Code: "NUMBER_USED",
			Message: "the number stands for a refund of another amount or payment",
		}
	}
	e.Submits++
	if e.State != Absent {
		p.put(e)
		return e.says()
	}
	if i.Refund.Detail.Password {
		// Nobody enters a password here: it waits until it is settled by hand,
		// whatever the amount says.
		e.State = Processing
		p.put(e)
		return e.says()
	}
	outcome := p.first(&e)
	p.put(e)
	return outcome
}

// first submits an entry that has created nothing yet.
func (p *page) first(e *Entry) refund.Outcome {
	now := p.clock(e.Account)
	switch digits(e.Amount.Minor) {
	case refusedForGood:
		return nothing(refund.OutcomeRefused, "REFUND_REFUSED", "the sandbox refuses this refund for good")
	case accountAbnormal:
		e.State = Abnormal
	case answerLost:
		e.move(now)
		return lost()
	case submitLost:
		if e.Submits == 1 {
			return lost()
		}
		e.move(now)
	case shortOfFunds:
		if p.accounts[e.Account].FundsAddedAt.IsZero() {
			return nothing(refund.OutcomeShortOfFunds, "NOT_ENOUGH", "the account is short of funds until some are added")
		}
		e.move(now)
	case returnedLater:
		e.move(now)
		e.WakesAt = now.Add(returnsAfter)
	case noticesMixed:
		e.State = Processing
		processing := e.says()
		e.move(now)
		p.notify(*e, "1", e.says())
		p.notify(*e, "2", processing)
		p.notify(*e, "3", e.says())
		return processing
	case pendingLong:
		e.State, e.WakesAt = Processing, now.Add(succeedsAfter)
	case throttled:
		if e.Submits <= throttles {
			return nothing(refund.OutcomeTryLater, "FREQUENCY_LIMITED", "too many calls; the sandbox throttles the first three")
		}
		e.move(now)
	case noticeWrong:
		e.State = Processing
		processing := e.says()
		e.move(now)
		wrong := e.says()
		amount := e.Amount.Minor + 1
		wrong.Amount = &amount
		p.notify(*e, "1", wrong)
		return processing
	default:
		e.move(now)
	}
	return e.says()
}

// query returns how a refund stands.
func (p *page) query(key Key) refund.Outcome {
	e, known := p.entries[key]
	if !known || e.State == Absent {
		return nothing(refund.OutcomeNotFound, "NOT_FOUND", "the sandbox knows no such refund")
	}
	return e.says()
}

// wake changes an entry whose time has come: 56 is returned, 58 succeeds.
func (p *page) wake(key Key) {
	e := p.entries[key]
	now := p.clock(e.Account)
	if e.WakesAt.IsZero() || e.WakesAt.After(now) {
		return
	}
	at := e.WakesAt
	e.WakesAt = time.Time{}
	switch e.State {
	case Succeeded:
		e.State = Returned
	case Processing:
		e.move(at)
	}
	p.put(e)
	p.notify(e, string(e.State), e.says())
}

// move moves the money, which it does once in the life of a number.
func (e *Entry) move(at time.Time) {
	if e.Moves != 0 {
		panic("sandbox: the money of refund " + e.Number + " would move twice")
	}
	e.State, e.Moves, e.SucceededAt = Succeeded, 1, at
}

// says is the entry's state in the engine's words.
func (e *Entry) says() refund.Outcome {
	amount := e.Amount.Minor
	o := refund.Outcome{ChannelRefundID: e.ChannelID, Amount: &amount}
	switch e.State {
	case Processing:
		o.Kind = refund.OutcomeAccepted
	case Succeeded:
		o.Kind, o.SucceededAt = refund.OutcomeDone, e.SucceededAt
	case Abnormal:
		o.Kind, o.Code, o.Message = refund.OutcomeAbnormal, "ACCOUNT_ABNORMAL", "the payer's account cannot take the money"
	case Failed:
		o.Kind, o.Code, o.Message = refund.OutcomeFailed, "SETTLED_FAILED", "settled by hand as failed"
	case Returned:
		o.Kind, o.Code, o.Message = refund.OutcomeFailed, "RETURNED", "the payer's bank sent the money back"
	default:
		return nothing(refund.OutcomeNotFound, "NOT_FOUND", "the sandbox knows no such refund")
	}
	return o
}

// lost is what a caller learns when the answer does not come.
func lost() refund.Outcome {
	return refund.Outcome{Kind: refund.OutcomeUnknown, Code: "ANSWER_LOST", Message: "the connection broke before an answer came"}
}

// nothing is an answer after which nothing was created.
func nothing(kind refund.OutcomeKind, code, message string) refund.Outcome {
	return refund.Outcome{Kind: kind, Code: code, Message: message}
}
