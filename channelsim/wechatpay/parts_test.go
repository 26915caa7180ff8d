package wechatpay

import (
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// The vectors are the contract's, numbered as there.
func TestPartsOfARefund(t *testing.T) {
	coupon := func(kind string, amount money.Minor) channelsim.Coupon {
		return channelsim.Coupon{ID: "c", Scope: "GLOBAL", Type: kind, Amount: amount}
	}
	for _, test := range []struct {
		name    string
		total   money.Minor
		fee     int
		coupons []channelsim.Coupon
		refunds []money.Minor
		payer   []money.Minor
		shares  [][]money.Minor
		fees    []money.Minor
	}{
		{"1", 1000, 0, []channelsim.Coupon{coupon("CASH", 200)}, []money.Minor{500}, []money.Minor{400}, [][]money.Minor{{100}}, []money.Minor{0}},
		{"3", 10000, 60, nil, []money.Minor{5000}, []money.Minor{5000}, [][]money.Minor{nil}, []money.Minor{30}},
		{"5", 1000, 0, []channelsim.Coupon{coupon("CASH", 300)}, []money.Minor{900, 100}, []money.Minor{630, 70}, [][]money.Minor{{270}, {30}}, []money.Minor{0, 0}},
		{"9", 3, 0, []channelsim.Coupon{coupon("NOCASH", 1)}, []money.Minor{1, 1, 1}, []money.Minor{1, 1, 0}, [][]money.Minor{{0}, {0}, {1}}, []money.Minor{0, 0, 0}},
		{
			"11", 999, 5,
			[]channelsim.Coupon{coupon("NOCASH", 100), coupon("CASH", 77), coupon("NOCASH", 33)},
			[]money.Minor{333, 333, 333},
			[]money.Minor{263, 263, 263},
			[][]money.Minor{{33, 26, 11}, {33, 26, 11}, {34, 25, 11}},
			[]money.Minor{2, 2, 1},
		},
		{
			"14", 888, 5,
			[]channelsim.Coupon{coupon("NOCASH", 111), coupon("NOCASH", 111)},
			[]money.Minor{100, 700, 88},
			[]money.Minor{75, 525, 66},
			[][]money.Minor{{13, 12}, {88, 87}, {10, 12}},
			[]money.Minor{1, 4, 0},
		},
		{"18", 1000, 0, []channelsim.Coupon{coupon("CASH", 999)}, []money.Minor{1, 999}, []money.Minor{0, 1}, [][]money.Minor{{1}, {998}}, []money.Minor{0, 0}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := &channelsim.Payment{Amount: test.total, Coupons: test.coupons, Attributes: map[string]string{attributeFee: strconv.Itoa(test.fee)}}
			left := whole(p)
			for n, amount := range test.refunds {
				got := left.share(p, amount)
				want := parts{payer: test.payer[n], coupons: test.shares[n], fee: test.fees[n]}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(parts{})); diff != "" {
					t.Errorf("refund %d: %s", n+1, diff)
				}
				left.subtract(got, amount)
			}
		})
	}
}

func TestHalfUpOfLargeAmounts(t *testing.T) {
	if got := halfUp(3_000_000_000_001, 3_000_000_000_001, 3_000_000_000_001); got != 3_000_000_000_001 {
		t.Error(got)
	}
	if got := halfUp(1, 1, 0); got != 0 {
		t.Error(got)
	}
}

func TestTheRateOfRefunds(t *testing.T) {
	s, now := New(), time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)
	for n := range perSecond {
		if !s.takeToken(now.Add(time.Duration(n) * time.Millisecond)) {
			t.Fatal("refused after ", n)
		}
	}
	if s.takeToken(now.Add(500 * time.Millisecond)) {
		t.Error("the 151st of a second is taken")
	}
	if !s.takeToken(now.Add(time.Second)) {
		t.Error("the first of the next second is refused")
	}
}
