package service

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/manual"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

// bound is a driver whose channel refuses old charges.
type bound struct{ channel.Driver }

func (bound) Open(channel.Account) (channel.Connector, error) { return numbering{}, nil }

func (bound) Settings() []merchant.Setting { return nil }

// numbering is a connector whose refund numbers are digits.
type numbering struct{ channel.Basic }

func (numbering) Submit(context.Context, channel.Instruction) refund.Outcome { return refund.Outcome{} }

func (numbering) Query(context.Context, channel.Instruction) refund.Outcome { return refund.Outcome{} }

func (numbering) Number(refundID string, try int) string {
	if refundID == "re_panic" {
		panic("no number")
	}
	return channel.DerivedNumber("0123456789", 20, refundID, try)
}

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
		drivers := map[string]channel.Driver{"toy": bound{}, merchant.ChannelSandbox: manual.Driver{}, merchant.ChannelManual: manual.Driver{}}
		connectors := channel.NewConnectors(drivers, channel.ConnectorsOptions{Accounts: s.ChannelAccount})
		s.UseAccountTerms(accountTerms(connectors, func(err error) { t.Error(err) }))
		now := time.Now().UTC().Truncate(time.Microsecond)
		for name, asked := range map[string]bool{"asked": true, "did not ask": false} {
			fresh, err := merchant.NewFresh(name, merchant.Test, nil, nil, now)
			if err != nil {
				t.Fatal(err)
			}
			fresh.Merchant.Settings.ChannelRules = asked
			toy, hand := merchant.NewAccountID("toy"), merchant.NewAccountID(merchant.ChannelManual)
			fresh.Accounts = append(fresh.Accounts,
				merchant.ChannelAccount{ID: toy, MerchantID: fresh.Merchant.ID, Channel: "toy", CreatedAt: now},
				merchant.ChannelAccount{ID: hand, MerchantID: fresh.Merchant.ID, Channel: merchant.ChannelManual, CreatedAt: now})
			if err := s.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
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
			if number := book.Accounts[toy].Number("re_1", 0); number != channel.DerivedNumber("0123456789", 20, "re_1", 0) {
				t.Errorf("the toy's number is %q", number)
			}
			if number := book.Accounts[toy].Number("re_panic", 0); number != "" {
				t.Errorf("a connector that panics made the number %q", number)
			}
			twice := old
			twice.ChannelAccount, twice.PaidAt, twice.LastRefundAt = toy, now, now
			if _, _, refused := refund.Quote(twice, refund.Request{}, book, now); refused != nil {
				t.Errorf("the merchant %s, a second refund at once: %v", name, refused)
			}
		}
	})
}

// An account that can't be opened takes no refund: nobody can make its numbers.
func TestAnAccountThatCannotBeOpenedTakesNoRefund(t *testing.T) {
	var told []error
	connectors := channel.NewConnectors(map[string]channel.Driver{}, channel.ConnectorsOptions{
		Accounts: func(context.Context, string) (merchant.ChannelAccount, error) {
			return merchant.ChannelAccount{ID: "a1", Channel: "toy", Version: 1}, nil
		},
	})
	terms := accountTerms(connectors, func(err error) { told = append(told, err) })
	account := merchant.ChannelAccount{ID: "a1", Channel: "toy", State: merchant.AccountActive}
	if got := terms(t.Context(), merchant.Settings{}, account); got.Fault == nil || got.Fault.Kind != refund.KindBusy || len(told) != 1 {
		t.Errorf("%+v, told %v", got, told)
	}
	account.State = merchant.AccountClosed
	if got := terms(t.Context(), merchant.Settings{}, account); got.Fault != nil || len(told) != 1 {
		t.Errorf("of a closed account %+v, told %v", got, told)
	}
}
