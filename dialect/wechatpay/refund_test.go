package wechatpay_test

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

func clock() time.Time { return time.Now() }

// quiet is the log of faults that a test provokes.
var quiet = slog.New(slog.DiscardHandler)

// body is a refund request of the demo order; more members are put in front.
func refundBody(number string, amount int, more string) string {
	return fmt.Sprintf(`{%s"out_trade_no":%q,"out_refund_no":%q,"amount":{"refund":%d,"total":1000,"currency":"CNY"}}`, more, demoOrder, number, amount)
}

const asPartner = `"sub_mchid":"` + subMchID + `",`

// The refund object, member by member as in the published page, with its own
// numbers: 1000 paid, of which 100 by a CASH and 100 by a NOCASH coupon; 500
// go back as 400 cash and 100 of coupons, 450 of them settled.
func TestTheRefundObjectHasTheMembersOfThePage(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, partner)
	body := c.post(t, refundPath, refundBody("R1", 500, asPartner), 200, "Prefer", "wait=5")
	got, err := wire.DecodeRefund(exact(t, body))
	if err != nil {
		t.Fatal(err)
	}
	if len(got.RefundID) != 29 || !strings.HasPrefix(got.RefundID, "50") {
		t.Errorf("refund_id %q", got.RefundID)
	}
	if got.SuccessTime == nil || !strings.HasSuffix(got.CreateTime.String(), "+08:00") {
		t.Errorf("times %v, %v", got.SuccessTime, got.CreateTime)
	}
	fee := int64(3)
	want := wire.Refund{
		RefundID: got.RefundID, OutRefundNo: "R1", TransactionID: demoTrade, OutTradeNo: demoOrder, Channel: "ORIGINAL",
		UserReceivedAccount: "支付用户零钱", SuccessTime: got.SuccessTime, CreateTime: got.CreateTime, Status: "SUCCESS", FundsAccount: "BASIC",
		Amount: wire.Amount{
			Total: 1000, Refund: 500, PayerTotal: 800, PayerRefund: 400, SettlementRefund: 450, SettlementTotal: 900, DiscountRefund: 100,
			Currency: "CNY", RefundFee: &fee,
		},
		Promotions: []wire.Promotion{
			{PromotionID: "109519", Scope: "GLOBAL", Type: "CASH", Amount: 100, RefundAmount: 50},
			{PromotionID: "109520", Scope: "GLOBAL", Type: "NOCASH", Amount: 100, RefundAmount: 50},
		},
	}
	if diff := cmp.Diff(want, got, cmp.Transformer("time", func(t wire.Time) string { return t.String() })); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(body, "null") || strings.Contains(body, `""`) {
		t.Errorf("null or empty members in %s", body)
	}
	// The partner and the direct merchant are one merchant: both see it.
	if again := c.get(t, refundPath+"/R1?sub_mchid="+subMchID, 200); again != body {
		t.Errorf("the query answers\n%s, the request\n%s", again, body)
	}
	if again := demo(t, s, direct).get(t, refundPath+"/R1", 200); again != body {
		t.Errorf("the direct merchant sees\n%s, not\n%s", again, body)
	}
}

func TestAnOrderIsNamedByEitherNumberAndTheTransactionWins(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	c.post(t, refundPath, `{"transaction_id":"`+demoTrade+`","out_refund_no":"A","amount":{"refund":1,"total":1000,"currency":"CNY"}}`, 200)
	// Both given: what out_trade_no says is not looked at, as in v2.
	c.post(t, refundPath, `{"transaction_id":"`+demoTrade+`","out_trade_no":"no-such-order","out_refund_no":"B","amount":{"refund":1,"total":1000,"currency":"CNY"}}`, 200)
	c.post(t, refundPath, `{"transaction_id":"4200000000202607019999999999","out_refund_no":"C","amount":{"refund":1,"total":1000,"currency":"CNY"}}`, 404)
}

// reason and notify_url are no content; everything that moves money is (W3-13
// to W3-16).
func TestARepeatIsTheSameRefundAndAnotherContentIsAConflict(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	first := decoded(t, c.post(t, refundPath, refundBody("R1", 100, `"reason":"one",`), 200))
	again := decoded(t, c.post(t, refundPath, refundBody("R1", 100, `"reason":"two",`), 200))
	if first["refund_id"] != again["refund_id"] {
		t.Errorf("two refunds %v and %v of one number", first["refund_id"], again["refund_id"])
	}
	byID := `{"transaction_id":"` + demoTrade + `","out_refund_no":"R1","amount":{"refund":100,"total":1000,"currency":"CNY"}}`
	if same := decoded(t, c.post(t, refundPath, byID, 200)); same["refund_id"] != first["refund_id"] {
		t.Error("the order's other number makes another refund")
	}
	partnerClient := demo(t, s, partner)
	if same := decoded(t, partnerClient.post(t, refundPath, refundBody("R1", 100, asPartner), 200)); same["refund_id"] != first["refund_id"] {
		t.Error("the number holds for one account only")
	}
	for name, body := range map[string]string{
		"another amount": refundBody("R1", 101, ""),
		"other goods":    refundBody("R1", 100, `"goods_detail":[{"merchant_goods_id":"g","unit_price":1,"refund_amount":1,"refund_quantity":1}],`),
	} {
		if answer := decoded(t, c.post(t, refundPath, body, 400)); answer["code"] != "INVALID_REQUEST" || answer["message"] != wire.MessageConflict {
			t.Errorf("%s: %v", name, answer)
		}
	}
	// A repeat is answered also when nothing is left of the order.
	c.post(t, refundPath, refundBody("R2", 900, ""), 200, "Prefer", "wait=5")
	c.post(t, refundPath, refundBody("R1", 100, ""), 200)
	if answer := decoded(t, c.post(t, refundPath, refundBody("R3", 1, ""), 400)); answer["message"] != wire.MessageFullyRefunded {
		t.Errorf("answered %v", answer)
	}
}

// One refund made through another dialect shows here in this one's words.
func TestARefundOfAnotherDialectShowsUnderItsOwnNumber(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	native := func(number string, amount int) {
		body := fmt.Sprintf(`{"charge":%q,"amount":%d,"reason":"elsewhere"}`, demoOrder, amount)
		if number != "" {
			body = fmt.Sprintf(`{"charge":%q,"amount":%d,"reason":"elsewhere","number":%q}`, demoOrder, amount, number)
		}
		r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", body, "Authorization", "Bearer rk_test_demo", "Prefer", "wait=5")
		if answer, text := dialecttest.Do(t, r); answer.StatusCode != 201 {
			t.Fatalf("answered %d %s", answer.StatusCode, text)
		}
	}
	native("", 100)
	native("N-1", 100)
	native("with.dots", 100)
	charge, err := s.Store.ChargeByAlias(t.Context(), merchant.DemoID, merchant.WeChatPay, demoOrder)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Refunds(t, charge) {
		number := r.Number
		if number != "N-1" {
			number = r.ChannelNumber
		}
		answer := decoded(t, c.get(t, refundPath+"/"+number, 200))
		if answer["out_refund_no"] != number || answer["status"] != "SUCCESS" {
			t.Errorf("%q shows as %v", r.Number, answer)
		}
		if r.Number == "N-1" { // our own number is not its name
			c.get(t, refundPath+"/"+r.ChannelNumber, 404)
		}
	}
}

// WeChat can say only CNY: a charge in another currency is not there.
func TestAChargeThatTheDialectCannotSayIsNotFound(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	charge := s.Charge(t, merchant.DemoID, 1000, func(r *refund.Charge) { r.Currency, r.OrderNo = "SAR", "SAR-ORDER-1" })
	body := `{"out_trade_no":"SAR-ORDER-1","out_refund_no":"S1","amount":{"refund":1,"total":1000,"currency":"CNY"}}`
	if answer := decoded(t, c.post(t, refundPath, body, 404)); answer["code"] != "RESOURCE_NOT_EXISTS" {
		t.Errorf("answered %v", answer)
	}
	c.get(t, "/v3/pay/transactions/id/"+charge.TransactionID+"?mchid="+direct, 404)
	r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", `{"charge":"`+charge.ID+`","amount":1,"number":"S2"}`, "Authorization", "Bearer rk_test_demo")
	if answer, text := dialecttest.Do(t, r); answer.StatusCode != 201 {
		t.Fatal(text)
	}
	c.get(t, refundPath+"/S2", 404)
}

// What each state of the core looks like: 51 is refused, 52 abnormal, 55 waits
// for funds, 58 stays pending.
func TestStatesInTheDialectsWords(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for amount, want := range map[int]string{51: "CLOSED", 52: "ABNORMAL", 55: "PROCESSING", 58: "PROCESSING", 10: "SUCCESS"} {
		answer := decoded(t, c.post(t, refundPath, refundBody(fmt.Sprint("N", amount), amount, ""), 200, "Prefer", "wait=5"))
		if answer["status"] != want {
			t.Errorf("%d: %v, want %s", amount, answer["status"], want)
		}
		if _, has := answer["success_time"]; has != (want == "SUCCESS") {
			t.Errorf("%d: success_time is there: %t", amount, has)
		}
	}
}

// From: which accounts pay, for orders that are being shared only.
func TestTheAccountsThatPayAreEchoed(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	s.Charge(t, merchant.DemoID, 1000, func(r *refund.Charge) {
		r.OrderNo, r.Detail.Sharing, r.Detail.FundsAccount = "SHARED-1", "sharing", "OPERATION"
	})
	ask := func(number, funds, from string) map[string]any {
		body := `{"out_trade_no":"SHARED-1","out_refund_no":"` + number + `",` + funds + `"amount":{"refund":30,"total":1000,"currency":"CNY"` + from + `}}`
		return decoded(t, c.post(t, refundPath, body, 200))
	}
	mixed := ask("F1", "", `,"from":[{"account":"AVAILABLE","amount":10},{"account":"UNAVAILABLE","amount":20}]`)
	if mixed["funds_account"] != "OPERATION" || fmt.Sprint(mixed["amount"].(map[string]any)["from"]) != "[map[account:AVAILABLE amount:10] map[account:UNAVAILABLE amount:20]]" {
		t.Errorf("mixed: %v", mixed)
	}
	if frozen := ask("F2", "", `,"from":[{"account":"UNAVAILABLE","amount":30}]`); frozen["funds_account"] != "UNAVAILABLE" {
		t.Errorf("frozen: %v", frozen["funds_account"])
	}
	asked := ask("F3", `"funds_account":"AVAILABLE",`, "")
	if _, has := asked["amount"].(map[string]any)["from"]; asked["funds_account"] != "AVAILABLE" || has {
		t.Errorf("asked: %v", asked)
	}
	if _, has := asked["promotion_detail"]; has {
		t.Error("promotion_detail is there without a coupon")
	}
	// The order of from means nothing; another share is another request.
	again := ask("F1", "", `,"from":[{"account":"UNAVAILABLE","amount":20},{"account":"AVAILABLE","amount":10}]`)
	if again["refund_id"] != mixed["refund_id"] {
		t.Error("another order of from makes another refund")
	}
	body := `{"out_trade_no":"SHARED-1","out_refund_no":"F1","amount":{"refund":30,"total":1000,"currency":"CNY"}}`
	c.post(t, refundPath, body, 400)
}

// Vector 7 of W4.3-1: goods A of 1000 with a SINGLE coupon of 200 and goods B
// of 9000; A comes back with its coupon, B without one.
func TestGoodsThatComeBackAreEchoedUnderTheirCoupon(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	s.Charge(t, merchant.DemoID, 10000, func(r *refund.Charge) {
		r.OrderNo = "GOODS-1"
		r.Detail.Coupons = []refund.Coupon{{
			ID: "9", Scope: refund.ScopeGoods, Type: refund.TypeFunded, Amount: 200,
			Goods: []refund.CouponGoods{{MerchantGoodsID: "A", Quantity: 1, Discount: 200}},
		}}
		r.Detail.Goods = []refund.Goods{{MerchantGoodsID: "A", UnitPrice: 1000, Quantity: 1}, {MerchantGoodsID: "B", UnitPrice: 9000, Quantity: 1}}
	})
	ask := func(number, goods string, amount int) map[string]any {
		body := fmt.Sprintf(`{"out_trade_no":"GOODS-1","out_refund_no":%q,"amount":{"refund":%d,"total":10000,"currency":"CNY"},"goods_detail":[%s]}`, number, amount, goods)
		return decoded(t, c.post(t, refundPath, body, 200))
	}
	a := ask("G1", `{"merchant_goods_id":"A","goods_name":"apple","unit_price":1000,"refund_amount":1000,"refund_quantity":1}`, 1000)
	if got := a["amount"].(map[string]any); fmt.Sprintf("%v %v", got["payer_refund"], got["discount_refund"]) != "800 200" {
		t.Errorf("A: %v", got)
	}
	want := "[map[amount:200 goods_detail:[map[goods_name:apple merchant_goods_id:A refund_amount:1000 refund_quantity:1 unit_price:1000]] promotion_id:9 refund_amount:200 scope:SINGLE type:CASH]]"
	if got := fmt.Sprint(a["promotion_detail"]); got != want {
		t.Errorf("A: %s", got)
	}
	// More pieces than were bought, all in one line or in two, and unknown ones.
	for _, goods := range []string{
		`{"merchant_goods_id":"A","unit_price":1000,"refund_amount":1000,"refund_quantity":2}`,
		`{"merchant_goods_id":"B","unit_price":1,"refund_amount":1,"refund_quantity":1},{"merchant_goods_id":"B","unit_price":1,"refund_amount":1,"refund_quantity":1}`,
		`{"merchant_goods_id":"C","unit_price":1000,"refund_amount":1000,"refund_quantity":1}`,
	} {
		body := `{"out_trade_no":"GOODS-1","out_refund_no":"G3","amount":{"refund":1,"total":10000,"currency":"CNY"},"goods_detail":[` + goods + `]}`
		if answer := decoded(t, c.post(t, refundPath, body, 400)); answer["code"] != "INVALID_REQUEST" || answer["message"] != wire.MessageUnknownGoods {
			t.Errorf("%s: %v", goods, answer)
		}
	}
	b := ask("G2", `{"merchant_goods_id":"B","unit_price":9000,"refund_amount":9000,"refund_quantity":1}`, 9000)
	if _, has := b["promotion_detail"]; has || fmt.Sprint(b["amount"].(map[string]any)["payer_refund"]) != "9000" {
		t.Errorf("B: %v", b)
	}
}

// The order before refunding, by both numbers and for both kinds of caller.
func TestOrderQueries(t *testing.T) {
	s := dialecttest.Start(t)
	c, p := demo(t, s, direct), demo(t, s, partner)
	for _, path := range []string{"id/" + demoTrade, "out-trade-no/" + demoOrder} {
		body := c.get(t, "/v3/pay/transactions/"+path+"?mchid="+direct, 200)
		order, err := wire.DecodeOrder(exact(t, body))
		if err != nil {
			t.Fatal(err)
		}
		if order.MchID != direct || order.TradeState != "SUCCESS" || order.TradeStateDesc != "支付成功" || order.Amount.PayerTotal != 800 || order.TradeType != "APP" {
			t.Errorf("%s: %s", path, body)
		}
		if len(order.Promotions) != 2 || order.Promotions[0].CouponID != "109519" || order.Promotions[1].MerchantContribute != 100 {
			t.Errorf("%s: %v", path, order.Promotions)
		}
		body = p.get(t, "/v3/pay/partner/transactions/"+path+"?sp_mchid="+partner+"&sub_mchid="+subMchID, 200)
		if order, err = wire.DecodeOrder(exact(t, body)); err != nil || order.SpMchID != partner || order.SubMchID != subMchID || order.MchID != "" {
			t.Errorf("%s: %s", path, body)
		}
		p.get(t, "/v3/pay/partner/transactions/"+path+"?sp_mchid="+partner+"&sub_mchid=1900000110", 404)
		p.get(t, "/v3/pay/transactions/"+path+"?mchid="+partner, 403)
		c.get(t, "/v3/pay/transactions/"+path+"?mchid="+partner, 403)
		c.get(t, "/v3/pay/transactions/"+path, 400)
	}
	c.post(t, refundPath, refundBody("R1", 10, ""), 200)
	if order := decoded(t, c.get(t, "/v3/pay/transactions/id/"+demoTrade+"?mchid="+direct, 200)); order["trade_state"] != "REFUND" || order["trade_state_desc"] != "转入退款" {
		t.Errorf("after a refund: %v", order)
	}
	if answer := decoded(t, c.get(t, "/v3/pay/transactions/out-trade-no/unknown-1?mchid="+direct, 404)); answer["code"] != "ORDER_NOT_EXIST" {
		t.Errorf("answered %v", answer)
	}
}

// A service provider names the order's sub-merchant, and no other.
func TestAPartnerRefundsItsSubMerchantsOrdersOnly(t *testing.T) {
	s := dialecttest.Start(t)
	p := demo(t, s, partner)
	other := strings.Replace(asPartner, subMchID, "1900000110", 1)
	if answer := decoded(t, p.post(t, refundPath, refundBody("R1", 1, other), 403)); answer["code"] != "NO_AUTH" {
		t.Errorf("answered %v", answer)
	}
	p.post(t, refundPath, refundBody("R1", 1, ""), 400)
	demo(t, s, direct).post(t, refundPath, refundBody("R1", 1, asPartner), 400)
	p.post(t, refundPath, refundBody("R1", 1, asPartner), 200)
	p.get(t, refundPath+"/R1?sub_mchid=1900000110", 404)
	p.get(t, refundPath+"/R1", 400)
	// One that was registered for another sub-merchant is refunded under it.
	s.Charge(t, merchant.DemoID, 1000, func(r *refund.Charge) {
		r.Aliases = []refund.Alias{{Dialect: merchant.WeChatPay, Identity: partner, Sub: "1900000110", Name: "SUB-110"}}
	})
	p.post(t, refundPath, strings.Replace(refundBody("R2", 1, other), demoOrder, "SUB-110", 1), 200)
	p.post(t, refundPath, strings.Replace(refundBody("R3", 1, asPartner), demoOrder, "SUB-110", 1), 403)
}
