package payin

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// Names of settings that are no plain copy in an identity.
const (
	settingMerchant = "merchant_id"
	settingKey      = "client_key"
)

// Lengths of what is made, and limits of what is given, in characters.
const (
	keyLength      = 32 // with its first two, AK (Y1-6)
	secretLength   = 64
	merchantDigits = 6 // behind M
	clientIDDigits = 7 // behind CLT
	// maxMerchant leaves room for what follows it in an order's id.
	maxMerchant = 40
	maxKey      = 128
	maxClient   = 64
)

// Describe returns what the registry needs to know of the dialect.
func Describe() merchant.Dialect {
	on := merchant.OneOf(wire.SwitchOn)
	return merchant.Dialect{
		Name: merchant.Payin,
		Settings: []merchant.Setting{
			{Name: settingMerchant, Fixed: true, Meaning: "the merchant's id", Check: merchant.Visible(maxMerchant)},
			{Name: settingKey, Fixed: true, Secret: true, Meaning: "the x-auth-key of a client that exists", Check: merchant.Visible(maxKey)},
			{Name: merchant.ClientSecret, Secret: true, Required: true, Meaning: "what signs the client's requests; while it is changed, both with a blank between them"},
			{Name: wire.SettingClientID, Meaning: "the client's id that orders show", Check: merchant.Visible(maxClient)},
			{Name: wire.SwitchNumberAmount, Meaning: "amounts may be JSON numbers", Check: on},
			{Name: wire.SwitchThreeDecimals, Meaning: "amounts of KWD, BHD and OMR may have three decimals", Check: on},
			{Name: wire.SwitchRequireBodySHA256, Meaning: "requests must carry the SHA-256 of their body", Check: on},
			{Name: wire.SwitchOmitRefundID, Meaning: "notifications leave _refundId out", Check: on},
			{Name: wire.SwitchNotifyFailures, Meaning: "an order's own address is notified of refunds that failed", Check: on},
		},
		Make: makeMerchant,
		Document: func(identities []merchant.Identity, key string) any {
			return document{identities[0].Name, key, identities[0].Secrets[merchant.ClientSecret]}
		},
		Charges: &merchant.ChargeNames{Identity: settingMerchant, Charge: "order_id", MakeUp: madeUpOrder},
		Keys: &merchant.KeyForm{
			Setting:  settingKey,
			Text:     func(merchant.Mode) string { return "AK" + merchant.RandomLetters(keyLength-2) },
			Settings: []merchant.Setting{{Name: wire.SwitchRequireBodySHA256, Meaning: "whether its requests must carry the SHA-256 of their body, which signatures leave out", Check: on}},
			Fill:     fillClient,
		},
		Events:   append(refund.EndEvents(), wire.EventPaymentSucceeded),
		Promised: []string{"refund.succeeded", wire.EventPaymentSucceeded},
		Demo: &merchant.DemoForm{Given: merchant.Given{
			Settings: map[string]string{settingMerchant: "M948164"},
			Secrets:  map[string]string{settingKey: "AK000000000000000000000000000001", merchant.ClientSecret: "payin-test-secret"},
		}},
	}
}

// document is what a client is configured with.
type document struct {
	MerchantID string `json:"merchant_id"`
	ClientKey  string `json:"client_key"`
	Secret     string `json:"secret"`
}

func makeMerchant(r merchant.Request) ([]merchant.Identity, error) {
	i := merchant.Identity{Name: r.Settings[settingMerchant]}
	if i.Name == "" {
		i.Name = "M" + merchant.RandomDigits(merchantDigits)
	}
	if r.Secrets[merchant.ClientSecret] == "" {
		i.Secrets = map[string]string{merchant.ClientSecret: merchant.RandomLetters(secretLength)}
	}
	return []merchant.Identity{i}, nil
}

// fillClient: a key is a client with an id and a secret of its own (Y1-5 and
// Y1-6).
func fillClient(k *merchant.Key, given map[string]string) {
	k.Public = map[string]string{merchant.ClientID: "CLT" + merchant.RandomDigits(clientIDDigits)}
	if given[wire.SwitchRequireBodySHA256] != "" {
		k.Public[wire.SwitchRequireBodySHA256] = given[wire.SwitchRequireBodySHA256]
	}
	k.Secrets = map[string]string{merchant.ClientSecret: merchant.RandomLetters(secretLength)}
}

// madeUpOrder makes the id of an order that was registered without one:
// merchant, T, the local date, and 14 digits that look like a time of day with
// milliseconds and five more (Y3.3-1). The five alone would not keep a bulk
// import apart, in which thousands of charges were paid at the same moment; so
// the time of day is made of the charge's id as well.
func madeUpOrder(i merchant.Identity, c merchant.NewCharge) string {
	const day, more = 24 * 60 * 60 * 1000, 100_000
	sum := sha256.Sum256([]byte(c.Tail))
	number := binary.BigEndian.Uint64(sum[:8]) % (day * more)
	clock := time.Time{}.Add(time.Duration(number/more) * time.Millisecond)
	return fmt.Sprintf("%sT%s%s%03d%05d", i.Name, c.PaidAt.In(wire.Riyadh).Format("20060102"), clock.Format("150405"), clock.Nanosecond()/1_000_000, number%more)
}
