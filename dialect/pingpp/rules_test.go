package pingpp_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

func TestChannelRulesBindWhoWantsThem(t *testing.T) {
	s := dialecttest.Start(t)
	bound := s.Merchant(t, "bound", merchant.Test, func(f *merchant.Fresh) { f.Merchant.Settings.ChannelRules = true })
	free := s.Merchant(t, "free", merchant.Test, nil)
	const day = 24 * time.Hour
	tests := []struct {
		name, channel string
		age           time.Duration
		body          string
		want          string // "" is accepted
	}{
		{"Alipay after two months", "alipay", 59 * day, `{"description":"d"}`, ""},
		{"Alipay after more than three months", "alipay_qr", 93 * day, `{"description":"d"}`, `"param": "Refund_time"`},
		{"WeChat after eleven months", "wx_pub", 330 * day, `{"description":"d"}`, ""},
		{"WeChat after more than a year", "cb_wx", 367 * day, `{"description":"d"}`, "退款时间超出渠道 cb_wx 允许的最晚退款时间"},
		{"another channel after four weeks", "upacp", 27 * day, `{"description":"d"}`, ""},
		{"another channel after more than a month", "paypal", 32 * day, `{"description":"d"}`, `"param": "Refund_time"`},
		{"WeChat by the wallet's name after more than a year", "wechat_qrcode", 367 * day, `{"description":"d"}`, "退款时间超出渠道 wx_pub_qr 允许的最晚退款时间"},
		{"a channel that nobody knows", "new_channel", 3650 * day, `{"description":"d"}`, ""},
		{"part of a charge that is refunded in full only", "cnp_u", 0, `{"description":"d","amount":99}`, "该渠道只支持全额退款。"},
		{"all of it", "cnp_f", 0, `{"description":"d","amount":100}`, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			edit := func(c *refund.Charge) { c.Channel, c.PaidAt = test.channel, c.PaidAt.Add(-test.age) }
			path := "/v1/charges/" + s.Charge(t, bound.Merchant.ID, 100, edit).ID + "/refunds"
			if test.want == "" {
				post(t, s, bound.Key(merchant.PingPP), path, test.body, 200)
			} else if body := post(t, s, bound.Key(merchant.PingPP), path, test.body, 400); !strings.Contains(body, test.want) {
				t.Errorf("answered %s, want %s", body, test.want)
			}
			path = "/v1/charges/" + s.Charge(t, free.Merchant.ID, 100, edit).ID + "/refunds"
			post(t, s, free.Key(merchant.PingPP), path, test.body, 200)
		})
	}
}
