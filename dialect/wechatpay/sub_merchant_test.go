package wechatpay_test

import (
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
)

// A service provider acts for many sub-merchants. Which one a payment was made
// to is said when the charge is registered, and from then on the order is that
// sub-merchant's alone.
func TestAServiceProviderRefundsForEachOfItsSubMerchants(t *testing.T) {
	s := dialecttest.Start(t)
	p, another := demo(t, s, partner), `"sub_mchid":"1900000110",`
	register := func(body string) dialecttest.Answer {
		answer, text := dialecttest.Do(t, dialecttest.Request(t, "POST", s.URL+"/refundry/v1/charges", body, "Authorization", "Bearer rk_test_demo", "Content-Type", jsonType))
		t.Log(text)
		return answer
	}
	const charge = `{"order_no":"ANOTHER01","amount":1000,"currency":"CNY","channel":"wx","paid_at":"2026-11-22T10:00:00Z","transaction_id":"4200000000202607010000000077","identities":{"wechatpay":{"mchid":`
	if answer := register(charge + `"` + direct + `","sub_mchid":"1900000110"}}}`); answer.StatusCode != 403 {
		t.Errorf("a sub-merchant of a direct merchant is answered with %d", answer.StatusCode)
	}
	if answer := register(charge + `"` + partner + `","sub_mchid":"1900000110"}}}`); answer.StatusCode != 201 {
		t.Fatalf("a second sub-merchant is answered with %d", answer.StatusCode)
	}
	body := func(sub string) string {
		return `{` + sub + `"out_trade_no":"ANOTHER01","out_refund_no":"SUB1","amount":{"refund":100,"total":1000,"currency":"CNY"}}`
	}
	if refused := decoded(t, p.post(t, refundPath, body(asPartner), 403)); refused["code"] != "NO_AUTH" {
		t.Errorf("the other sub-merchant is answered %v", refused)
	}
	p.post(t, refundPath, body(another), 200)
	p.get(t, refundPath+"/SUB1?sub_mchid=1900000110", 200)
	p.get(t, refundPath+"/SUB1?sub_mchid="+subMchID, 404)
	order := decoded(t, p.get(t, "/v3/pay/partner/transactions/out-trade-no/ANOTHER01?sp_mchid="+partner+"&sub_mchid=1900000110", 200))
	if order["sub_mchid"] != "1900000110" {
		t.Errorf("the order is %v", order)
	}
}
