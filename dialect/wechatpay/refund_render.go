package wechatpay

import (
	"cmp"
	"slices"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// statuses says what each state of the core looks like (docs/money.md).
var statuses = map[refund.State]string{
	refund.Held:      wire.StatusProcessing,
	refund.Created:   wire.StatusProcessing,
	refund.Pending:   wire.StatusProcessing,
	refund.Abnormal:  wire.StatusAbnormal,
	refund.Succeeded: wire.StatusSuccess,
	refund.Failed:    wire.StatusClosed,
	refund.Canceled:  wire.StatusClosed,
}

// refundObject returns a refund in the dialect's form, member by member as in
// the published page. The charge must have a name here.
func refundObject(r refund.Refund, charge refund.Charge, identity merchant.Identity) wire.Refund {
	out := wire.Refund{
		RefundID: refundID(r), OutRefundNo: outRefundNo(r),
		TransactionID: charge.TransactionID, OutTradeNo: aliasOf(charge, identity).Name,
		Channel:             wayBack(r.Landed),
		UserReceivedAccount: receivedAccount(r, charge),
		CreateTime:          wire.Time(r.CreatedAt), Status: statuses[r.State], FundsAccount: fundsAccount(r, charge),
		Amount: refundAmount(r, charge), Promotions: promotions(r, charge),
	}
	if r.State == refund.Succeeded {
		at := wire.Time(r.SucceededAt)
		out.SuccessTime = &at
	}
	return out
}

// receivedAccount is where the money lands: as the channel's outcome says, else
// as the payment came. Notifications show it too, sealed.
func receivedAccount(r refund.Refund, charge refund.Charge) string {
	text := []byte(cmp.Or(r.Landed.Account, charge.Detail.ReceivedAccount))
	return cmp.Or(string(wire.DropLongCharacters(text)), wire.AccountBalance)
}

// refundAmount is a refund's member amount. Its totals are the order's.
func refundAmount(r refund.Refund, charge refund.Charge) wire.Amount {
	out := wire.Amount{
		Total: int64(charge.Amount), Refund: int64(r.Amount),
		PayerTotal: int64(charge.Amount), PayerRefund: int64(r.Parts.Payer),
		SettlementRefund: int64(r.Parts.Settlement(charge.Detail.Coupons)), SettlementTotal: int64(charge.Amount),
		DiscountRefund: int64(r.Parts.Discount()), Currency: wire.Currency,
	}
	for _, coupon := range charge.Detail.Coupons {
		out.PayerTotal -= int64(coupon.Amount)
		if coupon.Type == refund.TypeUnfunded {
			out.SettlementTotal -= int64(coupon.Amount)
		}
	}
	for _, from := range r.Detail.From {
		out.From = append(out.From, wire.From{Account: fundsWord(from.Account), Amount: int64(from.Amount)})
	}
	if r.Parts.Fee != nil {
		fee := int64(*r.Parts.Fee)
		out.RefundFee = &fee
	}
	return out
}

// promotions lists the coupons of which something goes back.
func promotions(r refund.Refund, charge refund.Charge) []wire.Promotion {
	var out []wire.Promotion
	for n, coupon := range charge.Detail.Coupons {
		if n >= len(r.Parts.Coupons) || r.Parts.Coupons[n] == 0 {
			continue
		}
		out = append(out, wire.Promotion{
			PromotionID: coupon.ID, Scope: scopes[coupon.Scope], Type: types[coupon.Type], Amount: int64(coupon.Amount),
			RefundAmount: int64(r.Parts.Coupons[n]), Goods: couponGoods(r, coupon),
		})
	}
	return out
}

// couponGoods are the goods that the request named: of a SINGLE coupon those
// that it hangs on, of a GLOBAL one all.
func couponGoods(r refund.Refund, coupon refund.Coupon) []wire.Goods {
	var out []wire.Goods
	for _, g := range r.Detail.Goods {
		hangs := slices.ContainsFunc(coupon.Goods, func(line refund.CouponGoods) bool { return line.MerchantGoodsID == g.MerchantGoodsID })
		if coupon.Scope == refund.ScopeGoods && !hangs {
			continue
		}
		out = append(out, wire.Goods{
			MerchantGoodsID: g.MerchantGoodsID, WechatpayGoodsID: g.ChannelGoodsID, GoodsName: g.Name,
			UnitPrice: int64(g.UnitPrice), RefundAmount: int64(g.Amount), RefundQuantity: g.Quantity,
		})
	}
	return out
}

// fundsAccount is which of the merchant's accounts pays (W2.1a-14 to W2.1a-16). One
// that another dialect's request named is not shown here.
func fundsAccount(r refund.Refund, charge refund.Charge) string {
	onlyUnavailable := len(r.Detail.From) > 0 && !slices.ContainsFunc(r.Detail.From, func(f refund.FundsFrom) bool {
		return f.Account != refund.FundsUnavailable
	})
	switch {
	case r.Detail.PaidFrom != "" && r.Detail.FundingSource == nil:
		return fundsWord(r.Detail.PaidFrom)
	case onlyUnavailable:
		return wire.FundsUnavailable
	}
	return fundsWord(cmp.Or(charge.Detail.FundsAccount, refund.FundsBasic))
}

// refundID is the platform's number of a refund, made from ours.
func refundID(r refund.Refund) string {
	made := r.CreatedAt
	if at, ok := refund.IDTime(strings.TrimPrefix(r.ID, "re_")); ok {
		made = at
	}
	return wire.MakeRefundID(r.ID, made.UnixMilli())
}

// outRefundNo is the merchant's number of a refund; where it gave none, or one
// that has not this dialect's form, it is the number that the channel sees.
func outRefundNo(r refund.Refund) string {
	if wire.IsOutRefundNo(r.Number) {
		return r.Number
	}
	return r.ChannelNumber
}

// aliasOf is a charge's name for an account: the one that was registered for
// it, else the first in this dialect. All accounts of one merchant see all of
// its charges.
func aliasOf(charge refund.Charge, identity merchant.Identity) refund.Alias {
	for _, alias := range charge.Aliases {
		if alias.Dialect == merchant.WeChatPay && alias.Identity == identity.Name {
			return alias
		}
	}
	alias, _ := charge.Alias(merchant.WeChatPay)
	return alias
}

// subOf is the sub-merchant that a service provider must name for a charge: the
// one that it was registered with, else the account's own.
func subOf(charge refund.Charge, identity merchant.Identity) string {
	return cmp.Or(aliasOf(charge, identity).Sub, identity.Sub)
}
