package service

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	wire "github.com/refundry/refundry/wire/payin"
)

const (
	demoPayinMerchant = "M948164"
	payinToken        = "0123456789abcdef"
)

// payinShop is a shop that leaves Payin.
func payinShop(t *testing.T, shop, platform *Service, address string, currency money.Currency) *providerShop {
	t.Helper()
	return newProviderShop(t, shop, platform, admin.NewAccount{
		Channel: merchant.Payin, Takes: []string{"mastercard"},
		Settings: map[string]string{"merchant_id": demoPayinMerchant, "base_url": address, "statement_url": address + "/refundry/v1/payin/reconciliation/{merchant}/{date}.csv"},
		Secrets: map[string]string{
			"client_key": "AK000000000000000000000000000001", "client_secret": "payin-test-secret", "notify_token": payinToken, "statement_token": "rk_test_demo",
		},
	}, currency)
}

// payinOrder is an order of 1000 at the platform.
func payinOrder(t *testing.T, platform *Service, n int, currency money.Currency) (theirs refund.Charge, id string) {
	t.Helper()
	id = fmt.Sprintf("M948164T%022d", n)
	amount := 100000
	if currency == "KWD" {
		amount = 1000000
	}
	return made(t, platform, fmt.Sprintf(`{"order_no": "PAYIN%d", "amount": %d, "currency": %q, "channel": "mastercard", "transaction_id": "T%d",
		"identities": {"payin": {"merchant_id": %q, "order_id": %q}}}`, n, amount, currency, n, demoPayinMerchant, id)), id
}

// Our connector and our own Payin dialect agree: refunds that succeed and fail, in
// currencies of two decimals and of three, under each name that an order may have
// here, notifications, the check, the daily file, and the books of both sides.
func TestRefundsGoThroughAServiceThatSpeaksPayin(t *testing.T) {
	for _, currency := range []money.Currency{"SAR", "KWD"} {
		t.Run(string(currency), func(t *testing.T) {
			platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
			shop, shopAddress := listening(t, Options{Database: storetest.SQLite(t)})
			p := payinShop(t, shop, platform, address, currency)
			p.checked("settings", "base_url", "client_secret", "merchant_id", "statement_url")
			p.announce("payin", shopAddress, "?token="+payinToken, `"refund.succeeded"`)

			theirs, id := payinOrder(t, platform, 1, currency)
			c := p.register(theirs, id)
			if done := p.refunded(c, 1230, refund.Succeeded); done.ChannelRefundID != id+"_R1" || done.SucceededAt.IsZero() {
				t.Errorf("%+v", done)
			}
			// The platform fails 10.51 riyals; 1.051 dinars have a decimal too many to be sent.
			failed := p.refunded(c, 1051, refund.Failed)
			want, refunds := "fail", int64(3)
			if currency == "KWD" {
				want, refunds = "DECIMALS", 2
			}
			if failed.FailureCode != want {
				t.Errorf("%+v", failed)
			}
			p.refunded(c, theirs.Amount-1230, refund.Succeeded) // all that is left
			p.agree(theirs, theirs.Amount, refunds)

			theirs, id = payinOrder(t, platform, 2, currency)
			p.refunded(p.register(theirs, id+"_1"), 1000, refund.Succeeded)
			p.agree(theirs, 1000, 1)
			theirs, id = payinOrder(t, platform, 3, currency)
			p.refunded(p.register(theirs, theirs.TransactionID, refund.Alias{Dialect: merchant.Payin, Identity: demoPayinMerchant, Name: id}), 1000, refund.Succeeded)
			p.agree(theirs, 1000, 1)
		})
	}
}

// A refund that was made at Payin without us is adopted: before the order's first
// refund, as it is looked up, and afterwards from the day's file.
func TestRefundsMadeAtAServiceThatSpeaksPayinAreAdopted(t *testing.T) {
	var clock hurriedClock
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now})
	p := payinShop(t, start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now}), platform, address, "SAR")
	theirs, id := payinOrder(t, platform, 1, "SAR")
	byHand := func() {
		t.Helper()
		code, answer := call(t, platform, http.MethodPost, "/refundry/v1/refunds", fmt.Sprintf(`{"charge": %q, "amount": 200}`, id))
		if code != http.StatusCreated {
			t.Fatalf("%d %s", code, answer)
		}
		for end := time.Now().Add(patience); ; runtime.Gosched() {
			now, err := platform.Store.Charge(t.Context(), merchant.DemoID, theirs.ID)
			if err != nil || time.Now().After(end) {
				t.Fatalf("%+v, %v", now, err)
			}
			if now.Reserved == 0 {
				return
			}
		}
	}
	byHand()
	c := p.register(theirs, id)
	p.refunded(c, 300, refund.Succeeded)
	if now, err := p.Store.Charge(t.Context(), p.owner, c.ID); err != nil || now.Refunded != 500 || now.Refunds != 2 {
		t.Fatalf("%+v, %v", now, err)
	}
	byHand()
	// As after a restore: days that begin later need no bill, at whatever hour this is.
	if _, err := p.admin.PauseAccount(t.Context(), p.by, p.owner, p.account.ID); err != nil {
		t.Fatal(err)
	}
	since := clock.now()
	clock.ahead.Add(int64(48 * time.Hour))
	found, err := p.admin.AskAccount(t.Context(), p.by, p.owner, p.account.ID, since, nil)
	if err != nil || len(found.Adopted) != 1 || found.Adopted[0].Amount != 200 || found.Adopted[0].ChannelRefundID != id+"_R3" {
		t.Errorf("%+v, %v", found, err)
	}
	p.agree(theirs, 700, 3)
}

// Whatever becomes of a call, before or after the money moved, the platform moves it
// once, and the shop finds out by asking alone.
func TestEachFaultOnTheWayToPayinEndsInOneMovement(t *testing.T) {
	var clock hurriedClock
	line := &badLine{}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	platform := start(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now})
	line.platform = platform.Handler()
	p := payinShop(t, start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now}), platform, server.URL, "SAR")
	n := 0
	for name, spoiled := range lossy("drop before", "drop after", "half", "202", "401", "500", "502") {
		t.Run(name, func(t *testing.T) {
			n++
			p.T = t
			theirs, id := payinOrder(t, platform, n, "SAR")
			line.spoil(spoiled[0], spoiled[1])
			asked := p.ask(p.register(theirs, id), 1000)
			clock.hurry(t, p.Service, p.owner, asked, refund.Succeeded)
			p.agree(theirs, 1000, 1)
			line.happened(t)
		})
	}
	p.T = t
}

// An order that was paid at Payin is refunded in Payin's API, and in the native one,
// without having been registered.
func TestAnOrderThatIsNotRegisteredIsFoundAtPayin(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	shop, _ := listening(t, Options{Database: storetest.SQLite(t)})
	p := payinShop(t, shop, platform, address, "SAR")
	fresh, err := p.admin.AddIdentity(t.Context(), p.by, p.owner, admin.NewIdentity{Dialect: merchant.Payin, Given: merchant.Given{Settings: map[string]string{"merchant_id": demoPayinMerchant}}})
	if err != nil {
		t.Fatal(err)
	}
	key := fresh.Keys[0]
	secret := cmp.Or(key.Key.Secrets[merchant.ClientSecret], fresh.Identities[0].Secrets[merchant.ClientSecret])
	ask := func(id string) (int, string) {
		headers := []string{}
		signed := http.Header{}
		wire.Authenticate(key.Secret, secret, wire.CreateRefund, "/orders/"+id+"/refunds", time.Now()).Set(signed)
		for name := range signed {
			headers = append(headers, name, signed.Get(name))
		}
		return asked(shop, "POST", "/api_v1/orders/"+id+"/refunds", `{"amount": "3.5", "reason": "broken", "merchantRefundId": "M1"}`, headers...)
	}
	theirs, id := payinOrder(t, platform, 7, "SAR")
	code, body := ask(id)
	if code != http.StatusOK || !strings.Contains(body, `"`+id+`_R1"`) {
		t.Fatalf("%d %s", code, body)
	}
	found, err := shop.Store.ChargeByAny(t.Context(), p.owner, id)
	if err != nil || found.Amount != 100000 || found.Channel != "mastercard" || found.ChannelAccount != p.account.ID {
		t.Errorf("%+v, %v", found, err)
	}
	refunds, _, err := shop.Store.RefundList(t.Context(), refund.Filter{MerchantID: p.owner, ChargeID: found.ID, Page: refund.Page{Limit: 10}})
	if err != nil || len(refunds) != 1 {
		t.Fatalf("%+v, %v", refunds, err)
	}
	p.await(refunds[0].ID, refund.Succeeded)
	p.agree(theirs, 350, 1)
	if code, body := ask("M948164T0000000000000000000099"); code != http.StatusNotFound {
		t.Errorf("%d %s", code, body)
	}
}
