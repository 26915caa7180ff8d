package pingpp

import (
	"sync"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// ChannelRules are the published rules of refunds by payment channel (sections
// 3.3 and 2.4): three months on Alipay, a year on WeChat, a month elsewhere, and
// full refunds only on cnp_u and cnp_f. Channels outside the documents have
// none. The map is shared: nobody may change it.
var ChannelRules = sync.OnceValue(func() map[string]refund.Rules {
	rules := make(map[string]refund.Rules)
	for name, channel := range wire.Channels() {
		rules[name] = refund.Rules{WindowMonths: channel.RefundWindowMonths, FullOnly: channel.FullRefundOnly}
	}
	return rules
})
