package pingpp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// paidBy is a charge of the demo merchant through a channel.
func paidBy(t *testing.T, s *dialecttest.Service, channel string, amount money.Minor) refund.Charge {
	t.Helper()
	return s.Charge(t, merchant.DemoID, amount, func(c *refund.Charge) { c.Channel = channel })
}

// The demo merchant does not ask for channel rules: the form of a request is
// checked all the same.
func TestDescriptionsAreAsLongAsTheChannelTakes(t *testing.T) {
	s := dialecttest.Start(t)
	for channel, longest := range map[string]string{
		"wx": strings.Repeat("字", 255), "cmb_wallet": strings.Repeat("字", 33), "cmb_pc_qr": strings.Repeat("字", 33),
		"jdpay_wap": strings.Repeat("字", 42) + "xx", "paypal": strings.Repeat("字", 10), "coolcredit": strings.Repeat("字", 100), "new_channel": strings.Repeat("字", 255),
	} {
		t.Run(channel, func(t *testing.T) {
			path := "/v1/charges/" + paidBy(t, s, channel, 100).ID + "/refunds"
			made := decoded(t, post(t, s, demoKey, path, `{"amount":1,"description":"`+longest+`"}`, 200))
			if made["description"] != longest {
				t.Errorf("description %v", made["description"])
			}
			if body := post(t, s, demoKey, path, `{"amount":1,"description":"`+longest+`x"}`, 400); !strings.Contains(body, `"param": "description"`) {
				t.Error(body)
			}
		})
	}
}

func TestFundingSourceIsEchoedWhenItWasPassed(t *testing.T) {
	s := dialecttest.Start(t)
	for _, channel := range []string{"wx", "qpay", "alipay"} {
		path := "/v1/charges/" + paidBy(t, s, channel, 1000).ID + "/refunds"
		for sent, want := range map[string]any{
			``: nil, `,"funding_source":null`: nil, `,"funding_source":""`: nil, `,"funding_source":"unsettled_funds"`: "unsettled_funds", `,"funding_source":"recharge_funds"`: "recharge_funds",
		} {
			made := decoded(t, post(t, s, demoKey, path, `{"amount":1,"description":"d"`+sent+`}`, 200))
			if got, there := made["funding_source"]; !there || got != want {
				t.Errorf("%s with %q: %v", channel, sent, got)
			}
		}
		post(t, s, demoKey, path, `{"amount":1,"description":"d","funding_source":"Recharge_funds"}`, 400)
	}
	// What the channel is told is in the core's words.
	told := paidBy(t, s, "wx", 1000)
	for n, want := range []refund.Funds{"", refund.FundsUnsettled, refund.FundsAvailable} {
		body := fmt.Sprintf(`{"amount":%d,"description":"d","funding_source":%q}`, n+1, []string{"", "unsettled_funds", "recharge_funds"}[n])
		post(t, s, demoKey, "/v1/charges/"+told.ID+"/refunds", body, 200)
		for _, r := range s.Refunds(t, told) {
			if int(r.Amount) == n+1 && r.Detail.PaidFrom != want {
				t.Errorf("funding_source %d is %q, want %q", n, r.Detail.PaidFrom, want)
			}
		}
	}
	s.Charge(t, merchant.DemoID, 100, ofOrder(order))
	body := post(t, s, demoKey, "/v1/orders/"+order+"/order_refunds", `{"description":"d","funding_source":"recharge_funds"}`, 200)
	if !strings.Contains(body, `"funding_source": "recharge_funds"`) {
		t.Error(body)
	}
}

func TestExtraIsKeptForTheChannelAndNotShown(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct{ name, channel, body, contentType, kept string }{
		{"shares", "cb_alipay", `{"description":"d","amount":5,"extra":{"split_fund_info":[{"account":"2088","amount":"2","desc":"x"},{"account":"2089","amount":3}]}}`, jsonType, `{"split_fund_info":[{"account":"2088","amount":2,"desc":"x"},{"account":"2089","amount":3}]}`},
		{"shares of a form", "cb_alipay_wap", `description=d&amount=5&extra[split_fund_info][0][account]=2088&extra[split_fund_info][0][amount]=5`, formType, `{"split_fund_info":[{"account":"2088","amount":5}]}`},
		{"shares of everything", "cb_alipay_pc_direct", `{"description":"d","extra":{"split_fund_info":[{"account":"2088","amount":100}]}}`, jsonType, `{"split_fund_info":[{"account":"2088","amount":100}]}`},
		{"rate and amount of a form", "cb_alipay_qr", `description=d&extra[rate]=6.4650&extra[refund_amount]=7`, formType, `{"rate":"6.4650","refund_amount":7}`},
		{"neither is needed", "cb_alipay_scan", `{"description":"d"}`, jsonType, ``},
		{"hide_reason of a form", "wx_lite", `description=d&extra[hide_reason]=1`, formType, `{"hide_reason":true}`},
		{"what is of another channel", "alipay", `{"description":"d","extra":{"hide_reason":"?","rate":"?","split_fund_info":"?"}}`, jsonType, ``},
	} {
		t.Run(test.name, func(t *testing.T) {
			charge := paidBy(t, s, test.channel, 100)
			made := post(t, s, demoKey, "/v1/charges/"+charge.ID+"/refunds", test.body, 200, "Content-Type", test.contentType)
			if !strings.Contains(made, `"extra": {}`) {
				t.Errorf("answered %s", made)
			}
			text, err := json.Marshal(s.Refunds(t, charge)[0].Detail.Options)
			if kept := strings.TrimSuffix(string(text), "{}"); err != nil || kept != test.kept {
				t.Errorf("kept %s, want %s", kept, test.kept)
			}
		})
	}
}

func TestTimeExpireOfAChannel(t *testing.T) {
	s := dialecttest.Start(t)
	const day = 24 * time.Hour
	tests := []struct {
		name, channel string
		ahead         time.Duration
		status        int
	}{
		{"half a minute", "alipay", 30 * time.Second, 400},
		{"two minutes", "alipay", 2 * time.Minute, 200},
		{"almost 15 days", "alipay", 15*day - time.Minute, 200},
		{"more than 15 days", "alipay", 15*day + time.Minute, 400},
		{"almost 7 days on WeChat", "wx_pub", 7*day - time.Minute, 200},
		{"more than 7 days on WeChat", "cb_wx", 7*day + time.Minute, 400},
		{"almost an hour on UnionPay", "upacp", 59 * time.Minute, 200},
		{"more than an hour on UnionPay", "upacp_wap", 61 * time.Minute, 400},
		{"more than an hour on Apple Pay", "applepay_upacp", 61 * time.Minute, 400},
		{"more than an hour between businesses", "cp_b2b", 61 * time.Minute, 400},
	}
	for n, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			at := time.Now().Add(test.ahead).Unix()
			body := strings.TrimSuffix(chargeOf(fmt.Sprintf("EXPIRE%03d", n), test.channel, 100), "}") + fmt.Sprintf(`,"time_expire":%d}`, at)
			answer := post(t, s, demoKey, "/v1/charges", body, test.status)
			if test.status == 200 && decoded(t, answer)["time_expire"] != numberOf(int(at)) || test.status == 400 && !strings.Contains(answer, `"param": "time_expire"`) {
				t.Error(answer)
			}
		})
	}
}

func TestTextsOfAChannelsCharges(t *testing.T) {
	s := dialecttest.Start(t)
	tests := []struct {
		name, channel, subject, body string
		param                        string
	}{
		{"32 characters and 128", "wx", strings.Repeat("字", 32), strings.Repeat("字", 128), ""},
		{"33 characters", "wx", strings.Repeat("字", 33), "b", "subject"},
		{"129 characters", "wx", "s", strings.Repeat("字", 129), "body"},
		{"32 bytes on UnionPay", "upacp_pc", strings.Repeat("字", 10) + "xx", "b", ""},
		{"33 bytes on UnionPay", "upacp_pc", strings.Repeat("字", 11), "b", "subject"},
		{"100 characters on Yeepay", "yeepay_wap", "s", strings.Repeat("字", 100), ""},
		{"101 characters on Yeepay", "yeepay_wap", "s", strings.Repeat("字", 101), "body"},
	}
	for n, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			body := strings.NewReplacer(`"subject":"s"`, `"subject":"`+test.subject+`"`, `"body":"b"`, `"body":"`+test.body+`"`).
				Replace(chargeOf(fmt.Sprintf("TEXTS%03d", n), test.channel, 100))
			if test.param == "" {
				post(t, s, demoKey, "/v1/charges", body, 200)
			} else if answer := post(t, s, demoKey, "/v1/charges", body, 400); !strings.Contains(answer, `"param": "`+test.param+`"`) {
				t.Error(answer)
			}
		})
	}
}

func TestARepeatOfSharesIsTheSameRefund(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paidBy(t, s, "cb_alipay", 100)
	path, body := "/v1/charges/"+charge.ID+"/refunds", `{"description":"d","extra":{"split_fund_info":[{"account":"2088","amount":60}]}}`
	first := decoded(t, post(t, s, demoKey, path, body, 200, "Idempotency-Key", "shares"))
	s.Unchanged(t, func() {
		if again := decoded(t, post(t, s, demoKey, path, body, 200, "Idempotency-Key", "shares")); again["id"] != first["id"] || first["amount"] != numberOf(100) {
			t.Errorf("first %v, again %v", first, again)
		}
		post(t, s, demoKey, path, strings.Replace(body, "60", "61", 1), 400, "Idempotency-Key", "shares")
	})
	t.Run("shares above what is left are too much", func(t *testing.T) {
		path := "/v1/charges/" + paidBy(t, s, "cb_alipay", 100).ID + "/refunds"
		post(t, s, demoKey, path, `{"description":"d","amount":41}`, 200)
		s.Unchanged(t, func() {
			if answer := post(t, s, demoKey, path, body, 400); !strings.Contains(answer, `"param": "amount"`) {
				t.Error(answer)
			}
		})
		if made := decoded(t, post(t, s, demoKey, path, strings.Replace(body, "60", "59", 1), 200)); made["amount"] != numberOf(59) {
			t.Errorf("made %v", made)
		}
	})
}
