package native

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// chargeAnswer is a charge as answers show it: what was registered, under the
// same names, and what became of it.
type chargeAnswer struct {
	ID              string                       `json:"id"`
	OrderNo         string                       `json:"order_no"`
	Amount          money.Minor                  `json:"amount"`
	Currency        money.Currency               `json:"currency"`
	Customer        *string                      `json:"customer"` // null if nobody said
	Channel         string                       `json:"channel"`
	ChannelAccount  string                       `json:"channel_account"`
	TransactionID   string                       `json:"transaction_id"`
	PaidAt          moment                       `json:"paid_at"`
	Fee             *money.Minor                 `json:"fee,omitempty"` // left out when unknown
	AlreadyRefunded money.Minor                  `json:"already_refunded"`
	Refundable      money.Minor                  `json:"refundable"`
	Refunded        money.Minor                  `json:"refunded"`
	Reserved        money.Minor                  `json:"reserved"`
	Blocked         money.Minor                  `json:"blocked"`
	Excess          money.Minor                  `json:"excess"`
	ReceivedAccount string                       `json:"received_account"`
	FundsAccount    refund.Funds                 `json:"funds_account"`
	SubMerchant     string                       `json:"sub_merchant"`
	ProfitSharing   refund.Sharing               `json:"profit_sharing"`
	NotifyURL       string                       `json:"notify_url"`
	ClientIP        string                       `json:"client_ip"`
	Subject         string                       `json:"subject"`
	Body            string                       `json:"body"`
	Description     string                       `json:"description"`
	Coupons         []couponAnswer               `json:"coupons"`
	Goods           []goodsAnswer                `json:"goods"`
	Splits          []splitAnswer                `json:"splits"`
	Identities      map[string]map[string]string `json:"identities"`
	CreatedAt       moment                       `json:"created_at"`
	UpdatedAt       moment                       `json:"updated_at"`
	VerifiedAt      moment                       `json:"verified_at"`
	MaskedAt        moment                       `json:"masked_at"`
}

// registeredAnswer is a charge that was registered.
type registeredAnswer struct {
	chargeAnswer
	Warnings []string `json:"warnings,omitempty"`
}

type couponAnswer struct {
	ID     string              `json:"id"`
	Scope  refund.CouponScope  `json:"scope"`
	Type   refund.CouponType   `json:"type"`
	Amount money.Minor         `json:"amount"`
	Goods  []couponGoodsAnswer `json:"goods"`
}

type couponGoodsAnswer struct {
	MerchantGoodsID string      `json:"merchant_goods_id"`
	Quantity        int64       `json:"quantity"`
	Discount        money.Minor `json:"discount"`
}

type goodsAnswer struct {
	MerchantGoodsID string      `json:"merchant_goods_id"`
	ChannelGoodsID  string      `json:"wechatpay_goods_id"`
	Name            string      `json:"goods_name"`
	UnitPrice       money.Minor `json:"unit_price"`
	Quantity        int64       `json:"quantity"`
}

type splitAnswer struct {
	Account     string      `json:"account"`
	Amount      money.Minor `json:"amount"`
	Description string      `json:"desc"`
}

func answerCharge(dialects merchant.Dialects, c refund.Charge) chargeAnswer {
	out := chargeAnswer{
		ID: c.ID, OrderNo: c.OrderNo, Amount: c.Amount, Currency: c.Currency, Customer: orNull(c.Customer),
		Channel: c.Channel, ChannelAccount: c.ChannelAccount, TransactionID: c.TransactionID, PaidAt: moment(c.PaidAt),
		Fee: c.Fee, AlreadyRefunded: c.AlreadyRefunded,
		Refundable: c.Refundable(), Refunded: c.Refunded, Reserved: c.Reserved, Blocked: c.Blocked, Excess: c.Excess,
		ReceivedAccount: c.Detail.ReceivedAccount, FundsAccount: c.Detail.FundsAccount, SubMerchant: c.Detail.SubMerchant, ProfitSharing: c.Detail.Sharing,
		NotifyURL: c.Detail.NotifyURL, ClientIP: c.Detail.ClientIP,
		Subject: c.Detail.Subject, Body: c.Detail.Body, Description: c.Detail.Description,
		// Lists are [] and never null.
		Coupons:    make([]couponAnswer, len(c.Detail.Coupons)),
		Goods:      make([]goodsAnswer, len(c.Detail.Goods)),
		Splits:     make([]splitAnswer, len(c.Detail.Splits)),
		Identities: identitiesOf(dialects, c), CreatedAt: moment(c.CreatedAt), UpdatedAt: moment(c.UpdatedAt),
		VerifiedAt: moment(c.VerifiedAt), MaskedAt: moment(c.MaskedAt),
	}
	if out.ProfitSharing == "" {
		out.ProfitSharing = refund.SharingNone
	}
	for n, coupon := range c.Detail.Coupons {
		out.Coupons[n] = couponAnswer{coupon.ID, coupon.Scope, coupon.Type, coupon.Amount, make([]couponGoodsAnswer, len(coupon.Goods))}
		for i, line := range coupon.Goods {
			out.Coupons[n].Goods[i] = couponGoodsAnswer(line)
		}
	}
	for n, line := range c.Detail.Goods {
		out.Goods[n] = goodsAnswer(line)
	}
	for n, share := range c.Detail.Splits {
		out.Splits[n] = splitAnswer(share)
	}
	return out
}
