package wechatpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/refundry/refundry/wire/exactjson"
)

// Limits of lists that are read, in elements; the platform gives none.
const maxPromotions = 100

// ErrAnswer tells that a 2xx answer can't be read: what became of the request
// is unknown.
var ErrAnswer = errors.New("answer can't be read")

// Refund is the refund object, field by field as in the page (W2.1a-1). What is
// required is always written, also 0 and "". SuccessTime is only there with
// StatusSuccess.
type Refund struct {
	RefundID            string      `json:"refund_id"`
	OutRefundNo         string      `json:"out_refund_no"`
	TransactionID       string      `json:"transaction_id"`
	OutTradeNo          string      `json:"out_trade_no"`
	Channel             string      `json:"channel"`
	UserReceivedAccount string      `json:"user_received_account"`
	SuccessTime         *Time       `json:"success_time,omitempty"`
	CreateTime          Time        `json:"create_time"`
	Status              string      `json:"status"`
	FundsAccount        string      `json:"funds_account"`
	Amount              Amount      `json:"amount"`
	Promotions          []Promotion `json:"promotion_detail,omitempty"`
}

// Amount is a refund's member amount. Total, PayerTotal and SettlementTotal
// are the order's, the others this refund's. From is written only if the
// request had it, RefundFee only if it is known.
type Amount struct {
	Total            int64  `json:"total"`
	Refund           int64  `json:"refund"`
	From             []From `json:"from,omitempty"`
	PayerTotal       int64  `json:"payer_total"`
	PayerRefund      int64  `json:"payer_refund"`
	SettlementRefund int64  `json:"settlement_refund"`
	SettlementTotal  int64  `json:"settlement_total"`
	DiscountRefund   int64  `json:"discount_refund"`
	Currency         string `json:"currency"`
	RefundFee        *int64 `json:"refund_fee,omitempty"`
}

// Promotion is one coupon of promotion_detail: what it took off the order, and
// what of it goes back. Only coupons of which something goes back are listed.
type Promotion struct {
	PromotionID  string  `json:"promotion_id"`
	Scope        string  `json:"scope"`
	Type         string  `json:"type"`
	Amount       int64   `json:"amount"`
	RefundAmount int64   `json:"refund_amount"`
	Goods        []Goods `json:"goods_detail,omitempty"`
}

// MarshalJSON leaves success_time out unless the status is SUCCESS: a refund
// that a bank sent back later shows CLOSED, and clients read "" as an error.
func (refund Refund) MarshalJSON() ([]byte, error) {
	if refund.Status != StatusSuccess {
		refund.SuccessTime = nil
	}
	type plain Refund // drops this method, which would call itself
	return Marshal(plain(refund))
}

// DecodeRefund reads the refund object out of an answer, as a client. All that
// the page requires must be there, except the words about accounts, which
// older answers lack; unknown words are kept. promotion_detail may be an empty
// list, and its types are those of NormalType. Errors are ErrAnswer.
func DecodeRefund(body exactjson.Value) (Refund, error) {
	r := newAnswerReader(body)
	must := rule{required: true, min: 1, max: MaxOutRefundNo}
	refund := Refund{
		RefundID:            r.text("refund_id", must),
		OutRefundNo:         r.text("out_refund_no", must),
		TransactionID:       r.text("transaction_id", must),
		OutTradeNo:          r.text("out_trade_no", must),
		Channel:             r.text("channel", rule{}),
		UserReceivedAccount: r.text("user_received_account", rule{}),
		CreateTime:          Time(r.moment("create_time", true)),
		Status:              r.text("status", must),
		FundsAccount:        r.text("funds_account", rule{}),
	}
	if at := r.moment("success_time", false); !at.IsZero() {
		success := Time(at)
		refund.SuccessTime = &success
	}
	r.child("amount", true, refund.Amount.read)
	r.each("promotion_detail", maxPromotions, func(r *reader) { refund.Promotions = append(refund.Promotions, readPromotion(r)) })
	if err := answerError(r); err != nil {
		return Refund{}, err
	}
	return refund, nil
}

// answerError returns a reader's complaint about an answer, nil when there is
// none.
func answerError(r *reader) error {
	if err := r.err(); err != nil {
		return fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	return nil
}

func (a *Amount) read(r *reader) {
	a.Total = r.integer("total", true, 1)
	a.Refund = r.integer("refund", true, 1)
	a.PayerTotal = r.integer("payer_total", true, 0)
	a.PayerRefund = r.integer("payer_refund", true, 0)
	a.SettlementRefund = r.integer("settlement_refund", true, 0)
	a.SettlementTotal = r.integer("settlement_total", true, 0)
	a.DiscountRefund = r.integer("discount_refund", true, 0)
	a.Currency = r.text("currency", rule{required: true, good: oneOf(Currency), issue: "must be CNY"})
	if _, ok := r.get("refund_fee", false); ok {
		fee := r.integer("refund_fee", true, 0)
		a.RefundFee = &fee
	}
	r.each("from", maxPromotions, func(r *reader) {
		a.From = append(a.From, From{r.text("account", rule{required: true}), r.integer("amount", true, 0)})
	})
}

func readPromotion(r *reader) Promotion {
	promotion := Promotion{
		PromotionID:  r.text("promotion_id", rule{required: true, min: 1}),
		Scope:        r.text("scope", rule{required: true}),
		Type:         NormalType(r.text("type", rule{required: true})),
		Amount:       r.integer("amount", true, 0),
		RefundAmount: r.integer("refund_amount", true, 0),
	}
	r.each("goods_detail", maxGoods, func(r *reader) {
		// Not as strict as with requests: nothing hangs on the form of what the
		// platform repeats, and a refund must not be unknown because of it.
		promotion.Goods = append(promotion.Goods, Goods{
			r.text("merchant_goods_id", rule{}), r.text("wechatpay_goods_id", rule{}), r.text("goods_name", rule{}),
			r.integer("unit_price", false, 0), r.integer("refund_amount", true, 0), r.integer("refund_quantity", false, 0),
		})
	})
	return promotion
}

// Marshal writes compact JSON with raw UTF-8, without HTML escapes and without
// a trailing newline. Sign and send exactly these bytes. It fails like
// json.Marshal.
func Marshal(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
