package sim_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/sim"
	"github.com/refundry/refundry/wire/pemkey"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// through is a service with the demo merchant, a simulator of the channels, and the
// merchant's receiver of webhooks.
type through struct {
	testing.TB
	*channelsim.Simulator
	url, data, folder string
	webhooks          chan told
	receiver          string
}

type told struct {
	header http.Header
	body   []byte
}

const ever = time.Minute

func newThrough(t testing.TB) *through {
	t.Helper()
	w := &through{TB: t, data: t.TempDir(), folder: t.TempDir(), webhooks: make(chan told, 64)}
	listen := func(handler *atomic.Value) string {
		server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
			handler.Load().(http.Handler).ServeHTTP(out, r)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	var channel, merchant, receiver atomic.Value
	channelURL := listen(&channel)
	w.url, w.receiver = listen(&merchant), listen(&receiver)
	receiver.Store(http.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.webhooks <- told{r.Header, body}
	})))
	var err error
	if w.Simulator, err = channelsim.New(channelsim.Options{URL: channelURL, Data: w.folder}, sim.Sides()...); err != nil {
		t.Fatal(err)
	}
	channel.Store(http.Handler(w.Simulator))
	s, err := service.Start(t.Context(), service.Options{
		Database: "sqlite:" + filepath.Join(quickFolder(t), "refundry.db"), Data: w.data, Demo: true, PublicURL: w.url,
		EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	merchant.Store(s.Handler())
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		w.Run(ctx)
	}()
	t.Cleanup(func() {
		if found, err := service.Verify(ctx, s.Store); err != nil || len(found) > 0 {
			t.Errorf("verify finds %v, %v", found, err)
		}
		stop()
		<-sent
		if err := s.Close(context.WithoutCancel(ctx)); err != nil {
			t.Error(err)
		}
	})
	return w
}

// send makes a request and reads an answer of a status; into may be nil.
func (w *through) send(method, path, body string, header map[string]string, status int, into any) {
	w.Helper()
	r, err := http.NewRequestWithContext(w.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != status {
		w.Fatalf("%s %s: %d %s, %v", method, path, answer.StatusCode, text, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			w.Fatal(err)
		}
	}
}

var demoKey = map[string]string{"Authorization": "Bearer rk_test_demo"}

// account makes the account that belongs to sim.json; change alters its settings.
func (w *through) account(channel, takes string, change func(settings map[string]string)) {
	w.Helper()
	account, err := channelsim.ReadAccount(filepath.Join(w.folder, channelsim.AccountFile), channel)
	if err != nil {
		w.Fatal(err)
	}
	settings, secrets, err := sim.AccountOf(channel, account)
	if err != nil {
		w.Fatal(err)
	}
	if change != nil {
		change(settings)
	}
	body, err := json.Marshal(map[string]any{"channel": channel, "takes": []string{takes}, "settings": settings, "secrets": secrets})
	if err != nil {
		w.Fatal(err)
	}
	var made struct{ ID string }
	w.send("POST", "/refundry/v1/accounts", string(body), demoKey, http.StatusCreated, &made)
	if err := w.NotifyAt(channel, fmt.Sprintf("%s/notify/%s/%s", w.url, channel, made.ID)); err != nil {
		w.Fatal(err)
	}
}

// pay makes a payment of 10 yuan and registers its charge with the identities.
func (w *through) pay(channel, number, name, identities string, attributes map[string]string) {
	w.Helper()
	id, err := w.AddPayment(channelsim.Payment{Channel: channel, Number: number, Amount: 1000, Currency: "CNY", Attributes: attributes})
	if err != nil {
		w.Fatal(err)
	}
	w.send("POST", "/refundry/v1/charges", fmt.Sprintf(`{"order_no":%q,"amount":1000,"currency":"CNY","channel":%q,"paid_at":%q,"transaction_id":%q,"identities":%s}`,
		number, name, time.Now().UTC().Format(time.RFC3339), id, identities), demoKey, http.StatusCreated, nil)
}

// hook waits for the first webhook, while the channel's clock goes on.
func (w *through) hook() told {
	w.Helper()
	for end := time.Now().Add(ever); time.Now().Before(end); {
		if at, ok := w.NextDue(); ok {
			w.Advance(max(0, at.Sub(w.Now())))
		}
		select {
		case one := <-w.webhooks:
			return one
		case <-time.After(20 * time.Millisecond):
		}
	}
	w.Fatal("no webhook came")
	return told{}
}

// movedOnce looks into the channel's books: one refund, of an amount.
func (w *through) movedOnce(channel string, amount int64) channelsim.Entry {
	w.Helper()
	entries := w.Books(channel)
	if len(entries) != 1 || int64(entries[0].Amount) != amount || entries[0].Moves != 1 || entries[0].State != channelsim.Succeeded {
		w.Fatalf("the channel's books have %+v", entries)
	}
	return entries[0]
}

func TestAPingppRefundGoesThroughWeChatPay(t *testing.T) {
	w := newThrough(t)
	w.account("wechatpay", "wx_pub", nil)
	const charge = "ch_Sim0000000000000000000001"
	w.pay("wechatpay", "PINGPP0001", "wx_pub", `{"pingpp":{"app":"app_1Gqj58ynP0mHeX1q","charge":"`+charge+`"}}`, nil)
	w.send("POST", "/refundry/v1/endpoints", fmt.Sprintf(`{"url":%q,"dialect":"pingpp","events":["refund.succeeded"]}`, w.receiver+"/hook"), demoKey, http.StatusCreated, nil)
	key := map[string]string{"Authorization": "Basic c2tfdGVzdF9pYmJUZTVqTEdDaTVyemZINE9xUFc5S0M6", "Content-Type": "application/x-www-form-urlencoded", "Prefer": "wait=0"}
	var made struct {
		ID     string
		Status string
	}
	w.send("POST", "/v1/charges/"+charge+"/refunds", "amount=300&description=broken", key, http.StatusOK, &made)
	if made.Status != "pending" {
		t.Errorf("the refund is %s", made.Status)
	}
	hook := w.hook()
	var event struct {
		Type string
		Data struct {
			Object struct {
				ID        string
				Amount    int64
				Status    string
				ChargeID  string `json:"charge"`
				Succeeded bool   `json:"succeed"`
			}
		}
	}
	if err := json.Unmarshal(hook.body, &event); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(w.data, "demo", "platform_pub.pem"))
	if err != nil {
		t.Fatal(err)
	}
	platform, err := pemkey.ParseRSAPublicKey(string(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := pemkey.VerifySHA256(platform, hook.body, hook.header.Get("X-Pingplusplus-Signature")); err != nil {
		t.Error(err)
	}
	got := event.Data.Object
	if event.Type != "refund.succeeded" || got.ID != made.ID || got.Amount != 300 || got.Status != "succeeded" || got.ChargeID != charge || !got.Succeeded {
		t.Errorf("the webhook says %s", hook.body)
	}
	w.movedOnce("wechatpay", 300)
}

func TestAServiceProvidersRefundGoesThroughWeChatPay(t *testing.T) {
	const provider, sub = "1900000100", "1900000109"
	w := newThrough(t)
	w.account("wechatpay", "wx_lite", func(settings map[string]string) {
		settings["sp_mchid"] = settings["mchid"]
		delete(settings, "mchid")
	})
	w.pay("wechatpay", "PARTNER0001", "wx_lite", fmt.Sprintf(`{"wechatpay":{"mchid":%q,"sub_mchid":%q,"out_trade_no":"PARTNER0001"}}`, provider, sub), map[string]string{"sub_mchid": sub})
	body := fmt.Sprintf(`{"sub_mchid":%q,"out_trade_no":"PARTNER0001","out_refund_no":"P1","notify_url":%q,"amount":{"refund":400,"total":1000,"currency":"CNY"}}`, sub, w.receiver+"/notice")
	var made struct{ Status string }
	w.send("POST", "/v3/refund/domestic/refunds", body, map[string]string{"Authorization": w.signed("POST", "/v3/refund/domestic/refunds", body)}, http.StatusOK, &made)
	if made.Status != "PROCESSING" {
		t.Errorf("the refund is %s", made.Status)
	}
	hook := w.hook()
	if !strings.Contains(string(hook.body), `"REFUND.SUCCESS"`) || hook.header.Get("Wechatpay-Signature") == "" {
		t.Errorf("the notice says %s", hook.body)
	}
	var now struct {
		Status string
		Amount struct{ Refund int64 }
	}
	const path = "/v3/refund/domestic/refunds/P1?sub_mchid=" + sub
	w.send("GET", path, "", map[string]string{"Authorization": w.signed("GET", path, "")}, http.StatusOK, &now)
	if now.Status != "SUCCESS" || now.Amount.Refund != 400 {
		t.Errorf("the refund has become %+v", now)
	}
	if entry := w.movedOnce("wechatpay", 400); entry.OrderNo != "PARTNER0001" {
		t.Errorf("the channel has %+v", entry)
	}
}

// signed is the authorization of the demo's service provider.
func (w *through) signed(method, target, body string) string {
	w.Helper()
	folder := filepath.Join(w.data, "demo")
	var demo struct {
		WeChatPay struct {
			SpMchID        string `json:"sp_mchid"`
			MerchantSerial string `json:"merchant_serial"`
		} `json:"wechatpay"`
	}
	text, err := os.ReadFile(filepath.Join(folder, "demo.json"))
	if err == nil {
		err = json.Unmarshal(text, &demo)
	}
	if err != nil {
		w.Fatal(err)
	}
	text, err = os.ReadFile(filepath.Join(folder, "merchant_key.pem"))
	if err != nil {
		w.Fatal(err)
	}
	key, err := pemkey.ParseRSAPrivateKey(string(text))
	if err != nil {
		w.Fatal(err)
	}
	nonce, err := wire.NewNonce(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	authorization, err := wire.Signer{Serial: demo.WeChatPay.MerchantSerial, Key: key}.Authorize(demo.WeChatPay.SpMchID, method, target, []byte(body), nonce, time.Now())
	if err != nil {
		w.Fatal(err)
	}
	return authorization.String()
}
