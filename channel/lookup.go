package channel

import (
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Calls bounds one kind of call to an account. All replicas together keep it.
type Calls struct {
	// PerSecond is how many may begin each second; 0 is any number. Burst is how
	// many of them may begin at once; 0 is 1.
	PerSecond, Burst int
}

// Check is one thing that a connector's Check looked at.
type Check struct {
	Name string
	// Err is nil where all is well; else its text says what is wrong and ends
	// with a hint.
	Err error
}

// Capabilities say what an account can do besides submitting and querying. The
// caller asks them, not the connector's type, so that a wrapper loses nothing.
type Capabilities struct {
	Reroute bool // Reroute sends an abnormal refund elsewhere
	Charges bool // Charge looks a payment up
	List    bool // List lists the refunds of a payment
	Bills   bool // Bill opens a day's bill
	// BillZone is the time zone of the days of bills; nil is UTC. It counts for
	// files that somebody downloaded too.
	BillZone *time.Location
	// BilledWhenAccepted says that a refund is in the bill of the day on which the
	// channel accepted it, with the state that it had then; else in that of the day
	// on which it succeeded.
	BilledWhenAccepted bool
	// ByHand says that nobody is called: an operator moves the money and
	// resolves the refund with proof.
	ByHand bool
}

// PaymentRef names a payment: by the channel's number where it is known, else
// by the merchant's.
type PaymentRef struct {
	TransactionID, OrderNo string
	// Charge is the payment as we know it; its zero value where we don't.
	Charge refund.Charge
}

// Payment is a payment as the channel knows it.
type Payment struct {
	TransactionID, OrderNo string
	// OtherTransactionID is another number that the payment has at the channel, and can
	// be refunded by; "" where there is none. TransactionID is the one that was asked
	// for then.
	OtherTransactionID string
	// Channel is the way of paying as charges call it, such as wx_pub; "" where the
	// channel does not say.
	Channel string
	Amount  money.Amount
	// Refunded is what was given back at the channel, by whomever, in minor units.
	// RefundedUnknown says that something was, or may be, and that the channel does
	// not say how much: Refunded is then 0.
	Refunded        money.Minor
	RefundedUnknown bool
	PaidAt          time.Time
	// Paid says that the payment has succeeded.
	Paid bool
}

// Listed is one refund that a channel has, in List and in bills.
type Listed struct {
	// Number is the number that it was submitted under, "" where the channel
	// does not show it.
	Number          string
	ChannelRefundID string
	TransactionID   string
	OrderNo         string
	// OtherTransactionID is as in refund.Noticed.
	OtherTransactionID string
	Amount             money.Amount
	// Kind is OutcomeDone, OutcomeFailed, OutcomeAbnormal or OutcomeAccepted.
	Kind refund.OutcomeKind
	// MadeAt is as in refund.Noticed.
	MadeAt, SucceededAt time.Time
}

// BillDay names a day's bill. Day is midnight at the beginning of the day in
// the channel's time zone.
type BillDay struct {
	Day time.Time
}

// Bill is an open bill, read row by row: bills of a large merchant don't fit
// in memory.
type Bill interface {
	// Next returns the next refund of the bill, and io.EOF after the last. Any
	// other error says that the bill could not be read to its end.
	Next() (Listed, error)
	Close() error
}
