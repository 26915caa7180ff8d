package wechatpay

import (
	"cmp"
	"context"
	"net/http"
	"strings"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Codes of refusals that are ours: nothing was sent.
const (
	codeCurrency   = "NOT_CNY"
	codeNoOrder    = "NO_ORDER"
	codeNoSub      = "NO_SUB_MCHID"
	codeOtherSub   = "OTHER_SUB_MCHID"
	codeFunds      = "FUNDS"
	codeNoRefundID = "NO_REFUND_ID"
	codeNoCard     = "CARD"
	codeUnwritable = "REQUEST"
)

// refuse is a refusal of ours.
func refuse(code, message string) *refund.Outcome {
	return &refund.Outcome{Kind: refund.OutcomeRefused, Code: code, Message: message + ": nothing was sent"}
}

// Submit implements channel.Connector. A repeat is answered with the refund as it
// is: an out_refund_no stands for one refund for ever.
func (c *connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	request, refused := c.request(i)
	if refused != nil {
		return *refused
	}
	body, err := wire.Marshal(request)
	if err != nil {
		return *refuse(codeUnwritable, "the request can't be written")
	}
	a := c.call(ctx, http.MethodPost, wire.PathRefunds, body)
	a.sent.Shown = map[string]string{"out_refund_no": request.OutRefundNo}
	for name, value := range map[string]string{"sub_mchid": request.SubMchID, "funds_account": request.FundsAccount} {
		if value != "" {
			a.sent.Shown[name] = value
		}
	}
	return a.outcome(refund.Submit, i)
}

// Query implements channel.Connector.
func (c *connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	sub, refused := c.sub(i.Charge)
	if refused != nil {
		return *refused
	}
	return c.call(ctx, http.MethodGet, wire.RefundTarget(i.Number, sub), nil).outcome(refund.Query, i)
}

// request is the refund as the platform reads it.
func (c *connector) request(i channel.Instruction) (wire.RefundRequest, *refund.Outcome) {
	if i.Amount.Currency != wire.Currency || i.Total.Currency != wire.Currency {
		return wire.RefundRequest{}, refuse(codeCurrency, "WeChat Pay refunds yuan only, and not "+string(i.Amount.Currency))
	}
	sub, refused := c.sub(i.Charge)
	if refused != nil {
		return wire.RefundRequest{}, refused
	}
	detail := i.Refund.Detail
	request := wire.RefundRequest{
		SubMchID: sub, OutRefundNo: i.Number, NotifyURL: c.notifyURL, Goods: goods(detail.Goods),
		Amount: wire.RequestAmount{Refund: int64(i.Amount.Minor), Total: int64(i.Total.Minor), Currency: wire.Currency},
	}
	if request.TransactionID, request.OutTradeNo = order(i.TransactionID, i.Charge.OrderNo); request.TransactionID+request.OutTradeNo == "" {
		return wire.RefundRequest{}, refuse(codeNoOrder, "neither the payment's number nor the order's is one of WeChat Pay's")
	}
	if !detail.Options.HideReason {
		request.Reason = wire.ClipReason(i.Reason)
	}
	if c.sendsFunds && detail.PaidFrom == refund.FundsAvailable {
		// Absent it is the funds that are not settled yet. UNSETTLED itself is for
		// deposits alone, and is never sent.
		request.FundsAccount = wire.FundsAvailable
	}
	for _, from := range detail.From {
		account, ok := payers[from.Account]
		if !ok {
			return wire.RefundRequest{}, refuse(codeFunds, "WeChat Pay has no account of the name that is to pay a part")
		}
		request.Amount.From = append(request.Amount.From, wire.From{Account: account, Amount: int64(from.Amount)})
	}
	return request, nil
}

// order names a payment by one number: the platform's, where it has its form, or
// else the merchant's.
func order(transactionID, orderNo string) (transaction, outTradeNo string) {
	switch {
	case wire.IsPossibleID(transactionID) && !strings.ContainsAny(transactionID, "_-|*@"):
		return transactionID, ""
	case wire.IsOutTradeNo(orderNo):
		return "", orderNo
	}
	return "", ""
}

// sub is the sub-merchant whose payment a charge is: "" for a direct merchant, the
// one that the charge names, or the account's. A charge that an earlier version
// registered names it in the name that it is known under at this service provider.
func (c *connector) sub(charge refund.Charge) (string, *refund.Outcome) {
	if !c.partner {
		return "", nil
	}
	known := charge.Detail.SubMerchant
	for _, alias := range charge.Aliases {
		if alias.Dialect == Name && alias.Identity == c.mchID {
			known = cmp.Or(known, alias.Sub)
		}
	}
	switch {
	case known == "" && c.subMchID == "":
		return "", refuse(codeNoSub, "the charge names no sub-merchant, and the account has none")
	case known != "" && c.subMchID != "" && known != c.subMchID:
		return "", refuse(codeOtherSub, "the charge is sub-merchant "+known+"'s, and the account refunds for "+c.subMchID+" only")
	}
	return cmp.Or(known, c.subMchID), nil
}

func goods(lines []refund.RefundedGoods) (out []wire.Goods) {
	for _, line := range lines {
		out = append(out, wire.Goods{
			MerchantGoodsID: line.MerchantGoodsID, WechatpayGoodsID: line.ChannelGoodsID, GoodsName: line.Name,
			UnitPrice: int64(line.UnitPrice), RefundAmount: int64(line.Amount), RefundQuantity: line.Quantity,
		})
	}
	return out
}
