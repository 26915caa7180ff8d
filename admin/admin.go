// Package admin is what an operator may do, each use case once: the native API,
// the command line and the console call it, and so can't differ. Each use case
// takes an actor and leaves an audit record in the same commit as its effect;
// one without an actor is refused.
package admin

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// By says whose request an action is, and which. The zero By is refused.
type By struct {
	Actor audit.Actor
	// RequestID is the request's, "" if it has none.
	RequestID string
	// Write is the request's, where it has an Idempotency-Key; else nil.
	Write *refund.Write
	// MayApprove says that the actor has the right refunds:approve at the merchant.
	MayApprove bool
}

// Store is what the use cases need of the database.
type Store interface {
	Alerts
	Approvals
	BulkJobs
	Chains
	Charges
	Deliveries
	Endpoints
	Keys
	Merchants
	Pauses
	People
	Refunds
	Masks
	Accounts
	Payments
	Policies
	Sessions
	SecondFactors
	Users
	Views
}

// Chains links audit records.
type Chains interface {
	// LinkAudit adds the records of a chain that are not in it yet; merchantID
	// is "" for the installation's. It returns how many it added.
	LinkAudit(ctx context.Context, merchantID string) (int, error)
	audit.Reader
	// AddRecord writes the record of an action whose effects were committed before,
	// in many commits.
	AddRecord(ctx context.Context, record refund.Action) error
}

// Services are what the use cases stand on; all but Wake, Now and Log must be
// there.
type Services struct {
	Store  Store
	Engine Engine
	// Reconciler compares channels' bills with our books.
	Reconciler Reconciler
	// Channels are the drivers of the channels.
	Channels Channels
	// Dialects are what the dialects say of themselves.
	Dialects merchant.Dialects
	// EgressCheck refuses an address that webhooks may not go to. An error that is
	// not ours means that the address was not fine.
	EgressCheck func(url string) error
	// EndpointClient calls endpoints' addresses, and no others.
	EndpointClient *http.Client
	// Wake has the engine and the webhooks look for work now; may be nil.
	Wake func()
	Now  func() time.Time // default time.Now
	Log  *slog.Logger     // default slog.Default()
}

// Admin is the operator's use cases.
type Admin struct {
	s          Services
	finds      *finds
	looks      looks
	reconciles reconciles
	dryRuns    dryRuns
	// refusedTries are the tries to sign in that need no look into the database.
	refusedTries refusedTries
}

// New makes the use cases.
func New(s Services) *Admin {
	if s.Wake == nil {
		s.Wake = func() {}
	}
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	return &Admin{s: s, finds: newFinds()}
}

// now is the time as rows keep it.
func (a *Admin) now() time.Time { return a.s.Now().UTC().Truncate(time.Microsecond) }

// check refuses a By without an actor.
func (b By) check() error {
	if err := b.Actor.Check(); err != nil {
		return refund.Wrap(err, "begin an action")
	}
	return nil
}

// record makes the record of an action, with the request's write. Its error says
// that nobody does it.
func (a *Admin) record(by By, merchantID, action, object string) (refund.Action, error) {
	r := audit.New(by.Actor, merchantID, action, object, a.now())
	r.RequestID = by.RequestID
	if err := r.Check(); err != nil {
		return refund.Action{}, refund.Wrap(err, "begin an action")
	}
	return refund.Action{Record: r, Write: by.Write}, nil
}

// linkTimeout bounds the linking of a record after its action, which has
// happened whatever becomes of that.
const linkTimeout = 5 * time.Second

// done ends an action that has been committed: its record is linked, and
// whoever has something to do about it is woken. A record that can't be linked
// now is linked with the next one, or by the service's loop.
func (a *Admin) done(merchantID string) {
	// Not the request's context: a request that is over has still acted.
	ctx, cancel := context.WithTimeout(context.Background(), linkTimeout)
	defer cancel()
	if _, err := a.s.Store.LinkAudit(ctx, merchantID); err != nil {
		a.s.Log.Warn("an audit record is not linked yet", "merchant_id", merchantID, "error", err)
	}
	a.s.Wake()
}
