package refund_test

import (
	"math"
	"testing"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestRegisterCountsWhatWasRefundedBefore(t *testing.T) {
	w := newWorld(registered(t, refund.Charge{
		Amount: 1000, AlreadyRefunded: 500, Fee: minor(5), Refunds: 9, LastRefundAt: at0, Reserved: 7, Excess: 3,
		Detail: refund.Detail{Coupons: []refund.Coupon{coupon(global, cash, 300)}},
	}))
	w.check(t)
	c := w.charge
	if c.Refunded != 500 || c.Reserved != 0 || c.Excess != 0 || c.Refundable() != 500 || c.CouponUsed[0] != 150 || c.FeeUsed != 3 || c.Refunds != 0 || !c.LastRefundAt.IsZero() {
		t.Fatalf("%+v", c)
	}
	r := w.accept(t, nil)
	if r.Parts.Payer != 350 || r.Parts.Coupons[0] != 150 || *r.Parts.Fee != 2 {
		t.Errorf("the rest falls into %+v", r.Parts)
	}
}

func TestRegisterRefuses(t *testing.T) {
	goods := func(g ...refund.CouponGoods) []refund.Coupon { return []refund.Coupon{coupon(single, cash, 10, g...)} }
	for _, test := range []struct {
		name   string
		charge refund.Charge
		param  string
	}{
		{"no amount", refund.Charge{Currency: "CNY"}, "amount"},
		{"a negative amount", refund.Charge{Currency: "CNY", Amount: -1}, "amount"},
		{"no currency", refund.Charge{Amount: 1}, "currency"},
		{"a currency that there is not", refund.Charge{Currency: "XXQ", Amount: 1}, "currency"},
		{"more refunded before than was paid", refund.Charge{Currency: "CNY", Amount: 1, AlreadyRefunded: 2}, "already_refunded"},
		{"less than nothing refunded before", refund.Charge{Currency: "CNY", Amount: 1, AlreadyRefunded: -1}, "already_refunded"},
		{"a negative fee", refund.Charge{Currency: "CNY", Amount: 1, Fee: minor(-1)}, "fee"},
		{"a fee above the amount", refund.Charge{Currency: "CNY", Amount: 1, Fee: minor(2)}, "fee"},
		{"a split without an account", refund.Charge{Currency: "CNY", Amount: 9, Detail: refund.Detail{Splits: []refund.Split{{Amount: 1}}}}, "splits"},
		{"splits that overflow", refund.Charge{Currency: "CNY", Amount: 9, Detail: refund.Detail{Splits: []refund.Split{{Account: "a", Amount: 9}, {Account: "b", Amount: math.MaxInt64}}}}, "splits"},
		{"a coupon without an id", refund.Charge{Currency: "CNY", Amount: 9, Detail: refund.Detail{Coupons: []refund.Coupon{{Scope: global, Type: cash, Amount: 1}}}}, "coupons"},
		{"a coupon of no amount", refund.Charge{Currency: "CNY", Amount: 9, Detail: refund.Detail{Coupons: []refund.Coupon{coupon(global, cash, 0)}}}, "coupons"},
		{"a coupon of an unknown scope", refund.Charge{Currency: "CNY", Amount: 9, Detail: refund.Detail{Coupons: []refund.Coupon{coupon("LOCAL", cash, 1)}}}, "coupons"},
		{"a coupon of an unknown type", refund.Charge{Currency: "CNY", Amount: 9, Detail: refund.Detail{Coupons: []refund.Coupon{coupon(global, "COIN", 1)}}}, "coupons"},
		{"coupons above the amount", refund.Charge{Currency: "CNY", Amount: 9, Detail: refund.Detail{Coupons: []refund.Coupon{coupon(global, cash, 5), coupon(global, cash, 5)}}}, "coupons"},
		{"coupons that overflow", refund.Charge{Currency: "CNY", Amount: math.MaxInt64, Detail: refund.Detail{Coupons: []refund.Coupon{coupon(global, cash, math.MaxInt64), coupon(global, cash, 1)}}}, "coupons"},
		{"a coupon on no pieces", refund.Charge{Currency: "CNY", Amount: 99, Detail: refund.Detail{Coupons: goods(refund.CouponGoods{MerchantGoodsID: "A", Discount: 1})}}, "coupons"},
		{"a coupon whose goods take more than it is", refund.Charge{Currency: "CNY", Amount: 99, Detail: refund.Detail{Coupons: goods(refund.CouponGoods{MerchantGoodsID: "A", Quantity: 1, Discount: 11})}}, "coupons"},
		{"a coupon that names goods twice", refund.Charge{Currency: "CNY", Amount: 99, Detail: refund.Detail{Coupons: goods(
			refund.CouponGoods{MerchantGoodsID: "A", Quantity: 1, Discount: 1}, refund.CouponGoods{MerchantGoodsID: "A", Quantity: 1, Discount: 1},
		)}}, "coupons"},
		{"goods without an id", refund.Charge{Currency: "CNY", Amount: 99, Detail: refund.Detail{Goods: []refund.Goods{{Quantity: 1}}}}, "goods"},
		{"too many pieces to add up", refund.Charge{Currency: "CNY", Amount: 99, Detail: refund.Detail{Goods: []refund.Goods{{MerchantGoodsID: "A", Quantity: math.MaxInt64}}}}, "goods"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := refund.AsRegistered(test.charge); err == nil || err.Kind != refund.KindInvalid || err.Param != test.param {
				t.Errorf("got %v, want an error about %s", err, test.param)
			}
		})
	}
}

func TestAChargeHasAtMost1000000000000000MinorUnits(t *testing.T) {
	c := refund.Charge{Currency: "VND", Amount: refund.MaxAmount}
	if _, err := refund.Register(c); err != nil {
		t.Error(err)
	}
	c.Amount++
	if _, err := refund.Register(c); err == nil || err.Kind != refund.KindInvalid || err.Param != "amount" {
		t.Errorf("got %v", err)
	}
}

// An earlier version took charges of any amount.
func TestTheLargestCharge(t *testing.T) {
	large := registered(t, refund.Charge{Amount: 1})
	large.Amount, large.Fee, large.AlreadyRefunded, large.Refunded = math.MaxInt64, minor(math.MaxInt64), 1, 1
	large.Detail = refund.Detail{Coupons: []refund.Coupon{coupon(global, noCash, math.MaxInt64-1)}}
	large.CouponUsed, large.FeeUsed = []money.Minor{1}, 1
	w := newWorld(large)
	half := w.accept(t, minor(math.MaxInt64/2))
	w.call(t, half.ID, refund.Submit, refund.OutcomeDone)
	rest := w.accept(t, nil)
	w.call(t, rest.ID, refund.Submit, refund.OutcomeDone)
	if w.charge.Refunded != math.MaxInt64 || w.charge.CouponUsed[0] != math.MaxInt64-1 || w.charge.FeeUsed != math.MaxInt64 {
		t.Errorf("%+v", w.charge)
	}
}

func TestSameCharge(t *testing.T) {
	base := func() refund.Charge {
		return refund.Charge{
			Amount: 100, Currency: "CNY", Channel: "wx", OrderNo: "T1", ChannelAccount: "a", TransactionID: "t", Fee: minor(1),
			Detail: refund.Detail{Coupons: []refund.Coupon{coupon(single, cash, 10, refund.CouponGoods{MerchantGoodsID: "A", Quantity: 1, Discount: 10})}},
		}
	}
	for _, test := range []struct {
		name   string
		change func(*refund.Charge)
		same   bool
	}{
		{"the same again", func(*refund.Charge) {}, true},
		{"with another name in a dialect", func(c *refund.Charge) { c.Aliases = []refund.Alias{{Dialect: "payin", Name: "x"}} }, true},
		{"at another time, with counters", func(c *refund.Charge) { c.CreatedAt, c.Refunded = at0.Add(time.Hour), 40 }, true},
		{"another amount", func(c *refund.Charge) { c.Amount = 101 }, false},
		{"another currency", func(c *refund.Charge) { c.Currency = "USD" }, false},
		{"another order number", func(c *refund.Charge) { c.OrderNo = "T2" }, false},
		{"another fee", func(c *refund.Charge) { c.Fee = minor(2) }, false},
		{"no fee known", func(c *refund.Charge) { c.Fee = nil }, false},
		{"refunded before", func(c *refund.Charge) { c.AlreadyRefunded = 1 }, false},
		{"another coupon", func(c *refund.Charge) { c.Detail.Coupons[0].Type = noCash }, false},
		{"a coupon on other goods", func(c *refund.Charge) { c.Detail.Coupons[0].Goods[0].MerchantGoodsID = "B" }, false},
		{"a split", func(c *refund.Charge) { c.Detail.Splits = []refund.Split{{Account: "a", Amount: 1}} }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			a, b := base(), base()
			test.change(&b)
			if refund.SameCharge(a, b) != test.same || refund.SameCharge(b, a) != test.same {
				t.Errorf("want %v both ways", test.same)
			}
		})
	}
}

func TestChargeCheckReadsWithDistrust(t *testing.T) {
	for _, test := range []struct {
		name   string
		charge refund.Charge
	}{
		{"no amount", refund.Charge{}},
		{"a negative counter", refund.Charge{Amount: 1, Reserved: -1}},
		{"more held than paid", refund.Charge{Amount: 10, Reserved: 4, Refunded: 4, Blocked: 3}},
		{"a sum that wraps around", refund.Charge{Amount: 10, Reserved: math.MaxInt64, Refunded: math.MaxInt64, Blocked: 5}},
		{"an excess that wraps around", refund.Charge{Amount: 10, Excess: math.MaxInt64}},
		{"a negative use of a coupon", refund.Charge{Amount: 10, Detail: refund.Detail{Coupons: []refund.Coupon{coupon(global, cash, 5)}}, CouponUsed: []money.Minor{-1}}},
		{"uses of more coupons than there are", refund.Charge{Amount: 10, CouponUsed: []money.Minor{1}}},
	} {
		if err := test.charge.Check(); refund.KindOf(err) != refund.KindCorrupt {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

func TestRefundCheckReadsWithDistrust(t *testing.T) {
	sound := refund.Refund{Amount: 10, State: refund.Pending, DueAt: at0, Parts: refund.Parts{Payer: 6, Coupons: []money.Minor{4}}}
	if err := sound.Check(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		change func(*refund.Refund)
	}{
		{"no amount", func(r *refund.Refund) { r.Amount = 0 }},
		{"parts that are not the amount", func(r *refund.Refund) { r.Parts.Payer = 7 }},
		{"a negative part that makes the sum right", func(r *refund.Refund) { r.Parts.Coupons = []money.Minor{5, -1} }},
		{"a negative fee", func(r *refund.Refund) { r.Parts.Fee = minor(-1) }},
		{"open and due at no time", func(r *refund.Refund) { r.DueAt = time.Time{} }},
	} {
		r := sound
		test.change(&r)
		if err := r.Check(); refund.KindOf(err) != refund.KindCorrupt {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
