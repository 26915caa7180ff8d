// Package alipay is the server side of Alipay's gateway in the channel simulator:
// refunds, their query, trade queries, the bill of a day, trade notices and deposit-back
// messages, of an app in key mode. docs/channel-sim.md says what it leaves out.
package alipay

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/wire/pemkey"
)

// Name is the channel's name.
const Name = "alipay"

// The rules of refunds.
const (
	windowMonths = 12
	spacing      = 3 * time.Second
)

// bankTime is how long a refund to a bank card is processed.
const bankTime = 2 * time.Second

// beijing is where the platform's days begin and its times are written.
var beijing = time.FixedZone("", 8*60*60)

// Side is the platform.
type Side struct {
	base, appID, sellerID string
	app                   *rsa.PublicKey
	own                   *rsa.PrivateKey
	bills                 map[string]download // by their tokens
}

// New makes the side.
func New() *Side { return &Side{bills: make(map[string]download)} }

var _ channelsim.Side = (*Side)(nil)

// Name implements channelsim.Side.
func (*Side) Name() string { return Name }

// NewAccount implements channelsim.Side: an app in key mode.
func (*Side) NewAccount(time.Time) (shown, kept map[string]string, err error) {
	app, err := rsa.GenerateKey(rand.Reader, pemkey.MinRSABits)
	if err != nil {
		return nil, nil, err
	}
	own, err := rsa.GenerateKey(rand.Reader, pemkey.MinRSABits)
	if err != nil {
		return nil, nil, err
	}
	public, err := pemkey.MarshalPublicKey(&own.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	return map[string]string{
		"app_id": "2021" + digits(12), "app_private_key": pemkey.MarshalRSAPrivateKey(app), "alipay_public_key": public,
	}, map[string]string{"alipay_private_key": pemkey.MarshalRSAPrivateKey(own), "seller_id": "2088" + digits(12)}, nil
}

// digits makes a number of n digits.
func digits(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails
	for at := range raw {
		raw[at] = '0' + raw[at]%10
	}
	return string(raw)
}

// Addresses implements channelsim.Side.
func (*Side) Addresses(base string) map[string]string {
	return map[string]string{"gateway": base + pathGateway}
}

// Settings implements channelsim.Side.
func (*Side) Settings(shown map[string]string) map[string]string { return maps.Clone(shown) }

// Open implements channelsim.Side.
func (s *Side) Open(base string, shown, kept map[string]string) error {
	app, err := pemkey.ParseRSAPrivateKey(shown["app_private_key"])
	if err != nil {
		return fmt.Errorf("app_private_key: %w", err)
	}
	if s.own, err = pemkey.ParseRSAPrivateKey(kept["alipay_private_key"]); err != nil {
		return fmt.Errorf("alipay_private_key: %w", err)
	}
	s.base, s.app, s.appID, s.sellerID = base, &app.PublicKey, shown["app_id"], kept["seller_id"]
	if s.appID == "" || s.sellerID == "" {
		return errors.New("app_id or seller_id is missing")
	}
	return nil
}

// Lacks implements channelsim.Side. An app in key mode knows one key, so that no other
// can sign from one moment to the next. What a bank sends back goes to the payer's
// balance at Alipay: no refund that succeeded is ever returned to the merchant.
func (*Side) Lacks(_ channelsim.Phase, fault channelsim.Fault) bool {
	return fault == channelsim.CertificateSwitch || fault == channelsim.LateReturn
}

// Switch implements channelsim.Side: there is no other key.
func (*Side) Switch() {}

// Zone implements channelsim.Side.
func (*Side) Zone() *time.Location { return beijing }

// PaymentID implements channelsim.Side: 28 digits.
func (*Side) PaymentID(n int64, at time.Time) string {
	return at.In(beijing).Format("20060102") + "2200" + fmt.Sprintf("%016d", n)
}

// RefundID implements channelsim.Side. Alipay shows no number of a refund but the
// merchant's.
func (*Side) RefundID(n int64, at time.Time) string {
	return at.In(beijing).Format("20060102") + "R" + fmt.Sprintf("%016d", n)
}

// attributeBank has a payment come from a bank card, "DEBIT_CARD" or "CREDIT_CARD": its
// refunds take two seconds, and say where the money landed.
const attributeBank = "bank_card"

// CheckPayment implements channelsim.Side.
func (*Side) CheckPayment(p *channelsim.Payment) error {
	switch {
	case p.Currency != "CNY":
		return errors.New("currency must be CNY: other trades are another product of Alipay's")
	case len(p.Number) > 64:
		return errors.New("number must have at most 64 characters")
	case len(p.Coupons) > 0:
		return errors.New("the simulated trades have no coupons")
	}
	for name, value := range p.Attributes {
		if name != attributeBank {
			return fmt.Errorf("unknown attribute %q (hint: bank_card)", name)
		}
		if !slices.Contains([]string{"DEBIT_CARD", "CREDIT_CARD"}, value) {
			return errors.New("bank_card must be DEBIT_CARD or CREDIT_CARD")
		}
	}
	return nil
}

// stamp writes a time as the platform does.
func stamp(at time.Time) string { return at.In(beijing).Format(time.DateTime) }
