package store

import (
	"context"
	"maps"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// unspaced are rules without the least time between refunds: who calls a real
// channel keeps that by itself, one call after the other.
func unspaced(rules map[string]refund.Rules) map[string]refund.Rules {
	rules = maps.Clone(rules)
	for channel, own := range rules {
		own.Spacing = 0
		rules[channel] = own
	}
	return rules
}

// channelRules are the rules of the payment channels for a merchant who wants
// them; nil is none.
func (s *Store) channelRules(settings merchant.Settings) map[string]refund.Rules {
	if !settings.ChannelRules {
		return nil
	}
	return s.published
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
		rules[account.ID] = s.unspaced
	}
	return rules, err
}
