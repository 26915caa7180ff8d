package wechatpay

import (
	"cmp"
	"encoding/json"
	"net/http"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// object is the refund object.
type object struct {
	RefundID            string       `json:"refund_id"`
	OutRefundNo         string       `json:"out_refund_no"`
	TransactionID       string       `json:"transaction_id"`
	OutTradeNo          string       `json:"out_trade_no"`
	Channel             string       `json:"channel"`
	UserReceivedAccount string       `json:"user_received_account"`
	SuccessTime         string       `json:"success_time,omitempty"`
	CreateTime          string       `json:"create_time"`
	Status              string       `json:"status"`
	FundsAccount        string       `json:"funds_account"`
	Amount              objectAmount `json:"amount"`
	Promotions          []promotion  `json:"promotion_detail,omitempty"`
}

type objectAmount struct {
	Total            money.Minor  `json:"total"`
	Refund           money.Minor  `json:"refund"`
	From             []from       `json:"from,omitempty"`
	PayerTotal       money.Minor  `json:"payer_total"`
	PayerRefund      money.Minor  `json:"payer_refund"`
	SettlementRefund money.Minor  `json:"settlement_refund"`
	SettlementTotal  money.Minor  `json:"settlement_total"`
	DiscountRefund   money.Minor  `json:"discount_refund"`
	Currency         string       `json:"currency"`
	RefundFee        *money.Minor `json:"refund_fee,omitempty"`
}

type promotion struct {
	PromotionID  string      `json:"promotion_id"`
	Scope        string      `json:"scope"`
	Type         string      `json:"type"`
	Amount       money.Minor `json:"amount"`
	RefundAmount money.Minor `json:"refund_amount"`
}

// statuses are the platform's words for the states of the books. A refund that a bank
// sent back is closed.
var statuses = map[channelsim.State]string{
	channelsim.Processing: "PROCESSING", channelsim.Succeeded: "SUCCESS", channelsim.Failed: "CLOSED",
	channelsim.Abnormal: "ABNORMAL", channelsim.Returned: "CLOSED",
}

// show is the answer that shows a refund.
func (s *Side) show(c *channelsim.Call, p *channelsim.Payment, r *channelsim.Refund) channelsim.Answer {
	return answer(http.StatusOK, s.object(c.Books, p, c.View(r)))
}

func (s *Side) object(books *channelsim.Books, p *channelsim.Payment, r channelsim.Refund) object {
	made := s.partsOf(books, p, r)
	payerTotal := whole(p).payer
	out := object{
		RefundID: r.ID, OutRefundNo: r.Number, TransactionID: p.TransactionID, OutTradeNo: p.Number, CreateTime: stamp(r.CreatedAt), Status: statuses[r.State],
		Channel: cmp.Or(r.Attributes[attributeChannel], "ORIGINAL"), UserReceivedAccount: landed(p, r),
		FundsAccount: cmp.Or(r.Attributes[attributeFunds], "BASIC"),
		Amount: objectAmount{
			Total: p.Amount, Refund: r.Amount, PayerTotal: payerTotal, PayerRefund: made.payer, Currency: string(p.Currency),
			SettlementTotal: p.Amount - unfunded(p), SettlementRefund: r.Amount - made.refundedBy(p, "NOCASH"), DiscountRefund: r.Amount - made.payer,
		},
	}
	if text := r.Attributes[attributeFrom]; text != "" {
		_ = json.Unmarshal([]byte(text), &out.Amount.From) // written by fromText
	}
	if p.Attributes[attributeFee] != "" {
		out.Amount.RefundFee = &made.fee
	}
	if r.State == channelsim.Succeeded {
		out.SuccessTime = stamp(r.SucceededAt)
	}
	for n, coupon := range p.Coupons {
		if n < len(made.coupons) && made.coupons[n] > 0 {
			out.Promotions = append(out.Promotions, promotion{coupon.ID, coupon.Scope, coupon.Type, coupon.Amount, made.coupons[n]})
		}
	}
	return out
}

func landed(p *channelsim.Payment, r channelsim.Refund) string {
	return cmp.Or(r.Attributes[attributeLanded], p.Attributes[attributeReceived], "支付用户零钱")
}

// fromText keeps which accounts pay a refund.
func fromText(list []from) string {
	if len(list) == 0 {
		return ""
	}
	text, _ := json.Marshal(list) // texts and numbers
	return string(text)
}
