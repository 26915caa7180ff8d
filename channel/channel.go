// Package channel declares where money really moves: the Connector that each
// payment channel implements in a folder of its own. A connector answers
// every call with a refund.Outcome; a bare error is never a business answer.
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
	ChannelRefundID string // "" until the channel gave one
	// Account is the channel account's id; TransactionID the payment's number there.
	Account       string
	TransactionID string
	Amount        money.Amount
	Total         money.Amount // what was paid
	Reason        string
	Charge        refund.Charge
	Refund        refund.Refund
}

// Connector moves money back through one kind of channel.
//
// Every method is idempotent by Instruction.Number: telling a channel the
// same number twice moves money once. When the answer is lost or not
// understood the outcome is OutcomeUnknown, never a guess. Query answers
// OutcomeNotFound when the channel says that it knows no such refund. Of the
// outcome they fill in what the channel said; Source, Epoch and SentAt are the
// engine's to add. Both return within CallTimeout of their context's start.
type Connector interface {
	Submit(ctx context.Context, i Instruction) refund.Outcome
	Query(ctx context.Context, i Instruction) refund.Outcome
	// Pace is the connector's nature: settling time and back-off.
	Pace() refund.Pace
}

// Destination is where an abnormal refund is sent instead. It lives in memory
// only: a card number is never stored and never logged.
type Destination struct {
	// Kind is USER_BANK_CARD or MERCHANT_BANK_CARD (wechatpay-v3.md, section 2.3).
	Kind string
	// BankType, BankAccount and RealName name the card of a user, in clear.
	BankType, BankAccount, RealName string
}

// The kinds of destinations.
const (
	UserBankCard     = "USER_BANK_CARD"
	MerchantBankCard = "MERCHANT_BANK_CARD"
)

// String hides the card from logs.
func (d Destination) String() string { return d.Kind }

// Rerouter is a connector whose channel can send an abnormal refund elsewhere.
type Rerouter interface {
	// RerouteTo asks for that. It is idempotent by Instruction.Number. What it
	// gives says whether the channel took it: OutcomeRefused leaves the refund
	// as abnormal as it was.
	RerouteTo(ctx context.Context, i Instruction, to Destination) refund.Outcome
}

// Limits bound the calls to one channel account, as its channel does.
type Limits struct {
	// Calls is how many may be under way at once; 0 is DefaultCalls.
	Calls int
	// PerSecond is how many may begin each second, Burst how many of them at
	// once; 0 is any.
	PerSecond, Burst int
}

// DefaultCalls is how many calls to one account are under way at once when its
// connector does not say: real channels answer in about 0.1 s, so that this is
// some hundred refunds a second, and a channel that hangs holds only these.
const DefaultCalls = 32

// Limited is a connector that knows its channel's limits.
type Limited interface {
	Limits() Limits
}

// Notified is a channel's notice, verified and decoded.
type Notified struct {
	Account string
	Number  string
	Outcome refund.Outcome
}

// Notifier is a connector whose channel sends notices.
type Notifier interface {
	// Notices gives what the channel has to say now, at most limit, oldest
	// first; each is given until Acknowledge names it.
	Notices(ctx context.Context, limit int) ([]PendingNotice, error)
	Acknowledge(ctx context.Context, ids []string) error
}

// Ringer is a Notifier that can say at once that a notice has come; one that
// can't is only asked now and then.
type Ringer interface {
	// OnNotice has ring called after each commit that left notices. ring never
	// blocks. It is called once, before anything else.
	OnNotice(ring func())
}

// PendingNotice is a notice that waits to be taken.
type PendingNotice struct {
	ID string
	Notified
}
