package ledger_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

var legs = ledger.Legs{Payer: 70, CouponCash: 20, CouponNoCash: 10, Fee: 6}

// of is the balance of each account after the transfers, zero ones left out.
func of(t *testing.T, lists ...[]ledger.Transfer) map[ledger.Account]money.Minor {
	t.Helper()
	var all []ledger.Transfer
	for _, list := range lists {
		all = append(all, list...)
	}
	balances, err := ledger.Balances(all)
	if err != nil {
		t.Fatal(err)
	}
	out := map[ledger.Account]money.Minor{}
	for account, balance := range balances {
		if balance != 0 {
			out[account.Account] = balance
		}
	}
	return out
}

func TestALifeInTheBooks(t *testing.T) {
	given := map[ledger.Account]money.Minor{
		ledger.Available: -100, ledger.Payer: 70, ledger.CouponCash: 20, ledger.CouponNoCash: 10,
		ledger.ChannelFee: -6, ledger.FeeReturned: 6,
	}
	nothing := map[ledger.Account]money.Minor{}
	reserving, releasing := ledger.Reserving(legs.Total(), "CNY"), ledger.Releasing(legs.Total(), "CNY")
	settling, returning, correcting := ledger.Settling(legs, "CNY"), ledger.Returning(legs, "CNY"), ledger.Correcting(legs, "CNY")
	for _, test := range []struct {
		name string
		life [][]ledger.Transfer
		want map[ledger.Account]money.Minor
	}{
		{"accepted", [][]ledger.Transfer{reserving}, map[ledger.Account]money.Minor{ledger.Available: -100, ledger.Reserved: 100}},
		{"failed", [][]ledger.Transfer{reserving, releasing}, nothing},
		{"succeeded", [][]ledger.Transfer{reserving, settling}, given},
		{"returned", [][]ledger.Transfer{reserving, settling, returning}, nothing},
		{"corrected", [][]ledger.Transfer{reserving, releasing, correcting}, given},
		{"corrected and returned", [][]ledger.Transfer{reserving, releasing, correcting, returning}, nothing},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, of(t, test.life...)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestALegOfNothingIsLeftOut(t *testing.T) {
	if got := ledger.Settling(ledger.Legs{CouponNoCash: 5}, "CNY"); len(got) != 1 || got[0].To != ledger.CouponNoCash {
		t.Errorf("%+v", got)
	}
}

func TestWhatIsNoMovement(t *testing.T) {
	good := ledger.Transfer{Kind: ledger.Reserve, From: ledger.Available, To: ledger.Reserved, Amount: money.Amount{Minor: 1, Currency: "CNY"}}
	if !good.Valid() {
		t.Fatal("a movement is not valid")
	}
	for _, test := range []struct {
		name   string
		change func(*ledger.Transfer)
	}{
		{"of nothing", func(t *ledger.Transfer) { t.Amount.Minor = 0 }},
		{"of less than nothing", func(t *ledger.Transfer) { t.Amount.Minor = -1 }},
		{"in no currency", func(t *ledger.Transfer) { t.Amount.Currency = "" }},
		{"from nowhere", func(t *ledger.Transfer) { t.From = "" }},
		{"to nowhere", func(t *ledger.Transfer) { t.To = "" }},
		{"from an account to itself", func(t *ledger.Transfer) { t.To = t.From }},
	} {
		bad := good
		test.change(&bad)
		if _, err := ledger.Balances([]ledger.Transfer{good, bad}); bad.Valid() || err == nil {
			t.Errorf("%s: added up", test.name)
		}
	}
	most := good
	most.Amount.Minor = math.MaxInt64
	if _, err := ledger.Balances([]ledger.Transfer{good, most}); err == nil {
		t.Error("a balance beyond int64 was given")
	}
}

func TestTheSumOverAllAccountsOfACurrencyIsZero(t *testing.T) {
	leg := rapid.Int64Range(0, 1<<40)
	rapid.Check(t, func(t *rapid.T) {
		var all []ledger.Transfer
		for range rapid.IntRange(1, 30).Draw(t, "refunds") {
			l := ledger.Legs{
				Payer: money.Minor(leg.Draw(t, "payer")), CouponCash: money.Minor(leg.Draw(t, "cash")),
				CouponNoCash: money.Minor(leg.Draw(t, "no cash")), Fee: money.Minor(leg.Draw(t, "fee")),
			}
			currency := rapid.SampledFrom([]money.Currency{"CNY", "JPY", "KWD"}).Draw(t, "currency")
			all = append(all, ledger.Reserving(l.Total(), currency)...)
			for _, next := range [][]ledger.Transfer{
				ledger.Releasing(l.Total(), currency), ledger.Settling(l, currency), ledger.Correcting(l, currency), ledger.Returning(l, currency),
			}[:rapid.IntRange(0, 4).Draw(t, "steps")] {
				all = append(all, next...)
			}
		}
		balances, err := ledger.Balances(all)
		if err != nil {
			t.Fatal(err)
		}
		sums := map[money.Currency]money.Minor{}
		for account, balance := range balances {
			sums[account.Currency] += balance
		}
		for currency, sum := range sums {
			if sum != 0 {
				t.Fatalf("the accounts in %s sum to %d", currency, sum)
			}
		}
	})
}
