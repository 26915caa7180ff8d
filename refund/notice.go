package refund

import (
	"strings"
	"time"

	"github.com/refundry/refundry/money"
)

// Noticed is what a channel's notice says, verified and decoded.
type Noticed struct {
	// Number is the number that the channel was given of the refund, "" where the
	// notice does not name it. Outcome.ChannelRefundID is the channel's own.
	Number string
	// TransactionID is the channel's number of the payment, OrderNo the merchant's.
	TransactionID, OrderNo string
	// OtherTransactionID is another number that the payment has at the channel, where
	// either may be the one that it is registered by; "" is none.
	OtherTransactionID string `json:",omitempty"`
	// MadeAt is when the channel was asked for the refund, zero where the notice does
	// not say; Outcome.SucceededAt may be later.
	MadeAt time.Time `json:",omitzero"`
	// Currency is that of Outcome.Amount, "" where the notice does not say.
	Currency money.Currency
	// Hint says that the notice tells nothing but that the refund is to be asked
	// about now.
	Hint    bool
	Outcome Outcome
	// Aside is why only a person can tell what the notice means, "" where it means
	// something: then nothing but the payment's numbers counts, and it is set aside.
	Aside string `json:",omitempty"`
	// Dispute is set where the notice is about a dispute of the charge that
	// TransactionID or OrderNo names, and about no refund; Outcome is zero then.
	Dispute *Dispute `json:",omitempty"`
}

// NoticeState is what became of a notice in the inbox.
type NoticeState string

// The states of a notice. A notice that matches a refund at once is in no inbox.
const (
	NoticeWaiting  NoticeState = "waiting"   // matches nothing yet, and is tried again
	NoticeMatched  NoticeState = "matched"   // was about a refund that is there now, or a dispute that is recorded
	NoticeAdopted  NoticeState = "adopted"   // a refund that the channel made without us
	NoticeRefused  NoticeState = "refused"   // was not taken: not the channel's, or for no account of ours
	NoticeSetAside NoticeState = "set_aside" // was tried often enough; a person decides
)

// KeptNotice is a notice in the inbox.
type KeptNotice struct {
	MerchantID, Account, ID string
	// Channel is the driver's name, as the address had it for a refused one.
	Channel    string
	ReceivedAt time.Time
	// Digest tells notices of an account apart: the same again counts up Times.
	Digest string
	Times  int64
	// Text is what a person may read of the request: no secrets, no card numbers.
	Text  string
	State NoticeState
	// Note says why it stands where it does.
	Note    string
	Noticed Noticed
	// Tries counts the looks for what it is about; DueAt is the next one, zero for
	// none. ChargeKnown says that its charge was there at the last.
	Tries       int64
	DueAt       time.Time
	ChargeKnown bool
	// RefundID is the refund that it was about in the end.
	RefundID string
	// Unreadable says, in lists, that the row is damaged: of Noticed the numbers alone
	// are known.
	Unreadable bool
}

// NoticeMatch is what a notice is about: a refund of ours, or else the charge that
// it names; their zero values are none.
type NoticeMatch struct {
	Refund Refund
	Charge Charge
}

// AskNow makes a refund due for a query at once, because its channel hinted that
// there is something to hear. False: there is nothing to ask, or someone is asking.
// A final state is asked about as if it were contradicted, until the channel has
// said a few times nothing against it.
func AskNow(r Refund, now time.Time) (Refund, bool) {
	switch {
	case r.LeaseUntil.After(now):
		return r, false
	case r.State == Canceled && r.Attempts == 0:
		return r, false // nobody told the channel of it
	case r.State.Final():
		if !r.Contradicted {
			r.Contradicted, r.Hinted, r.Tries = true, true, 0
		}
	case NextStep(r) != StepQuery:
		return r, false
	}
	r.DueAt = earlier(r.DueAt, now)
	return r, true
}

// Placement says what becomes of a notice that names no refund of ours.
type Placement string

// The placements.
const (
	PlaceAdopt Placement = "adopt" // it is a refund that the channel made without us
	PlaceWait  Placement = "wait"  // what it is about may still come
	PlaceAside Placement = "aside" // a person decides
)

// Place decides about a notice that names no refund of ours, or that is about a
// dispute, which PlaceAdopt has recorded. charge is the charge
// that it names; its zero value is none. note says why it is not adopted.
func Place(n Noticed, charge Charge) (where Placement, note string) {
	switch {
	case n.Aside != "":
		return PlaceAside, n.Aside
	case n.Dispute != nil:
		return n.Dispute.place(charge)
	case n.Hint:
		return PlaceWait, "names no refund of ours"
	case n.Outcome.Kind != OutcomeDone:
		return PlaceWait, "names no refund of ours, and is no success"
	case charge.ID == "":
		return PlaceWait, "names neither a refund nor a charge of ours"
	case n.ofAnother(charge):
		return PlaceAside, "a refund of another payment than the charge that its order number names"
	case n.Outcome.Amount == nil || *n.Outcome.Amount <= 0:
		return PlaceAside, "a refund that was made at the channel, without its amount"
	case n.Currency != "" && n.Currency != charge.Currency:
		return PlaceAside, "a refund that was made at the channel, in another currency than its charge"
	case n.Number == "" && n.Outcome.ChannelRefundID == "":
		return PlaceAside, "a refund that was made at the channel, without a number that tells it from others"
	case charge.Counted > 0 && !madeAfter(n, charge.VerifiedAt):
		return PlaceAside, "a refund of which the channel does not show that it was made after its charge was compared with it, when what was refunded there was counted: it may be one of them"
	case charge.AlreadyRefunded > 0 && !madeAfter(n, charge.CreatedAt):
		return PlaceAside, "a refund of which the channel does not show that it was made after its charge was registered, with refunds counted in: it may be one of them"
	}
	return PlaceAdopt, ""
}

// ofAnother reports whether a notice names another payment than a charge's: both have
// a number of one kind, and these differ. An order's number alone may be that of
// several payments.
func (n Noticed) ofAnother(charge Charge) bool {
	mine := charge.TransactionID
	if mine == "" || mine == n.OrderNo || mine == n.TransactionID || mine == n.OtherTransactionID {
		return false
	}
	kind := func(number string) string { // Stripe's and Ping++'s numbers say what they are of
		prefix, _, some := strings.Cut(number, "_")
		if !some {
			return ""
		}
		return prefix
	}
	for _, number := range []string{n.TransactionID, n.OtherTransactionID} {
		if number != "" && number != charge.OrderNo && kind(number) == kind(mine) {
			return true
		}
	}
	return false
}

// clockDifference is by how much a channel's clock may differ from ours.
const clockDifference = 5 * time.Minute

// madeAfter reports whether a refund is known to have been made after a time. When
// it succeeded, or was told of, says nothing: channels tell of a refund again, days
// later.
func madeAfter(n Noticed, at time.Time) bool {
	return n.MadeAt.After(at.Add(clockDifference)) // zero is not
}

// Foreign is the refund that a notice tells of, to be adopted as refundID.
func (n Noticed) Foreign(refundID string) Foreign {
	f := Foreign{
		RefundID: refundID, ChannelNumber: n.Number, ChannelRefundID: n.Outcome.ChannelRefundID,
		SucceededAt: n.Outcome.SucceededAt, Source: Notice,
	}
	if f.ChannelNumber == "" {
		f.ChannelNumber = f.ChannelRefundID
	}
	if n.Outcome.Amount != nil {
		f.Amount = *n.Outcome.Amount
	}
	return f
}
