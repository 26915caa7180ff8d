package wechatpay_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/wechatpay"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/pemkey"
)

func certificate(t *testing.T, key crypto.Signer, name string, from, until time.Time) string {
	t.Helper()
	made, err := pemkey.SelfSign(key, name, from, until)
	if err != nil {
		t.Fatal(err)
	}
	return pemkey.MarshalCertificate(made)
}

// What could not verify a request of this merchant is refused when it is set, in
// one line that names the setting and never repeats a key.
func TestACertificateThatIsOfNoUseIsRefused(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	day := 24 * time.Hour
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	private, err := pemkey.MarshalPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	good := certificate(t, key, "1900009191", now.Add(-day), now.Add(day))
	for name, test := range map[string]struct{ text, want string }{
		"a good one":                 {good, ""},
		"one of another's making":    {certificate(t, key, "anybody", now.Add(-day), now.Add(day)), ""},
		"an EC certificate":          {certificate(t, curve, "1900009191", now.Add(-day), now.Add(day)), "found a certificate with an EC public key"},
		"a short key":                {certificate(t, short, "1900009191", now.Add(-day), now.Add(day)), "found one of 1024"},
		"one that has expired":       {certificate(t, key, "1900009191", now.Add(-2*day), now.Add(-day)), "expired at 2026-11-21"},
		"one that is not valid yet":  {certificate(t, key, "1900009191", now.Add(day), now.Add(2*day)), "is valid from 2026-11-23"},
		"another merchant's":         {certificate(t, key, "1900009999", now.Add(-day), now.Add(day)), "is of merchant 1900009999, not of 1900009191"},
		"a good one and an old one":  {good + certificate(t, key, "1900009191", now.Add(-2*day), now.Add(-day)), "expired at 2026-11-21"},
		"a private key":              {private, "found a private key"},
		"text behind it":             {good + "the end", "found text behind"},
		"no text that is PEM at all": {"x", "found a text that is no key"},
	} {
		t.Run(name, func(t *testing.T) {
			identity := merchant.Identity{Dialect: merchant.WeChatPay, Name: "1900009191"}
			changed, err := wechatpay.Describe().Change(identity, merchant.Given{Settings: map[string]string{merchant.MerchantCertPEM: test.text}}, now)
			if test.want == "" {
				if err != nil || changed.Public[merchant.MerchantSerial] == "" {
					t.Errorf("changed to %v, %v", changed.Public, err)
				}
				return
			}
			if err == nil || !strings.HasPrefix(err.Error(), merchant.MerchantCertPEM+": ") || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestSerialsFollowTheCertificates(t *testing.T) {
	now := time.Now()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	first, second := certificate(t, key, "a", now, now.Add(time.Hour)), certificate(t, key, "b", now, now.Add(time.Hour))
	changed, err := wechatpay.Describe().Change(merchant.Identity{Name: "1900009191"}, merchant.Given{Settings: map[string]string{merchant.MerchantCertPEM: first + second}}, now)
	if err != nil {
		t.Fatal(err)
	}
	if serials := strings.Fields(changed.Public[merchant.MerchantSerial]); len(serials) != 2 || serials[0] == serials[1] {
		t.Errorf("the serials are %v", serials)
	}
}
