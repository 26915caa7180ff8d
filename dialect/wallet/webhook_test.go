package wallet_test

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/webhook"
	wire "github.com/refundry/refundry/wire/wallet"
)

// hookTimeout is far above what a delivery takes.
const hookTimeout = 3 * time.Minute

// received is one webhook as a receiver gets it.
type received struct {
	header http.Header
	body   string
}

func TestAWebhookTellsHowARefundEnded(t *testing.T) {
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	hooks := make(chan received, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- received{r.Header, string(body)}
	}))
	defer receiver.Close()
	send(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1/endpoints", fmt.Sprintf(`{"url":%q,"dialect":"wallet"}`, receiver.URL),
		"Authorization", "Bearer rk_test_demo", "Content-Type", "application/json"), 201)
	charge := nameIn(t, s.Charge(t, merchant.DemoID, 1000, nil))
	contract := readContract(t)
	for amount, want := range map[int]string{100: "refund.succeeded", 151: "refund.failed"} {
		made := post(t, s, demoKey, "/wallet/"+demoWallet+"/refund", asking(charge, amount), 200)
		hook := await(t, hooks)
		event := decoded(t, hook.body)
		if event["event"] != want || event["type"] != "event" || !strings.HasPrefix(event["id"].(string), "evt_") || event["create"] == nil {
			t.Errorf("got %s", hook.body)
		}
		// data is the refund as it is read.
		if !strings.HasSuffix(hook.body, `,"data":`+made+"}") {
			t.Errorf("told\n%s\nand answered\n%s", hook.body, made)
		}
		contract.Line(t, "Event", hook.body)
		checkSignature(t, s, hook)
	}
}

// A refund that a bank sent back a day later is told a second time, as failed,
// and its charge is as before.
func TestAReturnedRefundIsToldAsFailed(t *testing.T) {
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	hooks := make(chan received, 8)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- received{r.Header, string(body)}
	}))
	defer receiver.Close()
	native := func(path, body string, status int) {
		t.Helper()
		send(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1"+path, body, "Authorization", "Bearer rk_test_demo", "Content-Type", "application/json"), status)
	}
	native("/endpoints", fmt.Sprintf(`{"url":%q,"dialect":"wallet"}`, receiver.URL), 201)
	charge := nameIn(t, s.Charge(t, merchant.DemoID, 156, nil))
	made := decoded(t, post(t, s, demoKey, "/wallet/"+demoWallet+"/refund", asking(charge, 156), 200))
	if hook := decoded(t, await(t, hooks).body); made["status"] != "succeeded" || hook["event"] != "refund.succeeded" {
		t.Fatalf("made %v, told %v", made, hook)
	}
	if whole := decoded(t, get(t, s, demoKey, "/wallet/"+demoWallet+"/obj/"+charge, 200)); whole["status"] != "refund" {
		t.Errorf("the charge is %v", whole["status"])
	}
	native("/sandbox/clock", `{"advance_seconds": 90000}`, 200)
	hook := decoded(t, await(t, hooks).body)
	told := hook["data"].(map[string]any)
	if hook["event"] != "refund.failed" || told["id"] != made["id"] || told["status"] != "failed" {
		t.Errorf("told %v", hook)
	}
	whole := decoded(t, get(t, s, demoKey, "/wallet/"+demoWallet+"/obj/"+charge, 200))
	if whole["status"] != "succeeded" || fmt.Sprint(whole["amount_refunded"]) != "0" {
		t.Errorf("the charge is %v", whole)
	}
	older := decoded(t, get(t, s, demoKey, "/charges/"+charge+"/refunds/"+made["id"].(string), 200))
	if older["status"] != "failed" || older["time_failed"] == nil || older["time_succeeded"] != nil {
		t.Errorf("the older object is %v", older)
	}
}

func await(t *testing.T, hooks <-chan received) received {
	t.Helper()
	select {
	case hook := <-hooks:
		return hook
	case <-time.After(hookTimeout):
		t.Fatal("no webhook came")
	}
	return received{}
}

// checkSignature verifies our own headers with the platform key's public half.
func checkSignature(t *testing.T, s *dialecttest.Service, hook received) {
	t.Helper()
	key, err := s.Store.PlatformKey(t.Context(), merchant.Native)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode([]byte(key.PublicPEM))
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	signed := hook.header.Get("Webhook-Id") + "." + hook.header.Get("Webhook-Timestamp") + "." + hook.body
	signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(hook.header.Get("Webhook-Signature"), "v1a,"))
	if err != nil || !ed25519.Verify(parsed.(ed25519.PublicKey), []byte(signed), signature) {
		t.Errorf("the signature of %v does not fit (%v)", hook.header, err)
	}
	if hook.header.Get("Content-Type") != "application/json" || !strings.Contains(hook.body, `"id":"`+hook.header.Get("Webhook-Id")+`"`) {
		t.Errorf("headers %v", hook.header)
	}
}

// A wallet that seals its requests and wants its answers wrapped is told in the
// same plain and bare form as any other: nothing is known of sealed webhooks.
func TestWebhooksStayPlainWhereRequestsAreSealed(t *testing.T) {
	sealed := sealing()
	sealed.public[wire.SettingPlain], sealed.public[wire.SettingReply] = wire.SettingOff, wire.ReplyWrapped
	charge := refund.Charge{Channel: "alipay_qr", Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: demoWallet, Name: "c1"}}}
	at := time.Unix(1410778843, 0)
	message, err := wallet.New(wallet.Services{}).Render(knownWallet(sealed), merchant.Endpoint{Identity: demoWallet}, webhook.Event{
		ID: "evt_1", Type: "refund.succeeded", At: at.Add(time.Second), Charge: charge,
		Refund: refund.Refund{ID: "re_1", Amount: 7, Currency: "CNY", State: refund.Succeeded, CreatedAt: at},
	})
	const want = `{"id":"evt_1","type":"event","create":1410778844,"event":"refund.succeeded","data":{"id":"re_1","type":"refund","created":1410778843,` +
		`"charges_id":"c1","channel":"alipay_qr","client_ip":"0.0.0.0","amount":7,"extra":{},"description":"","currency":"CHY","status":"succeeded"}}`
	if err != nil || string(message.Body) != want {
		t.Errorf("got %s, %v", message.Body, err)
	}
}

// knownWallet is what Know reads of a merchant with one wallet.
func knownWallet(p people) webhook.Known {
	_, identity, _ := p.Identity(context.Background(), merchant.Wallet, demoWallet)
	return webhook.Known{Identities: []merchant.Identity{identity}}
}

// An endpoint that names a wallet which is no longer there can't be notified;
// that is an error of this delivery alone.
func TestAWalletThatIsNotThereCannotBeTold(t *testing.T) {
	_, err := wallet.New(wallet.Services{}).Render(webhook.Known{}, merchant.Endpoint{Identity: demoWallet}, webhook.Event{ID: "evt_1", Type: "refund.succeeded"})
	if err == nil || !strings.Contains(err.Error(), demoWallet) {
		t.Errorf("error %v", err)
	}
}

func TestWhoIsToldOfWhat(t *testing.T) {
	d := wallet.New(wallet.Services{})
	tests := []struct {
		name      string
		wallet    string
		events    []string
		eventType string
		nameless  bool
		want      bool
	}{
		{"no types named: a success is told", demoWallet, nil, "refund.succeeded", false, true},
		{"no types named: a failure is told", demoWallet, nil, "refund.failed", false, true},
		{"a withdrawn refund is a failed one", demoWallet, []string{"refund.failed"}, "refund.canceled", false, true},
		{"a success that was not asked for", demoWallet, []string{"refund.failed"}, "refund.succeeded", false, false},
		{"what has no name here", demoWallet, []string{"refund.abnormal", "refund.created"}, "refund.abnormal", false, false},
		{"an endpoint without a wallet hears of all", "", nil, "refund.succeeded", false, true},
		{"an endpoint of another wallet hears nothing", "wallet_other", nil, "refund.succeeded", false, false},
		{"a charge without a name here", "", nil, "refund.succeeded", true, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			charge := refund.Charge{Aliases: []refund.Alias{{Dialect: merchant.Wallet, Identity: demoWallet, Name: demoCharge}}}
			if test.nameless {
				charge.Aliases = []refund.Alias{{Dialect: merchant.PingPP, Name: "ch_1"}}
			}
			got := d.Subscribed(webhook.Known{}, merchant.Endpoint{Identity: test.wallet, Events: test.events}, webhook.Event{Type: test.eventType, Charge: charge})
			if got != test.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

func TestDeliveryFollowsTheContract(t *testing.T) {
	d := wallet.New(wallet.Services{})
	want := []time.Duration{
		5 * time.Second, 10 * time.Second, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 6 * time.Hour, 15 * time.Hour,
	}
	if diff := cmp.Diff(want, d.Schedule()); diff != "" {
		t.Error(diff)
	}
	succeeded := map[int]bool{}
	for _, status := range []int{199, 200, 204, 299, 300, 302, 404, 500} {
		succeeded[status] = d.Succeeded(merchant.Delivery{}, status, []byte("whatever"))
	}
	if diff := cmp.Diff(map[int]bool{199: false, 200: true, 204: true, 299: true, 300: false, 302: false, 404: false, 500: false}, succeeded); diff != "" {
		t.Error(diff)
	}
}

// The divergences tell of every code that is answered with another status than
// the table's.
func TestTheDivergencesAreWritten(t *testing.T) {
	text, err := os.ReadFile("../../docs/divergences/wallet.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{"100027", "504", "403", "405", "wallet.plain", "wallet.show_sign", "wallet.reply", "wallet.currency_style", "wallet.refund_id_prefix", "Webhook-Signature"} {
		if !strings.Contains(string(text), words) {
			t.Errorf("nothing about %s", words)
		}
	}
}
