package stripe

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strings"

	stripe "github.com/stripe/stripe-go/v86"

	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// The settings and secrets of an account.
const (
	settingBaseURL = "base_url"
	secretKey      = "secret_key"
	secretWebhook  = "webhook_secret"
)

// Settings implements channel.Driver.
func (*Driver) Settings() []merchant.Setting {
	return []merchant.Setting{
		{Name: secretKey, Secret: true, Required: true, Meaning: "a secret or restricted API key: sk_test_ or rk_test_ for a test merchant, sk_live_ or rk_live_ for a live one", Check: isKey},
		{Name: secretWebhook, Secret: true, Meaning: "the signing secret of the webhook endpoint, whsec_...; without it notices are refused, and refunds are asked about", Check: isWebhookSecret},
		{Name: settingBaseURL, Whose: true, Default: stripe.APIURL, Meaning: "where Stripe is called", Check: isBaseURL},
	}
}

// Forms of secrets. Stripe does not document their lengths.
var (
	keyForm     = regexp.MustCompile(`^[sr]k_(test|live)_[0-9A-Za-z_]{8,255}$`)
	webhookForm = regexp.MustCompile(`^whsec_[0-9A-Za-z+/=_-]{8,255}$`)
)

func isKey(value string) error {
	switch {
	case strings.HasPrefix(value, "pk_"):
		return errors.New("is a publishable key, which refunds nothing (hint: set the secret key, or a restricted key that may write refunds)")
	case !keyForm.MatchString(value):
		return errors.New("must be a key that begins with sk_test_, sk_live_, rk_test_ or rk_live_")
	}
	return nil
}

func isLiveKey(key string) bool {
	return strings.HasPrefix(key, "sk_live_") || strings.HasPrefix(key, "rk_live_")
}

// otherMode says that a key is of the other mode than its merchant.
func otherMode(live bool) string {
	if live {
		return "is a live key, and the merchant is a test merchant: its refunds would be real (hint: set the sk_test_ or rk_test_ key)"
	}
	return "is a test key, and the merchant is a live one: nothing would be refunded (hint: set the sk_live_ or rk_live_ key)"
}

func isWebhookSecret(value string) error {
	if !webhookForm.MatchString(value) {
		return errors.New("must be an endpoint's signing secret that begins with whsec_")
	}
	return nil
}

// everywhere makes the check of an address one of its form alone: which networks
// may be called is decided at each connection, by the process that calls.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func isBaseURL(value string) error {
	if err := egress.Check(value, everywhere); err != nil {
		return err
	}
	switch u, err := url.Parse(value); {
	case err != nil || u.RawQuery != "" || u.ForceQuery:
		return errors.New("must be an address without a query")
	case strings.HasSuffix(strings.TrimRight(u.Path, "/"), "/v1"):
		return errors.New("must be the address before /v1")
	}
	return nil
}

// base is what every address begins with.
func base(settings map[string]string) string {
	if value := settings[settingBaseURL]; value != "" {
		return strings.TrimRight(value, "/")
	}
	return stripe.APIURL
}

// invalid is the error for a setting.
func invalid(name, format string, args ...any) error {
	return refund.Errorf(refund.KindInvalid, name, format, args...)
}
