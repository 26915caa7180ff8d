package refund

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/money"
)

// Register checks a charge that is new to us and sets its counters: what was
// refunded before it came is allocated as one refund and counted as Refunded.
// Its amount is at most MaxAmount.
func Register(c Charge) (Charge, *Error) {
	if c.Amount > MaxAmount {
		return Charge{}, Errorf(KindInvalid, "amount", "the amount must be at most %d minor units", MaxAmount)
	}
	return AsRegistered(c)
}

// AsRegistered is Register for a charge that is there already, of whatever
// amount: as it was right after it was registered.
func AsRegistered(c Charge) (Charge, *Error) {
	if err := checkNumbers(c); err != nil {
		return Charge{}, err
	}
	if err := cmp.Or(checkCoupons(c), CheckCustomer(c.Customer)); err != nil {
		return Charge{}, err
	}
	c.Reserved, c.Refunded, c.Blocked, c.Excess, c.FeeUsed = 0, 0, 0, 0, 0
	c.CouponUsed, c.GoodsUsed, c.SplitUsed = nil, nil, nil
	c.Refunds, c.LastRefundAt = 0, time.Time{}
	if c.AlreadyRefunded > 0 {
		parts, err := Allocate(c, c.AlreadyRefunded, nil)
		if err != nil {
			return Charge{}, err
		}
		c.use(parts, 1)
		c.Refunded = c.AlreadyRefunded
	}
	return c, nil
}

// MaxAmount is the most that a new charge may have, in minor units: more than
// any payment, and sums of thousands of charges still fit into 64 bits. A charge
// of an earlier version may have more; it is read and refunded like any other.
const MaxAmount money.Minor = 1e15

func checkNumbers(c Charge) *Error {
	switch {
	case c.Amount <= 0:
		return Errorf(KindInvalid, "amount", "the amount must be above 0")
	case !c.Currency.Valid():
		return Errorf(KindInvalid, "currency", "no active ISO 4217 currency")
	case c.AlreadyRefunded < 0 || c.AlreadyRefunded > c.Amount:
		return Errorf(KindInvalid, "already_refunded", "must be from 0 to the amount")
	case c.Fee != nil && (*c.Fee < 0 || *c.Fee > c.Amount):
		return Errorf(KindInvalid, "fee", "must be from 0 to the amount")
	}
	var splits money.Minor
	for _, s := range c.Detail.Splits {
		sum, ok := money.Add(splits, s.Amount)
		if s.Account == "" || s.Amount <= 0 || !ok || sum > c.Amount {
			return Errorf(KindInvalid, "splits", "each has an account and an amount above 0; together at most the charge's")
		}
		splits = sum
	}
	return nil
}

func checkCoupons(c Charge) *Error {
	var sum money.Minor
	for _, coupon := range c.Detail.Coupons {
		switch {
		case coupon.ID == "" || coupon.Amount <= 0:
			return Errorf(KindInvalid, "coupons", "each has an id and an amount above 0")
		case coupon.Scope != ScopeOrder && coupon.Scope != ScopeGoods:
			return Errorf(KindInvalid, "coupons", "the scope is %s or %s", ScopeOrder, ScopeGoods)
		case coupon.Type != TypeFunded && coupon.Type != TypeUnfunded:
			return Errorf(KindInvalid, "coupons", "the type is %s or %s", TypeFunded, TypeUnfunded)
		}
		var ok bool
		if sum, ok = money.Add(sum, coupon.Amount); !ok || sum > c.Amount {
			return Errorf(KindInvalid, "coupons", "together at most the charge's amount")
		}
		if err := checkCouponGoods(coupon); err != nil {
			return err
		}
	}
	for _, g := range c.Detail.Goods {
		if g.MerchantGoodsID == "" || g.Quantity <= 0 || g.Quantity > maxPieces || g.UnitPrice < 0 {
			return Errorf(KindInvalid, "goods", "each has an id, a quantity above 0 and a price")
		}
	}
	return nil
}

// maxPieces bounds a line's quantity, so that sums of lines can't overflow.
const maxPieces = 1 << 40

// checkCouponGoods: each line of goods once, because what refunds hold of a
// line is counted by its id.
func checkCouponGoods(coupon Coupon) *Error {
	seen := make(map[string]bool, len(coupon.Goods))
	for _, g := range coupon.Goods {
		if g.Quantity <= 0 || g.Quantity > maxPieces || g.Discount < 0 || g.Discount > coupon.Amount {
			return Errorf(KindInvalid, "coupons", "goods of a coupon have a quantity above 0 and a discount within the coupon")
		}
		if seen[g.MerchantGoodsID] {
			return Errorf(KindInvalid, "coupons", "a coupon names the goods %q twice", g.MerchantGoodsID)
		}
		seen[g.MerchantGoodsID] = true
	}
	return nil
}

// SameCharge reports whether registering b again is the same charge as a:
// its money must agree. Aliases are added, and nothing else is changed.
func SameCharge(a, b Charge) bool { return len(Differences(a, b)) == 0 }

// Differences names the members by which b is not the same charge as a. What was
// looked up at a channel and what the merchant says of it agree where payment and
// money do: the channel knows neither what the merchant calls the order and the way
// of paying, nor its coupons and shares, and what was refunded it knows better.
func Differences(a, b Charge) []string {
	lookedUp := a.Detail.LookedUp || b.Detail.LookedUp
	var names []string
	for _, member := range []struct {
		name string
		same bool
	}{
		{"amount", a.Amount == b.Amount},
		{"currency", a.Currency == b.Currency},
		{"channel", lookedUp || a.Channel == b.Channel},
		{"order_no", lookedUp || a.OrderNo == b.OrderNo},
		{"channel_account", a.ChannelAccount == b.ChannelAccount},
		{"transaction_id", a.TransactionID == b.TransactionID},
		{"already_refunded", lookedUp || a.AlreadyRefunded == b.AlreadyRefunded},
		{"fee", lookedUp || equalMinor(a.Fee, b.Fee)},
		{"coupons", lookedUp || slices.EqualFunc(a.Detail.Coupons, b.Detail.Coupons, sameCoupon)},
		{"splits", lookedUp || slices.Equal(a.Detail.Splits, b.Detail.Splits)},
		{"goods", lookedUp || slices.Equal(a.Detail.Goods, b.Detail.Goods)},
	} {
		if !member.same {
			names = append(names, member.name)
		}
	}
	return names
}

func sameCoupon(a, b Coupon) bool {
	return a.ID == b.ID && a.Scope == b.Scope && a.Type == b.Type && a.Amount == b.Amount && slices.Equal(a.Goods, b.Goods)
}

func equalMinor(a, b *money.Minor) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// OwnNames replaces c's names that were made of its order number with names
// made of its id, for when the former are another payment's already: an order
// may be paid twice, and each sub-merchant of a service provider numbers its
// own. changed is false where there was none.
func OwnNames(c Charge) (own Charge, changed bool) {
	c.Aliases = slices.Clone(c.Aliases)
	tail := strings.TrimPrefix(c.ID, "ch_")
	for n, a := range c.Aliases {
		if a.MadeUp && a.Name == c.OrderNo && a.Name != tail {
			c.Aliases[n].Name, changed = tail, true
		}
	}
	return c, changed
}
