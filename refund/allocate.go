package refund

import (
	"strconv"

	"github.com/refundry/refundry/money"
)

// GoodsUsed is what refunds hold or gave back of one coupon's line of goods.
type GoodsUsed struct {
	Quantity int64       `json:"quantity"`
	Discount money.Minor `json:"discount"`
}

// Allocate says into what a refund of amount falls: the payer's cash, each
// coupon, the fee, and what shares of the payment give back. Every refund takes
// the half-up share of its own amount, clamped by what is left, so that all
// parts sum exactly once the charge is refunded in full
// (docs/rules/wechatpay.md, W4.1-6; with goods, W4.2-1).
//
// amount is at least 1 and at most Refundable. Naming goods that the order
// does not have, or more pieces than were bought, is KindInvalid.
func Allocate(charge Charge, amount money.Minor, goods []RefundedGoods) (Parts, *Error) {
	a := newAllocation(charge)
	parts := Parts{}
	if len(charge.Detail.Coupons) > 0 {
		parts.Coupons = make([]money.Minor, len(charge.Detail.Coupons))
	}
	if err := knownGoods(charge, goods); err != nil {
		return Parts{}, err
	}
	if len(goods) > 0 && len(charge.Detail.Coupons) > 0 {
		a.byGoods(&parts, amount, goods)
	} else {
		parts.Payer = a.share(amount, a.total, a.payerTotal, a.payerLeft, a.couponsLeft())
		a.spread(parts.Coupons, amount-parts.Payer, a.discountTotal, func(Coupon) bool { return true })
	}
	if charge.Fee != nil {
		fee := a.fee(*charge.Fee, amount)
		parts.Fee = &fee
	}
	parts.Splits = a.splits(amount)
	return parts, nil
}

// allocation is the order's totals and what is left of them.
type allocation struct {
	charge                           Charge
	total, payerTotal, discountTotal money.Minor
	totalLeft, payerLeft             money.Minor
	left                             []money.Minor // per coupon
}

func newAllocation(charge Charge) *allocation {
	a := &allocation{charge: charge, total: charge.Amount}
	a.left = make([]money.Minor, len(charge.Detail.Coupons))
	var used money.Minor
	for i, coupon := range charge.Detail.Coupons {
		a.discountTotal += coupon.Amount
		a.left[i] = coupon.Amount
		if i < len(charge.CouponUsed) {
			a.left[i] = max(0, coupon.Amount-charge.CouponUsed[i])
			used += charge.CouponUsed[i]
		}
	}
	given := charge.Reserved + charge.Refunded
	a.payerTotal = a.total - a.discountTotal
	a.totalLeft = max(0, a.total-given)
	a.payerLeft = max(0, a.payerTotal-(given-used))
	return a
}

func (a *allocation) couponsLeft() (sum money.Minor) {
	for _, x := range a.left {
		sum += x
	}
	return sum
}

// share is the payer's part of amount: its share of payerTotal in total, at
// least what the coupons can't carry, at most what is left of the cash.
func (a *allocation) share(amount, total, payerTotal, payerLeft, couponsLeft money.Minor) money.Minor {
	return money.Clamp(money.HalfUp(amount, payerTotal, total), max(0, amount-couponsLeft), min(amount, payerLeft))
}

// spread shares discount among the coupons that which selects, in the order
// of the promotion, each by its weight in what is still to be shared.
func (a *allocation) spread(parts []money.Minor, discount, weight money.Minor, which func(Coupon) bool) {
	var room money.Minor
	for i, coupon := range a.charge.Detail.Coupons {
		if which(coupon) {
			room += a.left[i]
		}
	}
	for i, coupon := range a.charge.Detail.Coupons {
		if !which(coupon) {
			continue
		}
		room -= a.left[i]
		x := money.Clamp(money.HalfUp(discount, coupon.Amount, weight), max(0, discount-room), min(discount, a.left[i]))
		parts[i] += x
		discount -= x
		weight -= coupon.Amount
	}
}

// byGoods gives coupons of goods back with these, by quantity, and then spreads
// those of the order over what is left of the amount.
func (a *allocation) byGoods(parts *Parts, amount money.Minor, goods []RefundedGoods) {
	single := a.singles(parts, amount, goods)
	var singleTotal, globalTotal, globalLeft money.Minor
	for i, coupon := range a.charge.Detail.Coupons {
		if coupon.Scope == ScopeGoods {
			singleTotal += coupon.Amount
			continue
		}
		globalTotal += coupon.Amount
		globalLeft += a.left[i]
	}
	// When cash and coupons of the order can't carry the rest, those of goods must: the
	// merchant gives back more than the goods it names.
	for i, coupon := range a.charge.Detail.Coupons {
		lack := amount - single - a.payerLeft - globalLeft
		if coupon.Scope == ScopeGoods && lack > 0 {
			more := min(lack, a.left[i]-parts.Coupons[i])
			parts.Coupons[i] += more
			single += more
		}
	}
	rest := amount - single
	total := a.total - singleTotal
	parts.Payer = a.share(rest, total, total-globalTotal, a.payerLeft, globalLeft)
	a.spread(parts.Coupons, rest-parts.Payer, globalTotal, func(c Coupon) bool { return c.Scope != ScopeGoods })
}

// singles gives each coupon of goods the share of its goods that come back; the
// last pieces of a line take its rest. It returns the sum.
func (a *allocation) singles(parts *Parts, amount money.Minor, goods []RefundedGoods) (sum money.Minor) {
	parts.Goods = make(map[string]GoodsUsed)
	for i, coupon := range a.charge.Detail.Coupons {
		if coupon.Scope != ScopeGoods {
			continue
		}
		for _, line := range coupon.Goods {
			key := goodsKey(i, line.MerchantGoodsID)
			used := a.charge.GoodsUsed[key]
			quantity := min(piecesOf(goods, line.MerchantGoodsID), line.Quantity-used.Quantity)
			if quantity <= 0 {
				continue
			}
			x := money.HalfUp(line.Discount, money.Minor(quantity), money.Minor(line.Quantity))
			if used.Quantity+quantity == line.Quantity {
				x = line.Discount - used.Discount
			}
			x = money.Clamp(x, 0, min(line.Discount-used.Discount, a.left[i]-parts.Coupons[i], amount-sum))
			parts.Goods[key] = GoodsUsed{Quantity: quantity, Discount: x}
			parts.Coupons[i] += x
			sum += x
		}
	}
	return sum
}

// fee is the share of the channel's fee; the last refund takes the rest.
func (a *allocation) fee(fee, amount money.Minor) money.Minor {
	left := max(0, fee-a.charge.FeeUsed)
	var least money.Minor
	if amount == a.totalLeft {
		least = left
	}
	return money.Clamp(money.HalfUp(fee, amount, a.total), least, left)
}

func goodsKey(coupon int, merchantGoodsID string) string {
	return strconv.Itoa(coupon) + ":" + merchantGoodsID
}

func piecesOf(goods []RefundedGoods, id string) (pieces int64) {
	for _, g := range goods {
		if g.MerchantGoodsID == id {
			pieces += g.Quantity
		}
	}
	return pieces
}

func knownGoods(charge Charge, goods []RefundedGoods) *Error {
	for _, g := range goods {
		var bought int64
		for _, o := range charge.Detail.Goods {
			if o.MerchantGoodsID == g.MerchantGoodsID {
				bought += o.Quantity
			}
		}
		if bought == 0 {
			return Errorf(KindInvalid, "goods", "the order has no goods %q", g.MerchantGoodsID)
		}
		if g.Quantity <= 0 || g.Quantity > maxPieces || piecesOf(goods, g.MerchantGoodsID) > bought {
			e := Errorf(KindInvalid, "goods", "more or fewer pieces of %q than were bought", g.MerchantGoodsID)
			e.Charge, e.More = charge.ID, "1 to "+strconv.FormatInt(bought, 10)
			return e
		}
	}
	return nil
}
