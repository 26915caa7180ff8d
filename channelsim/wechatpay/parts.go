package wechatpay

import (
	"math/big"
	"strconv"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// parts are who gets what of a refund: the payer his money, each coupon its share, and
// the merchant his fee.
type parts struct {
	payer   money.Minor
	coupons []money.Minor // in the order of the payment's
	fee     money.Minor
}

// partsOf are the parts of a refund. They are worked out once, in the order in which
// refunds were made, of what those before it have left.
func (s *Side) partsOf(books *channelsim.Books, p *channelsim.Payment, r channelsim.Refund) parts {
	left := whole(p)
	for _, one := range books.RefundsOf(p) {
		made, known := s.parts[one.ID]
		if !known {
			made = left.share(p, one.Amount)
			s.parts[one.ID] = made
		}
		if one.ID == r.ID {
			return made
		}
		if one.State != channelsim.Failed && one.State != channelsim.Returned {
			left.subtract(made, one.Amount)
		}
	}
	return parts{}
}

// remainder is what is left of a payment.
type remainder struct {
	total, payer, fee money.Minor
	coupons           []money.Minor
}

// whole is a payment of which nothing was refunded.
func whole(p *channelsim.Payment) remainder {
	left := remainder{total: p.Amount, payer: p.Amount, fee: feeOf(p)}
	for _, coupon := range p.Coupons {
		left.payer -= coupon.Amount
		left.coupons = append(left.coupons, coupon.Amount)
	}
	return left
}

func feeOf(p *channelsim.Payment) money.Minor {
	fee, _ := strconv.ParseInt(p.Attributes[attributeFee], 10, 64) // checked when the payment was made
	return money.Minor(fee)
}

// share divides a refund. The payer gets the half-up share of his part of the payment,
// the coupons the rest in the same manner one after the other, each at most what is
// left of it and at least what no other can take.
func (left remainder) share(p *channelsim.Payment, amount money.Minor) (out parts) {
	var room, discount money.Minor
	for n, coupon := range p.Coupons {
		room += left.coupons[n]
		discount += coupon.Amount
	}
	out.payer = between(halfUp(amount, p.Amount-discount, p.Amount), max(0, amount-room), min(amount, left.payer))
	rest := amount - out.payer
	for n, coupon := range p.Coupons {
		room -= left.coupons[n]
		one := between(halfUp(rest, coupon.Amount, discount), max(0, rest-room), min(rest, left.coupons[n]))
		out.coupons = append(out.coupons, one)
		rest -= one
		discount -= coupon.Amount
	}
	lowest := money.Minor(0)
	if amount == left.total {
		lowest = left.fee
	}
	out.fee = between(halfUp(feeOf(p), amount, p.Amount), lowest, left.fee)
	return out
}

func (left *remainder) subtract(made parts, amount money.Minor) {
	left.total -= amount
	left.payer -= made.payer
	left.fee -= made.fee
	for n, one := range made.coupons {
		left.coupons[n] -= one
	}
}

// halfUp is a·b/c rounded half up, 0 where c is 0.
func halfUp(a, b, c money.Minor) money.Minor {
	if c == 0 {
		return 0
	}
	twice := new(big.Int).Mul(big.NewInt(int64(a)), big.NewInt(int64(b)))
	twice.Lsh(twice, 1).Add(twice, big.NewInt(int64(c)))
	return money.Minor(twice.Div(twice, big.NewInt(2*int64(c))).Int64())
}

func between(x, low, high money.Minor) money.Minor { return max(low, min(x, high)) }

// refundedBy is what a refund gives back to coupons of a type.
func (one parts) refundedBy(p *channelsim.Payment, kind string) (sum money.Minor) {
	for n, coupon := range p.Coupons {
		if coupon.Type == kind && n < len(one.coupons) {
			sum += one.coupons[n]
		}
	}
	return sum
}

// unfunded is the discount of coupons that were never paid to the merchant.
func unfunded(p *channelsim.Payment) (sum money.Minor) {
	for _, coupon := range p.Coupons {
		if coupon.Type == "NOCASH" {
			sum += coupon.Amount
		}
	}
	return sum
}
