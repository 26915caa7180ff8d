package wallet_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// A charge that is created is the request and what the sandbox made of it.
func TestAChargeIsWhatWasAsked(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	for _, test := range []struct {
		name, channel string
		extras        int // members of a refund's extra
	}{
		{"the page's channel", "wechat_qrcode", 9},
		{"the later sample's channel, which stays as it is", "wx.unifiedOrder", 9},
		{"another channel", "alipay_qr", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			orderNo := "A" + test.channel
			made := decoded(t, post(t, s, w.key, "/wallet/"+w.wallet+"/charges", `{"channel":"`+test.channel+`","order_no":"`+orderNo+`","client_ip":"2001:db8::1",`+
				`"amount":500,"currency":"chy","subject":"主题","body":"正文","description":"说明","time_expire":"1h","extra":{"a":[1,"退",null],"b":1.50}}`, 200))
			want := map[string]any{
				"type": "charge", "wallet_id": w.wallet, "status": "succeeded", "channel": test.channel, "order_no": orderNo, "client_ip": "2001:db8::1",
				"amount": json.Number("500"), "currency": "CHY", "subject": "主题", "body": "正文", "description": "说明", "refunds": []any{},
				"amount_refunded": json.Number("0"), "credential": map[string]any{}, "extra": map[string]any{"a": []any{json.Number("1"), "退", nil}, "b": json.Number("1.50")},
				"id": made["id"], "created": made["created"], "time_paid": made["created"],
			}
			if diff := cmp.Diff(want, made); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			refunded := decoded(t, w.refund(t, asking(made["id"].(string), 1), 200))
			if refunded["channel"] != test.channel || len(refunded["extra"].(map[string]any)) != test.extras {
				t.Errorf("its refund is %v", refunded)
			}
		})
	}
}

// A charge turns to refund when all of it was given back, and only then.
func TestTheStatusAndTheRefundsOfACharge(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, nil)
	charge := w.charge(t, 1000, nil)
	check := func(when, status string, refunded money.Minor, refunds int) {
		t.Helper()
		got := decoded(t, w.get(t, "/obj/"+charge, 200))
		if got["status"] != status || got["amount_refunded"] != json.Number(fmt.Sprint(refunded)) || len(got["refunds"].([]any)) != refunds {
			t.Errorf("%s: status %v, refunded %v, %d refunds", when, got["status"], got["amount_refunded"], len(got["refunds"].([]any)))
		}
	}
	check("before", "succeeded", 0, 0)
	part := w.refund(t, asking(charge, 100), 200, "Prefer", "wait=5")
	check("after a part", "succeeded", 100, 1)
	w.refund(t, asking(charge, 151), 200, "Prefer", "wait=5")
	check("after one that failed", "succeeded", 100, 2)
	w.refund(t, asking(charge, 158), 200, "Prefer", "wait=0")
	check("while one is open", "succeeded", 100, 3)
	// All is spoken for: more is more than is left, and the charge is not closed.
	w.refund(t, asking(charge, 742), 200, "Prefer", "wait=5")
	check("when nothing is left", "succeeded", 842, 4)
	if got := w.refund(t, asking(charge, 1), 402); got != `{"code":100028,"message":"amount is more than is still refundable","data":null}` {
		t.Errorf("got %s", got)
	}
	var object struct {
		Refunds []json.RawMessage `json:"refunds"`
	}
	if err := json.Unmarshal([]byte(w.get(t, "/obj/"+charge, 200)), &object); err != nil || string(object.Refunds[3]) != part {
		t.Errorf("the first refund is last: %s (%v)", object.Refunds[3], err)
	}
	closed := w.charge(t, 100, nil)
	w.refund(t, asking(closed, 100), 200, "Prefer", "wait=5")
	if got := decoded(t, w.get(t, "/obj/"+closed, 200)); got["status"] != "refund" {
		t.Errorf("in full: %v", got["status"])
	}
	if got := w.refund(t, asking(closed, 1), 402); !strings.HasPrefix(got, `{"code":10003,`) {
		t.Errorf("got %s", got)
	}
	before := w.charge(t, 100, func(c *refund.Charge) { c.AlreadyRefunded = 40 })
	if got := decoded(t, w.get(t, "/obj/"+before, 200)); got["amount_refunded"] != json.Number("40") {
		t.Errorf("what was refunded before it came to us: %v", got["amount_refunded"])
	}
	if got := w.refund(t, asking(before, 61), 402); !strings.HasPrefix(got, `{"code":100028,`) {
		t.Errorf("got %s", got)
	}
}

// Balances are what the charges in yuan hold and have not given back.
func TestTheWalletObject(t *testing.T) {
	w := with(t, dialecttest.Start(t), merchant.Test, map[string]string{"wallet.appid": "app_7"})
	charge := w.charge(t, 1000, nil)
	w.charge(t, 500, func(c *refund.Charge) { c.Currency = "USD" })
	w.refund(t, asking(charge, 100), 200, "Prefer", "wait=5")
	w.refund(t, asking(charge, 158), 200, "Prefer", "wait=5") // which stays open
	got := decoded(t, w.get(t, "/obj/"+w.wallet, 200))
	want := map[string]any{
		"id": w.wallet, "type": "wallet", "created": got["created"], "appid": "app_7", "extra": map[string]any{}, "block": false, "reviewed": true,
		"available_balance": json.Number("742"), "withdrawable_balance": json.Number("742"), "freeze_balance": json.Number("158"),
		"status": "succeeded", "channel": "unipay_merchant",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if same := w.get(t, "", 200); same != w.get(t, "/obj/"+w.wallet, 200) {
		t.Errorf("its own address gives %s", same)
	}
}
