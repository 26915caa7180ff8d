// Package wechatpay is the server side of WeChat Pay's API v3 in the channel
// simulator: refunds of direct merchants and service providers, their query, abnormal
// refunds, order queries, platform certificates, trade bills and refund notices.
// docs/channel-sim.md says what it leaves out.
package wechatpay

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/pemkey"
)

// Name is the channel's name.
const Name = "wechatpay"

// The rules of refunds.
const (
	window     = 365 * 24 * time.Hour
	maxRefunds = 50
	spacing    = time.Minute
	perSecond  = 150
)

// settle is how long a refund is processed. The platform takes minutes; a merchant's
// test should not.
const settle = 2 * time.Second

// beijing is where the platform's days begin and its times are written.
var beijing = time.FixedZone("", 8*60*60)

// Side is the platform.
type Side struct {
	base                string
	mchID, apiV3Key     string
	merchantSerial      string
	merchant            *rsa.PublicKey
	certificate, public signer
	certificatePEM      string
	effective, expires  time.Time
	byCertificate       atomic.Bool // which key signs where the caller names none

	parts     map[string]parts // by refund id
	tokens    int              // refund requests left in the second of tokensAt
	tokensAt  time.Time
	downloads map[string]download // bills by their tokens
}

// signer is a key of the platform's with its name.
type signer struct {
	name string
	key  *rsa.PrivateKey
}

// New makes the side.
func New() *Side {
	return &Side{parts: make(map[string]parts), downloads: make(map[string]download), tokens: perSecond}
}

var _ channelsim.Side = (*Side)(nil)

// Name implements channelsim.Side.
func (*Side) Name() string { return Name }

// NewAccount implements channelsim.Side: a merchant who may act as a direct merchant
// and as a service provider, and both kinds of platform key.
func (*Side) NewAccount(now time.Time) (shown, kept map[string]string, err error) {
	merchantKey, err := rsa.GenerateKey(rand.Reader, pemkey.MinRSABits)
	if err != nil {
		return nil, nil, err
	}
	certificateKey, err := rsa.GenerateKey(rand.Reader, pemkey.MinRSABits)
	if err != nil {
		return nil, nil, err
	}
	publicKey, err := rsa.GenerateKey(rand.Reader, pemkey.MinRSABits)
	if err != nil {
		return nil, nil, err
	}
	from, until := now.Add(-time.Hour), now.AddDate(5, 0, 0)
	merchantCertificate, err := pemkey.SelfSign(merchantKey, "channel-sim merchant", from, until)
	if err != nil {
		return nil, nil, err
	}
	platformCertificate, err := pemkey.SelfSign(certificateKey, "Tenpay.com sign", from, until)
	if err != nil {
		return nil, nil, err
	}
	var texts [4]string
	for n, key := range []*rsa.PrivateKey{merchantKey, certificateKey, publicKey} {
		if texts[n], err = pemkey.MarshalPrivateKey(key); err != nil {
			return nil, nil, err
		}
	}
	if texts[3], err = pemkey.MarshalPublicKey(&publicKey.PublicKey); err != nil {
		return nil, nil, err
	}
	return map[string]string{
		"mchid": "19" + digits(8), "apiv3_key": strings.ToLower(rand.Text() + rand.Text())[:32],
		"merchant_serial": pemkey.Serial(merchantCertificate), "merchant_private_key": texts[0],
		"merchant_certificate": pemkey.MarshalCertificate(merchantCertificate),
		"platform_serial":      pemkey.Serial(platformCertificate), "platform_certificate": pemkey.MarshalCertificate(platformCertificate),
		"platform_public_key_id": "PUB_KEY_ID_0" + digits(27), "platform_public_key": texts[3],
	}, map[string]string{
		"certificate_private_key": texts[1], "public_private_key": texts[2],
	}, nil
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
func (*Side) Addresses(base string) map[string]string { return map[string]string{"base_url": base} }

// Settings implements channelsim.Side: a direct merchant who verifies by both kinds of
// platform key.
func (*Side) Settings(shown map[string]string) map[string]string {
	settings := maps.Clone(shown)
	delete(settings, "platform_serial") // it is in the certificate
	return settings
}

// Open implements channelsim.Side.
func (s *Side) Open(base string, shown, kept map[string]string) error {
	merchantKey, err := pemkey.ParseRSAPrivateKey(shown["merchant_private_key"])
	if err != nil {
		return fmt.Errorf("merchant_private_key: %w", err)
	}
	s.base, s.mchID, s.apiV3Key, s.merchantSerial, s.merchant = base, shown["mchid"], shown["apiv3_key"], shown["merchant_serial"], &merchantKey.PublicKey
	certificate, _, err := pemkey.ParseRSACertificate(shown["platform_certificate"])
	if err != nil {
		return fmt.Errorf("platform_certificate: %w", err)
	}
	s.certificatePEM, s.effective, s.expires = shown["platform_certificate"], certificate.NotBefore, certificate.NotAfter
	s.certificate.name, s.public.name = shown["platform_serial"], shown["platform_public_key_id"]
	if s.certificate.key, err = pemkey.ParseRSAPrivateKey(kept["certificate_private_key"]); err != nil {
		return fmt.Errorf("certificate_private_key: %w", err)
	}
	if s.public.key, err = pemkey.ParseRSAPrivateKey(kept["public_private_key"]); err != nil {
		return fmt.Errorf("public_private_key: %w", err)
	}
	if s.mchID == "" || len(s.apiV3Key) != 32 || s.merchantSerial == "" {
		return errors.New("mchid, apiv3_key or merchant_serial is missing")
	}
	return nil
}

// Lacks implements channelsim.Side: nothing.
func (*Side) Lacks(channelsim.Phase, channelsim.Fault) bool { return false }

// PaymentID implements channelsim.Side: 28 digits.
func (*Side) PaymentID(n int64, at time.Time) string {
	return "4200000000" + at.In(beijing).Format("20060102") + fmt.Sprintf("%010d", n)
}

// RefundID implements channelsim.Side: 29 digits.
func (*Side) RefundID(n int64, at time.Time) string {
	return "50" + at.In(beijing).Format("20060102") + fmt.Sprintf("%019d", n)
}

// The attributes of a payment. subMchID makes it a sub-merchant's, whose refunds name
// him too; fee is what the platform took, in fen.
const (
	attributeSub      = "sub_mchid"
	attributeFee      = "fee"
	attributeReceived = "received_account"
	attributeTrade    = "trade_type"
)

// CheckPayment implements channelsim.Side.
func (*Side) CheckPayment(p *channelsim.Payment) error {
	if p.Currency != "CNY" {
		return errors.New("WeChat Pay's domestic payments are in CNY")
	}
	if len(p.Number) < 6 || len(p.Number) > 32 {
		return errors.New("number must have 6 to 32 characters")
	}
	for name := range p.Attributes {
		if !slices.Contains([]string{attributeSub, attributeFee, attributeReceived, attributeTrade}, name) {
			return fmt.Errorf("unknown attribute %q (hint: sub_mchid, fee, received_account or trade_type)", name)
		}
	}
	if fee := p.Attributes[attributeFee]; fee != "" {
		if n, err := strconv.ParseInt(fee, 10, 64); err != nil || n < 0 || money.Minor(n) > p.Amount {
			return errors.New("fee must be fen, at most the amount")
		}
	}
	var discount money.Minor
	for _, coupon := range p.Coupons {
		if coupon.Amount <= 0 || coupon.Amount > p.Amount-discount || coupon.ID == "" ||
			!slices.Contains([]string{"GLOBAL", "SINGLE"}, coupon.Scope) || !slices.Contains([]string{"CASH", "NOCASH"}, coupon.Type) {
			return errors.New("a coupon has id, scope GLOBAL or SINGLE, type CASH or NOCASH, and an amount; all together at most the payment's")
		}
		discount += coupon.Amount
	}
	return nil
}

// Switch implements channelsim.Side.
func (s *Side) Switch() { s.byCertificate.Store(!s.byCertificate.Load()) }

// Zone implements channelsim.Side.
func (*Side) Zone() *time.Location { return beijing }

// stamp writes a time as the platform does.
func stamp(at time.Time) string { return at.In(beijing).Format("2006-01-02T15:04:05+08:00") }
