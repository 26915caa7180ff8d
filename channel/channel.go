// Package channel declares where money really moves: the Driver of each kind
// of channel, in a folder of its own, and the Connector of each account there.
// A connector answers every call with a refund.Outcome; a bare error is never
// a business answer.
package channel

import (
	"context"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// CallTimeout bounds one call to a channel. It is shorter than the engine's
// lease, so that a call has ended before anyone else may take the refund over.
const CallTimeout = 30 * time.Second

// Instruction is what a connector needs to know of a refund to carry it.
type Instruction struct {
	MerchantID string
	RefundID   string
	// Number is what the channel sees, the same for every attempt.
	Number          string
	ChannelRefundID string // "" until the channel returned one
	// Account is the channel account's id; TransactionID the payment's number there.
	Account       string
	TransactionID string
	Amount        money.Amount
	Total         money.Amount // what was paid
	Reason        string
	Charge        refund.Charge
	Refund        refund.Refund
}

// Connector moves money back through one account of a channel. It is used by
// many goroutines at once.
//
// Submit, Query and Reroute are idempotent by Instruction.Number: submitting
// the same number twice moves money once. When the answer is lost or not
// understood the outcome is OutcomeUnknown, never a guess. Query returns
// OutcomeNotFound where the channel says that it knows no such refund, and
// OutcomeInconclusive where its answer shows none and proves nothing. Of the
// outcome they fill in what the channel said and what was sent to it; Source,
// Epoch and SentAt are the engine's to add. All calls return within
// CallTimeout of their context's start.
//
// A connector embeds Basic for what its channel has not got. Capabilities says
// which of the calls below Query work; the others return ErrUnsupported, or an
// outcome that refuses.
type Connector interface {
	Submit(ctx context.Context, i Instruction) refund.Outcome
	Query(ctx context.Context, i Instruction) refund.Outcome
	// Reroute sends an abnormal refund elsewhere. OutcomeRefused leaves the
	// refund as abnormal as it was.
	Reroute(ctx context.Context, i Instruction, to Destination) refund.Outcome
	// Charge looks a payment up: before the first refund of a charge is submitted,
	// and where a payment is named that is not registered. The answer is about the
	// payment that ref names, whole and verified; an error says that nothing is
	// known. ErrNotFound: the channel itself says that it knows no such payment.
	Charge(ctx context.Context, ref PaymentRef) (Payment, error)
	// List lists every refund of a payment that the channel has, whoever made
	// it. An error says that the list is not complete. ErrNotFound: the channel
	// knows no such payment.
	List(ctx context.Context, ref PaymentRef) ([]Listed, error)
	// Bill opens the bill of a day. ErrBillNotReady says that the channel has
	// not made it yet; a bill without rows is a day without refunds.
	Bill(ctx context.Context, day BillDay) (Bill, error)
	// Check makes a harmless call and says what is wrong with the account.
	Check(ctx context.Context) []Check

	// Number makes the refund's number in the channel's alphabet and form, of
	// the refund's id. It is pure: the same id and try make the same number. try
	// is 0, and counts up where a number is taken.
	Number(refundID string, try int) string
	// Pace is the channel's settling time and back-off.
	Pace() refund.Pace
	// Limits are the channel's for this account.
	Limits() Limits
	Capabilities() Capabilities
}

// Destination is where an abnormal refund is sent instead. It lives in memory
// only: a card number is never stored and never logged.
type Destination struct {
	Kind DestinationKind // ToPayerCard or ToMerchant
	// Bank, BankAccount and RealName name a card of the payer's, in clear. Bank is
	// the channel's own code of the bank and the kind of card.
	Bank, BankAccount, RealName string
}

// DestinationKind says whose account it is.
type DestinationKind string

// The kinds of destinations. Their texts are those of audit records.
const (
	ToPayerCard DestinationKind = "USER_BANK_CARD"     // a bank card of the payer's
	ToMerchant  DestinationKind = "MERCHANT_BANK_CARD" // the merchant's own account
)

// String hides the card from logs.
func (d Destination) String() string { return string(d.Kind) }

// Limits bound the calls to one channel account, as its channel does.
type Limits struct {
	// Concurrent is how many calls of one process may be under way at once; 0 is
	// DefaultConcurrent.
	Concurrent int
	// Submit, Query and Reroute bound each kind of call by itself.
	Submit, Query, Reroute Calls
}

// DefaultConcurrent is how many calls to one account are under way at once
// where its connector does not say: real channels answer in about 0.1 s, so
// that this is some hundred refunds a second, and a channel that hangs holds
// only these.
const DefaultConcurrent = 32

// Notified is a channel's notice, verified and decoded.
type Notified struct {
	// Account is the channel account's id. It need not be set where the notice came
	// to the account's own address.
	Account string
	refund.Noticed
	// Text is what a person may read of the notice where it is kept: without
	// secrets and card numbers.
	Text string
}

// Notifier is a driver whose notices are fetched: they wait in a table of its
// own.
type Notifier interface {
	// Notices returns what the channel has to say now, at most limit, oldest
	// first; each is returned until Acknowledge names it.
	Notices(ctx context.Context, limit int) ([]PendingNotice, error)
	Acknowledge(ctx context.Context, ids []string) error
	// OnNotice has ring called after each commit that left notices. ring never
	// blocks. OnNotice is called once, before anything else.
	OnNotice(ring func())
}

// PendingNotice is a notice that waits to be taken.
type PendingNotice struct {
	ID string
	Notified
}
