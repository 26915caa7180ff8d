// Package stripe is the server side of Stripe's API in the channel simulator: refunds
// with idempotency keys, their lists and metadata, charges and payment intents, disputes,
// the balance, and webhook events. docs/channel-sim.md says what it leaves out.
package stripe

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// Name is the channel's name.
const Name = "stripe"

// apiVersion is the version of answers and events.
const apiVersion = "2026-06-24.dahlia"

// settle is how long a refund is pending. A card's refund succeeds at once at Stripe; two
// seconds let a client see both states.
const settle = 2 * time.Second

// keyLife is how long an idempotency key is kept. Stripe keeps it for a day at least.
const keyLife = 24 * time.Hour

// Side is Stripe.
type Side struct {
	secretKey, webhookSecret, secondSecret string

	keys     map[string]*kept // by idempotency key
	disputes map[string]*dispute
	requests int
	rolled   bool // the endpoint's secret is being rolled: both sign

	mu   sync.Mutex
	busy map[string]bool // idempotency keys of requests under way
}

// New makes the side.
func New() *Side {
	return &Side{keys: make(map[string]*kept), disputes: make(map[string]*dispute), busy: make(map[string]bool)}
}

var (
	_ channelsim.Side     = (*Side)(nil)
	_ channelsim.Disputer = (*Side)(nil)
	_ channelsim.Rooted   = (*Side)(nil)
)

// Name implements channelsim.Side.
func (*Side) Name() string { return Name }

// NewAccount implements channelsim.Side: an account in test mode with one webhook
// endpoint.
func (*Side) NewAccount(time.Time) (shown, kept map[string]string, err error) {
	return map[string]string{"secret_key": "sk_test_" + rand.Text(), "webhook_secret": "whsec_" + rand.Text()},
		map[string]string{"second_webhook_secret": "whsec_" + rand.Text()}, nil
}

// Addresses implements channelsim.Side: the simulator's root. Stripe's clients take no
// address with a path.
func (*Side) Addresses(base string) map[string]string {
	return map[string]string{"base_url": strings.TrimSuffix(base, "/"+Name)}
}

// AtRoot implements channelsim.Rooted.
func (*Side) AtRoot(path string) bool { return strings.HasPrefix(path, "/v1/") }

// Settings implements channelsim.Side.
func (*Side) Settings(shown map[string]string) map[string]string { return shown }

// Open implements channelsim.Side.
func (s *Side) Open(_ string, shown, kept map[string]string) error {
	s.secretKey, s.webhookSecret, s.secondSecret = shown["secret_key"], shown["webhook_secret"], kept["second_webhook_secret"]
	if !strings.HasPrefix(s.secretKey, "sk_test_") || !strings.HasPrefix(s.webhookSecret, "whsec_") {
		return errors.New("secret_key or webhook_secret is missing")
	}
	return nil
}

// Switch implements channelsim.Side: the endpoint's secret is rolled, and both sign.
func (s *Side) Switch() { s.rolled = !s.rolled }

// Lacks implements channelsim.Side: answers are not signed, events are. A day's list is
// made of the refunds themselves, so that it can't lie.
func (*Side) Lacks(phase channelsim.Phase, fault channelsim.Fault) bool {
	switch fault {
	case channelsim.WrongSignature, channelsim.CertificateSwitch:
		return phase != channelsim.InNotice
	case channelsim.LyingBill:
		return true
	}
	return false
}

// PaymentID implements channelsim.Side.
func (*Side) PaymentID(n int64, at time.Time) string { return id("ch", n, at) }

// RefundID implements channelsim.Side.
func (*Side) RefundID(n int64, at time.Time) string { return id("re", n, at) }

// id is an id of Stripe's: a kind and 24 letters and digits.
func id(kind string, n int64, at time.Time) string {
	return fmt.Sprintf("%s_3S%012x%010d", kind, at.UnixMilli(), n)
}

// intentOf is the payment intent that a charge belongs to.
func intentOf(p *channelsim.Payment) string {
	if named := p.Attributes[attributeIntent]; named != "" {
		return named
	}
	return "pi_" + strings.TrimPrefix(strings.TrimPrefix(p.TransactionID, "ch_"), "py_")
}

// The attributes of a payment.
const (
	attributeIntent = "payment_intent"
	attributeBrand  = "brand"
)

// CheckPayment implements channelsim.Side.
func (*Side) CheckPayment(p *channelsim.Payment) error {
	for name := range p.Attributes {
		if !slices.Contains([]string{attributeIntent, attributeBrand}, name) {
			return fmt.Errorf("unknown attribute %q (hint: payment_intent or brand)", name)
		}
	}
	if len(p.Coupons) > 0 {
		return errors.New("a charge at Stripe has no coupons")
	}
	if p.TransactionID != "" && !strings.HasPrefix(p.TransactionID, "ch_") && !strings.HasPrefix(p.TransactionID, "py_") {
		return errors.New("transaction_id must be that of a charge and begin with ch_")
	}
	if _, ok := units(p.Currency, p.Amount); !ok {
		return fmt.Errorf("there is no such amount of %s at Stripe", p.Currency)
	}
	return nil
}

// units writes an amount as Stripe counts it. Of the currencies with three decimals the
// last digit is 0; the króna and the Ugandan shilling have two decimals that are 0, and
// the ariary has none. ok is false for an amount that can't be written so.
func units(currency money.Currency, amount money.Minor) (n int64, ok bool) {
	switch currency {
	case "BHD", "JOD", "KWD", "OMR", "TND":
		return int64(amount), amount%10 == 0
	case "ISK", "UGX":
		return int64(amount) * 100, true
	case "MGA":
		return int64(amount) / 100, amount%100 == 0
	}
	return int64(amount), true
}

// minor reads an amount in Stripe's count.
func minor(currency money.Currency, n int64) (amount money.Minor, ok bool) {
	switch currency {
	case "ISK", "UGX":
		return money.Minor(n / 100), n%100 == 0
	case "MGA":
		return money.Minor(n) * 100, true
	}
	_, ok = units(currency, money.Minor(n))
	return money.Minor(n), ok
}

// Zone implements channelsim.Side.
func (*Side) Zone() *time.Location { return time.UTC }

// Bill implements channelsim.Side: Stripe makes no bills, and GET /sim/bill shows the
// day's refunds as a list.
func (s *Side) Bill(books *channelsim.Books, _ time.Time, rows []channelsim.Refund) (contentType string, body []byte) {
	data := make([]any, len(rows))
	for n, r := range rows {
		data[n] = s.refund(books, r)
	}
	return "application/json", answer(200, object{"object": "list", "url": pathRefunds, "has_more": false, "data": data}).Body
}
