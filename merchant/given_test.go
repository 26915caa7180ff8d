package merchant_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
)

// give reads settings as commands take them; a name that begins with * is a
// secret's.
func give(t *testing.T, settings map[string]string) map[string]merchant.Given {
	t.Helper()
	given := map[string]merchant.Given{}
	for name, value := range settings {
		setting, secret := strings.CutPrefix(name, "*")
		if err := service.Dialects().Give(given, setting, value, secret); err != nil {
			t.Fatal(err)
		}
	}
	return given
}

func TestAShopMovesHereWithWhatItHas(t *testing.T) {
	given := give(t, map[string]string{
		"pingpp.app": "app_0123456789abcdef", "*pingpp.key": "sk_live_0123456789abcdefghijklmn",
		"wallet.wallet_id": "shop", "*wallet.api_key": "their-own-key", "wallet.merchant_public_key": strings.Repeat("A", 43) + "=", "wallet.reply": "wrapped",
		"wechatpay.mchid": "1600000001", "*wechatpay.apiv3_key": strings.Repeat("k", 32), "wechatpay.appid": "wx1",
		"payin.merchant_id": "M000001", "*payin.client_key": "AK1", "*payin.secret": "their secret",
	})
	f, err := merchant.NewFresh("shop", merchant.Live, service.Dialects(), given, now)
	if err != nil {
		t.Fatal(err)
	}
	d := flat(t, f)
	for member, want := range map[string]string{
		"pingpp.app": "app_0123456789abcdef", "pingpp.key": "sk_live_0123456789abcdefghijklmn",
		"wallet.wallet_id": "shop", "wallet.api_key": "their-own-key", "wallet.merchant_secret_key": "",
		"wechatpay.mchid": "1600000001", "wechatpay.sp_mchid": "", "wechatpay.apiv3_key": strings.Repeat("k", 32),
		"payin.merchant_id": "M000001", "payin.client_key": "AK1", "payin.secret": "their secret",
	} {
		if d[member] != want {
			t.Errorf("%s is %q, want %q", member, d[member], want)
		}
	}
	if wallet, _ := f.Identity(merchant.Wallet); wallet.Public["wallet.reply"] != "wrapped" || wallet.Public["wallet_id"] != "" {
		t.Errorf("the wallet has %v", wallet.Public)
	}
	if wechat, _ := f.Identity(merchant.WeChatPay); wechat.Public["appid"] != "wx1" || wechat.Secrets[merchant.PlatformKeyPEM] == "" {
		t.Errorf("the mchid has %v", wechat.Public)
	}
}

func TestAServiceProviderMovesHere(t *testing.T) {
	f, err := merchant.NewFresh("shop", merchant.Live, service.Dialects(), give(t, map[string]string{
		"wechatpay.sp_mchid": "1600000001", "wechatpay.sub_mchid": "1600000002",
	}), now)
	if err != nil {
		t.Fatal(err)
	}
	i, _ := f.Identity(merchant.WeChatPay)
	if d := flat(t, f); i.Name != "1600000001" || i.Sub != "1600000002" || d["wechatpay.mchid"] != "" || d["wechatpay.sub_mchid"] != "1600000002" {
		t.Errorf("made %+v", i)
	}
}

// The error is one line that names the setting and repeats no secret.
func TestWhatIsGivenAndDoesNotFitIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		given map[string]string
		want  string
	}{
		"an app that is none":            {map[string]string{"pingpp.app": "app_1"}, "pingpp.app: must be app_ and 16 letters or digits"},
		"a key of test mode":             {map[string]string{"*pingpp.key": "sk_test_0123456789abcdefghijklmn"}, "pingpp.key: the key of a live merchant begins with sk_live_"},
		"a native key of test mode":      {map[string]string{"*native.key": "rk_test_1"}, "native.key: the key of a live merchant begins with rk_live_"},
		"a setting that is none":         {map[string]string{"pingpp.appp": "x"}, "pingpp.appp: no such setting"},
		"a secret among settings":        {map[string]string{"wechatpay.apiv3_key": strings.Repeat("k", 32)}, "wechatpay.apiv3_key is a secret; give it as one"},
		"a setting among secrets":        {map[string]string{"*payin.merchant_id": "M1"}, "payin.merchant_id is no secret; give it as a setting"},
		"an APIv3 key of 31 characters":  {map[string]string{"*wechatpay.apiv3_key": strings.Repeat("k", 31)}, "wechatpay.apiv3_key: must have 32 characters"},
		"a sub-merchant alone":           {map[string]string{"wechatpay.sub_mchid": "1600000002"}, "wechatpay.sub_mchid goes with sp_mchid"},
		"a provider alone":               {map[string]string{"wechatpay.sp_mchid": "1600000001"}, "wechatpay.sub_mchid is required with sp_mchid"},
		"an mchid of letters":            {map[string]string{"wechatpay.mchid": "abc"}, "wechatpay.mchid: must be 6 to 32 digits"},
		"a public key of the wrong kind": {map[string]string{"wallet.merchant_public_key": "AAAA"}, "wallet.merchant_public_key: must be base64 of 32 bytes"},
		"a switch that is neither":       {map[string]string{"payin.three_decimals": "yes"}, "payin.three_decimals: must be one of true, or empty"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := merchant.NewFresh("shop", merchant.Live, service.Dialects(), give(t, test.given), now)
			if err == nil || err.Error() != "make merchant: "+test.want {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
	for name, want := range map[string]string{
		"app":           `"app" is no setting: write DIALECT.setting, such as pingpp.app`,
		"paypal.app":    `paypal.app: there is no dialect "paypal"; there are pingpp, wallet, wechatpay, payin, native`,
		"pingpp.":       `"pingpp." is no setting: write DIALECT.setting, such as pingpp.app`,
		"pingpp.app=no": "",
	} {
		err := service.Dialects().Give(map[string]merchant.Given{}, name, "x", false)
		if got := ""; err != nil {
			if got = err.Error(); got != want {
				t.Errorf("%s: got %s, want %s", name, got, want)
			}
		} else if want != "" {
			t.Errorf("%s was taken", name)
		}
	}
	given := map[string]merchant.Given{}
	if err := service.Dialects().Give(given, "pingpp.app", "", false); err == nil {
		t.Error("an empty setting was taken")
	}
	if service.Dialects().Give(given, "wallet.reply", "bare", false) != nil || service.Dialects().Give(given, "wallet.wallet.reply", "bare", false) == nil {
		t.Error("a setting was taken twice under two names")
	}
}
