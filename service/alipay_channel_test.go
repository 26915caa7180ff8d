package service

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel/alipay/alipaytest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// alipayNames are what the APIs call payments at Alipay.
var alipayNames = []string{
	"alipay", "alipay_wap", "alipay_pc_direct", "alipay_qr", "alipay_scan", "alipay_lite",
	"cb_alipay", "cb_alipay_wap", "cb_alipay_pc_direct", "cb_alipay_qr", "cb_alipay_scan",
}

func alipayAccount(f *alipaytest.Fake, gateway string, takes ...string) admin.NewAccount {
	account := admin.NewAccount{
		Channel: "alipay", Takes: takes, Secrets: map[string]string{"app_private_key": alipaytest.File("app_key.pem")},
		Settings: map[string]string{
			"app_id": alipaytest.AppID, "gateway": gateway + "/gateway.do", "seller_id": alipaytest.SellerID, "alipay_public_key": alipaytest.File("alipay_public.pem"),
		},
	}
	if f.Certificates {
		delete(account.Settings, "alipay_public_key")
		account.Settings["app_certificate"], account.Settings["alipay_certificate"] = alipaytest.File("app_cert.pem"), alipaytest.File("alipay_cert.pem")
		account.Settings["alipay_root_certificate"] = alipaytest.File("root_cert.pem")
	}
	return account
}

// pingppShopAtAlipay is the demo merchant with an account at Alipay beside its sandbox,
// and a place where its webhooks come to.
type pingppShopAtAlipay struct {
	*testing.T
	*Service
	alipay *alipaytest.Fake
	events chan []byte
	n      int
}

func newPingppShopAtAlipay(t *testing.T) *pingppShopAtAlipay {
	t.Helper()
	p := &pingppShopAtAlipay{T: t, alipay: alipaytest.New(t, false), events: make(chan []byte, 100)}
	p.Service, _ = listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	account := alipayAccount(p.alipay, p.alipay.URL, alipayNames...)
	if _, err := p.admin.AddAccount(t.Context(), admin.By{Actor: audit.Actor{Kind: "command", Name: "root"}}, merchant.DemoID, account); err != nil {
		t.Fatal(err)
	}
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		p.events <- body
	}))
	t.Cleanup(sink.Close)
	code, answer := call(t, p.Service, http.MethodPost, "/refundry/v1/endpoints", `{"url": "`+sink.URL+`", "dialect": "pingpp", "events": ["refund.succeeded", "refund.failed"]}`)
	if code != http.StatusCreated {
		t.Fatalf("%d %s", code, answer)
	}
	return p
}

// charge registers a charge of 10 yuan.
func (p *pingppShopAtAlipay) charge(channel, currency string) (id string) {
	p.Helper()
	p.n++
	id = fmt.Sprintf("ch_%024d", p.n)
	code, answer := call(p.T, p.Service, http.MethodPost, "/refundry/v1/charges", fmt.Sprintf(
		`{"order_no": "%s%05d", "amount": 1000, "currency": %q, "channel": %q, "transaction_id": "%s%05d", "identities": {"pingpp": {"app": %q, "charge": %q}}}`,
		alipaytest.OrderPrefix, p.n, currency, channel, alipaytest.TradePrefix, p.n, demoApp, id))
	if code != http.StatusCreated {
		p.Fatalf("%d %s", code, answer)
	}
	return id
}

// refund asks for a refund as a client of Ping++ does.
func (p *pingppShopAtAlipay) refund(charge, body string) (int, map[string]any) {
	p.Helper()
	r := httptest.NewRequest(http.MethodPost, "/v1/charges/"+charge+"/refunds", strings.NewReader(body))
	r.SetBasicAuth("sk_test_ibbTe5jLGCi5rzfH4OqPW9KC", "")
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	out := map[string]any{}
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		p.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Code, out
}

// sent is the content of the last refund request at Alipay.
func (p *pingppShopAtAlipay) sent() (content map[string]any, notifyURL string) {
	p.Helper()
	p.alipay.Mu.Lock()
	defer p.alipay.Mu.Unlock()
	for n := len(p.alipay.Seen) - 1; n >= 0; n-- {
		if form := p.alipay.Seen[n]; form.Get("method") == "alipay.trade.refund" {
			if err := json.Unmarshal([]byte(form.Get("biz_content")), &content); err != nil {
				p.Fatal(err)
			}
			return content, form.Get("notify_url")
		}
	}
	p.Fatal("no refund was sent")
	return nil, ""
}

// event waits for a webhook.
func (p *pingppShopAtAlipay) event() map[string]any {
	p.Helper()
	select {
	case body := <-p.events:
		var event map[string]any
		if err := json.Unmarshal(body, &event); err != nil {
			p.Fatal(err)
		}
		return event
	case <-time.After(patience):
		p.Fatal("no webhook came")
		return nil
	}
}

func TestAPingppRefundGoesToAlipayUnderEveryNameOfItsChannel(t *testing.T) {
	p := newPingppShopAtAlipay(t)
	for _, name := range alipayNames {
		id := p.charge(name, "CNY")
		code, answer := p.refund(id, `{"amount": 250, "description": "坏了"}`)
		if code != http.StatusOK || answer["status"] != "succeeded" || answer["amount"] != 250.0 {
			t.Errorf("%s: %d %v", name, code, answer)
		}
		content, notifyURL := p.sent()
		if content["refund_amount"] != "2.50" || content["refund_reason"] != "坏了" || content["trade_no"] != fmt.Sprintf("%s%05d", alipaytest.TradePrefix, p.n) ||
			!strings.Contains(notifyURL, "/notify/alipay/alipay_") {
			t.Errorf("%s: sent %v, to tell %s", name, content, notifyURL)
		}
		event := p.event()
		object := event["data"].(map[string]any)["object"].(map[string]any)
		if event["type"] != "refund.succeeded" || object["id"] != answer["id"] || object["charge"] != id {
			t.Errorf("%s: webhook %v", name, event)
		}
	}
	if found, err := Verify(t.Context(), p.Store); err != nil || len(found) != 0 {
		t.Errorf("verify finds %v, %v", found, err)
	}
}

func TestSplitFundInfoReachesAlipayAndWhatItCantCarryIsRefusedBeforeAcceptance(t *testing.T) {
	p := newPingppShopAtAlipay(t)
	id := p.charge("cb_alipay", "CNY")
	code, answer := p.refund(id, `{"amount": 250, "description": "d", "extra": {"split_fund_info": [{"account": "2088101126765726", "amount": "100", "desc": "佣金"}]}}`)
	if code != http.StatusOK || answer["status"] != "succeeded" {
		t.Errorf("%d %v", code, answer)
	}
	content, _ := p.sent()
	royalties, _ := content["refund_royalty_parameters"].([]any)
	if len(royalties) != 1 || royalties[0].(map[string]any)["trans_out"] != "2088101126765726" || royalties[0].(map[string]any)["amount"] != "1.00" ||
		royalties[0].(map[string]any)["trans_in"] != alipaytest.SellerID {
		t.Errorf("sent %v", content)
	}
	before := len(p.alipay.Entries)
	for _, name := range []string{"cb_alipay_qr", "cb_alipay_scan"} {
		for _, extra := range []string{`{"rate": 6.5}`, `{"refund_amount": 20}`, `{"rate": "6.5", "refund_amount": 20}`} {
			code, answer := p.refund(p.charge(name, "CNY"), `{"amount": 250, "description": "d", "extra": `+extra+`}`)
			fault, _ := answer["error"].(map[string]any)
			if code != http.StatusBadRequest || fault["param"] != "extra" || fault["type"] != "invalid_request_error" {
				t.Errorf("%s with %s: %d %v", name, extra, code, answer)
			}
		}
	}
	if code, answer := p.refund(p.charge("cb_alipay_wap", "HKD"), `{"amount": 250, "description": "d"}`); code != http.StatusBadRequest {
		t.Errorf("in HKD: %d %v", code, answer)
	}
	if len(p.alipay.Entries) != before {
		t.Errorf("%d refunds were made for those that were refused", len(p.alipay.Entries)-before)
	}
}

// The bank gives money back to the payer's balance: the message is a hint, the question
// says where the money is, and the refund stays a success.
func TestADepositBackIsWhereTheMoneyLanded(t *testing.T) {
	p := newPingppShopAtAlipay(t)
	_, answer := p.refund(p.charge("alipay", "CNY"), `{"amount": 250, "description": "d"}`)
	id, _ := answer["id"].(string)
	one, err := p.Store.RefundByAny(t.Context(), merchant.DemoID, id)
	if err != nil || answer["status"] != "succeeded" {
		t.Fatalf("%v %v", answer, err)
	}
	p.alipay.Mu.Lock()
	p.alipay.Backs[one.ChannelNumber] = "F"
	message := p.alipay.Message(one.ChannelNumber, "F", true, nil).Encode()
	p.alipay.Mu.Unlock()
	r := httptest.NewRequest(http.MethodPost, "/notify/alipay/"+one.ChannelAccount, strings.NewReader(message))
	w := httptest.NewRecorder()
	p.Handler().ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != "success" {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		now, err := p.Store.Refund(t.Context(), merchant.DemoID, one.ID)
		if err != nil || now.State != refund.Succeeded || time.Now().After(end) {
			t.Fatalf("%+v, %v", now, err)
		}
		if now.Landed.Way == refund.WayBalance && !now.Contradicted {
			break
		}
	}
}

// Whatever becomes of a call, before or after the money moved, Alipay moves it once and
// the shop finds out by asking alone, in key mode and in certificate mode.
func TestEachFaultOnTheWayToAlipayEndsInOneMovement(t *testing.T) {
	for mode, faults := range map[string][]string{
		"key mode": {"drop before", "drop after", "half", "wrong signature", "202", "404", "500"}, "certificate mode": {"drop after", "wrong signature"},
	} {
		t.Run(mode, func(t *testing.T) {
			certificates := mode == "certificate mode"
			var clock hurriedClock
			fake := alipaytest.New(t, certificates)
			fake.Now = clock.now
			line := &badLine{platform: fake, sends: isAlipayRefund, forge: func(_ http.Header, body []byte) {
				at := bytes.Index(body, []byte(`"sign":"`)) + len(`"sign":"`)
				body[at] ^= 1
			}}
			server := httptest.NewServer(line)
			t.Cleanup(server.Close)
			shop := start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now})
			p := newProviderShop(t, shop, nil, alipayAccount(fake, server.URL, "alipay"), "CNY")
			n := 0
			for name, spoiled := range lossy(faults...) {
				t.Run(name, func(t *testing.T) {
					n++
					p.T = t
					line.spoil(spoiled[0], spoiled[1])
					c := p.register(refund.Charge{OrderNo: fmt.Sprintf("%s%05d", alipaytest.OrderPrefix, n), Amount: 1000, PaidAt: clock.now()}, fmt.Sprintf("%s%05d", alipaytest.TradePrefix, n))
					done := clock.hurry(t, p.Service, p.owner, p.ask(c, 100), refund.Succeeded)
					line.happened(t)
					fake.Mu.Lock()
					defer fake.Mu.Unlock()
					if e := fake.Entries[done.ChannelNumber]; e == nil || e.Moves != 1 || e.Fen != 100 || len(fake.Entries) != n {
						t.Errorf("%d refunds were made, the last is %+v", len(fake.Entries), e)
					}
				})
			}
			if found, err := Verify(t.Context(), shop.Store); err != nil || len(found) != 0 {
				t.Errorf("verify finds %v, %v", found, err)
			}
		})
	}
}

// isAlipayRefund reads a request's method and leaves the request as it was.
func isAlipayRefund(r *http.Request) bool {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	return form.Get("method") == "alipay.trade.refund"
}

// A refund that Alipay says it has, and never shows, is sent again with the same number
// after the third question.
func TestARefundThatAlipayAcceptedAndNeverShowsIsSentAgain(t *testing.T) {
	var clock hurriedClock
	fake := alipaytest.New(t, false)
	fake.Now = clock.now
	shop := start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now})
	p := newProviderShop(t, shop, nil, alipayAccount(fake, fake.URL, "alipay"), "CNY")
	c := p.register(refund.Charge{OrderNo: alipaytest.OrderNo, Amount: 1000, PaidAt: clock.now()}, alipaytest.TradeNo)
	fake.Mu.Lock()
	fake.Faults[""] = []string{"accepted and forgotten"}
	fake.Mu.Unlock()
	done := clock.hurry(t, p.Service, p.owner, p.ask(c, 100), refund.Succeeded)
	fake.Mu.Lock()
	defer fake.Mu.Unlock()
	if e := fake.Entries[done.ChannelNumber]; e == nil || e.Moves != 1 {
		t.Errorf("%+v", e)
	}
}
