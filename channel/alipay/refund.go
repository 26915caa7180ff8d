package alipay

import (
	"context"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/alipay"
)

// Codes of refusals that are ours: nothing was sent.
const (
	codeCurrency  = "NOT_CNY"
	codeNoTrade   = "NO_TRADE"
	codeNoSeller  = "NO_SELLER_ID"
	codeRoyalties = "SHARES"
)

// refuse is a refusal of ours.
func refuse(code, message string) *refund.Outcome {
	return &refund.Outcome{Kind: refund.OutcomeRefused, Code: code, Message: message + ": nothing was sent"}
}

// Submit implements channel.Connector. The same number and amount again refund nothing
// more, whenever they come.
func (c *connector) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	request, refused := c.request(i)
	if refused != nil {
		return *refused
	}
	a := c.call(ctx, wire.MethodRefund, request)
	a.sent.Shown = map[string]string{"out_request_no": request.OutRequestNo, "refund_amount": wire.FormatYuan(int64(request.RefundAmount))}
	for name, value := range map[string]string{"trade_no": request.TradeNo, "out_trade_no": request.OutTradeNo} {
		if value != "" {
			a.sent.Shown[name] = value
		}
	}
	return a.submitted(i)
}

// queryOptions are what every question asks for.
var queryOptions = []string{wire.OptionItems, wire.OptionPaidAt, wire.OptionDepositBack}

// Query implements channel.Connector.
func (c *connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	query := wire.RefundQuery{OutRequestNo: i.Number, QueryOptions: queryOptions}
	if query.TradeNo, query.OutTradeNo = trade(i.TransactionID, i.Charge.OrderNo); query.TradeNo+query.OutTradeNo == "" {
		return *refuse(codeNoTrade, noTrade)
	}
	return c.call(ctx, wire.MethodRefundQuery, query).queried(i)
}

const noTrade = "neither the payment's number nor the order's can be one at Alipay"

// request is the refund as the platform reads it.
func (c *connector) request(i channel.Instruction) (wire.RefundRequest, *refund.Outcome) {
	if i.Amount.Currency != wire.Currency || i.Total.Currency != wire.Currency {
		return wire.RefundRequest{}, refuse(codeCurrency, "Alipay refunds yuan only, and not "+string(i.Amount.Currency))
	}
	request := wire.RefundRequest{RefundAmount: wire.Yuan(i.Amount.Minor), OutRequestNo: i.Number, QueryOptions: []string{wire.OptionItems}}
	if request.TradeNo, request.OutTradeNo = trade(i.TransactionID, i.Charge.OrderNo); request.TradeNo+request.OutTradeNo == "" {
		return wire.RefundRequest{}, refuse(codeNoTrade, noTrade)
	}
	if !i.Refund.Detail.Options.HideReason {
		request.RefundReason = clip(i.Reason, wire.MaxReason)
	}
	if c.asksDepositBack {
		request.QueryOptions = append(request.QueryOptions, wire.OptionDepositBack)
	}
	var refused *refund.Outcome
	request.Royalties, refused = c.royalties(i)
	return request, refused
}

// trade names a payment by one number: the platform's, which has digits alone, or else
// the merchant's.
func trade(transactionID, orderNo string) (tradeNo, outTradeNo string) {
	switch {
	case len(transactionID) >= 16 && len(transactionID) <= wire.MaxTradeNo && strings.Trim(transactionID, "0123456789") == "":
		return transactionID, ""
	case orderNo != "" && len(orderNo) <= wire.MaxTradeNo:
		return "", orderNo
	}
	return "", ""
}

// clip cuts a text to a number of characters.
func clip(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most])
}

// faceToFace are the channels whose shares the platform gives back by itself, in
// proportion, where a refund names none.
var faceToFace = map[string]bool{"alipay_qr": true, "alipay_scan": true, "cb_alipay_qr": true, "cb_alipay_scan": true}

// royalties are the shares that other accounts give back: those that the request
// names, or else the refund's parts of the shares that they got of the payment.
// Without them the merchant alone would pay.
func (c *connector) royalties(i channel.Instruction) ([]wire.Royalty, *refund.Outcome) {
	shares := i.Refund.Detail.Options.Splits
	if len(shares) == 0 && !faceToFace[i.Charge.Channel] {
		shares = partShares(i)
	}
	if len(shares) == 0 {
		return nil, nil
	}
	if c.sellerID == "" {
		return nil, refuse(codeNoSeller, "shares are to be given back, and the account has no "+settingSellerID+" to give them back to")
	}
	if len(shares) > wire.MaxRoyalties {
		return nil, refuse(codeRoyalties, "more accounts give shares back than Alipay takes at once")
	}
	left := i.Amount.Minor
	out := make([]wire.Royalty, 0, len(shares))
	for _, share := range shares {
		if left -= share.Amount; share.Account == "" || share.Amount <= 0 || left < 0 {
			return nil, refuse(codeRoyalties, "the shares are not above 0, or more than the refund in all")
		}
		out = append(out, wire.Royalty{
			Type: wire.RoyaltyTransfer, Out: share.Account, OutType: wire.ByUserID, In: c.sellerID, InType: wire.ByUserID,
			Amount: wire.Yuan(share.Amount), Desc: share.Description,
		})
	}
	return out, nil
}

func partShares(i channel.Instruction) (shares []refund.Split) {
	for n, amount := range i.Refund.Parts.Splits {
		if amount > 0 && n < len(i.Charge.Detail.Splits) {
			share := i.Charge.Detail.Splits[n]
			share.Amount = amount
			shares = append(shares, share)
		}
	}
	return shares
}
