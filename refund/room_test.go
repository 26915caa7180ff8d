package refund_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// Whoever is refused is told the number that they need: what is left, or the
// limit and from when to when it holds.
func TestARefusalSaysWhatIsLeftAndWhichLimit(t *testing.T) {
	paid := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	charge := refund.Charge{
		MerchantID: "m", ID: "ch_1", Channel: "wx", ChannelAccount: "acc", Currency: "CNY", Amount: 10_000, Refunded: 5_000, Reserved: 2_000,
		Blocked: 100, Refunds: 50, LastRefundAt: paid.Add(24 * time.Hour), PaidAt: paid,
	}
	full := charge
	full.Refunded, full.Reserved, full.Blocked = 10_000, 0, 0
	room := &refund.Room{Currency: "CNY", Amount: 10_000, Left: 2_900, Refunded: 5_000, Reserved: 2_000, Blocked: 100}
	soon := charge.LastRefundAt.Add(30 * time.Second)
	for name, c := range map[string]struct {
		charge refund.Charge
		rules  refund.Rules
		amount money.Minor
		now    time.Time
		limit  *refund.Limit
		kind   refund.Kind
		told   string
	}{
		"more than is left": {
			charge: charge, amount: 2_901, now: soon, kind: refund.KindAmountExceeded,
			told: "more than is still refundable: 29.00 CNY of 100.00 CNY are left (50.00 CNY refunded, 20.00 CNY under way, 1.00 CNY held by a dispute)",
		},
		"nothing is left": {
			charge: full, amount: 1, now: soon, kind: refund.KindFullyRefunded,
			told: "the charge is already refunded in full: 0.00 CNY of 100.00 CNY are left (100.00 CNY refunded)",
		},
		"a year is over": {
			charge: charge, amount: 1, now: paid.AddDate(2, 0, 0), rules: refund.Rules{Window: 365 * 24 * time.Hour}, kind: refund.KindWindowOver,
			limit: &refund.Limit{Rule: refund.LimitWindow, Value: 365, Unit: "days", At: paid.AddDate(1, 0, 0)},
			told:  "the channel's time for refunds of this charge is over: it was paid at 2026-01-31T10:00:00Z, and the limit of 365 days ended at 2027-01-31T10:00:00Z",
		},
		"a month is over": {
			charge: charge, amount: 1, now: paid.AddDate(0, 2, 0), rules: refund.Rules{Window: 365 * 24 * time.Hour, WindowMonths: 1}, kind: refund.KindWindowOver,
			limit: &refund.Limit{Rule: refund.LimitWindow, Value: 1, Unit: "months", At: paid.AddDate(0, 0, 28)},
			told:  "the channel's time for refunds of this charge is over: it was paid at 2026-01-31T10:00:00Z, and the limit of 1 month ended at 2026-02-28T10:00:00Z",
		},
		"ninety minutes are over": {
			charge: charge, amount: 1, now: paid.Add(2 * time.Hour), rules: refund.Rules{Window: 90 * time.Minute}, kind: refund.KindWindowOver,
			limit: &refund.Limit{Rule: refund.LimitWindow, Value: 5400, Unit: "seconds", At: paid.Add(90 * time.Minute)},
			told:  "the channel's time for refunds of this charge is over: it was paid at 2026-01-31T10:00:00Z, and the limit of 5400 seconds ended at 2026-01-31T11:30:00Z",
		},
		"fifty refunds": {
			charge: charge, amount: 1, now: soon, rules: refund.Rules{MostRefunds: 50}, kind: refund.KindTooManyRefunds,
			limit: &refund.Limit{Rule: refund.LimitRefunds, Value: 50, Unit: "refunds"},
			told:  "the charge has as many refunds as the channel allows: it has 50, and may have 50, failed ones included",
		},
		"a minute between two": {
			charge: charge, amount: 1, now: soon, rules: refund.Rules{Spacing: time.Minute}, kind: refund.KindTooSoon,
			limit: &refund.Limit{Rule: refund.LimitSpacing, Value: 60, Unit: "seconds", At: charge.LastRefundAt.Add(time.Minute)},
			told:  "the charge was refunded too recently: the last was at 2026-02-01T10:00:00Z, and the next may be at 2026-02-01T10:01:00Z, 60 seconds later",
		},
		"in full or not at all": {
			charge: charge, amount: 1, now: soon, rules: refund.Rules{FullOnly: true}, kind: refund.KindFullOnly,
			limit: &refund.Limit{Rule: refund.LimitFull, Value: 10_000, Unit: "minor"},
			told:  "the channel refunds this charge in full or not at all: that is 100.00 CNY",
		},
		"a limit for one refund": {
			charge: charge, amount: 2_000, now: soon, rules: refund.Rules{MostAmount: 1_999}, kind: refund.KindLimitExceeded,
			limit: &refund.Limit{Rule: refund.LimitAmount, Value: 1_999, Unit: "minor"},
			told:  "above the limit for one refund: 19.99 CNY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			book := refund.RuleBook{Merchant: c.rules}
			_, _, err := refund.Quote(c.charge, refund.Request{ChargeID: "ch_1", Amount: &c.amount}, book, c.now)
			if err == nil {
				t.Fatal("it is accepted")
			}
			want := room
			if c.charge.Refunded == 10_000 {
				want = c.charge.Room()
			}
			if err.Kind != c.kind || err.Told() != c.told || err.Charge != "ch_1" {
				t.Errorf("%s, %s: %s", err.Kind, err.Charge, err.Told())
			}
			if diff := cmp.Diff(want, err.Room) + cmp.Diff(c.limit, err.Limit); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestGoodsThatDoNotFitSayHowManyWouldAndANumberThatIsTakenByWhat(t *testing.T) {
	charge := refund.Charge{
		MerchantID: "m", ID: "ch_1", ChannelAccount: "acc", Currency: "CNY", Amount: 100,
		Detail: refund.Detail{Goods: []refund.Goods{{MerchantGoodsID: "g", Quantity: 3, UnitPrice: 30}}},
	}
	amount := money.Minor(10)
	request := refund.Request{ChargeID: "ch_1", Amount: &amount, Goods: []refund.RefundedGoods{{MerchantGoodsID: "g", Quantity: 4}}}
	_, _, err := refund.Quote(charge, request, refund.RuleBook{}, time.Now())
	if err == nil || err.Told() != `more or fewer pieces of "g" than were bought: 1 to 3` {
		t.Errorf("%v", err)
	}
	a := refund.Content{refund.ContentCharge: "ch_1", refund.ContentAmount: "1", refund.ContentTotal: "9"}
	b := refund.Content{refund.ContentCharge: "ch_2", refund.ContentAmount: "2"}
	if diff := cmp.Diff([]string{refund.ContentAmount, refund.ContentCharge}, refund.OtherContent(a, b)); diff != "" {
		t.Error(diff)
	}
}
