// Package payin answers the Payin acquiring API: orders, their refunds and
// transactions, with and without /api_v1 before the path, and the notifications
// by GET that tell of them. It decides bytes, never money: a refund is decoded,
// checked for its form and handed to the intake; what comes back is put into
// the dialect's words.
//
// Ids in comments, such as Y3.2-1, are those of the rules in
// docs/rules/payin.md. Where the contract leaves something open,
// docs/divergences/payin.md says what was chosen and why.
package payin

import (
	"context"
	"log/slog"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Services are what the dialect needs of the rest of the program.
type Services struct {
	Directory dialect.Directory
	// Dialects are what all dialects say of themselves: a charge gets a name in
	// each.
	Dialects merchant.Dialects
	Reader   dialect.Reader
	Orders   Orders
	Acceptor dialect.Acceptor
	// Payments finds payments that are not registered; may be nil.
	Payments dialect.Payments
	// Writes remembers what was done under an Idempotency-Key.
	Writes dialect.Writes
	// Deliveries says how often a payment or refund was told, for its transaction.
	Deliveries Deliveries
	// Wake says that there are new events; may be nil.
	Wake func()
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Damaged is called when a request fails on a damaged row; may be nil.
	Damaged dialect.Damage
	// Log receives faults of ours, with the request's id; default
	// slog.Default().
	Log *slog.Logger
}

// Deliveries sums up what a dialect's addresses were notified of a payment, and of
// the state that a refund is in.
type Deliveries interface {
	PaymentSummary(ctx context.Context, dialect string, c refund.Charge) (merchant.DeliverySummary, error)
	DeliverySummary(ctx context.Context, dialect string, r refund.Refund) (merchant.DeliverySummary, error)
}

// Orders registers charges as dialect.Registrar does. One that is new leaves an
// event of the given type about its payment, in the same commit.
type Orders interface {
	RegisterPaid(ctx context.Context, c refund.Charge, eventType string, w *refund.Write) (stored refund.Charge, again bool, err error)
}

// Dialect is the Payin API. It is safe for concurrent use.
type Dialect struct{ Services }

var _ dialect.Dialect = (*Dialect)(nil)

// New makes the dialect.
func New(s Services) *Dialect {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	if s.Wake == nil {
		s.Wake = func() {}
	}
	return &Dialect{Services: s}
}

// Name is "payin".
func (d *Dialect) Name() string { return merchant.Payin }

// now is the time in the store's precision.
func (d *Dialect) now() time.Time { return d.Now().UTC().Truncate(time.Microsecond) }
