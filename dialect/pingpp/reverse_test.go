package pingpp_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// scanned is a paid charge of a channel that reverses such charges.
func scanned(c *refund.Charge) { c.Channel = "wx_pub_scan" }

func TestReversingGivesBackWhatIsLeft(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 100, scanned)
	path := "/v1/charges/" + charge.ID
	post(t, s, demoKey, path+"/refunds", `{"description":"d","amount":30}`, 200)

	// Go sends nothing at all, the others {}.
	answer := decoded(t, post(t, s, demoKey, path+"/reverse", "", 200))
	if answer["object"] != "charge" || answer["reversed"] != true || answer["refunded"] != true || answer["amount_refunded"] != numberOf(100) {
		t.Fatalf("answered %v", answer)
	}
	again := decoded(t, post(t, s, demoKey, path+"/reverse", "{}", 200))
	if again["reversed"] != true {
		t.Errorf("once more: %v", again)
	}
	refunds := s.Refunds(t, charge)
	if len(refunds) != 2 || refunds[0].Amount != 70 || refunds[0].By.Call != refund.ByReverse {
		t.Errorf("refunds %+v", refunds)
	}
	if body := get(t, s, demoKey, path+"/refunds/"+refunds[0].ID, 200); strings.Contains(body, "reverse") {
		t.Errorf("the mark is shown: %s", body)
	}
}

func TestARefusedReversalIsNone(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 151, scanned) // ends in 51: the sandbox refuses
	path := "/v1/charges/" + charge.ID
	answer := decoded(t, post(t, s, demoKey, path+"/reverse", "", 200))
	if answer["reversed"] != false || answer["refunded"] != true || answer["amount_refunded"] != numberOf(0) {
		t.Fatalf("answered %v", answer)
	}
	post(t, s, demoKey, path+"/refunds", `{"description":"d","amount":1}`, 200) // nothing is held
	post(t, s, demoKey, path+"/refunds", `{"description":"d"}`, 200)
	body := post(t, s, demoKey, path+"/reverse", "", 400)
	if !strings.Contains(body, "因为已经全额退款了") {
		t.Error(body)
	}
}

func TestReversalsOfOneChargeAreOneRefund(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 100, scanned)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if body := post(t, s, demoKey, "/v1/charges/"+charge.ID+"/reverse", "", 200); decoded(t, body)["reversed"] != true {
				t.Error(body)
			}
		})
	}
	all.Wait()
	if refunds := s.Refunds(t, charge); len(refunds) != 1 {
		t.Errorf("%d refunds", len(refunds))
	}
}

func TestWhatCannotBeReversed(t *testing.T) {
	s := dialecttest.Start(t)
	ago := func(channel string, age time.Duration) func(*refund.Charge) {
		return func(c *refund.Charge) { c.Channel, c.PaidAt = channel, c.PaidAt.Add(-age) }
	}
	const unpaidOnly = "不支持撤销已支付的订单，请使用退款。"
	tests := []struct {
		name string
		edit func(*refund.Charge)
		want string
	}{
		{"a channel that reverses unpaid charges only", ago("wx", 0), "渠道 wx " + unpaidOnly},
		{"a channel that reverses none", ago("paypal", 0), "渠道 paypal " + unpaidOnly},
		{"WeChat after a week", ago("wx_pub_scan", 7*24*time.Hour+time.Minute), "退款时间超出渠道 wx_pub_scan 允许的最晚退款时间"},
		{"Alipay after a day", ago("alipay_scan", 24*time.Hour+time.Minute), "退款时间超出渠道 alipay_scan 允许的最晚退款时间"},
		{"isv on the next day", ago("isv_scan", 24*time.Hour), "退款时间超出渠道 isv_scan 允许的最晚退款时间"},
		{"UnionPay on the next clearing day", ago("upacp_scan", 24*time.Hour), "退款时间超出渠道 upacp_scan 允许的最晚退款时间"},
		{"a charge of an order", ofOrder("2001708140000194801"), "请使用商品订单号进行操作。"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			charge := s.Charge(t, merchant.DemoID, 100, test.edit)
			s.Unchanged(t, func() {
				if body := post(t, s, demoKey, "/v1/charges/"+charge.ID+"/reverse", "{}", 400); !strings.Contains(body, test.want) {
					t.Errorf("answered %s, want %s", body, test.want)
				}
			})
		})
	}
}

func TestReversedChargesAreListed(t *testing.T) {
	s := dialecttest.Start(t)
	made := s.Merchant(t, "reversing", merchant.Test, nil)
	key := made.Key(merchant.PingPP)
	app, _ := made.Identity(merchant.PingPP)
	charge := func(amount money.Minor) string { return s.Charge(t, made.Merchant.ID, amount, scanned).ID }
	reversed, refused, plain := charge(100), charge(151), charge(100)
	for _, id := range []string{reversed, refused} {
		post(t, s, key, "/v1/charges/"+id+"/reverse", "", http.StatusOK, "Prefer", "wait=10")
	}
	// Its text alone makes no reversal.
	post(t, s, key, "/v1/charges/"+plain+"/refunds", `{"description":"\"call\":\"reverse\"","metadata":{"call":"reverse"}}`, 200)
	for query, want := range map[string][]string{
		"reversed=true": {reversed}, "reversed=True": {reversed}, "reversed=false": {plain, refused}, "": {plain, refused, reversed},
	} {
		if got := ids(t, get(t, s, key, "/v1/charges?app[id]="+app.Name+"&"+query, 200)); !slices.Equal(got, want) {
			t.Errorf("%s lists %v, want %v", query, got, want)
		}
	}
}
