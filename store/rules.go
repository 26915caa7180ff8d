package store

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/policy"
	"github.com/refundry/refundry/refund"
)

// AccountTerms returns what a channel account sets for the refunds of its charges,
// mostly from memory. The store adds whether the account is closed.
type AccountTerms func(ctx context.Context, settings merchant.Settings, account merchant.ChannelAccount) refund.Terms

// UseAccountTerms gives the store what drivers and connectors know of accounts.
// Without it no account sets terms.
func (s *Store) UseAccountTerms(terms AccountTerms) { s.accountTerms = terms }

// ruleBookWait bounds the look for a merchant's limits, for which everyone in
// the intake's batch waits before it locks anything; mostly the answer is in
// memory, because the caller was just found. Connections may be scarce under
// load; a few seconds are still better than to turn requests away.
const ruleBookWait = 3 * time.Second

// RuleBook implements intake.Store. Where a merchant's limits or accounts can't
// be read, that is the error, KindBusy: none is overlooked, and nobody is notified
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
	var policies *policy.Set
	if err == nil {
		policies, err = s.recentPolicies(ctx, merchantID)
	}
	if err != nil {
		if errors.Is(err, refund.ErrUnavailable) {
			return refund.RuleBook{}, refund.Unavailable(err)
		}
		fault := refund.Errorf(refund.KindBusy, "", "the merchant's limits can't be read now; nothing was accepted, try again")
		fault.Cause = err
		return refund.RuleBook{}, fault
	}
	book := s.ruleBook(ctx, m, accounts)
	if policies != nil {
		book.Policies = policies
	}
	return book, nil
}

// Apart implements intake.Store.
func (s *Store) Apart(merchantID string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), ruleBookWait)
	defer cancel()
	policies, err := s.recentPolicies(ctx, merchantID)
	return err == nil && policies != nil && policies.Apart()
}

func (s *Store) ruleBook(ctx context.Context, m merchant.Merchant, accounts []merchant.ChannelAccount) refund.RuleBook {
	limits := m.Settings.Limits
	book := refund.RuleBook{
		Disabled: m.Disabled(),
		Merchant: refund.Rules{
			MostAmount: money.Minor(limits.MostAmount), MostRefunds: limits.MostRefunds,
			Spacing: time.Duration(limits.SpacingSeconds) * time.Second,
		},
		Accounts: make(map[string]refund.Terms, len(accounts)), Complete: s.accountTerms != nil,
		Route: func(channel string) string {
			found, _ := merchant.Route(accounts, m.Mode, channel)
			return found.ID
		},
	}
	for _, account := range accounts {
		if account.Unreadable { // its terms are not known: nothing is taken for it
			continue
		}
		var terms refund.Terms
		if s.accountTerms != nil {
			terms = s.accountTerms(ctx, m.Settings, account)
		}
		terms.Closed = account.State == merchant.AccountClosed
		book.Accounts[account.ID] = terms
	}
	return book
}
