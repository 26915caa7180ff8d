package wechatpay

import (
	"encoding/json"
	"strings"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// The four order queries (W2.5-1 to W2.5-13).

func (d *Dialect) getOrderByID(c *call) (any, error) { return d.getOrder(c, false, true) }

func (d *Dialect) getOrderByNumber(c *call) (any, error) { return d.getOrder(c, false, false) }

func (d *Dialect) getPartnerOrderByID(c *call) (any, error) { return d.getOrder(c, true, true) }

func (d *Dialect) getPartnerOrderByNumber(c *call) (any, error) { return d.getOrder(c, true, false) }

func (d *Dialect) getOrder(c *call, partner, byID bool) (any, error) {
	var transactionID, outTradeNo string
	var err error
	if byID {
		transactionID, err = wire.PathNumber("transaction_id", c.r.PathValue("transaction_id"))
	} else {
		outTradeNo, err = wire.PathNumber("out_trade_no", c.r.PathValue("out_trade_no"))
	}
	if err != nil {
		return nil, err
	}
	if err := checkOrderCaller(c, partner); err != nil {
		return nil, err
	}
	charge, err := d.charge(c, transactionID, outTradeNo)
	sub := c.r.URL.Query().Get("sub_mchid")
	if err != nil && refund.KindOf(err) == refund.KindChargeNotFound || err == nil && partner && sub != subOf(charge, c.account.identity) {
		return nil, &wire.Error{Code: wire.CodeOrderNotExist, Message: "订单不存在"}
	}
	if err != nil {
		return nil, err
	}
	return orderObject(charge, c.account), nil
}

// checkOrderCaller checks that the parameters name the caller: mchid on the
// addresses of direct merchants, sp_mchid and sub_mchid on those of partners.
func checkOrderCaller(c *call, partner bool) error {
	name := "mchid"
	if partner {
		name = "sp_mchid"
	}
	query := c.r.URL.Query()
	required := []string{name}
	if partner {
		required = append(required, "sub_mchid")
	}
	for _, parameter := range required {
		if value := query.Get(parameter); !wire.IsMchID(value) {
			return &wire.ParamError{Field: parameter, Value: shown(value), Issue: "is required, 1 to 32 digits", Location: wire.LocationQuery}
		}
	}
	if c.account.partner() != partner || query.Get(name) != c.account.mchID() {
		return &wire.Error{Code: wire.CodeNoAuth, Message: "商户号与签名的商户不一致，没有查询权限"}
	}
	return nil
}

// orderObject returns a charge as an order. Every charge of the core is paid; any
// refund that holds or moved money turns it to REFUND.
func orderObject(charge refund.Charge, account *account) wire.Order {
	alias := aliasOf(charge, account.identity)
	paidAt := wire.Time(charge.PaidAt)
	out := wire.Order{
		OutTradeNo: alias.Name, TransactionID: charge.TransactionID, TradeType: tradeTypes[charge.Channel],
		TradeState: wire.TradeSuccess, BankType: "OTHERS", SuccessTime: &paidAt, Payer: payer(charge, account),
		Amount:     &wire.OrderAmount{Total: int64(charge.Amount), PayerTotal: int64(charge.Amount), Currency: wire.Currency, PayerCurrency: wire.Currency},
		Promotions: orderPromotions(charge),
	}
	if charge.Reserved+charge.Refunded > 0 {
		out.TradeState = wire.TradeRefund
	}
	out.TradeStateDesc = wire.TradeStateDescription(out.TradeState)
	for _, coupon := range charge.Detail.Coupons {
		out.Amount.PayerTotal -= int64(coupon.Amount)
	}
	public := account.identity.Public
	if account.partner() {
		out.SpAppID, out.SubAppID = public[settingAppID], public[settingSubAppID]
		out.SpMchID, out.SubMchID = account.mchID(), subOf(charge, account.identity)
	} else {
		out.AppID, out.MchID = public[settingAppID], account.mchID()
	}
	return out
}

// tradeTypes are the channel names of which the way of paying is known.
var tradeTypes = map[string]string{
	"wx": wire.TradeApp, "wx_pub": wire.TradeJSAPI, "wx_lite": wire.TradeJSAPI, "wx_pub_qr": wire.TradeNative,
	"wx_wap": wire.TradeMWeb, "wx_pub_scan": wire.TradeMicropay, "wechat_qrcode": wire.TradeNative,
}

// payer is who paid, where the charge was registered with it.
func payer(charge refund.Charge, account *account) *wire.Payer {
	var extra struct {
		OpenID string `json:"open_id"`
	}
	if json.Unmarshal(charge.Detail.Extra, &extra) != nil || extra.OpenID == "" {
		return nil
	}
	if account.partner() {
		return &wire.Payer{SpOpenID: extra.OpenID}
	}
	return &wire.Payer{OpenID: extra.OpenID}
}

// orderPromotions lists the order's coupons. Who paid for one is not known: a
// funded one is taken for the platform's, another for the merchant's.
func orderPromotions(charge refund.Charge) []wire.OrderPromotion {
	var out []wire.OrderPromotion
	for _, coupon := range charge.Detail.Coupons {
		one := wire.OrderPromotion{
			CouponID: coupon.ID, Name: coupon.ID, Scope: scopes[coupon.Scope], Type: types[coupon.Type], Amount: int64(coupon.Amount), Currency: wire.Currency,
		}
		if coupon.Type == refund.TypeUnfunded {
			one.MerchantContribute = one.Amount
		} else {
			one.WechatpayContribute = one.Amount
		}
		for _, line := range coupon.Goods {
			one.Goods = append(one.Goods, orderGoods(charge, line))
		}
		out = append(out, one)
	}
	return out
}

func orderGoods(charge refund.Charge, line refund.CouponGoods) wire.OrderGoods {
	out := wire.OrderGoods{GoodsID: line.MerchantGoodsID, Quantity: line.Quantity, DiscountAmount: int64(line.Discount)}
	for _, g := range charge.Detail.Goods {
		if g.MerchantGoodsID == line.MerchantGoodsID {
			out.UnitPrice, out.GoodsRemark = int64(g.UnitPrice), strings.TrimSpace(g.Name)
		}
	}
	return out
}
