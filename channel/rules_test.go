package channel_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

func TestPublishedRules(t *testing.T) {
	weChatPay := refund.Rules{Window: 365 * 24 * time.Hour, WindowMonths: 12, MostRefunds: 50, Spacing: time.Minute}
	for name, want := range map[string]refund.Rules{
		"wx":            weChatPay,
		"wechat_qrcode": weChatPay,
		"cb_wx":         {WindowMonths: 12},
		"alipay_qr":     {WindowMonths: 3},
		"cnp_u":         {WindowMonths: 1, FullOnly: true},
		"new_channel":   {},
	} {
		if got := channel.PublishedRules(name); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}
