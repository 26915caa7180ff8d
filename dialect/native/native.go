// Package native is Refundry's own API under /refundry/v1/: JSON, amounts in
// minor units, errors as application/problem+json (RFC 9457). It can do
// everything that the service can, and its contract is openapi/native.yaml.
package native

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dayfile"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Sandbox is what test mode may ask of the channel that plays for it. What it
// refuses is a *refund.Error: KindRefundNotFound for a number that it does not
// know, KindStateConflict where the refund's state forbids the call.
type Sandbox interface {
	// AddFunds ends the shortage of funds of an account.
	AddFunds(ctx context.Context, account string, amount money.Amount, w *refund.Write) error
	// Settle ends a refund that the sandbox works on: "succeeded" or "failed".
	Settle(ctx context.Context, account, number, state string, w *refund.Write) error
	// Reroute sends an abnormal refund to another account of the payer.
	Reroute(ctx context.Context, account, number string, w *refund.Write) error
	// Advance moves the account's clock ahead.
	Advance(ctx context.Context, account string, by time.Duration, w *refund.Write) error
}

// Resetter renews the demo merchant's charges. KindForbidden for any other
// merchant, KindStateConflict while one of their refunds is claimed; then
// nothing was changed.
type Resetter interface {
	ResetDemo(ctx context.Context, merchantID string, w *refund.Write) error
}

// Endpoints keeps the addresses that are notified of events.
type Endpoints interface {
	Endpoints(ctx context.Context, merchantID string) ([]merchant.Endpoint, error)
	// EndpointSecrets are those of an endpoint in use, newest first.
	EndpointSecrets(ctx context.Context, merchantID, id string) ([]merchant.EndpointSecret, error)
}

// Searcher finds refunds by any number that a person may hold: an id, number or
// key of the refund in any dialect, its channel's numbers, its customer, or
// what its charge is called. Newest first; none is an empty list.
type Searcher interface {
	SearchRefunds(ctx context.Context, merchantID, number string, page refund.Page) (refund.Look, error)
	Lister
	// RefundByAny finds the one refund that a number is of, its charge's names
	// aside. Absent is KindRefundNotFound; several are KindInvalid.
	RefundByAny(ctx context.Context, merchantID, name string) (refund.Refund, error)
}

// Services are what the API stands on; all but Payments, Wake, Now and Log must be there.
type Services struct {
	// Admin is what an operator may do.
	Admin     *admin.Admin
	Directory dialect.Directory
	// Dialects are what all dialects say of themselves.
	Dialects  merchant.Dialects
	Reader    dialect.Reader
	Registrar dialect.BatchRegistrar
	Acceptor  dialect.Acceptor
	// Payments finds payments that are not registered; may be nil.
	Payments  dialect.Payments
	Searcher  Searcher
	Sandbox   Sandbox
	Resetter  Resetter
	Endpoints Endpoints
	// Deliveries are what the endpoints were notified.
	Deliveries Deliveries
	Merchants  Merchants
	Audit      Audit
	Alerts     Alerts
	Notices    Notices
	Disputes   Disputes
	Overviews  Overviews
	// Traces is what is kept of one refund.
	Traces admin.Traces
	// Queues is what waits for a person.
	Queues admin.Queues
	// Writes remembers what was done under an Idempotency-Key.
	Writes dialect.Writes
	// Rules are those that bind a merchant's refunds, for quotes.
	Rules func(merchantID string) (refund.RuleBook, error)
	// Wake makes the engine look now, after the sandbox's clock or funds were
	// changed; may be nil.
	Wake func()
	Now  func() time.Time // default time.Now
	Log  *slog.Logger     // default slog.Default()
}

// Dialect is the native API.
type Dialect struct {
	s       Services
	readers atomic.Int64  // of the feed, at work now
	files   dayfile.Turns // daily files that are made or sent now
	uploads atomic.Int64  // files of refunds that are taken in now
}

// New makes the API.
func New(s Services) *Dialect {
	if s.Wake == nil {
		s.Wake = func() {}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	return &Dialect{s: s}
}

var _ dialect.Dialect = (*Dialect)(nil)

// Name is merchant.Native.
func (d *Dialect) Name() string { return merchant.Native }

// now is the time as rows keep it.
func (d *Dialect) now() time.Time { return d.s.Now().UTC().Truncate(time.Microsecond) }
