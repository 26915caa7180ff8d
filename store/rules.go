package store

import (
	"context"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// ChannelRules says what binds the refunds of an account before its channel is
// asked, by the name of a charge's channel. nil is nothing.
type ChannelRules func(settings merchant.Settings, account merchant.ChannelAccount) func(channel string) refund.Rules

// UseChannelRules gives the store what drivers know of their channels' rules.
// Without it no account's charges are bound by any.
func (s *Store) UseChannelRules(rules ChannelRules) { s.channelRules = rules }

// ruleBookWait bounds the look for a merchant's limits, for which everyone in
// the intake's batch waits before it locks anything; mostly the answer is in
// memory, because the caller was just found. Connections may be scarce under
// load; a few seconds are still better than to turn requests away.
const ruleBookWait = 3 * time.Second

// RuleBook implements intake.Store. Where a merchant's limits or accounts can't
// be read, that is the error, KindBusy: none is overlooked, and nobody is told
// that a limit was broken.
func (s *Store) RuleBook(merchantID string) (refund.RuleBook, error) {
	ctx, cancel := context.WithTimeout(context.Background(), ruleBookWait)
	defer cancel()
	m, err := s.directory.merchants.get(ctx, merchantID, s.now(), func(ctx context.Context) (merchant.Merchant, error) {
		m, err := s.MerchantByID(ctx, merchantID)
		if refund.KindOf(err) == refund.KindNotFound {
			err = nil // one that has no row set no limits
		}
		return m, err
	})
	var accounts []merchant.ChannelAccount
	if err == nil {
		accounts, err = s.recentAccounts(ctx, merchantID)
	}
	if err != nil {
		fault := refund.Errorf(refund.KindBusy, "", "the merchant's limits can't be read now; nothing was accepted, try again")
		fault.Cause = err
		return refund.RuleBook{}, fault
	}
	return s.ruleBook(m, accounts), nil
}

func (s *Store) ruleBook(m merchant.Merchant, accounts []merchant.ChannelAccount) refund.RuleBook {
	limits := m.Settings.Limits
	book := refund.RuleBook{
		Merchant: refund.Rules{
			MostAmount: money.Minor(limits.MostAmount), MostRefunds: limits.MostRefunds,
			Spacing: time.Duration(limits.SpacingSeconds) * time.Second,
		},
		Accounts: make(map[string]refund.Terms, len(accounts)),
		Route: func(channel string) string {
			found, _ := merchant.Route(accounts, m.Mode, channel)
			return found.ID
		},
	}
	for _, account := range accounts {
		terms := refund.Terms{Closed: account.State == merchant.AccountClosed}
		if s.channelRules != nil {
			terms.Rules = s.channelRules(m.Settings, account)
		}
		book.Accounts[account.ID] = terms
	}
	return book
}
