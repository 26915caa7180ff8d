package merchant_test

import (
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
)

func TestAnIdentityIsChangedByWhatItsDialectKnows(t *testing.T) {
	payin, _ := service.Dialects().Find(merchant.Payin)
	before := merchant.Identity{
		Dialect: merchant.Payin, Name: "M1", Public: map[string]string{"three_decimals": "true", "client_id": "CLT1"},
		Secrets: map[string]string{"secret": "old"},
	}
	for name, test := range map[string]struct {
		set  merchant.Given
		want string
	}{
		"a setting":                     {merchant.Given{Settings: map[string]string{"client_id": "CLT2"}}, ""},
		"a setting that is taken away":  {merchant.Given{Settings: map[string]string{"three_decimals": ""}}, ""},
		"a secret":                      {merchant.Given{Secrets: map[string]string{"secret": "new"}}, ""},
		"a name that is none":           {merchant.Given{Settings: map[string]string{"nothing": "x"}}, "nothing: no such setting"},
		"a name that is none, no value": {merchant.Given{Settings: map[string]string{"nothing": ""}}, "nothing: no such setting"},
		"what it is called":             {merchant.Given{Settings: map[string]string{"merchant_id": "M2"}}, "merchant_id can't be changed once it is there"},
		"a secret among settings":       {merchant.Given{Settings: map[string]string{"secret": "x"}}, "secret is a secret; give it as one"},
		"a secret that is taken away":   {merchant.Given{Secrets: map[string]string{"secret": ""}}, "secret must not be empty"},
		"a value of no form":            {merchant.Given{Settings: map[string]string{"client_id": "a b"}}, "client_id: must be at most 64 visible ASCII characters"},
	} {
		t.Run(name, func(t *testing.T) {
			after, err := payin.Change(before, test.set, now)
			if got := ""; err != nil {
				if got = err.Error(); got != test.want {
					t.Errorf("got %s, want %s", got, test.want)
				}
				return
			}
			if test.want != "" {
				t.Fatalf("was taken, want %s", test.want)
			}
			for setting, value := range test.set.Settings {
				if after.Public[setting] != value {
					t.Errorf("%s is %q", setting, after.Public[setting])
				}
			}
			for secret, value := range test.set.Secrets {
				if after.Secrets[secret] != value {
					t.Errorf("%s is %q", secret, after.Secrets[secret])
				}
			}
		})
	}
	if before.Public["client_id"] != "CLT1" || before.Public["three_decimals"] != "true" || before.Secrets["secret"] != "old" {
		t.Errorf("the identity before is another: %+v", before)
	}
}

func TestASettingThatMovedIsRefusedAndItsRestTakenAway(t *testing.T) {
	wallet, _ := service.Dialects().Find(merchant.Wallet)
	before := merchant.Identity{
		Dialect: merchant.Wallet, Name: "w", Public: map[string]string{"chinaums.mid": "1"}, Secrets: map[string]string{"chinaums.key": "k"},
	}
	_, err := wallet.Change(before, merchant.Given{Secrets: map[string]string{"chinaums.key": "new"}}, now)
	const want = "chinaums.key: this setting moved to the merchant's sandbox account, where it is chinaums_communication_key (hint: refundry account set ACCOUNT --secret chinaums_communication_key=@FILE)"
	if err == nil || err.Error() != want {
		t.Errorf("a new value: %v", err)
	}
	after, err := wallet.Change(before, merchant.Given{Settings: map[string]string{"chinaums.mid": ""}, Secrets: map[string]string{"chinaums.key": ""}}, now)
	if err != nil || len(after.Public) != 0 || len(after.Secrets) != 0 {
		t.Errorf("taken away: %+v, %v", after, err)
	}
	if _, err := merchant.NewFresh("shop", merchant.Test, service.Dialects(), map[string]merchant.Given{merchant.Wallet: {Settings: map[string]string{"chinaums.tid": "1"}}}, now); err == nil {
		t.Error("a new merchant was made with it")
	}
}
