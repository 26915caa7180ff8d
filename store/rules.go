package store

import (
	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// channelRules are the rules of the payment channels for a merchant who wants
// them; nil is none.
func channelRules(settings merchant.Settings) map[string]refund.Rules {
	if !settings.ChannelRules {
		return nil
	}
	return pingpp.ChannelRules()
}
