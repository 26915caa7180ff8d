package e2e

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/pemkey"
)

// secretAccount is a channel account with every secret that its channel has.
type secretAccount struct {
	takes, currency   string
	settings, secrets map[string]string
}

func keyPEM(t testing.TB) (private, public string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if private, err = pemkey.MarshalPrivateKey(key); err != nil {
		t.Fatal(err)
	}
	if public, err = pemkey.MarshalPublicKey(&key.PublicKey); err != nil {
		t.Fatal(err)
	}
	return private, public
}

// secretAccounts are accounts of all channels: at a simulator that fails, at another
// service that will be killed, and where nobody understands.
func secretAccounts(t *testing.T, sim *simulator, provider *desk) map[string]secretAccount {
	t.Helper()
	stdout, _ := provider.operate(t, 0, "merchant", "add", "provider", "--mode", "test", "--with", "pingpp,payin", "--json", "--data", provider.Data)
	var made map[string]map[string]string
	decode(t, stdout, &made)
	weChat := sim.account(t, "wechatpay")
	own, _ := keyPEM(t)
	ofAlipay, _ := keyPEM(t)
	_, theirs := keyPEM(t)
	nobody := sim.URL + "/nobody"
	return map[string]secretAccount{
		"wechatpay": {"wx_pub", "CNY", map[string]string{
			"mchid": weChat["mchid"], "merchant_serial": weChat["merchant_serial"], "base_url": weChat["base_url"],
			"platform_public_key_id": weChat["platform_public_key_id"], "platform_public_key": weChat["platform_public_key"],
		}, map[string]string{"apiv3_key": weChat["apiv3_key"], "merchant_private_key": weChat["merchant_private_key"]}},
		"pingpp": {"upacp", "CNY", map[string]string{
			"app": made["pingpp"]["app"], "base_url": provider.URL, "platform_public_key": string(provider.file(t, "platform_pub.pem")),
		}, map[string]string{"api_key": made["pingpp"]["key"], "merchant_private_key": own}},
		"payin": {"mastercard", "SAR", map[string]string{
			"merchant_id": made["payin"]["merchant_id"], "base_url": provider.URL, "statement_url": provider.URL + "/nothing/{date}",
		}, map[string]string{
			"client_key": made["payin"]["client_key"], "client_secret": made["payin"]["secret"], "notify_token": "NotifyTokenOfPayin00", "statement_token": "StatementTokenOfPayin0",
		}},
		"alipay": {
			"alipay_qr", "CNY",
			map[string]string{"app_id": "2021000000000000", "alipay_public_key": theirs, "gateway": nobody},
			map[string]string{"app_private_key": ofAlipay, "app_auth_token": "202611BBAuthTokenOfAlipay0"},
		},
		"chinaums": {
			"upacp_qr", "CNY",
			map[string]string{"app_id": "10037e6f6823b20801682b6a5e5a0006", "mid": "898201612345678", "tid": "88880001", "inst_mid": "H5DEFAULT", "base_url": nobody},
			map[string]string{"app_key": "1c4e3b16066244ae9b236a09e5b312e8", "communication_key": "fcAmtnx7MwismjWNhNKdHC44mNXtnEQeJkRrhKJwyrW2ysRR"},
		},
		"stripe": {
			"applePay", "SAR",
			map[string]string{"base_url": nobody},
			map[string]string{"secret_key": "sk_test_SecretKeyOfStripe00000000", "webhook_secret": "whsec_WebhookSecretOfStripe00000"},
		},
		"sandbox": {"qpay", "CNY", nil, map[string]string{"chinaums_communication_key": "CommunicationKeyOfTheSandbox00000000000000000000"}},
	}
}

// covered fails unless each secret that some channel has is one of an account's.
func covered(t *testing.T, accounts map[string]secretAccount) {
	t.Helper()
	stdout, _, _ := Run(t, "account", "channels", "--json")
	var channels []struct {
		Channel  string
		Settings []struct {
			Name   string
			Secret bool
		}
	}
	decode(t, stdout, &channels)
	for _, channel := range channels {
		for _, setting := range channel.Settings {
			if _, given := accounts[channel.Channel].secrets[setting.Name]; setting.Secret && !given {
				t.Errorf("no account has the secret %s of channel %s: it is not looked for", setting.Name, channel.Channel)
			}
		}
	}
}

// No secret of a channel account stands in a log, an error, an answer, a metric or
// the database after a run in which calls fail in many ways.
func TestNoSecretOfAnAccountIsWrittenDownAnywhere(t *testing.T) {
	sim := simulate(t, "--faults", "0.4", "--seed", "3")
	provider := open(t, storetest.SQLite(t))
	accounts := secretAccounts(t, sim, provider)
	covered(t, accounts)
	s := &simDesk{sim: sim, data: t.TempDir()}
	address := freeAddress(t)
	database := storetest.SQLite(t)
	s.desk = &desk{Process: StartAt(t, address, database, s.data, "--egress-allow", "127.0.0.0/8", "--public-url", "http://"+address, "--log-level", "debug"), database: database}

	var shown bytes.Buffer // all that anybody was shown
	show := func(method, path, body string) string {
		status, text := Call(t, method, s.URL+path, body)
		path, _, _ = strings.Cut(path, "?") // what was asked for is not what was shown
		_, _ = fmt.Fprintf(&shown, "%s %s: %d %s\n", method, path, status, text)
		return text
	}
	run := func(args ...string) {
		stdout, stderr, status := Run(t, append(args, "--database", s.database)...)
		_, _ = fmt.Fprintf(&shown, "%v: %d %s %s\n", args[:2], status, stdout, stderr)
	}
	t.Setenv("REFUNDRY_DATA", s.data)
	ids := make(map[string]string)
	for channel, a := range accounts {
		ids[channel] = s.addSecret(t, channel, a, show)
	}
	ask := func() {
		for channel, a := range accounts {
			s.refundThrough(t, ids[channel], channel, a)
		}
	}
	ask()
	provider.Kill()
	ask()
	for channel, id := range ids {
		show(http.MethodPost, "/refundry/v1/accounts/"+id+"/check", "")
		for _, secret := range accounts[channel].secrets {
			show(http.MethodGet, "/notify/"+channel+"/"+id+"?token="+url.QueryEscape(secret)+"&_orderId=M1T1&_type=refund", "")
			show(http.MethodPost, "/notify/"+channel+"/"+id+"?token="+url.QueryEscape(secret), `{"event": "none"}`)
		}
		run("account", "get", id)
		run("account", "check", id, "--since", "2026-11-01T00:00:00Z")
	}
	for _, path := range []string{"/refundry/v1/accounts", "/refundry/v1/refunds?limit=100", "/refundry/v1/alerts", "/refundry/v1/audit", "/refundry/v1/charges?limit=100", "/refundry/v1/events", "/metrics"} {
		show(http.MethodGet, path, "")
	}
	var refunds struct{ Data []shownRefund }
	decode(t, show(http.MethodGet, "/refundry/v1/refunds?limit=100", ""), &refunds)
	for _, r := range refunds.Data {
		show(http.MethodGet, "/refundry/v1/refunds/"+r.ID, "")
		run("refund", "trace", r.ID)
	}
	run("notice", "list")
	s.Stop(t)

	places := map[string]string{"what was shown": shown.String(), "the log": s.log.String()}
	path := strings.TrimPrefix(s.database, "sqlite:")
	for _, name := range []string{path, path + "-wal"} {
		if text, err := os.ReadFile(name); err == nil {
			places["the database, "+name[strings.LastIndex(name, "/")+1:]] = string(text)
		}
	}
	if len(refunds.Data) < 2*len(accounts) || !strings.Contains(places["what was shown"], "connection refused") ||
		!strings.Contains(places["what was shown"], "# HELP") ||
		!strings.Contains(places["what was shown"], "# HELP") || len(places) < 3 {
		t.Fatalf("%d refunds were made, places are %d", len(refunds.Data), len(places))
	}
	for channel, a := range accounts {
		for name, secret := range a.secrets {
			for place, text := range places {
				for form, needle := range formsOf(secret) {
					if at := strings.Index(text, needle); at >= 0 {
						t.Errorf("%s of %s stands in %s (%s): ...%q", name, channel, place, form, text[max(0, at-200):at])
					}
				}
			}
		}
	}
}

// formsOf are the forms in which a secret could stand somewhere.
func formsOf(secret string) map[string]string {
	if strings.HasPrefix(secret, "-----BEGIN") {
		lines := strings.Split(secret, "\n")
		secret = lines[2] // of the middle, where keys differ
	}
	return map[string]string{
		"as it is": secret, "in base64": base64.StdEncoding.EncodeToString([]byte(secret))[:len(secret)-len(secret)%3], "escaped": url.QueryEscape(secret),
	}
}

// addSecret adds an account over the native API, once with a secret in the wrong
// place. The demo merchant's sandbox account is there and gets its secret.
func (s *simDesk) addSecret(t *testing.T, channel string, a secretAccount, show func(method, path, body string) string) string {
	t.Helper()
	text := func(members map[string]any) string {
		raw, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if channel == "sandbox" {
		var list struct {
			Data []struct{ ID, Channel string }
		}
		decode(t, show(http.MethodGet, "/refundry/v1/accounts", ""), &list)
		for _, one := range list.Data {
			if one.Channel == channel {
				show(http.MethodPatch, "/refundry/v1/accounts/"+one.ID, text(map[string]any{"secrets": a.secrets}))
				return one.ID
			}
		}
		t.Fatal("the demo merchant has no sandbox account")
	}
	misplaced := map[string]string{}
	for name, value := range a.settings {
		misplaced[name] = value
	}
	for name, secret := range a.secrets {
		misplaced[name] = secret
	}
	show(http.MethodPost, "/refundry/v1/accounts", text(map[string]any{"channel": channel, "settings": misplaced}))
	var made struct{ ID string }
	answer := show(http.MethodPost, "/refundry/v1/accounts", text(map[string]any{"channel": channel, "takes": []string{a.takes}, "settings": a.settings, "secrets": a.secrets}))
	if decode(t, answer, &made); made.ID == "" {
		t.Fatalf("%s: %s", channel, answer)
	}
	return made.ID
}

// refundThrough asks for a refund through an account, and waits for a first attempt.
func (s *simDesk) refundThrough(t *testing.T, account, channel string, a secretAccount) {
	t.Helper()
	order := orderNumber()
	transaction := "42" + order
	switch channel {
	case "wechatpay":
		transaction = s.sim.paid(t, channel, order, 1000, "CNY", "")
	case "pingpp":
		transaction = "ch_" + fmt.Sprintf("%024s", order)
	case "payin":
		transaction = fmt.Sprintf("M948164T%022d", orders.Add(1))
	case "stripe":
		transaction = "pi_" + order
	}
	charge := s.charge(t, account, order, transaction, a.takes, 1000, a.currency, "")
	r := refundOf(t, s.URL, charge["id"].(string), 300, "S"+order)
	Until(t, "a refund through "+channel+" was tried", func() bool {
		status, text := Call(t, http.MethodGet, s.URL+"/refundry/v1/refunds/"+r.ID, "")
		var now shownRefund
		decode(t, text, &now)
		return status == http.StatusOK && len(now.Attempts) > 0
	})
}
