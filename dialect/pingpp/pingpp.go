// Package pingpp answers the Ping++ server API: charges, their refunds, batches
// and orders of them and events under /v1/, and the webhooks that tell of them.
// It decides bytes, never money: a refund is decoded, checked for its form and
// handed to the intake; what comes back is put into the dialect's words.
//
// Ids in comments, such as P2.2-1, are those of the rules in
// docs/rules/pingpp.md. Where the contract leaves something open,
// docs/divergences/pingpp.md says what was chosen and why.
package pingpp

import (
	"context"
	"crypto/rsa"
	"log/slog"
	"sync"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
	"github.com/refundry/refundry/wire/pemkey"
)

// RefundPager reads refunds by the number of their page, newest first: at most
// f.Page.Limit behind the first offset ones, and how many there are in all.
type RefundPager interface {
	RefundPage(ctx context.Context, f refund.Filter, offset int64) (refunds []refund.Refund, total int64, err error)
}

// Services are what the dialect needs of the rest of the program.
type Services struct {
	Directory dialect.Directory
	// Dialects are what all dialects say of themselves: a charge gets a name in
	// each.
	Dialects  merchant.Dialects
	Reader    dialect.Reader
	Pager     RefundPager
	Units     Units
	Registrar dialect.Registrar
	Acceptor  dialect.Acceptor
	// Payments finds payments that are not registered; may be nil.
	Payments dialect.Payments
	// Writes remembers what was done under an Idempotency-Key.
	Writes dialect.Writes
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Damaged is called when a request fails on a damaged row; may be nil.
	Damaged dialect.Damage
	// Log receives faults of ours, with the request's id; default
	// slog.Default().
	Log *slog.Logger
}

// Dialect is the Ping++ API. It is safe for concurrent use.
type Dialect struct {
	Services
	// keys holds parsed private keys by the platform key's id: reading one
	// takes longer than the rest of an answer. There are as many as rotations.
	keys sync.Map // string -> *rsa.PrivateKey
}

var (
	_ dialect.Dialect  = (*Dialect)(nil)
	_ webhook.Renderer = (*Dialect)(nil)
	_ webhook.Repeater = (*Dialect)(nil)
)

// New makes the dialect.
func New(s Services) *Dialect {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	return &Dialect{Services: s}
}

// Name is "pingpp".
func (d *Dialect) Name() string { return merchant.PingPP }

// now is the time in the store's precision.
func (d *Dialect) now() time.Time { return d.Now().UTC().Truncate(time.Microsecond) }

// privateKey returns the parsed key of a platform key.
func (d *Dialect) privateKey(key merchant.PlatformKey) (*rsa.PrivateKey, error) {
	if parsed, ok := d.keys.Load(key.ID); ok {
		return parsed.(*rsa.PrivateKey), nil
	}
	parsed, err := pemkey.ParseRSAPrivateKey(key.PrivatePEM, pemkey.Long)
	if err != nil {
		return nil, err
	}
	d.keys.Store(key.ID, parsed)
	return parsed, nil
}
