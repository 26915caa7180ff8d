package service

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/pemkey"
	"github.com/refundry/refundry/wire/wechatpay"
)

// asked sends a request of a merchant's own client to the shop.
func asked(s *Service, method, target, body string, header ...string) (int, string) {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for n := 0; n < len(header); n += 2 {
		r.Header.Set(header[n], header[n+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

// nativeKey gives a merchant a key of the native API.
func nativeKey(t *testing.T, s *Service, by admin.By, owner string) string {
	t.Helper()
	key, err := s.admin.AddKey(t.Context(), by, owner, admin.NewKey{Dialect: merchant.Native, Scopes: []merchant.Scope{merchant.ScopeRefund, merchant.ScopeRead}})
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + key.Secret
}

// A refund request for an order that the shop has not registered looks it up at
// WeChat Pay, registers it and refunds it, in the native API and in WeChat Pay's.
func TestAnOrderThatIsNotRegisteredIsFoundAtWeChatPay(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	w := newWeChatShop(t, platform, address, "1900009191", "public_key")
	native := nativeKey(t, w.Service, w.by, w.owner)
	wechat := weChatClient(t, w)
	for n, ask := range map[int]func(transactionID, orderNo string) (int, string){
		1: func(transactionID, _ string) (int, string) {
			return asked(w.Service, "POST", "/refundry/v1/refunds", fmt.Sprintf(`{"charge": %q, "amount": 100, "number": "R1"}`, transactionID), "Authorization", native)
		},
		2: func(_, orderNo string) (int, string) {
			return asked(w.Service, "POST", "/refundry/v1/refunds", fmt.Sprintf(`{"charge": %q, "amount": 100, "number": "R2"}`, orderNo), "Authorization", native)
		},
		3: func(transactionID, _ string) (int, string) {
			return wechat(fmt.Sprintf(`{"transaction_id": %q, "out_refund_no": "R3", "amount": {"refund": 100, "total": 1000, "currency": "CNY"}}`, transactionID))
		},
		4: func(_, orderNo string) (int, string) {
			return wechat(fmt.Sprintf(`{"out_trade_no": %q, "out_refund_no": "R4", "amount": {"refund": 100, "total": 1000, "currency": "CNY"}}`, orderNo))
		},
	} {
		transactionID, orderNo := fmt.Sprintf("420000000020261129000000100%d", n), fmt.Sprintf("FOUND%d", n)
		id := w.platformOrder(platform, orderNo, transactionID)
		var asking sync.WaitGroup
		for range 3 { // at once
			asking.Go(func() {
				if code, body := ask(transactionID, orderNo); code != http.StatusOK && code != http.StatusCreated {
					t.Errorf("%d: %d %s", n, code, body)
				}
			})
		}
		asking.Wait()
		found, err := w.Store.ChargeByAny(t.Context(), w.owner, transactionID)
		if err != nil || !found.Detail.LookedUp || found.OrderNo != orderNo || found.ChannelAccount != w.account.ID || found.Amount != 1000 || found.AlreadyRefunded != 0 {
			t.Fatalf("%d: %+v, %v", n, found, err)
		}
		if alias, ok := found.Alias(merchant.WeChatPay); !ok || alias.Name != orderNo {
			t.Errorf("%d: known as %+v", n, found.Aliases)
		}
		refunds, _, err := w.Store.RefundList(t.Context(), refund.Filter{MerchantID: w.owner, ChargeID: found.ID, Page: refund.Page{Limit: 10}})
		if err != nil || len(refunds) != 1 {
			t.Fatalf("%d: refunds %+v, %v", n, refunds, err)
		}
		w.await(refunds[0].ID, refund.Succeeded)
		if theirs, err := platform.Store.Charge(t.Context(), merchant.DemoID, id); err != nil || theirs.Refunds == 0 {
			t.Errorf("%d: the platform has %d refunds, %v", n, theirs.Refunds, err)
		}
	}
	for _, ask := range []func() (int, string){
		func() (int, string) {
			return asked(w.Service, "POST", "/refundry/v1/refunds", `{"charge": "4200000000202611290000009999", "amount": 100}`, "Authorization", native)
		},
		func() (int, string) {
			return wechat(`{"out_trade_no": "NOSUCH", "out_refund_no": "R9", "amount": {"refund": 100, "total": 1000, "currency": "CNY"}}`)
		},
	} {
		if code, body := ask(); code != http.StatusNotFound {
			t.Errorf("an order that nobody knows: %d %s", code, body)
		}
	}
	if found, err := Verify(t.Context(), w.Store); err != nil || len(found) != 0 {
		t.Errorf("verify finds %v, %v", found, err)
	}
}

// While WeChat Pay does not answer, nobody is told that there is no such order.
func TestAnOrderThatCanNotBeLookedUpIsNotSaidToBeUnknown(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	w := newWeChatShop(t, platform, address, "1900009191", "public_key")
	native, wechat := nativeKey(t, w.Service, w.by, w.owner), weChatClient(t, w)
	_, err := w.admin.SetAccount(t.Context(), w.by, w.owner, w.account.ID, admin.AccountChange{Settings: map[string]string{"base_url": "http://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	code, body := asked(w.Service, "POST", "/refundry/v1/refunds", `{"charge": "4200000000202611290000009999", "amount": 100}`, "Authorization", native)
	if code != http.StatusServiceUnavailable || !strings.Contains(body, `"busy"`) {
		t.Errorf("%d %s", code, body)
	}
	if code, body := wechat(`{"out_trade_no": "NOSUCH", "out_refund_no": "R9", "amount": {"refund": 100, "total": 1000, "currency": "CNY"}}`); code < 500 {
		t.Errorf("%d %s", code, body)
	}
}

// weChatClient gives the shop's merchant a direct identity in WeChat Pay's API, and
// returns a client of it that asks for refunds.
func weChatClient(t *testing.T, w *weChatShop) func(body string) (int, string) {
	t.Helper()
	const mchID = "1900009191"
	fresh, err := w.admin.AddIdentity(t.Context(), w.by, w.owner, admin.NewIdentity{Dialect: merchant.WeChatPay, Given: merchant.Given{Settings: map[string]string{"mchid": mchID}}})
	if err != nil {
		t.Fatal(err)
	}
	identity := fresh.Identities[0]
	key, err := pemkey.ParseRSAPrivateKey(identity.Secrets[merchant.MerchantKeyPEM])
	if err != nil {
		t.Fatal(err)
	}
	signer := wechatpay.Signer{Serial: identity.Public[merchant.MerchantSerial], Key: key}
	return func(body string) (int, string) {
		const target = "/v3/refund/domestic/refunds"
		nonce, err := wechatpay.NewNonce(rand.Reader)
		if err != nil {
			t.Error(err)
			return 0, ""
		}
		authorization, err := signer.Authorize(mchID, "POST", target, []byte(body), nonce, w.now())
		if err != nil {
			t.Error(err)
		}
		return asked(w.Service, "POST", target, body, "Authorization", authorization.String(), "Accept", "application/json", "User-Agent", "test")
	}
}

// A charge that was made at Ping++ is refunded in Ping++'s API without having been
// registered.
func TestAChargeThatIsNotRegisteredIsFoundAtPingpp(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	shop, _ := listening(t, Options{Database: storetest.SQLite(t)})
	p := pingppShop(t, shop, platform, address, "upacp", false)
	fresh, err := p.admin.AddIdentity(t.Context(), p.by, p.owner, admin.NewIdentity{Dialect: merchant.PingPP, Given: merchant.Given{Settings: map[string]string{"app": demoApp}}})
	if err != nil {
		t.Fatal(err)
	}
	theirs, id := pingppCharge(t, platform, 7, "upacp")
	code, body := asked(shop, "POST", "/v1/charges/"+id+"/refunds", `{"amount": 300, "description": "broken"}`, "Authorization", "Bearer "+fresh.Keys[0].Secret)
	var made struct{ ID, Charge string }
	if err := json.Unmarshal([]byte(body), &made); err != nil || code != http.StatusOK || made.Charge != id {
		t.Fatalf("%d %s, %v", code, body, err)
	}
	found, err := shop.Store.ChargeByAny(t.Context(), p.owner, id)
	if err != nil || found.Amount != 1000 || found.Channel != "upacp" || found.ChannelAccount != p.account.ID {
		t.Errorf("%+v, %v", found, err)
	}
	p.await(made.ID, refund.Succeeded)
	p.agree(theirs, 300, 1)
	code, body = asked(shop, "POST", "/v1/charges/ch_000000000000000000000099/refunds", `{"amount": 300, "description": "broken"}`, "Authorization", "Bearer "+fresh.Keys[0].Secret)
	if code != http.StatusNotFound || !strings.Contains(body, "No such charge") && !strings.Contains(body, "ch_000000000000000000000099") {
		t.Errorf("%d %s", code, body)
	}
}
