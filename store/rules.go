package store

import (
	"context"
	"maps"
	"sync"

	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/dialect/wechatpay"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// publishedRules are the payment channels' published rules of refunds, each
// from the contract that knows the channel best.
var publishedRules = sync.OnceValue(func() map[string]refund.Rules {
	rules := maps.Clone(pingpp.ChannelRules())
	for channel, own := range wechatpay.ChannelRules() {
		// Ping++'s calendar year binds as well: it may be the shorter one.
		own.WindowMonths, own.FullOnly = rules[channel].WindowMonths, rules[channel].FullOnly
		rules[channel] = own
	}
	return rules
})

// unspacedRules are publishedRules without the least time between refunds: who
// calls a real channel keeps that by itself, one call after the other.
var unspacedRules = sync.OnceValue(func() map[string]refund.Rules {
	rules := maps.Clone(publishedRules())
	for channel, own := range rules {
		own.Spacing = 0
		rules[channel] = own
	}
	return rules
})

// channelRules are the rules of the payment channels for a merchant who wants
// them; nil is none.
func channelRules(settings merchant.Settings) map[string]refund.Rules {
	if !settings.ChannelRules {
		return nil
	}
	return publishedRules()
}

// accountRules are those of the channel accounts behind which a real channel
// stands, which bind whoever has them; nil is none. The sandbox has no rules
// until asked, and an operator's hands have none at all.
func (s *Store) accountRules(ctx context.Context, merchantID string) (map[string]map[string]refund.Rules, error) {
	accounts, err := s.recentAccounts(ctx, merchantID)
	var rules map[string]map[string]refund.Rules
	for _, account := range accounts {
		if account.Channel == merchant.ChannelSandbox || account.Channel == merchant.ChannelManual {
			continue
		}
		if rules == nil {
			rules = make(map[string]map[string]refund.Rules)
		}
		rules[account.ID] = unspacedRules()
	}
	return rules, err
}
