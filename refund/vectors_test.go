package refund_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// given is what one refund gives back. Coupons in the order of the promotion;
// fee -1 where the charge's is unknown.
type given struct {
	amount, payer int64
	coupons       []int64
	settlement    int64
	fee           int64
	goods         []refund.RefundedGoods
}

type vector struct {
	name    string
	total   int64
	coupons []refund.Coupon
	goods   []refund.Goods
	fee     int64 // -1: unknown
	refunds []given
}

const (
	unknownFee = -1
	global     = refund.ScopeOrder
	single     = refund.ScopeGoods
	cash       = refund.TypeFunded
	noCash     = refund.TypeUnfunded
)

func come(id string, pieces int64) []refund.RefundedGoods {
	return []refund.RefundedGoods{{MerchantGoodsID: id, Quantity: pieces}}
}

// vectors are those of rule W4.3-1 of docs/rules/wechatpay.md, under their
// numbers.
func vectors() []vector {
	onA := func(discount, pieces int64) refund.CouponGoods {
		return refund.CouponGoods{MerchantGoodsID: "A", Quantity: pieces, Discount: money.Minor(discount)}
	}
	ab := []refund.Goods{{MerchantGoodsID: "A", UnitPrice: 1000, Quantity: 1}, {MerchantGoodsID: "B", UnitPrice: 9000, Quantity: 1}}
	times := func(n int, g given) []given { return slices.Repeat([]given{g}, n) }
	return []vector{
		{"1 a cash coupon shares in half a refund", 1000, []refund.Coupon{coupon(global, cash, 200)}, nil, unknownFee, []given{
			{500, 400, []int64{100}, 500, unknownFee, nil},
		}},
		{"2 what a no-cash coupon takes is not settled", 1000, []refund.Coupon{coupon(global, noCash, 100), coupon(global, cash, 100)}, nil, unknownFee, []given{
			{500, 400, []int64{50, 50}, 450, unknownFee, nil},
		}},
		{"3 half the fee comes back with half the money", 10000, nil, nil, 60, []given{
			{5000, 5000, nil, 5000, 30, nil},
		}},
		{"4 a full refund returns all cash", 1000, []refund.Coupon{coupon(global, cash, 300)}, nil, unknownFee, []given{
			{1000, 700, []int64{300}, 1000, unknownFee, nil},
		}},
		{"5 two refunds share the same coupon", 1000, []refund.Coupon{coupon(global, cash, 300)}, nil, unknownFee, []given{
			{900, 630, []int64{270}, 900, unknownFee, nil},
			{100, 70, []int64{30}, 100, unknownFee, nil},
		}},
		{"6 half of a larger order", 10000, []refund.Coupon{coupon(global, cash, 1000)}, nil, unknownFee, []given{
			{5000, 4500, []int64{500}, 5000, unknownFee, nil},
		}},
		{"7 a single coupon goes back with its goods", 10000, []refund.Coupon{coupon(single, cash, 200, onA(200, 1))}, ab, unknownFee, []given{
			{1000, 800, []int64{200}, 1000, unknownFee, come("A", 1)},
			{9000, 9000, []int64{0}, 9000, unknownFee, come("B", 1)},
		}},
		{
			"7b one of two pieces takes half of the coupon", 1000,
			[]refund.Coupon{coupon(single, cash, 200, onA(200, 2))},
			[]refund.Goods{{MerchantGoodsID: "A", UnitPrice: 500, Quantity: 2}},
			unknownFee,
			[]given{{500, 400, []int64{100}, 500, unknownFee, come("A", 1)}},
		},
		{
			"8 a global coupon is spread over what the single one leaves", 10000,
			[]refund.Coupon{coupon(single, cash, 200, onA(200, 1)), coupon(global, cash, 1000)},
			ab, unknownFee,
			[]given{
				{1000, 718, []int64{200, 82}, 1000, unknownFee, come("A", 1)},
				{9000, 8082, []int64{0, 918}, 9000, unknownFee, come("B", 1)},
			},
		},
		{"9 each refund is rounded by itself, not the sum", 3, []refund.Coupon{coupon(global, noCash, 1)}, nil, unknownFee, []given{
			{1, 1, []int64{0}, 1, unknownFee, nil},
			{1, 1, []int64{0}, 1, unknownFee, nil},
			{1, 0, []int64{1}, 0, unknownFee, nil},
		}},
		{"10 a tie goes up", 100, []refund.Coupon{coupon(global, cash, 50)}, nil, unknownFee, []given{
			{33, 17, []int64{16}, 33, unknownFee, nil},
			{33, 17, []int64{16}, 33, unknownFee, nil},
			{34, 16, []int64{18}, 34, unknownFee, nil},
		}},
		{
			"11 three coupons and a fee in thirds", 999,
			[]refund.Coupon{coupon(global, noCash, 100), coupon(global, cash, 77), coupon(global, noCash, 33)},
			nil, 5,
			[]given{
				{333, 263, []int64{33, 26, 11}, 289, 2, nil},
				{333, 263, []int64{33, 26, 11}, 289, 2, nil},
				{333, 263, []int64{34, 25, 11}, 288, 1, nil},
			},
		},
		{"12 the last refund takes what is left of the fee", 1000, nil, nil, 5, []given{
			{333, 333, nil, 333, 2, nil},
			{333, 333, nil, 333, 2, nil},
			{334, 334, nil, 334, 1, nil},
		}},
		{"13 one fen and the rest", 100000, []refund.Coupon{coupon(global, noCash, 33333)}, nil, 600, []given{
			{1, 1, []int64{0}, 1, 0, nil},
			{99999, 66666, []int64{33333}, 66666, 600, nil},
		}},
		{"14 two equal coupons take turns with the rounding", 888, []refund.Coupon{coupon(global, noCash, 111), coupon(global, noCash, 111)}, nil, 5, []given{
			{100, 75, []int64{13, 12}, 75, 1, nil},
			{700, 525, []int64{88, 87}, 525, 4, nil},
			{88, 66, []int64{10, 12}, 66, 0, nil},
		}},
		{"15 ten times one fen", 10, []refund.Coupon{coupon(global, noCash, 1), coupon(global, cash, 1)}, nil, 1, slices.Concat(
			times(8, given{1, 1, []int64{0, 0}, 1, 0, nil}),
			[]given{{1, 0, []int64{1, 0}, 0, 0, nil}, {1, 0, []int64{0, 1}, 1, 1, nil}},
		)},
		{"16 the cash runs out before the coupon begins", 50, []refund.Coupon{coupon(global, cash, 25)}, nil, unknownFee, slices.Concat(
			times(25, given{1, 1, []int64{0}, 1, unknownFee, nil}),
			times(25, given{1, 0, []int64{1}, 1, unknownFee, nil}),
		)},
		{"17 a coupon of almost half", 7, []refund.Coupon{coupon(global, noCash, 3)}, nil, 1, []given{
			{2, 1, []int64{1}, 1, 0, nil},
			{2, 1, []int64{1}, 1, 0, nil},
			{2, 1, []int64{1}, 1, 0, nil},
			{1, 1, []int64{0}, 1, 1, nil},
		}},
		{"18 almost everything was a coupon", 1000, []refund.Coupon{coupon(global, cash, 999)}, nil, unknownFee, []given{
			{1, 0, []int64{1}, 1, unknownFee, nil},
			{999, 1, []int64{998}, 999, unknownFee, nil},
		}},
		{"19 everything was a coupon", 1000, []refund.Coupon{coupon(global, cash, 1000)}, nil, unknownFee, []given{
			{400, 0, []int64{400}, 400, unknownFee, nil},
			{600, 0, []int64{600}, 600, unknownFee, nil},
		}},
		{"20 the smallest order, without a fee", 1, nil, nil, 0, []given{
			{1, 1, nil, 1, 0, nil},
		}},
	}
}

func TestPublishedVectors(t *testing.T) {
	if n := len(vectors()); n != 21 {
		t.Fatalf("%d vectors, want 1 to 20 and 7b", n)
	}
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			c := refund.Charge{Amount: money.Minor(v.total), Detail: refund.Detail{Coupons: v.coupons, Goods: v.goods}}
			if v.fee != unknownFee {
				c.Fee = minor(v.fee)
			}
			w := newWorld(registered(t, c))
			for i, want := range v.refunds {
				r := w.accept(t, minor(want.amount), want.goods...)
				got := given{want.amount, int64(r.Parts.Payer), nil, int64(r.Parts.Settlement(v.coupons)), unknownFee, want.goods}
				for _, x := range r.Parts.Coupons {
					got.coupons = append(got.coupons, int64(x))
				}
				if r.Parts.Fee != nil {
					got.fee = int64(*r.Parts.Fee)
				}
				if got.payer != want.payer || !slices.Equal(got.coupons, want.coupons) || got.settlement != want.settlement || got.fee != want.fee {
					t.Errorf("refund %d gives %+v, want %+v", i+1, got, want)
				}
				if sum := r.Parts.Payer + r.Parts.Discount(); sum != r.Amount {
					t.Errorf("refund %d: the parts sum to %d of %d", i+1, sum, r.Amount)
				}
				w.call(t, r.ID, refund.Submit, refund.OutcomeDone)
			}
		})
	}
}

// TestNamedGoods holds the rules W4.2-1 to W4.2-5 of docs/rules/wechatpay.md
// beyond the vectors.
func TestNamedGoods(t *testing.T) {
	goods := []refund.Goods{{MerchantGoodsID: "A", UnitPrice: 300, Quantity: 3}, {MerchantGoodsID: "B", UnitPrice: 100, Quantity: 1}}
	onA := refund.CouponGoods{MerchantGoodsID: "A", Quantity: 3, Discount: 100}
	fresh := func(t *testing.T) *world {
		return newWorld(registered(t, refund.Charge{Amount: 1000, Detail: refund.Detail{Goods: goods, Coupons: []refund.Coupon{coupon(single, noCash, 100, onA)}}}))
	}
	t.Run("pieces take the half-up share and the last ones the rest", func(t *testing.T) {
		w := fresh(t)
		for _, want := range []money.Minor{33, 33, 34} {
			if r := w.accept(t, minor(300), come("A", 1)...); r.Parts.Coupons[0] != want || r.Parts.Payer != 300-want {
				t.Errorf("parts %+v, want %d of the coupon", r.Parts, want)
			}
		}
	})
	t.Run("a refund that fails gives its pieces back", func(t *testing.T) {
		w := fresh(t)
		first := w.accept(t, minor(900), come("A", 3)...)
		w.call(t, first.ID, refund.Submit, refund.OutcomeRefused)
		if r := w.accept(t, minor(600), come("A", 2)...); r.Parts.Coupons[0] != 67 {
			t.Errorf("two of three pieces take %d, want 67", r.Parts.Coupons[0])
		}
	})
	t.Run("more than the goods' worth takes the coupon when the cash is used up", func(t *testing.T) {
		w := fresh(t)
		if r := w.accept(t, nil, come("B", 1)...); r.Parts.Payer != 900 || r.Parts.Coupons[0] != 100 {
			t.Errorf("parts %+v", r.Parts)
		}
	})
	for _, test := range []struct {
		name  string
		goods []refund.RefundedGoods
	}{
		{"goods that the order does not have", come("C", 1)},
		{"more pieces than were bought", come("A", 4)},
		{"more pieces than were bought, over two lines", append(come("A", 2), come("A", 2)...)},
		{"no piece at all", come("A", 0)},
		{"less than no piece", come("A", -1)},
		{"so many pieces that their sum overflows", append(come("A", 1<<62), come("A", 1<<62)...)},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := fresh(t).tryAccept(t, refund.Request{Amount: minor(1), Goods: test.goods}); err == nil || err.Kind != refund.KindInvalid || !strings.Contains(err.Param, "goods") {
				t.Errorf("got %v, want an error about goods", err)
			}
		})
	}
}
