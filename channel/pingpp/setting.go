package pingpp

import (
	"crypto/rsa"
	"errors"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// The settings and secrets of an account.
const (
	settingApp         = "app"
	settingPlatformKey = "platform_public_key"
	settingBaseURL     = "base_url"

	secretAPIKey     = "api_key"
	secretPrivateKey = "merchant_private_key"
)

// host is where Ping++ answers; it has one host for test and live.
const host = "https://api.pingxx.com"

// Settings implements channel.Driver.
func (*Driver) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: settingApp, Whose: true, Required: true, Meaning: "the app's id, app_...", Check: isApp},
		{Name: secretAPIKey, Secret: true, Required: true, Meaning: "the app's API key, sk_live_... or, for a test merchant, sk_test_...", Check: isAPIKey},
		{Name: secretPrivateKey, Secret: true, Meaning: "the merchant's private key, PEM, that requests are signed with; required where Ping++ checks their signatures", Check: isPrivateKey},
		{Name: settingPlatformKey, Meaning: "Ping++'s public key, PEM, as its dashboard shows it: it verifies answers and webhooks; without it no webhook is taken", Check: isPublicKey},
		{Name: settingBaseURL, Whose: true, Default: host, Meaning: "where Ping++ is called", Check: egress.CheckBase},
	}
}

func isApp(value string) error {
	if !wire.IsPossibleID(value) || !strings.HasPrefix(value, wire.PrefixApp) {
		return errors.New("must be app_ and letters and digits")
	}
	return nil
}

func isAPIKey(value string) error {
	if !wire.IsKey(value) {
		return errors.New("must be sk_test_ or sk_live_ and 24 letters and digits")
	}
	return nil
}

func isPrivateKey(value string) error {
	_, err := pemkey.ParseRSAPrivateKey(value)
	return err
}

func isPublicKey(value string) error {
	_, err := pemkey.ParseRSAPublicKey(value)
	return err
}

// credentials are an account's settings and secrets, read.
type credentials struct {
	app    string
	apiKey string
	live   bool
	// signer is nil where requests are not signed.
	signer *rsa.PrivateKey
}

// invalid is the error for a setting.
func invalid(name, format string, args ...any) error {
	return refund.Errorf(refund.KindInvalid, name, format, args...)
}

func readCredentials(a channel.Account) (credentials, error) {
	c := credentials{app: a.Settings[settingApp], apiKey: a.Secrets[secretAPIKey], live: a.Mode == merchant.Live}
	if err := isApp(c.app); err != nil {
		return credentials{}, invalid(settingApp, "%v", err)
	}
	if err := isAPIKey(c.apiKey); err != nil {
		return credentials{}, invalid(secretAPIKey, "%v", err)
	}
	switch test := strings.HasPrefix(c.apiKey, wire.PrefixTestKey); {
	case test && c.live:
		return credentials{}, invalid(secretAPIKey, "is a test key, and the merchant is live (hint: its refunds would move no money)")
	case !test && a.Mode == merchant.Test:
		return credentials{}, invalid(secretAPIKey, "is a live key, and the merchant is for tests (hint: its refunds would be real)")
	}
	if text, ok := a.Secrets[secretPrivateKey]; ok {
		key, err := pemkey.ParseRSAPrivateKey(text)
		if err != nil {
			return credentials{}, invalid(secretPrivateKey, "%v", err)
		}
		c.signer = key
	}
	if text, ok := a.Settings[settingPlatformKey]; ok {
		key, err := pemkey.ParseRSAPublicKey(text)
		if err != nil {
			return credentials{}, invalid(settingPlatformKey, "%v", err)
		}
		if c.signer != nil && key.Equal(c.signer.Public()) {
			return credentials{}, invalid(settingPlatformKey, "is the merchant's own, and not Ping++'s")
		}
	}
	return c, nil
}

// platformKeys are those that verify what comes from Ping++: the account's own, and
// those of earlier versions that still live.
func platformKeys(a channel.Account) (keys []*rsa.PublicKey) {
	texts := []string{a.Settings[settingPlatformKey]}
	for _, earlier := range a.Previous {
		texts = append(texts, earlier.Settings[settingPlatformKey])
	}
	for _, text := range texts {
		if key, err := pemkey.ParseRSAPublicKey(text); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// base is what every address begins with.
func base(settings map[string]string) string {
	if value := settings[settingBaseURL]; value != "" {
		return strings.TrimRight(value, "/")
	}
	return host
}
