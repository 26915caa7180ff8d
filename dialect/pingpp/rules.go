package pingpp

import (
	"sync"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
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
		bound := refund.Rules{WindowMonths: channel.RefundWindowMonths, FullOnly: channel.FullRefundOnly}
		rules[name] = bound
		// A charge may have come with another dialect's name for the channel.
		for _, other := range merchant.Dialects() {
			if alias := dialect.ChannelName(name, other); alias != name {
				rules[alias] = bound
			}
		}
	}
	return rules
})
