package store_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestPagesByNumberCountAndAddUp(t *testing.T) { storetest.Each(t, pagesByNumber) }

// pagesByNumber registers seven charges of 100, a second apart; the third was
// refunded in full elsewhere and the fifth in part, the sixth is in dollars,
// and the seventh belongs to another wallet.
func pagesByNumber(t *testing.T, s *store.Store) {
	const merchantID, wallet = "mer_pages", "wallet_1"
	start := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	for n := 1; n <= 7; n++ {
		made := start.Add(time.Duration(n) * time.Second)
		c := refund.Charge{
			MerchantID: merchantID, ID: fmt.Sprintf("ch_%d", n), OrderNo: fmt.Sprint("T", n), Channel: "wx", ChannelAccount: "account_1",
			TransactionID: fmt.Sprint("4200", n), Currency: "CNY", Amount: 100, PaidAt: made, CreatedAt: made, UpdatedAt: made,
			Aliases: []refund.Alias{{Dialect: "wallet", Identity: wallet, Name: fmt.Sprint("c", n)}, {Dialect: "pingpp", Identity: "app", Name: fmt.Sprint("p", n)}},
		}
		switch n {
		case 3:
			c.AlreadyRefunded = 100
		case 5:
			c.AlreadyRefunded = 40
		case 6:
			c.Currency = "USD"
		case 7:
			c.Aliases[0].Identity = "wallet_2"
		}
		c.Refunded = c.AlreadyRefunded
		if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
			t.Fatal(err)
		}
	}
	yes, no := true, false
	filter := refund.ChargeFilter{MerchantID: merchantID, Dialect: "wallet", Identity: wallet, Page: refund.Page{Limit: 2}}
	for _, test := range []struct {
		name   string
		change func(*refund.ChargeFilter)
		offset int64
		want   []string
		total  int64
	}{
		{"the newest two", nil, 0, []string{"ch_6", "ch_5"}, 6},
		{"the oldest two", nil, 4, []string{"ch_2", "ch_1"}, 6},
		{"half a page", nil, 5, []string{"ch_1"}, 6},
		{"behind the end", nil, 6, nil, 6},
		{"refunded in full", func(f *refund.ChargeFilter) { f.RefundedInFull = &yes }, 0, []string{"ch_3"}, 1},
		{"not refunded in full", func(f *refund.ChargeFilter) { f.RefundedInFull = &no }, 2, []string{"ch_4", "ch_2"}, 5},
		{"a span of time", func(f *refund.ChargeFilter) {
			f.CreatedFrom, f.CreatedTo = start.Add(2*time.Second), start.Add(4*time.Second)
		}, 0, []string{"ch_3", "ch_2"}, 2},
		{"another merchant", func(f *refund.ChargeFilter) { f.MerchantID = "mer_other" }, 0, nil, 0},
	} {
		f := filter
		if test.change != nil {
			test.change(&f)
		}
		charges, total, err := s.ChargePage(t.Context(), f, test.offset)
		var ids []string
		for _, c := range charges {
			ids = append(ids, c.ID)
		}
		if err != nil || !slices.Equal(ids, test.want) || total != test.total {
			t.Errorf("%s: %v of %d (%v), want %v of %d", test.name, ids, total, err, test.want, test.total)
		}
	}
	if refunds, total, err := s.RefundPage(t.Context(), refund.Filter{MerchantID: merchantID, ChargeID: "ch_1", Page: refund.Page{Limit: 1}}, 3); err != nil || len(refunds) != 0 || total != 0 {
		t.Errorf("refunds of a charge that has none: %v of %d (%v)", refunds, total, err)
	}
	for _, test := range []struct {
		currency money.Currency
		free     int64
	}{{"CNY", 360}, {"USD", 100}, {"EUR", 0}} {
		if free, held, err := s.ChargeSums(t.Context(), merchantID, "wallet", wallet, test.currency); err != nil || free.Int64() != test.free || held.Sign() != 0 {
			t.Errorf("%s: %d free, %d held (%v), want %d", test.currency, free, held, err, test.free)
		}
	}
}

func TestSumsOfChargesMayNeedMoreThan64Bits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, id := range []string{"ch_1", "ch_2", "ch_3"} {
			c := refund.Charge{
				MerchantID: "mer_big", ID: id, OrderNo: id, Channel: "wx", ChannelAccount: "account_1", TransactionID: id, Currency: "CNY", Amount: 100,
				PaidAt: time.Now(), Aliases: []refund.Alias{
					{Dialect: "wallet", Identity: "wallet_big", Name: id}, {Dialect: "wallet", Identity: "wallet_big", Name: "also " + id}, // one charge all the same
				},
			}
			if _, _, err := s.RegisterCharge(t.Context(), c, nil); err != nil {
				t.Fatal(err)
			}
		}
		// As an earlier version took it.
		if err := s.Exec(t.Context(), `UPDATE charges SET amount = 9000000000000000000, reserved = 4500000000000000000 WHERE merchant_id = 'mer_big'`); err != nil {
			t.Fatal(err)
		}
		free, held, err := s.ChargeSums(t.Context(), "mer_big", "wallet", "wallet_big", "CNY")
		if err != nil || free.String() != "13500000000000000000" || held.String() != "13500000000000000000" {
			t.Errorf("%s free, %s held, %v", free, held, err)
		}
	})
}
