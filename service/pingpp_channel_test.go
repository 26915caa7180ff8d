package service

import (
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/pemkey"
)

const demoApp = "app_1Gqj58ynP0mHeX1q"

// pingppShop is a shop that leaves Ping++.
func pingppShop(t *testing.T, shop, platform *Service, address, channel string, signed bool) *providerShop {
	t.Helper()
	key, err := platform.Store.PlatformKey(t.Context(), merchant.PingPP)
	if err != nil {
		t.Fatal(err)
	}
	account := admin.NewAccount{
		Channel: merchant.PingPP, Takes: []string{channel},
		Settings: map[string]string{"app": demoApp, "base_url": address, "platform_public_key": key.PublicPEM},
		Secrets:  map[string]string{"api_key": "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"},
	}
	if signed {
		own, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		if account.Secrets["merchant_private_key"], err = pemkey.MarshalPrivateKey(own); err != nil {
			t.Fatal(err)
		}
		public, err := pemkey.MarshalPublicKey(&own.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		body := fmt.Sprintf(`{"check_signatures": true, "request_key": %q}`, public)
		if code, answer := call(t, platform, http.MethodPatch, "/refundry/v1/merchant/settings", body); code != http.StatusOK {
			t.Fatalf("%d %s", code, answer)
		}
	}
	return newProviderShop(t, shop, platform, account, "CNY")
}

// pingppCharge is a charge of 10 yuan at the platform.
func pingppCharge(t *testing.T, platform *Service, n int, channel string) (theirs refund.Charge, id string) {
	t.Helper()
	id = fmt.Sprintf("ch_%024d", n)
	theirs = made(t, platform, fmt.Sprintf(`{"order_no": "PROVIDER%d", "amount": 1000, "currency": "CNY", "channel": %q, "transaction_id": "4200000000202611290000%06d",
		"identities": {"pingpp": {"app": %q, "charge": %q}}}`, n, channel, n, demoApp, id))
	return theirs, id
}

// Our connector and our own Ping++ dialect agree: refunds that succeed and fail, with
// signed requests and without, under each name that a charge may have here, webhooks,
// the check, and the books of both sides.
func TestRefundsGoThroughAServiceThatSpeaksPingpp(t *testing.T) {
	for name, signed := range map[string]bool{"signed": true, "not signed": false} {
		t.Run(name, func(t *testing.T) {
			platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
			shop, shopAddress := listening(t, Options{Database: storetest.SQLite(t)})
			p := pingppShop(t, shop, platform, address, "upacp", signed)
			names := []string{"settings", "base_url", "api_key", "app", "platform_public_key", "merchant_private_key"}
			p.checked(names...)
			p.announce("pingpp", shopAddress, "", `"refund.succeeded", "refund.failed"`)

			theirs, id := pingppCharge(t, platform, 1, "upacp")
			c := p.register(theirs, id)
			done := p.refunded(c, 100, refund.Succeeded)
			if !strings.HasPrefix(done.ChannelRefundID, "re_") || done.SucceededAt.IsZero() {
				t.Errorf("%+v", done)
			}
			if failed := p.refunded(c, 151, refund.Failed); failed.FailureCode != "refund_refused_msg" || failed.FailureMessage == "" {
				t.Errorf("%+v", failed)
			}
			p.refunded(c, 900, refund.Succeeded) // all that is left
			p.agree(theirs, 1000, 3)

			theirs, id = pingppCharge(t, platform, 2, "upacp")
			p.refunded(p.register(theirs, theirs.TransactionID, refund.Alias{Dialect: merchant.PingPP, Identity: demoApp, Name: id}), 1000, refund.Succeeded)
			p.agree(theirs, 1000, 1)

			theirs, _ = pingppCharge(t, platform, 3, "upacp")
			if failed := p.refunded(p.register(theirs, theirs.TransactionID), 100, refund.Failed); failed.FailureCode != "NO_CHARGE" {
				t.Errorf("a charge without an id of Ping++'s: %+v", failed)
			}
		})
	}
}

// A refund that waits for a payment password at Ping++ shows its address to whoever
// reads it here, and goes on when Ping++ says so.
func TestARefundThatWaitsForAPasswordAtPingppShowsItsAddress(t *testing.T) {
	var clock hurriedClock
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now})
	p := pingppShop(t, start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now}), platform, address, "alipay", false)
	_, err := platform.admin.SetIdentity(t.Context(), p.by, merchant.DemoID, admin.IdentitySet{Dialect: merchant.PingPP, Name: demoApp, Set: merchant.Given{Settings: map[string]string{"alipay_version": "1"}}})
	if err != nil {
		t.Fatal(err)
	}
	theirs, id := pingppCharge(t, platform, 1, "alipay")
	waiting := p.refunded(p.register(theirs, id), 100, refund.Pending)
	if waiting.Shown["failure_code"] != "refund_wait_operation" || !strings.HasPrefix(waiting.Shown["failure_msg"], "需要打开地址进行下一步退款操作: https://mapi.alipay.com/gateway.do?") {
		t.Errorf("%v", waiting.Shown)
	}
	for _, a := range p.attempts(waiting.ID) {
		if a.Code != "refund_wait_operation" || !strings.Contains(a.Message, "https://mapi.alipay.com/") {
			t.Errorf("%+v", a)
		}
	}
	code, answer := call(t, platform, http.MethodPost, "/refundry/v1/sandbox/refunds/"+waiting.ChannelRefundID+"/settle", `{}`)
	if code != http.StatusOK {
		t.Fatalf("%d %s", code, answer)
	}
	clock.hurry(t, p.Service, p.owner, waiting.ID, refund.Succeeded)
	p.agree(theirs, 100, 1)
}

// A refund that was made at Ping++ without us is adopted: before the charge's first
// refund, as it is listed, and afterwards, as it is announced.
func TestRefundsMadeAtAServiceThatSpeaksPingppAreAdopted(t *testing.T) {
	platform, address := listening(t, Options{Database: storetest.SQLite(t), Demo: true})
	shop, shopAddress := listening(t, Options{Database: storetest.SQLite(t)})
	p := pingppShop(t, shop, platform, address, "upacp", false)
	theirs, id := pingppCharge(t, platform, 1, "upacp")
	byHand := func() {
		t.Helper()
		code, answer := call(t, platform, http.MethodPost, "/refundry/v1/refunds", fmt.Sprintf(`{"charge": %q, "amount": 200}`, id))
		if code != http.StatusCreated {
			t.Fatalf("%d %s", code, answer)
		}
		for end := time.Now().Add(patience); ; {
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
	known := func(refunded, refunds int64) {
		t.Helper()
		for end := time.Now().Add(patience); ; {
			now, err := p.Store.Charge(t.Context(), p.owner, c.ID)
			if err != nil || time.Now().After(end) {
				t.Fatalf("%+v, %v, want %d in %d", now, err, refunded, refunds)
			}
			if int64(now.Refunded) == refunded && now.Refunds == refunds && now.Reserved == 0 {
				return
			}
		}
	}
	known(500, 2)
	p.announce("pingpp", shopAddress, "", `"refund.succeeded"`)
	byHand()
	known(700, 3)
	p.agree(theirs, 700, 3)
}

// Whatever becomes of a call, before or after the money moved, the platform moves it
// once, though it knows no repeats, and the shop finds out by asking alone.
func TestEachFaultOnTheWayToPingppEndsInOneMovement(t *testing.T) {
	var clock hurriedClock
	line := &badLine{forge: func(h http.Header, _ []byte) {
		signed := []byte(h.Get("X-Pingplusplus-Signature"))
		signed[0] ^= 1
		h.Set("X-Pingplusplus-Signature", string(signed))
	}}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	platform := start(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now})
	line.platform = platform.Handler()
	p := pingppShop(t, start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now}), platform, server.URL, "upacp", true)
	n := 0
	for name, spoiled := range lossy("drop before", "drop after", "half", "wrong signature", "202", "403", "500", "502") {
		t.Run(name, func(t *testing.T) {
			n++
			p.T = t
			theirs, id := pingppCharge(t, platform, n, "upacp")
			line.spoil(spoiled[0], spoiled[1])
			asked := p.ask(p.register(theirs, id), 100)
			clock.hurry(t, p.Service, p.owner, asked, refund.Succeeded)
			p.agree(theirs, 100, 1)
			line.happened(t)
		})
	}
	p.T = t
}

// A submit that Ping++ held back for longer than the settling time is made after
// the one that replaced it: money has moved twice. It is found, told and adopted.
func TestASubmitThatPingppMakesLateIsFound(t *testing.T) {
	var clock hurriedClock
	line := &badLine{}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	platform := start(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now, EgressAllow: ownMachine})
	line.platform = platform.Handler()
	shop, shopAddress := listening(t, Options{Database: storetest.SQLite(t), Now: clock.now})
	p := pingppShop(t, shop, platform, server.URL, "upacp", false)
	theirs, id := pingppCharge(t, platform, 1, "upacp")
	line.spoil([]string{"late"}, nil)
	asked := p.ask(p.register(theirs, id), 100)
	first := clock.hurry(t, p.Service, p.owner, asked, refund.Succeeded)
	p.agree(theirs, 100, 1)

	p.announce("pingpp", shopAddress, "", `"refund.succeeded"`)
	if code := line.deliver(); code != http.StatusOK {
		t.Fatal(code)
	}
	told := func() bool {
		alerts, _, err := p.Store.Alerts(t.Context(), p.owner, false, refund.Page{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(alerts, func(a refund.StoredAlert) bool { return strings.Contains(a.Text, "made a refund more than once") })
	}
	for end := time.Now().Add(patience); !told(); {
		if time.Now().After(end) {
			t.Fatalf("nobody was alerted; attempts %+v", p.attempts(asked))
		}
	}
	found, err := p.admin.AskAccount(t.Context(), p.by, p.owner, p.account.ID, first.CreatedAt, nil)
	// An account without bills can't say that all was found: of lost charges it knows nothing.
	if refund.KindOf(err) != refund.KindStateConflict || len(found.Adopted) != 1 || found.Adopted[0].Amount != 100 || found.Adopted[0].ChannelRefundID == first.ChannelRefundID {
		t.Errorf("%+v, %v", found, err)
	}
	p.agree(theirs, 200, 2)
	if ours, err := p.Store.Charge(t.Context(), p.owner, first.ChargeID); err != nil || ours.Refunded != 200 {
		t.Errorf("%+v, %v", ours, err)
	}
}
