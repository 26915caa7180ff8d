package pingpp

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// Names of settings that are no plain copy in an identity.
const (
	settingApp = "app"
	settingKey = "key"
)

const (
	keyLength = 24 // behind sk_test_: the official clients count 32
	appLength = 16
	// demoWaitSeconds lets the demo merchant's answers look like the published
	// page's, which shows refunds that have succeeded.
	demoWaitSeconds = 5
)

// Describe returns what the registry needs to know of the dialect.
func Describe() merchant.Dialect {
	return merchant.Dialect{
		Name: merchant.PingPP,
		Settings: []merchant.Setting{
			{Name: settingApp, Fixed: true, Meaning: "the app's id", Check: isApp},
			{Name: settingKey, Fixed: true, Secret: true, Meaning: "the API key of a shop that has one", Check: isKey},
			{
				Name: wire.SettingAlipayVersion, Meaning: "the gateway of the app's Alipay channels; of the first, refunds wait for a password",
				Check: merchant.OneOf(wire.AlipayVersion1, wire.AlipayVersion2),
			},
			{
				Name: wire.SettingAlipayRefundNoPassword, Meaning: "whether refunds through the first gateway need no password",
				Check: merchant.OneOf("true", "false"),
			},
		},
		CheckMerchant: checkMerchant,
		Make:          makeApp,
		Document: func(identities []merchant.Identity, key string) any {
			return document{identities[0].Name, key}
		},
		Charges: &merchant.ChargeNames{
			Identity: "app", Charge: "charge", Sub: "order",
			MakeUp: func(_ merchant.Identity, c merchant.NewCharge) string { return wire.PrefixCharge + c.Tail },
		},
		Keys: &merchant.KeyForm{
			Setting: settingKey, CheckMode: checkMode,
			Text: func(mode merchant.Mode) string { return keyPrefix(mode) + merchant.RandomLetters(keyLength) },
		},
		Events:   append(refund.EndEvents(), wire.EventBatchRefundSucceeded),
		Promised: []string{wire.EventRefundSucceeded},
		Verification: &merchant.Verification{
			Purpose: merchant.PingPP, Scheme: "rsa-sha256",
			PublicText: func(key merchant.PlatformKey) (string, error) { return key.PublicPEM, nil },
		},
		Platform: []merchant.PlatformForm{{
			Kind: "pingpp", Purpose: merchant.PingPP, DemoShares: true,
			Make: func(_ merchant.PlatformKey, shared string, now time.Time) (merchant.PlatformKey, error) {
				return merchant.NewRSAPlatformKey(merchant.PingPP, shared, now)
			},
		}},
		Demo: &merchant.DemoForm{
			Given: merchant.Given{
				Settings: map[string]string{settingApp: "app_1Gqj58ynP0mHeX1q"},
				// The key that the published page's examples call with.
				Secrets: map[string]string{settingKey: "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"},
			},
			WaitSeconds: demoWaitSeconds,
		},
	}
}

// document is what a client is configured with.
type document struct {
	App string `json:"app"`
	Key string `json:"key"`
}

func makeApp(r merchant.Request) ([]merchant.Identity, error) {
	name, ok := r.Settings[settingApp]
	if !ok {
		name = wire.PrefixApp + merchant.RandomLetters(appLength)
	}
	return []merchant.Identity{{Name: name}}, nil
}

// checkMerchant reads the key by which requests are verified.
func checkMerchant(s merchant.Settings) error {
	if s.RequestKey == "" {
		return nil
	}
	if _, err := pemkey.ParseRSAPublicKey(s.RequestKey, pemkey.Long); err != nil {
		return fmt.Errorf("request_key must be the PEM text of an RSA public key (PKIX): %w", err)
	}
	return nil
}

func isApp(value string) error {
	if !wire.IsAppID(value) {
		return errors.New("must be app_ and 16 letters or digits")
	}
	return nil
}

func isKey(value string) error {
	if !wire.IsKey(value) {
		return errors.New("must be sk_test_ or sk_live_ and 24 letters or digits")
	}
	return nil
}

func checkMode(key string, mode merchant.Mode) error {
	if !strings.HasPrefix(key, keyPrefix(mode)) {
		return fmt.Errorf("the key of a %s merchant begins with %s", mode, keyPrefix(mode))
	}
	return nil
}

func keyPrefix(mode merchant.Mode) string {
	if mode == merchant.Live {
		return wire.PrefixLiveKey
	}
	return wire.PrefixTestKey
}
