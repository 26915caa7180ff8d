package service

import (
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// bound is a driver whose channel refuses old charges.
type bound struct{ channel.Driver }

func (bound) Rules(name string) refund.Rules {
	rules := channel.PublishedRules(name)
	rules.Spacing = 0 // the connector keeps that by itself
	return rules
}

// The rules of an account are those of its own driver, whatever the merchant
// asked for; the sandbox's are those of all channels, where it asked.
func TestAnAccountIsBoundByItsOwnDriversRules(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		s := start(t, Options{Database: database, Data: t.TempDir()}).Store
		s.UseChannelRules(channelRules(map[string]channel.Driver{"toy": bound{}}))
		now := time.Now().UTC().Truncate(time.Microsecond)
		for name, asked := range map[string]bool{"asked": true, "did not ask": false} {
			fresh, err := merchant.NewFresh(name, merchant.Test, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			fresh.Merchant.Settings.ChannelRules = asked
			toy, hand := merchant.NewAccountID("toy"), merchant.NewAccountID(merchant.ChannelManual)
			fresh.Accounts = append(fresh.Accounts,
				merchant.ChannelAccount{ID: toy, MerchantID: fresh.Merchant.ID, Channel: "toy", CreatedAt: now},
				merchant.ChannelAccount{ID: hand, MerchantID: fresh.Merchant.ID, Channel: merchant.ChannelManual, CreatedAt: now})
			if err := s.AddMerchant(t.Context(), fresh); err != nil {
				t.Fatal(err)
			}
			book, err := s.RuleBook(fresh.Merchant.ID)
			if err != nil {
				t.Fatal(err)
			}
			inSandbox := refund.Kind("")
			if asked {
				inSandbox = refund.KindWindowOver
			}
			old := refund.Charge{ID: "ch_1", Channel: "wx", Currency: "CNY", Amount: 100, PaidAt: now.AddDate(-2, 0, 0)}
			for account, want := range map[string]refund.Kind{toy: refund.KindWindowOver, hand: "", fresh.Accounts[0].ID: inSandbox} {
				c := old
				c.ChannelAccount = account
				_, _, refused := refund.Quote(c, refund.Request{}, book, now)
				if (refused == nil) != (want == "") || refused != nil && refused.Kind != want {
					t.Errorf("the merchant %s, %s: %v, want %q", name, account, refused, want)
				}
			}
			twice := old
			twice.ChannelAccount, twice.PaidAt, twice.LastRefundAt = toy, now, now
			if _, _, refused := refund.Quote(twice, refund.Request{}, book, now); refused != nil {
				t.Errorf("the merchant %s, a second refund at once: %v", name, refused)
			}
		}
	})
}
