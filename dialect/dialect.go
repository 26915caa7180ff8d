// Package dialect holds what the APIs that merchants call have in common: what
// they read, how they ask for a refund, and the registry. Each dialect is a
// folder below; it decides bytes, never money.
package dialect

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Limits that all dialects share.
const (
	// MaxBody is the largest request body in bytes; a single refund with 100
	// goods is under 64 KiB, and nothing that we serve is larger than this.
	MaxBody = 1 << 20
	// MaxWait is the longest that Prefer: wait may ask for.
	MaxWait = 20 * time.Second
	// MaxIdempotencyKey is the longest key, in visible ASCII characters.
	MaxIdempotencyKey = 255
)

// Dialect is one API: a handler for its addresses, and how it tells events.
type Dialect interface {
	Name() string
	// Register adds the dialect's routes. Everything under its prefixes is
	// answered in its own form, errors and unknown addresses too.
	Register(mux *http.ServeMux)
}

// Directory finds who calls. A key that is not known, expired or of another
// dialect is KindUnauthenticated.
type Directory interface {
	Caller(ctx context.Context, dialect, key string) (merchant.Caller, error)
	// Identity finds whose name in a dialect it is: an mchid, a wallet, a Payin
	// merchant. Unknown names are KindUnauthenticated.
	Identity(ctx context.Context, dialect, name string) (merchant.Merchant, merchant.Identity, error)
	// Identities are a merchant's, in every dialect.
	Identities(ctx context.Context, merchantID string) ([]merchant.Identity, error)
	// ChannelAccounts are a merchant's.
	ChannelAccounts(ctx context.Context, merchantID string) ([]merchant.ChannelAccount, error)
	// PlatformKey is the key pair in use for a purpose.
	PlatformKey(ctx context.Context, purpose string) (merchant.PlatformKey, error)
	// PlatformKeys are all that there ever were for a purpose.
	PlatformKeys(ctx context.Context, purpose string) ([]merchant.PlatformKey, error)
	// PlatformKeyByID is a key pair, also one that is out of use: a delivery
	// keeps the key of its first attempt. In the place of one that was retired
	// it gives the one in use for the same purpose.
	PlatformKeyByID(ctx context.Context, id string) (merchant.PlatformKey, error)
}

// Acceptor takes refund requests; the intake is one.
type Acceptor interface {
	Accept(ctx context.Context, unit refund.Unit, wait time.Duration) (intake.Result, error)
}

// Registrar registers paid charges. The same charge again adds aliases (of
// those that are MadeUp only where the dialect has none for it) and gives the
// charge as it is with again true; one that differs is KindChargeConflict. An order number that a dialect already uses for another
// charge is KindChargeConflict too. IDs and aliases are made before.
type Registrar interface {
	RegisterCharge(ctx context.Context, c refund.Charge, w *refund.Write) (stored refund.Charge, again bool, err error)
}

// BatchRegistrar registers many charges in few commits. It gives one Registered
// for each charge, in their order: what is wrong with one harms no other, and
// the same charge twice in a batch is registered once and then again. The
// error is of the whole call; then calling it again does no harm.
type BatchRegistrar interface {
	Registrar
	RegisterCharges(ctx context.Context, charges []refund.Charge, w *refund.Write) ([]refund.Registered, error)
}

// Reader reads. What is absent is KindChargeNotFound, KindRefundNotFound or
// KindEventNotFound. What is damaged is KindCorrupt, whose detail names it; Charge,
// ChargeByAlias, Refund and Event then return what is known of it. A list with a
// damaged row is KindCorrupt as a whole: a caller that sums it must not miss one. Lists give at most Page.Limit rows and whether there are
// more in the direction of the page.
type Reader interface {
	Charge(ctx context.Context, merchantID, id string) (refund.Charge, error)
	ChargeByAlias(ctx context.Context, merchantID, dialect, name string) (refund.Charge, error)
	// ChargeByAny finds a charge by its id or any dialect's name for it, else by
	// the channel's or the merchant's own number where that stands for one alone.
	ChargeByAny(ctx context.Context, merchantID, name string) (refund.Charge, error)
	// ChargeIDByAny is ChargeByAny for callers that need only the charge's id.
	ChargeIDByAny(ctx context.Context, merchantID, name string) (string, error)
	ChargeList(ctx context.Context, f refund.ChargeFilter) (charges []refund.Charge, more bool, err error)

	Refund(ctx context.Context, merchantID, id string) (refund.Refund, error)
	RefundList(ctx context.Context, f refund.Filter) (refunds []refund.Refund, more bool, err error)
	// RefundByAlias is ChargeByAlias and then Refund, for one of the charge's, and
	// RefundsByAlias ChargeByAlias and then the first page of its RefundList: in one
	// statement, of which the charge's names are all that there is of it.
	RefundByAlias(ctx context.Context, merchantID, dialect, name, id string) (refund.Refund, refund.NamedCharge, error)
	RefundsByAlias(ctx context.Context, merchantID, dialect, name string, limit int) (refunds []refund.Refund, charge refund.NamedCharge, more bool, err error)
	Attempts(ctx context.Context, merchantID, refundID string) ([]refund.Attempt, error)
	Transfers(ctx context.Context, merchantID, refundID string) ([]refund.StoredTransfer, error)

	Event(ctx context.Context, merchantID, id string) (refund.StoredEvent, error)
	EventList(ctx context.Context, f refund.EventFilter) (events []refund.StoredEvent, more bool, err error)
	// Feed returns numbered events after a number, oldest first.
	Feed(ctx context.Context, merchantID string, after int64, limit int) ([]refund.StoredEvent, error)
}

// RawObject is an empty JSON object, for members that are never null.
var RawObject = json.RawMessage("{}")
