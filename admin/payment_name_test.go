package admin_test

import (
	"sync"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// A payment that has two numbers at its channel is one charge, with one amount that
// can be refunded, by whichever it is asked for.
func TestAPaymentOfTwoNumbersIsOneCharge(t *testing.T) {
	know := func(_, number string) (channel.Payment, error) {
		p := channel.Payment{Amount: money.Amount{Minor: 1000, Currency: "CNY"}, Paid: true}
		for _, n := range []string{"1", "2", "3"} {
			ch, pi := "ch_"+n, "pi_"+n
			switch number {
			case "t:" + ch + " o: s:":
				p.TransactionID, p.OtherTransactionID = ch, pi
				return p, nil
			case "t:" + pi + " o: s:":
				p.TransactionID, p.OtherTransactionID = pi, ch
				return p, nil
			}
		}
		return channel.Payment{}, channel.ErrNotFound
	}
	atBranch(t, 1, know, func(t *testing.T, b *branch) {
		find := func(name string) (refund.Charge, error) {
			return b.find(t.Context(), admin.WantedPayment{TransactionID: name, OrderNo: name})
		}
		t.Run("asked for by both at the same time", func(t *testing.T) {
			names := []string{"ch_1", "pi_1", "ch_1", "pi_1"}
			found, errs := make([]refund.Charge, len(names)), make([]error, len(names))
			var asking sync.WaitGroup
			for n, name := range names {
				asking.Go(func() { found[n], errs[n] = find(name) })
			}
			asking.Wait()
			for n := range names {
				if errs[n] != nil || found[n].ID != found[0].ID {
					t.Errorf("%s: %+v, %v", names[n], found[n], errs[n])
				}
			}
			for _, name := range names {
				if c, err := b.store.ChargeByAny(t.Context(), b.live, name); err != nil || c.ID != found[0].ID {
					t.Errorf("%s, once it is registered: %+v, %v", name, c, err)
				}
			}
		})
		for _, pair := range [][2]string{{"pi_2", "ch_2"}, {"ch_3", "pi_3"}} {
			registered, asked := pair[0], pair[1]
			t.Run("registered as "+registered+" and asked for as "+asked, func(t *testing.T) {
				c := refund.Charge{
					MerchantID: b.live, ID: "ch_" + refund.NewID(b.now), TransactionID: registered, OrderNo: "shop " + registered, Channel: "card",
					ChannelAccount: b.accounts[0], Amount: 1000, Currency: "CNY", PaidAt: b.now, CreatedAt: b.now,
				}
				stored, _, err := b.store.RegisterCharge(t.Context(), c, nil)
				if err != nil {
					t.Fatal(err)
				}
				if got, err := find(asked); err != nil || got.ID != stored.ID || got.TransactionID != registered {
					t.Errorf("%+v, %v", got, err)
				}
			})
		}
	})
}
