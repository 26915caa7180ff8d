package wallet_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// A refund that another dialect made is seen here in this dialect's words, and
// the other way round; the cap and the numbers hold across both.
func TestRefundsOfOtherDialectsAreSeenInTheWalletsWords(t *testing.T) {
	s := dialecttest.Start(t)
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(demoKey+":"))
	charge := s.Charge(t, merchant.DemoID, 1000, func(c *refund.Charge) {
		c.Channel, c.Detail.ClientIP, c.Detail.Route = "wx_pub_qr", "198.51.100.7", "chinaums"
	})
	pingpp, _ := charge.Alias(merchant.PingPP)
	theirs := decoded(t, send(t, dialecttest.Request(t, "POST", s.URL+"/v1/charges/"+pingpp.Name+"/refunds", `{"description":"被咬了一口","amount":300}`,
		"Authorization", basic, "Content-Type", "application/json", "Idempotency-Key", "shared"), 200))
	got := decoded(t, get(t, s, demoKey, "/wallet/"+demoWallet+"/obj/"+theirs["id"].(string), 200))
	want := map[string]any{
		"id": theirs["id"], "type": "refund", "charges_id": nameIn(t, charge), "channel": "wechat_qrcode", "client_ip": "198.51.100.7",
		"amount": json.Number("300"), "description": "被咬了一口", "currency": "CHY", "status": "succeeded", "created": theirs["created"],
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %v, want %v", name, got[name], value)
		}
	}
	if extra, _ := got["extra"].(map[string]any); len(extra) != 9 || extra["mer_order_id"] != charge.OrderNo || extra["refund_amount"] != "300" {
		t.Errorf("extra is %v", got["extra"])
	}
	// The same key for the same charge and amount is the same refund; the cap is one.
	path := "/wallet/" + demoWallet + "/refund"
	if same := decoded(t, post(t, s, demoKey, path, asking(nameIn(t, charge), 300), 200, "Idempotency-Key", "shared")); same["id"] != theirs["id"] {
		t.Errorf("a repeat through another dialect is %v", same["id"])
	}
	post(t, s, demoKey, path, asking(nameIn(t, charge), 701), 402)
	ours := decoded(t, post(t, s, demoKey, path, asking(nameIn(t, charge), 700), 200))
	seen := decoded(t, send(t, dialecttest.Request(t, "GET", s.URL+"/v1/charges/"+pingpp.Name+"/refunds/"+ours["id"].(string), "", "Authorization", basic), 200))
	if seen["status"] != "succeeded" || seen["amount"] != json.Number("700") {
		t.Errorf("Ping++ sees %v", seen)
	}
	if whole := decoded(t, get(t, s, demoKey, "/wallet/"+demoWallet+"/obj/"+nameIn(t, charge), 200)); whole["status"] != "refund" || len(whole["refunds"].([]any)) != 2 {
		t.Errorf("the charge is %v", whole)
	}
}

func TestMembersThatAChargeLacks(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 100, func(c *refund.Charge) { c.Channel, c.Currency = "mastercard", "SAR" })
	native := decoded(t, send(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", fmt.Sprintf(`{"charge":%q,"amount":10}`, charge.ID),
		"Authorization", "Bearer rk_test_demo", "Content-Type", "application/json", "Prefer", "wait=5"), 201))
	got := decoded(t, get(t, s, demoKey, "/wallet/"+demoWallet+"/obj/"+native["id"].(string), 200))
	if got["client_ip"] != "0.0.0.0" || got["description"] != "" || got["channel"] != "mastercard" || got["currency"] != "sar" || len(got["extra"].(map[string]any)) != 0 {
		t.Errorf("got %v", got)
	}
}
