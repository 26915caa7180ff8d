package service

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// Whatever becomes of a call, before or after the money moved, the platform moves
// it once and the shop finds out, by asking alone: no notice comes.
func TestEachFaultOnTheWayToWeChatPayEndsInOneMovement(t *testing.T) {
	var clock hurriedClock
	line := &badLine{forge: func(h http.Header, _ []byte) {
		signed := h.Get("Wechatpay-Signature")
		h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+signed[min(len(signed), 19):])
	}}
	server := httptest.NewServer(line)
	t.Cleanup(server.Close)
	platform := start(t, Options{Database: storetest.SQLite(t), Demo: true, Now: clock.now})
	line.platform = platform.Handler()
	w := newWeChatShopAt(t, start(t, Options{Database: storetest.SQLite(t), EgressAllow: ownMachine, Now: clock.now}), platform, server.URL, "1900009191", "public_key")

	n := 0
	for name, spoiled := range lossy("drop before", "drop after", "half", "wrong signature", "202", "429", "500") {
		t.Run(name, func(t *testing.T) {
			n++
			w.T = t
			w.charge = w.order(platform, fmt.Sprintf("FAULT%04d", n), fmt.Sprintf("420000000020261129000000%04d", n))
			line.spoil(spoiled[0], spoiled[1])
			amount := money.Minor(100)
			result, err := w.intake.Accept(t.Context(), refund.Unit{
				MerchantID: w.owner, Requests: []refund.Request{{ChargeID: w.charge.ID, Amount: &amount}}, Members: []refund.Content{{}},
			}, 0)
			if err != nil {
				t.Fatal(err)
			}
			clock.hurry(t, w.Service, w.owner, result.Refunds[0].ID, refund.Succeeded)
			theirs, err := platform.Store.ChargeByAlias(t.Context(), merchant.DemoID, merchant.WeChatPay, w.charge.OrderNo)
			if err != nil || theirs.Refunded != 100 || theirs.Refunds != 1 {
				t.Errorf("the platform has refunded %d in %d, %v", theirs.Refunded, theirs.Refunds, err)
			}
			line.happened(t)
		})
	}
	w.T = t
	for _, s := range []*Service{platform, w.Service} {
		if found, err := Verify(t.Context(), s.Store); err != nil || len(found) != 0 {
			t.Errorf("verify finds %v, %v", found, err)
		}
	}
}
