package native_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/wire/exactjson"
	"github.com/refundry/refundry/wire/pemkey"
)

func TestAKeyGivesNoScopeThatItHasNot(t *testing.T) {
	s := dialecttest.Start(t)
	made := send(t, s, demo, "POST", "/keys", `{"dialect": "native", "scopes": ["read", "merchants:write"]}`, http.StatusCreated)
	key := text(made, "secret")
	send(t, s, key, "GET", "/merchant", "", http.StatusOK)
	send(t, s, key, "POST", "/sandbox/reset", "", http.StatusForbidden)
	send(t, s, key, "POST", "/keys", `{"dialect": "native"}`, http.StatusForbidden)
	send(t, s, key, "POST", "/keys", `{"dialect": "native", "scopes": ["refunds:write"]}`, http.StatusForbidden)
	send(t, s, key, "POST", "/keys", `{"dialect": "pingpp"}`, http.StatusForbidden)
	send(t, s, key, "POST", "/keys", `{"dialect": "native", "scopes": ["read"]}`, http.StatusCreated)
	if listed := send(t, s, demo, "GET", "/keys", "", http.StatusOK); strings.Contains(listed, key) {
		t.Errorf("the list tells the key: %s", listed)
	}
	send(t, s, demo, "DELETE", "/keys/"+text(made, "id"), "", http.StatusOK)
	send(t, s, key, "GET", "/merchant", "", http.StatusUnauthorized)
	send(t, s, demo, "DELETE", "/keys/"+text(made, "id"), "", http.StatusOK)
	send(t, s, demo, "DELETE", "/keys/key_none", "", http.StatusNotFound)
}

func TestASettingThatDoesNotFitChangesNothing(t *testing.T) {
	s := dialecttest.Start(t)
	before := send(t, s, demo, "GET", "/merchant", "", http.StatusOK)
	for name, c := range map[string]struct{ path, body string }{
		"an unknown setting":              {"/merchant/settings", `{"demo": false}`},
		"a wait of 21 seconds":            {"/merchant/settings", `{"wait_seconds": {"native": 21}}`},
		"a wait in no dialect":            {"/merchant/settings", `{"wait_seconds": {"other": 1}}`},
		"a page of 101":                   {"/merchant/settings", `{"limits": {"most_refunds": 1}, "refund_page_size": 101}`},
		"a key that is none":              {"/merchant/settings", `{"request_key": "x"}`},
		"a check without a key":           {"/merchant/settings", `{"check_signatures": true}`},
		"a truth that is a text":          {"/merchant/settings", `{"check_signatures": "true"}`},
		"a secret of an identity":         {"/identities/payin/M948164", `{"settings": {"secret": "x"}}`},
		"a switch that is neither":        {"/identities/payin/M948164", `{"settings": {"three_decimals": "yes"}}`},
		"a prefix with a slash":           {"/identities/wallet/wallet_demo", `{"settings": {"wallet.refund_id_prefix": "a/b"}}`},
		"a public key of 3 bytes":         {"/identities/wallet/wallet_demo", `{"settings": {"merchant_public_key": "AAAA"}}`},
		"no public key":                   {"/identities/wallet/wallet_demo", `{"settings": {"merchant_public_key": ""}}`},
		"a certificate that is none":      {"/identities/wechatpay/1900009191", `{"settings": {"merchant_cert": "x"}}`},
		"the platform's key, not his own": {"/identities/wechatpay/1900009191", `{"settings": {"platform_cert": ""}}`},
		"anything of Ping++":              {"/identities/pingpp/app_1Gqj58ynP0mHeX1q", `{"settings": {"x": "y"}}`},
		"no settings":                     {"/identities/payin/M948164", `{}`},
	} {
		t.Run(name, func(t *testing.T) { send(t, s, demo, "PATCH", c.path, c.body, http.StatusBadRequest) })
	}
	if after := send(t, s, demo, "GET", "/merchant", "", http.StatusOK); after != before {
		t.Errorf("was\n%sis\n%s", before, after)
	}
}

// A private key that is sent by mistake is named, and never repeated.
func TestARefusedKeyIsNamedByWhatItIs(t *testing.T) {
	s := dialecttest.Start(t)
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := pemkey.MarshalPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{
		"/merchant/settings":               fmt.Sprintf(`{"request_key": %q}`, key),
		"/identities/wechatpay/1900009191": fmt.Sprintf(`{"settings": {"merchant_cert": %q}}`, key),
	} {
		answer := send(t, s, demo, "PATCH", path, body, http.StatusBadRequest)
		if strings.Contains(answer, strings.Split(key, "\n")[1]) {
			t.Errorf("%s repeats the key: %s", path, answer)
		}
		if !strings.Contains(answer, "found a private key") {
			t.Errorf("%s is told %s", path, answer)
		}
	}
}

// An EC certificate was taken once, and no request of its merchant verified.
func TestACertificateIsReadByItsDialect(t *testing.T) {
	s := dialecttest.Start(t)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made, err := pemkey.SelfSign(key, "1900009191", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s.Unchanged(t, func() {
		body := fmt.Sprintf(`{"settings": {"merchant_cert": %q}}`, pemkey.MarshalCertificate(made))
		answer := send(t, s, demo, "PATCH", "/identities/wechatpay/1900009191", body, http.StatusBadRequest)
		if text(answer, "param") != "settings.merchant_cert" || !strings.Contains(answer, "EC public key") {
			t.Errorf("answered %s", answer)
		}
	})
}

func TestTheBalancesOfACurrencyAddUpToNothing(t *testing.T) {
	s := dialecttest.Start(t)
	send(t, s, demo, "POST", "/charges", documented, http.StatusCreated)
	send(t, s, demo, "POST", "/refunds", `{"charge": "ch_native", "amount": 300}`, http.StatusCreated, "Prefer", "wait=10")
	send(t, s, demo, "POST", "/refunds", `{"charge": "ch_native", "amount": 58}`, http.StatusCreated, "Prefer", "wait=1")
	answer := send(t, s, demo, "GET", "/balances", "", http.StatusOK)
	v, err := exactjson.Decode([]byte(answer), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	data, _ := v.Get("data")
	got := make(map[string]string)
	for _, item := range data.Items {
		account, _ := item.Get("account")
		balance, _ := item.Get("balance")
		got[account.Text] = balance.Text
	}
	for account, want := range map[string]string{
		"merchant.available": "-358", "refund.reserved": "58", "payer.cash": "255", "coupon.cash": "30", "coupon.nocash": "15",
	} {
		if got[account] != want {
			t.Errorf("%s is %s, want %s: %s", account, got[account], want, answer)
		}
	}
}

// Contracts write some settings with their dialect before them.
func TestASettingMayBeNamedWithItsDialect(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct{ identity, sent, shown string }{
		{"payin/M948164", `"payin.accept_number_amount":"true"`, `"accept_number_amount":"true"`},
		{"payin/M948164", `"accept_number_amount":""`, `"settings":{}`},
		{"wallet/wallet_demo", `"wallet.reply":"wrapped"`, `"wallet.reply":"wrapped"`},
	} {
		answer := send(t, s, demo, "PATCH", "/identities/"+test.identity, `{"settings":{`+test.sent+`}}`, http.StatusOK)
		if !strings.Contains(answer, test.shown) {
			t.Errorf("%s gives %s", test.sent, answer)
		}
	}
	send(t, s, demo, "PATCH", "/identities/payin/M948164", `{"settings":{"wallet.accept_number_amount":"true"}}`, http.StatusBadRequest)
}

// What a channel account has now is refused by its old name, and a value that was
// left there can be taken away.
func TestASettingThatMovedIsRefusedWithItsNewPlace(t *testing.T) {
	s := dialecttest.Start(t)
	const path = "/identities/wallet/wallet_demo"
	for _, name := range []string{"chinaums.mid", "wallet.chinaums.mid"} {
		s.Unchanged(t, func() {
			answer := send(t, s, demo, "PATCH", path, `{"settings":{"`+name+`":"1"}}`, http.StatusBadRequest)
			want := "settings." + name + " this setting moved to the merchant's sandbox account, where it is chinaums_mid (hint: refundry account set ACCOUNT --set chinaums_mid=VALUE)"
			if text(answer, "param") != "settings."+name || text(answer, "detail") != want {
				t.Errorf("answered %s", answer)
			}
		})
		send(t, s, demo, "PATCH", path, `{"settings":{"`+name+`":""}}`, http.StatusOK)
	}
}
