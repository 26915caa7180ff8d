package wechatpay

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/refundry/refundry/channelsim"
)

// order answers an order query by either number, of a direct merchant or a partner.
func (s *Side) order(c *channelsim.Call) channelsim.Answer {
	path, partner := strings.CutPrefix(c.Path, "/v3/pay/partner/transactions/")
	if !partner {
		path = strings.TrimPrefix(c.Path, "/v3/pay/transactions/")
	}
	kind, number, _ := strings.Cut(path, "/")
	if kind != "id" && kind != "out-trade-no" || number == "" {
		return fail(http.StatusNotFound, "NOT_FOUND", "no such interface: "+c.Path)
	}
	own, sub := c.Query.Get("mchid"), ""
	if partner {
		own, sub = c.Query.Get("sp_mchid"), c.Query.Get("sub_mchid")
	}
	if own != s.mchID {
		return badParam("mchid", own, "must be the caller's", "query")
	}
	if early := c.Begin(channelsim.StepCharge, number); early != nil {
		return *early
	}
	p := c.Books.Payment(number)
	if kind == "out-trade-no" {
		p = c.Books.PaymentByNumber(number)
	}
	if p == nil || p.Attributes[attributeSub] != sub {
		return fail(http.StatusNotFound, "ORDER_NOT_EXIST", "订单不存在")
	}
	return answer(http.StatusOK, s.orderObject(c, p, partner))
}

func (s *Side) orderObject(c *channelsim.Call, p *channelsim.Payment, partner bool) map[string]any {
	state, text := "SUCCESS", "支付成功"
	if len(c.Books.RefundsOf(p)) > 0 {
		state, text = "REFUND", "转入退款"
	}
	total := c.Amount(p)
	out := map[string]any{
		"appid": "wxsim0000000000001", "mchid": s.mchID, "out_trade_no": p.Number, "transaction_id": p.TransactionID,
		"trade_type": cmp.Or(p.Attributes[attributeTrade], "JSAPI"), "trade_state": state, "trade_state_desc": text, "bank_type": "OTHERS", "attach": "",
		"success_time": stamp(p.PaidAt), "payer": map[string]string{"openid": "oSimulatedPayer00000000001"},
		"amount": map[string]any{"total": total, "payer_total": total - (p.Amount - whole(p).payer), "currency": "CNY", "payer_currency": "CNY"},
	}
	if partner {
		delete(out, "appid")
		delete(out, "mchid")
		out["sp_appid"], out["sp_mchid"], out["sub_mchid"] = "wxsim0000000000001", s.mchID, p.Attributes[attributeSub]
		out["payer"] = map[string]string{"sp_openid": "oSimulatedPayer00000000001"}
	}
	var coupons []map[string]any
	for _, coupon := range p.Coupons {
		one := map[string]any{
			"coupon_id": coupon.ID, "name": coupon.ID, "scope": coupon.Scope, "type": coupon.Type, "amount": coupon.Amount, "currency": "CNY",
			"wechatpay_contribute": 0, "merchant_contribute": coupon.Amount, "other_contribute": 0,
		}
		coupons = append(coupons, one)
	}
	if coupons != nil {
		out["promotion_detail"] = coupons
	}
	return out
}
