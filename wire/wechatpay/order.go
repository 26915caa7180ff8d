package wechatpay

import "github.com/refundry/refundry/wire/exactjson"

// Order is the answer of an order query (W2.5-7). A direct merchant's has AppID
// and MchID, a partner's the four others; what is "" or nil is left out.
type Order struct {
	AppID          string           `json:"appid,omitempty"`
	MchID          string           `json:"mchid,omitempty"`
	SpAppID        string           `json:"sp_appid,omitempty"`
	SpMchID        string           `json:"sp_mchid,omitempty"`
	SubAppID       string           `json:"sub_appid,omitempty"`
	SubMchID       string           `json:"sub_mchid,omitempty"`
	OutTradeNo     string           `json:"out_trade_no"`
	TransactionID  string           `json:"transaction_id,omitempty"`
	TradeType      string           `json:"trade_type,omitempty"`
	TradeState     string           `json:"trade_state"`
	TradeStateDesc string           `json:"trade_state_desc"`
	BankType       string           `json:"bank_type,omitempty"`
	Attach         string           `json:"attach,omitempty"`
	SuccessTime    *Time            `json:"success_time,omitempty"`
	Payer          *Payer           `json:"payer,omitempty"`
	Amount         *OrderAmount     `json:"amount,omitempty"`
	Promotions     []OrderPromotion `json:"promotion_detail,omitempty"`
}

// Payer is who paid: OpenID with a direct merchant, the others with a partner.
type Payer struct {
	OpenID    string `json:"openid,omitempty"`
	SpOpenID  string `json:"sp_openid,omitempty"`
	SubOpenID string `json:"sub_openid,omitempty"`
}

// OrderAmount is an order's member amount.
type OrderAmount struct {
	Total         int64  `json:"total"`
	PayerTotal    int64  `json:"payer_total"`
	Currency      string `json:"currency"`
	PayerCurrency string `json:"payer_currency"`
}

// OrderPromotion is a coupon of an order. In a refund the same coupon's id is
// promotion_id. Amount is the sum of the three contributions.
type OrderPromotion struct {
	CouponID            string       `json:"coupon_id"`
	Name                string       `json:"name,omitempty"`
	Scope               string       `json:"scope,omitempty"`
	Type                string       `json:"type,omitempty"`
	Amount              int64        `json:"amount"`
	StockID             string       `json:"stock_id,omitempty"`
	WechatpayContribute int64        `json:"wechatpay_contribute"`
	MerchantContribute  int64        `json:"merchant_contribute"`
	OtherContribute     int64        `json:"other_contribute"`
	Currency            string       `json:"currency,omitempty"`
	Goods               []OrderGoods `json:"goods_detail,omitempty"`
}

// OrderGoods are goods that a coupon hangs on. Amounts are fen.
type OrderGoods struct {
	GoodsID        string `json:"goods_id"`
	Quantity       int64  `json:"quantity"`
	UnitPrice      int64  `json:"unit_price"`
	DiscountAmount int64  `json:"discount_amount"`
	GoodsRemark    string `json:"goods_remark,omitempty"`
}

// Refundable reports whether the state of an order lets it be refunded, as long
// as something is left of it.
func (order Order) Refundable() bool {
	return order.TradeState == TradeSuccess || order.TradeState == TradeRefund
}

// DecodeOrder reads the answer of an order query, as a client. The number, the
// state, and the amount of an order that was paid must be there. Errors are
// ErrAnswer.
func DecodeOrder(body exactjson.Value) (Order, error) {
	r := newAnswerReader(body)
	order := Order{
		AppID: r.text("appid", rule{}), MchID: r.text("mchid", rule{}),
		SpAppID: r.text("sp_appid", rule{}), SpMchID: r.text("sp_mchid", rule{}),
		SubAppID: r.text("sub_appid", rule{}), SubMchID: r.text("sub_mchid", rule{}),
		OutTradeNo:     r.text("out_trade_no", rule{required: true, min: 1, max: MaxOutTradeNo}),
		TransactionID:  r.text("transaction_id", rule{}),
		TradeType:      r.text("trade_type", rule{}),
		TradeState:     r.text("trade_state", rule{required: true, min: 1}),
		TradeStateDesc: r.text("trade_state_desc", rule{}),
		BankType:       r.text("bank_type", rule{}),
		Attach:         r.text("attach", rule{}),
	}
	if value, ok := r.get("success_time", false); ok && value.Text != "" {
		// An order that was not paid carries "" there in older answers.
		success := Time(r.moment("success_time", true))
		order.SuccessTime = &success
	}
	r.child("payer", false, func(r *reader) {
		order.Payer = &Payer{r.text("openid", rule{}), r.text("sp_openid", rule{}), r.text("sub_openid", rule{})}
	})
	r.child("amount", order.Refundable(), func(r *reader) {
		order.Amount = &OrderAmount{
			r.integer("total", true, 0), r.integer("payer_total", false, 0),
			r.text("currency", rule{}), r.text("payer_currency", rule{}),
		}
	})
	r.each("promotion_detail", maxPromotions, func(r *reader) { order.Promotions = append(order.Promotions, readOrderPromotion(r)) })
	if err := answerError(r); err != nil {
		return Order{}, err
	}
	return order, nil
}

func readOrderPromotion(r *reader) OrderPromotion {
	promotion := OrderPromotion{
		CouponID: r.text("coupon_id", rule{required: true, min: 1}), Name: r.text("name", rule{}), Scope: r.text("scope", rule{}),
		Type: NormalType(r.text("type", rule{})), Amount: r.integer("amount", true, 0), StockID: r.text("stock_id", rule{}),
		WechatpayContribute: r.integer("wechatpay_contribute", false, 0), MerchantContribute: r.integer("merchant_contribute", false, 0),
		OtherContribute: r.integer("other_contribute", false, 0), Currency: r.text("currency", rule{}),
	}
	r.each("goods_detail", maxGoods, func(r *reader) {
		promotion.Goods = append(promotion.Goods, OrderGoods{
			GoodsID: r.text("goods_id", rule{required: true, min: 1}), Quantity: r.integer("quantity", true, 0), UnitPrice: r.integer("unit_price", true, 0),
			DiscountAmount: r.integer("discount_amount", true, 0), GoodsRemark: r.text("goods_remark", rule{}),
		})
	})
	return promotion
}
