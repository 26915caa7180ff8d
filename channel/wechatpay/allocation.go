package wechatpay

import (
	"fmt"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// allocation is what the platform says a refund falls into, and where that is
// something else than we reckoned, as a text that is kept with the attempt. It
// decides nothing: the books follow our own parts, and a person compares.
func allocation(got wire.Refund, i channel.Instruction) string {
	var text, differs strings.Builder
	part := func(name string, theirs int64, ours money.Minor, reckoned bool) {
		_, _ = fmt.Fprintf(&text, "%s %d, ", name, theirs)
		if reckoned && theirs != int64(ours) {
			_, _ = fmt.Fprintf(&differs, "; %s differs: we reckoned %d", name, ours)
		}
	}
	parts, coupons := i.Refund.Parts, i.Charge.Detail.Coupons
	reckoned := parts.Payer+parts.Discount() == i.Amount.Minor
	part("payer_refund", got.Amount.PayerRefund, parts.Payer, reckoned)
	part("discount_refund", got.Amount.DiscountRefund, parts.Discount(), reckoned)
	part("settlement_refund", got.Amount.SettlementRefund, parts.Settlement(coupons), reckoned)
	if fee := got.Amount.RefundFee; fee != nil {
		ours := money.Minor(0)
		if parts.Fee != nil {
			ours = *parts.Fee
		}
		part("refund_fee", *fee, ours, parts.Fee != nil)
	}
	for _, from := range got.Amount.From {
		part("from "+from.Account, from.Amount, 0, false)
	}
	for _, promotion := range got.Promotions {
		ours, known := money.Minor(0), false
		for at, coupon := range coupons {
			if coupon.ID == promotion.PromotionID && at < len(parts.Coupons) {
				ours, known = parts.Coupons[at], true
			}
		}
		part("coupon "+promotion.PromotionID, promotion.RefundAmount, ours, known)
	}
	if got.FundsAccount != "" {
		text.WriteString("paid from " + got.FundsAccount)
	}
	return strings.TrimSuffix(text.String(), ", ") + differs.String()
}
