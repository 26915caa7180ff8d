package native_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/wire/pemkey"
)

// added reads the answer of POST /identities.
func added(t *testing.T, answer string) (name string, credentials map[string]string) {
	t.Helper()
	var out struct {
		Data        []struct{ Name string }
		Credentials map[string]string
	}
	if err := json.Unmarshal([]byte(answer), &out); err != nil || len(out.Data) != 1 {
		t.Fatalf("%s: %v", answer, err)
	}
	return out.Data[0].Name, out.Credentials
}

func TestAnIdentityThatIsAddedCanCall(t *testing.T) {
	s := dialecttest.Start(t)
	name, made := added(t, send(t, s, demo, "POST", "/identities", `{"dialect": "wallet", "settings": {"wallet_id": "wallet_two"}}`, http.StatusCreated))
	if name != "wallet_two" || made["wallet_id"] != name || made["merchant_secret_key"] == "" {
		t.Errorf("%s with %v", name, made)
	}
	answer, body := dialecttest.Do(t, dialecttest.Request(t, "GET", s.URL+"/wallet/wallet_two", "", "X-API-KEY", made["api_key"]))
	if answer.StatusCode != http.StatusOK {
		t.Errorf("its key is answered %d %s", answer.StatusCode, body)
	}
	if records := send(t, s, demo, "GET", "/audit?limit=100", "", http.StatusOK); !strings.Contains(records, `"identity.add"`) || !strings.Contains(records, `wallet/wallet_two`) {
		t.Errorf("the records are %s", records)
	}
	if keys := send(t, s, demo, "GET", "/keys", "", http.StatusOK); !strings.Contains(keys, `"identity":"wallet_two"`) || strings.Contains(keys, made["api_key"]) {
		t.Errorf("the keys are %s", keys)
	}
	send(t, s, demo, "PATCH", "/identities/wallet/wallet_two", `{"settings": {"wallet.reply": "wrapped"}}`, http.StatusOK)
}

// A given secret is in no answer, no record and no row as it is.
func TestASecretOfAnIdentityIsNeverShown(t *testing.T) {
	s := dialecttest.Start(t)
	pair, err := merchant.NewPair("1900007777", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	const v3 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
	certificate, err := json.Marshal(pair.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	body := fmt.Sprintf(`{"dialect": "wechatpay", "settings": {"mchid": "1900007777", "merchant_cert": %s}, "secrets": {"apiv3_key": %q}}`, certificate, v3)
	first := send(t, s, demo, "POST", "/identities", body, http.StatusCreated, "Idempotency-Key", "wx")
	_, made := added(t, first)
	if made["mchid"] != "1900007777" || made["platform_serial"] == "" {
		t.Errorf("it is made of %v", made)
	}
	all := first + send(t, s, demo, "POST", "/identities", body, http.StatusOK, "Idempotency-Key", "wx") +
		send(t, s, demo, "PATCH", "/identities/wechatpay/1900007777", `{"secrets": {"wechatpay.apiv3_key": "`+strings.ToLower(v3)+`"}}`, http.StatusOK) +
		send(t, s, demo, "GET", "/audit?limit=100", "", http.StatusOK) + send(t, s, demo, "GET", "/merchant", "", http.StatusOK)
	if strings.Contains(strings.ToUpper(all), v3) || strings.Contains(all, "PRIVATE KEY") {
		t.Errorf("it is shown: %s", all)
	}
	if serials, err := pemkey.ParseRSACertificates(pair.Certificate); err != nil || !strings.Contains(all, pemkey.Serial(serials[0])) {
		t.Errorf("its certificate is not the one that was given (%v): %s", err, all)
	}
	identities, err := s.Store.Identities(t.Context(), merchant.DemoID)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range identities {
		if i.Name == "1900007777" && i.Secrets[merchant.APIv3Key] != strings.ToLower(v3) {
			t.Errorf("its secret is not the one that was set")
		}
	}
	send(t, s, demo, "PATCH", "/identities/wechatpay/1900007777", `{"secrets": {"apiv3_key": ""}}`, http.StatusBadRequest)
	send(t, s, demo, "PATCH", "/identities/pingpp/app_1Gqj58ynP0mHeX1q", `{"secrets": {"key": "sk_test_abcdefghijklmnopqrstuvwx"}}`, http.StatusBadRequest)
}

func TestAnIdentityOfSomebodyElseIsNotFree(t *testing.T) {
	s := dialecttest.Start(t)
	other := s.Merchant(t, "other", merchant.Test, nil)
	app, _ := other.Identity(merchant.PingPP)
	_, before, _ := strings.Cut(send(t, s, demo, "GET", "/keys", "", http.StatusOK), "")
	for _, body := range []string{
		fmt.Sprintf(`{"dialect": "pingpp", "settings": {"app": %q}}`, app.Name),
		fmt.Sprintf(`{"dialect": "pingpp", "secrets": {"key": %q}}`, other.Key(merchant.PingPP)),
	} {
		s.Unchanged(t, func() {
			answer := send(t, s, demo, "POST", "/identities", body, http.StatusConflict)
			if text(answer, "kind") != "state_conflict" || !strings.Contains(answer, "is not free") || strings.Contains(answer, other.Merchant.ID) || strings.Contains(answer, "other") {
				t.Errorf("it is answered %s", answer)
			}
		})
	}
	if _, after, _ := strings.Cut(send(t, s, demo, "GET", "/keys", "", http.StatusOK), ""); after != before {
		t.Errorf("keys were made: %s", after)
	}
}

// What calls as an identity has no limits, and scopes of its own.
func TestAKeyAddsNoIdentityThatMayDoMoreThanItself(t *testing.T) {
	s := dialecttest.Start(t)
	reader := keyOf(t, s, merchant.ScopeMerchant, merchant.ScopeRead)
	bounded := text(send(t, s, demo, "POST", "/keys", `{"dialect": "native", "ceilings": [{"currency": "CNY", "max_day": 20000}]}`, http.StatusCreated), "secret")
	for _, key := range []string{reader, bounded} {
		s.Unchanged(t, func() {
			for _, dialect := range []string{merchant.PingPP, merchant.Wallet, merchant.WeChatPay, merchant.Payin} {
				send(t, s, key, "POST", "/identities", fmt.Sprintf(`{"dialect": %q}`, dialect), http.StatusForbidden)
			}
			send(t, s, key, "PATCH", "/identities/payin/M948164", `{"secrets": {"secret": "another-secret"}}`, http.StatusForbidden)
			// Callers of WeChat Pay are known by their certificate, which is no secret.
			pair, err := merchant.NewPair("1900009191", time.Now())
			if err != nil {
				t.Fatal(err)
			}
			certificate, err := json.Marshal(pair.Certificate)
			if err != nil {
				t.Fatal(err)
			}
			send(t, s, key, "PATCH", "/identities/wechatpay/1900009191", fmt.Sprintf(`{"settings": {"merchant_cert": %s}}`, certificate), http.StatusForbidden)
		})
	}
}
