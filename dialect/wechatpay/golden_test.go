package wechatpay_test

import (
	"crypto/rand"
	"net/http"
	"regexp"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/openapi"
	"github.com/refundry/refundry/openapi/openapitest"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// varying is what differs from run to run in this dialect.
var varying = []dialecttest.Rule{
	{Match: regexp.MustCompile(`\b50\d{27}\b`), Name: "refund", Not: []string{"50000000382019052709732678859"}},
	{Match: regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+08:00`), Name: "time", Unnumbered: true},
	{Match: regexp.MustCompile(`\b[0-9A-F]{40}\b`), Name: "serial"},
	{Match: regexp.MustCompile(`"nonce":"[A-Z2-7]{12}"`), Name: "nonce", Unnumbered: true},
	{Match: regexp.MustCompile(`"ciphertext":"[0-9A-Za-z+/=]+"`), Name: "ciphertext", Unnumbered: true},
}

// sign signs a step's request as a client; headers that it has stay.
func (c client) sign(t testing.TB, r *http.Request, body string) {
	t.Helper()
	nonce, err := wire.NewNonce(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authorization, err := c.signer.Authorize(c.mchID, r.Method, r.URL.RequestURI(), []byte(body), nonce, c.now())
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", authorization.String())
}

// contract is openapi/wechatpay.yaml.
type contract struct{ *openapitest.Contract }

// check holds an exchange against the contract.
func (c contract) check(t testing.TB, r *http.Request, body string, response *http.Response, answer string) {
	t.Helper()
	c.Check(t, r, body, response.StatusCode, response.Header, answer)
}

func readContract(t testing.TB) contract {
	t.Helper()
	return contract{openapitest.Load(t, openapi.WeChatPay())}
}

// The published page: a service provider's refund of an order that was paid
// with coupons, and everything that its object has.
func TestPublishedPage(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, partner)
	wait := []string{"Prefer", "wait=5", "Content-Type", jsonType}
	dialecttest.Transcript{
		Name: "published", URL: s.URL, Rules: varying, Sign: c.sign, Check: readContract(t).check, Headers: []string{"Content-Type", "Wechatpay-Signature-Type"},
		Steps: []dialecttest.Step{
			{Title: "The order before", Method: "GET", Path: "/v3/pay/partner/transactions/out-trade-no/" + demoOrder + "?sp_mchid=" + partner + "&sub_mchid=" + subMchID},
			{
				Title: "Half of it", Method: "POST", Path: refundPath, Header: wait,
				Body: `{"sub_mchid":"` + subMchID + `","transaction_id":"` + demoTrade + `","out_refund_no":"1217752501201407033233368018","reason":"商品已售完","amount":{"refund":500,"total":1000,"currency":"CNY"}}`,
			},
			{Title: "The same again", Method: "POST", Path: refundPath, Header: wait, Body: `{"sub_mchid":"` + subMchID + `","transaction_id":"` + demoTrade + `","out_refund_no":"1217752501201407033233368018","amount":{"refund":500,"total":1000,"currency":"CNY"}}`},
			{Title: "The same number for another amount", Method: "POST", Path: refundPath, Header: wait, Body: `{"sub_mchid":"` + subMchID + `","transaction_id":"` + demoTrade + `","out_refund_no":"1217752501201407033233368018","amount":{"refund":499,"total":1000,"currency":"CNY"}}`},
			{Title: "More than is left", Method: "POST", Path: refundPath, Header: wait, Body: `{"sub_mchid":"` + subMchID + `","out_trade_no":"` + demoOrder + `","out_refund_no":"R2","amount":{"refund":501,"total":1000,"currency":"CNY"}}`},
			{Title: "The rest", Method: "POST", Path: refundPath, Header: wait, Body: `{"sub_mchid":"` + subMchID + `","out_trade_no":"` + demoOrder + `","out_refund_no":"R2","amount":{"refund":500,"total":1000,"currency":"CNY"}}`},
			{Title: "Nothing is left", Method: "POST", Path: refundPath, Header: wait, Body: `{"sub_mchid":"` + subMchID + `","out_trade_no":"` + demoOrder + `","out_refund_no":"R3","amount":{"refund":1,"total":1000,"currency":"CNY"}}`},
			{Title: "Query one refund", Method: "GET", Path: refundPath + "/R2?sub_mchid=" + subMchID},
			{Title: "The order after", Method: "GET", Path: "/v3/pay/partner/transactions/id/" + demoTrade + "?sp_mchid=" + partner + "&sub_mchid=" + subMchID},
		},
	}.Run(t)
}

// What the page does not show: every state, goods and accounts that pay, an
// abnormal refund, certificates, and errors from every corner.
func TestDirectMerchant(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	s.Charge(t, merchant.DemoID, 10000, func(r *refund.Charge) {
		r.OrderNo, r.Channel, r.TransactionID, r.Detail.Sharing = "ORDER-1", "wx_lite", "4200000000202607010000000099", "sharing"
		r.Detail.ReceivedAccount, r.Detail.Extra = "招商银行信用卡0403", []byte(`{"open_id":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}`)
		r.Detail.Coupons = []refund.Coupon{{
			ID: "109520", Scope: refund.ScopeGoods, Type: refund.TypeUnfunded, Amount: 200,
			Goods: []refund.CouponGoods{{MerchantGoodsID: "1217752501201407033233368018", Quantity: 1, Discount: 200}},
		}}
		r.Detail.Goods = []refund.Goods{{MerchantGoodsID: "1217752501201407033233368018", Name: "iPhone6s 16G", UnitPrice: 5000, Quantity: 2}}
	})
	ask := func(number, amount, more string) string {
		return `{"out_trade_no":"ORDER-1","out_refund_no":"` + number + `","amount":{"refund":` + amount + `,"total":10000,"currency":"CNY"` + more + `}`
	}
	wait := []string{"Prefer", "wait=5", "Content-Type", jsonType}
	dialecttest.Transcript{
		Name: "direct", URL: s.URL, Rules: varying, Sign: c.sign, Check: readContract(t).check, Headers: []string{"Allow"},
		Steps: []dialecttest.Step{
			{Title: "The platform's certificates", Method: "GET", Path: "/v3/certificates"},
			{Title: "The order", Method: "GET", Path: "/v3/pay/transactions/id/4200000000202607010000000099?mchid=" + direct},
			{Title: "Goods with their coupon, paid by frozen funds", Method: "POST", Path: refundPath, Header: wait, Body: ask("G1", "5000", `,"from":[{"account":"UNAVAILABLE","amount":5000}]},"goods_detail":[{"merchant_goods_id":"1217752501201407033233368018","wechatpay_goods_id":"1001","goods_name":"iPhone6s 16G","unit_price":5000,"refund_amount":5000,"refund_quantity":1}]`)},
			{Title: "Refused by the channel is a 200 that is closed", Method: "POST", Path: refundPath, Header: wait, Body: ask("R51", "51", "}")},
			{Title: "The channel takes its time", Method: "POST", Path: refundPath, Header: wait, Body: ask("R58", "58", "}")},
			{Title: "The payer's account can't take the money", Method: "POST", Path: refundPath, Header: wait, Body: ask("R52", "52", "}"), Keep: map[string]string{"abnormal": "refund_id"}},
			{Title: "so it goes back to the merchant", Method: "POST", Path: refundPath + "/{abnormal}/apply-abnormal-refund", Body: `{"out_refund_no":"R52","type":"MERCHANT_BANK_CARD"}`},
			{Title: "An unknown refund", Method: "GET", Path: refundPath + "/nobody"},
			{Title: "An unknown order", Method: "GET", Path: "/v3/pay/transactions/out-trade-no/unknown?mchid=" + direct},
			{Title: "An unknown address", Method: "GET", Path: "/v3/marketing/coupons"},
			{Title: "A wrong method", Method: "DELETE", Path: refundPath},
			{Title: "Another currency", Method: "POST", Path: refundPath, Body: `{"out_trade_no":"ORDER-1","out_refund_no":"X","amount":{"refund":1,"total":10000,"currency":"XYZ"}}`},
			{Title: "A bill of long ago", Method: "GET", Path: "/v3/bill/tradebill?bill_date=2019-06-11"},
		},
	}.Run(t)
}
