package refund_test

import (
	"math"
	"math/big"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// anyCharge draws a charge with up to four coupons of every kind, with and
// without goods and a known fee.
func anyCharge(t *rapid.T) refund.Charge {
	amount := rapid.OneOf(rapid.Int64Range(1, 60), rapid.Int64Range(1, 100_000), rapid.Int64Range(1, math.MaxInt64)).Draw(t, "amount")
	c := refund.Charge{
		MerchantID: "m1", ID: "ch_1", Channel: "wx", ChannelAccount: "sandbox_1", Currency: "CNY", PaidAt: at0,
		Amount: money.Minor(amount),
	}
	left := amount
	for i := range rapid.IntRange(0, 4).Draw(t, "coupons") {
		if left == 0 {
			break
		}
		one := coupon(
			rapid.SampledFrom([]refund.CouponScope{global, single}).Draw(t, "scope"),
			rapid.SampledFrom([]refund.CouponType{cash, noCash}).Draw(t, "type"),
			rapid.Int64Range(1, left).Draw(t, "coupon"),
		)
		left -= int64(one.Amount)
		id := string(rune('A' + i))
		quantity := rapid.Int64Range(1, 5).Draw(t, "pieces")
		c.Detail.Goods = append(c.Detail.Goods, refund.Goods{MerchantGoodsID: id, Quantity: quantity})
		if one.Scope == single && rapid.Bool().Draw(t, "hangs on goods") {
			one.Goods = []refund.CouponGoods{{MerchantGoodsID: id, Quantity: quantity, Discount: one.Amount}}
		}
		c.Detail.Coupons = append(c.Detail.Coupons, one)
	}
	c.Detail.Splits = anySplits(t, c.Amount)
	if rapid.Bool().Draw(t, "fee known") {
		fee := money.Minor(rapid.Int64Range(0, amount).Draw(t, "fee"))
		c.Fee = &fee
	}
	if rapid.IntRange(0, 3).Draw(t, "came refunded") == 0 {
		c.AlreadyRefunded = money.Minor(rapid.Int64Range(0, amount).Draw(t, "already refunded"))
	}
	out, err := refund.AsRegistered(c)
	if err != nil {
		t.Fatalf("register: %v", err)
	}
	return out
}

func anyGoods(t *rapid.T, c refund.Charge) []refund.RefundedGoods {
	var goods []refund.RefundedGoods
	for _, g := range c.Detail.Goods {
		if rapid.IntRange(0, 3).Draw(t, "names goods") == 0 {
			goods = append(goods, come(g.MerchantGoodsID, rapid.Int64Range(1, g.Quantity).Draw(t, "pieces back"))...)
		}
	}
	return goods
}

// TestPartsOfAnyRefundsSumExactly holds the rules W4.1-6 and W4.1-7 of
// docs/rules/wechatpay.md: no part is negative; parts sum to the amount; a
// refund that fails gives its parts back; and what sums to the whole charge
// takes every coupon, all of the payer's cash and the fee, exactly.
func TestPartsOfAnyRefundsSumExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(anyCharge(t))
		byGoods := rapid.Bool().Draw(t, "by goods")
		for range rapid.IntRange(1, 49).Draw(t, "refunds") {
			left := w.charge.Refundable()
			if left == 0 {
				break
			}
			most := rapid.SampledFrom([]money.Minor{1, min(3, left), left/10 + 1, left}).Draw(t, "most")
			amount := money.Minor(rapid.Int64Range(1, int64(most)).Draw(t, "refund"))
			var goods []refund.RefundedGoods
			if byGoods {
				goods = anyGoods(t, w.charge)
			}
			want := oracle(w.charge, amount)
			r := w.accept(t, &amount, goods...)
			if len(goods) == 0 && !same(r.Parts, want) {
				t.Fatalf("a refund of %d falls into %+v, by the page's own steps it is %+v", amount, r.Parts, want)
			}
			checkSplits(t, w.charge, r)
			kinds := []refund.OutcomeKind{refund.OutcomeDone, refund.OutcomeRefused, refund.OutcomeAccepted}
			w.call(t, r.ID, refund.Submit, rapid.SampledFrom(kinds).Draw(t, "outcome"))
			if other := rapid.SampledFrom(w.order).Draw(t, "another"); w.refunds[other].State == refund.Pending {
				kinds := []refund.OutcomeKind{refund.OutcomeDone, refund.OutcomeFailed, refund.OutcomeAccepted}
				w.call(t, other, refund.Query, rapid.SampledFrom(kinds).Draw(t, "its outcome"))
			}
		}
		if w.charge.Refundable() > 0 {
			w.accept(t, nil) // everything that is left
		}
		whole(t, w)
	})
}

// whole checks a charge of which everything is refunded or on its way.
func whole(t *rapid.T, w *world) {
	c := w.charge
	if c.Reserved+c.Refunded != c.Amount {
		t.Fatalf("%d and %d are not all of %d", c.Reserved, c.Refunded, c.Amount)
	}
	for i, one := range c.Detail.Coupons {
		if i >= len(c.CouponUsed) || c.CouponUsed[i] != one.Amount {
			t.Fatalf("of coupon %d, %v of %d is given back", i, c.CouponUsed, one.Amount)
		}
	}
	for i, one := range c.Detail.Splits {
		if i >= len(c.SplitUsed) || c.SplitUsed[i] != one.Amount {
			t.Fatalf("account %d has given %v back of %d", i, c.SplitUsed, one.Amount)
		}
	}
	if c.Fee != nil && c.FeeUsed != *c.Fee {
		t.Fatalf("%d of the fee of %d is given back", c.FeeUsed, *c.Fee)
	}
}

// anySplits draws shares of a payment for up to four accounts.
func anySplits(t *rapid.T, amount money.Minor) []refund.Split {
	var splits []refund.Split
	for range rapid.IntRange(0, 4).Draw(t, "shares") {
		if amount > 0 {
			share := money.Minor(rapid.Int64Range(1, int64(amount)).Draw(t, "share"))
			splits = append(splits, refund.Split{Account: "a", Amount: share})
			amount -= share
		}
	}
	return splits
}

// checkSplits: no account gives back more than its share, nor all together
// more than the refund.
func checkSplits(t *rapid.T, c refund.Charge, r refund.Refund) {
	var sum money.Minor
	for i, part := range r.Parts.Splits {
		if part < 0 || c.SplitUsed[i] > c.Detail.Splits[i].Amount {
			t.Fatalf("account %d gives %d back, of %v all together %v", i, part, c.Detail.Splits, c.SplitUsed)
		}
		sum += part
	}
	if sum > r.Amount {
		t.Fatalf("accounts give back %d of a refund of %d", sum, r.Amount)
	}
}

func same(a, b refund.Parts) bool {
	return a.Payer == b.Payer && slices.Equal(a.Coupons, b.Coupons) && (a.Fee == nil) == (b.Fee == nil) && (a.Fee == nil || *a.Fee == *b.Fee)
}

// oracle follows the rules W4.1-2 to W4.1-6 of docs/rules/wechatpay.md line by
// line, with big integers and with remainders instead of counters.
func oracle(c refund.Charge, amount money.Minor) refund.Parts {
	n := func(m money.Minor) *big.Int { return big.NewInt(int64(m)) }
	halfUp := func(a, b, divisor *big.Int) *big.Int {
		if divisor.Sign() == 0 {
			return new(big.Int)
		}
		twice := new(big.Int).Mul(a, b)
		twice.Lsh(twice, 1).Add(twice, divisor)
		return twice.Quo(twice, new(big.Int).Lsh(divisor, 1))
	}
	clamp := func(x, low, high *big.Int) *big.Int {
		if x.Cmp(low) < 0 {
			x = low
		}
		if x.Cmp(high) > 0 {
			x = high
		}
		return x
	}
	least := func(a, b *big.Int) *big.Int {
		if a.Cmp(b) < 0 {
			return a
		}
		return b
	}
	zero := new(big.Int)
	most := func(a *big.Int) *big.Int {
		if a.Sign() < 0 {
			return zero
		}
		return a
	}
	total, refunded := n(c.Amount), n(amount)
	left, coupons, couponsLeft := make([]*big.Int, len(c.Detail.Coupons)), new(big.Int), new(big.Int)
	for i, one := range c.Detail.Coupons {
		left[i] = n(one.Amount)
		coupons.Add(coupons, left[i])
		if i < len(c.CouponUsed) {
			left[i] = new(big.Int).Sub(left[i], n(c.CouponUsed[i]))
		}
		couponsLeft.Add(couponsLeft, left[i])
	}
	totalLeft := new(big.Int).Sub(total, n(c.Reserved+c.Refunded))
	cashLeft := new(big.Int).Sub(totalLeft, couponsLeft)
	payer := clamp(halfUp(refunded, new(big.Int).Sub(total, coupons), total),
		most(new(big.Int).Sub(refunded, couponsLeft)), least(refunded, cashLeft))
	parts := refund.Parts{Payer: money.Minor(payer.Int64())}
	rest, weight, room := new(big.Int).Sub(refunded, payer), new(big.Int).Set(coupons), new(big.Int).Set(couponsLeft)
	for i, one := range c.Detail.Coupons {
		room.Sub(room, left[i])
		x := clamp(halfUp(rest, n(one.Amount), weight), most(new(big.Int).Sub(rest, room)), least(rest, left[i]))
		parts.Coupons = append(parts.Coupons, money.Minor(x.Int64()))
		rest, weight = new(big.Int).Sub(rest, x), weight.Sub(weight, n(one.Amount))
	}
	if c.Fee != nil {
		feeLeft, low := new(big.Int).Sub(n(*c.Fee), n(c.FeeUsed)), zero
		if refunded.Cmp(totalLeft) == 0 {
			low = feeLeft
		}
		fee := money.Minor(clamp(halfUp(n(*c.Fee), refunded, total), low, feeLeft).Int64())
		parts.Fee = &fee
	}
	return parts
}
