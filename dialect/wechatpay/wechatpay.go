// Package wechatpay answers WeChat Pay's API v3 for domestic refunds under
// /v3/, to direct merchants and to service providers: refunds, order queries,
// abnormal refunds, platform certificates and bills, and the notifications
// that tell of refunds. It decides bytes, never money: a request is verified,
// checked for its form and handed to the intake; what comes back is put into
// the dialect's words and signed.
//
// Ids in comments, such as W2.1-11, are those of the rules in
// docs/rules/wechatpay.md. Where the contract leaves something open,
// docs/divergences/wechatpay.md says what was chosen and why.
package wechatpay

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/dayfile"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// onlyCurrency is the one that the API can express: a charge in another does not
// show in it.
const onlyCurrency money.Currency = "CNY"

// Finder finds by numbers that only this dialect asks for. What is absent is
// KindChargeNotFound or KindRefundNotFound.
type Finder interface {
	// ChargeByTransaction finds a charge that has a name in a dialect by its
	// number at the channel.
	ChargeByTransaction(ctx context.Context, merchantID, dialect, transactionID string) (refund.Charge, error)
	// RefundByChannelNumber finds a refund by the number that its channel sees.
	RefundByChannelNumber(ctx context.Context, merchantID, number string) (refund.Refund, error)
}

// Rerouter sends an abnormal refund to another account, and records who asked.
// The destination is kept nowhere. A refund that is not abnormal, or a destination
// that the channel refuses, is KindStateConflict.
type Rerouter interface {
	RerouteRefund(ctx context.Context, by admin.By, merchantID, refundID string, to channel.Destination) (refund.Refund, error)
}

// Services are what the dialect needs of the rest of the program.
type Services struct {
	Directory dialect.Directory
	Reader    dialect.Reader
	Finder    Finder
	Acceptor  dialect.Acceptor
	Rerouter  Rerouter
	// Payments finds orders that are not registered; may be nil.
	Payments dialect.Payments
	// Writes remembers what was done under an Idempotency-Key.
	Writes dialect.Writes
	// EgressCheck says whether a notify_url may be called; nil allows all.
	EgressCheck func(url string) error
	// PublicURL is the service's own address, such as https://pay.example,
	// from which bills are downloaded; "" is the one that the request came to.
	PublicURL string
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Damaged is called when a request fails on a damaged row; may be nil.
	Damaged dialect.Damage
	// Log receives faults of ours, with the request's id; default
	// slog.Default().
	Log *slog.Logger
}

// Dialect is WeChat Pay's API v3. It is safe for concurrent use.
type Dialect struct {
	Services
	mu       sync.Mutex
	accounts map[string]*account // by mchid: parsed keys
	rates    rates
	files    dayfile.Turns // bills that are made or sent now
}

var _ dialect.Dialect = (*Dialect)(nil)

// New makes the dialect.
func New(s Services) *Dialect {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Log == nil {
		s.Log = slog.Default()
	}
	return &Dialect{Services: s, accounts: make(map[string]*account)}
}

// Name is "wechatpay".
func (d *Dialect) Name() string { return merchant.WeChatPay }
