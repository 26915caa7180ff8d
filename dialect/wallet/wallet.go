// Package wallet answers the wallet API: refunds, charges and wallets under
// /wallet/, refunds of the older generation under /charges/, both also below
// /api/v1, plain or in sealed envelopes, and the webhooks that tell of refunds.
// It decides bytes, never money.
//
// Ids in comments, such as L2.2-1, are those of the rules in
// docs/rules/wallet.md. Where the contract leaves something open,
// docs/divergences/wallet.md says what was chosen and why.
package wallet

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"math/big"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// Pager reads lists by the number of their page, newest first, as this API
// wants them: at most f.Page.Limit rows behind the first offset ones, and how
// many there are in all.
type Pager interface {
	ChargePage(ctx context.Context, f refund.ChargeFilter, offset int64) (charges []refund.Charge, total int64, err error)
	RefundPage(ctx context.Context, f refund.Filter, offset int64) (refunds []refund.Refund, total int64, err error)
	// ChargeSums adds up what the charges of an identity in one currency still
	// hold: what may be refunded, and what open refunds and disputes hold.
	ChargeSums(ctx context.Context, merchantID, dialect, identity string, currency money.Currency) (free, held *big.Int, err error)
}

// Services are what the dialect needs of the rest of the program.
type Services struct {
	Directory dialect.Directory
	// Dialects are what all dialects say of themselves: a charge gets a name in
	// each.
	Dialects  merchant.Dialects
	Reader    dialect.Reader
	Pager     Pager
	Registrar dialect.Registrar
	Acceptor  dialect.Acceptor
	// Payments finds payments that are not registered; may be nil.
	Payments dialect.Payments
	// Writes remembers what was done under an Idempotency-Key.
	Writes dialect.Writes
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Random gives nonces; default crypto/rand.Reader.
	Random io.Reader
	// Damaged is called when a request fails on a damaged row; may be nil.
	Damaged dialect.Damage
	// Log receives faults of ours, with the request's id; default
	// slog.Default().
	Log *slog.Logger
}

// Dialect is the wallet API. It is safe for concurrent use.
type Dialect struct{ Services }

var (
	_ dialect.Dialect  = (*Dialect)(nil)
	_ webhook.Renderer = (*Dialect)(nil)
)

// New makes the dialect.
func New(s Services) *Dialect {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Random == nil {
		s.Random = rand.Reader
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	return &Dialect{Services: s}
}

// Name is "wallet".
func (d *Dialect) Name() string { return merchant.Wallet }

// now is the time in the store's precision.
func (d *Dialect) now() time.Time { return d.Now().UTC().Truncate(time.Microsecond) }
