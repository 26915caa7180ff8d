package wechatpay

import (
	"sync"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// ChannelRules are the platform's rules of refunds (section 3) for the channel
// names behind which it stands: a year, fifty refunds of an order, a minute
// between two of them. Cross-border names have another contract. The map is
// shared: nobody may change it.
var ChannelRules = sync.OnceValue(func() map[string]refund.Rules {
	rules := make(map[string]refund.Rules, len(tradeTypes))
	for channel := range tradeTypes {
		rules[channel] = refund.Rules{Window: wire.RefundWindow, MostRefunds: wire.MaxRefunds, Spacing: wire.RefundSpacing}
	}
	return rules
})
