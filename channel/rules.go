package channel

import (
	"sync"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/pingpp"
	"github.com/refundry/refundry/wire/wechatpay"
)

// walletQRCode is the wallet's name for wx_pub_qr.
const walletQRCode = "wechat_qrcode"

// weChatPayNames are the names of charges' channels behind which WeChat Pay's
// domestic platform stands. Cross-border names have another contract.
var weChatPayNames = []string{"wx", "wx_pub", "wx_lite", "wx_pub_qr", "wx_wap", "wx_pub_scan", walletQRCode}

// PublishedRules returns what the published documents say of the refunds of a
// charge's channel. Drivers take the rules of their channels from here, and the
// sandbox those that it keeps for merchants who ask for them.
//
//   - Ping++ counts calendar months from the payment by channel (three for Alipay,
//     twelve for WeChat, one elsewhere), and refunds cnp_u and cnp_f in full only.
//   - WeChat Pay allows 365 days, fifty refunds of an order and a minute between
//     two of them.
//
// Where both know a channel, both bind. A name outside the documents has none.
func PublishedRules(name string) refund.Rules { return published()[name] }

var published = sync.OnceValue(func() map[string]refund.Rules {
	rules := make(map[string]refund.Rules)
	for name, documented := range pingpp.Channels() {
		rules[name] = refund.Rules{WindowMonths: documented.RefundWindowMonths, FullOnly: documented.FullRefundOnly}
	}
	rules[walletQRCode] = rules["wx_pub_qr"]
	for _, name := range weChatPayNames {
		own := rules[name]
		own.Window, own.MostRefunds, own.Spacing = wechatpay.RefundWindow, wechatpay.MaxRefunds, wechatpay.RefundSpacing
		rules[name] = own
	}
	return rules
})
