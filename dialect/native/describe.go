package native

import (
	"fmt"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	settingKey = "key"
	keyLength  = 24 // behind rk_test_
)

// Describe returns what the registry needs to know of the API.
func Describe() merchant.Dialect {
	var every []string
	for _, state := range refund.States() {
		every = append(every, "refund."+string(state))
	}
	return merchant.Dialect{
		Name: merchant.Native, EveryMerchant: true,
		Settings: []merchant.Setting{
			{Name: settingKey, Fixed: true, Secret: true, Meaning: "the API key of a merchant that has one", Check: merchant.Visible(maxKeyBytes)},
		},
		Document: func(_ []merchant.Identity, key string) any {
			return struct {
				Key string `json:"key"`
			}{key}
		},
		Keys: &merchant.KeyForm{
			Setting: settingKey, EveryScope: true,
			Text: func(mode merchant.Mode) string { return keyPrefix(mode) + merchant.RandomLetters(keyLength) },
			CheckMode: func(key string, mode merchant.Mode) error {
				if !strings.HasPrefix(key, keyPrefix(mode)) {
					return fmt.Errorf("the key of a %s merchant begins with %s", mode, keyPrefix(mode))
				}
				return nil
			},
		},
		Events: append(append(every, refund.DisputeEvents()...), refund.AlertRaised), Promised: refund.EndEvents(), EndpointSecret: true,
		Demo: &merchant.DemoForm{Given: merchant.Given{Secrets: map[string]string{settingKey: "rk_test_demo"}}},
	}
}

func keyPrefix(mode merchant.Mode) string { return "rk_" + string(mode) + "_" }
