package wechatpay_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// badRequest is a signed request that must be refused with an exact answer: as
// the direct merchant, or as the partner where as says so. {order} is an order
// of 1000 of which 700 are refunded as USED, {full} one that is refunded in
// full, {other} another merchant's, {sar} one in riyals, {re} is USED's
// refund_id.
type badRequest struct {
	name   string
	as     string
	method string
	target string
	body   string
	want   string // status, code, then the refused field with location, or the message
	header []string
}

// refunding is a refund request of {order} for 1 with members replaced: more is
// put in front, amount replaces the member amount's content.
func refunding(name, more, amount, want string, header ...string) badRequest {
	if amount == "" {
		amount = `"refund":1,"total":1000,"currency":"CNY"`
	}
	if !strings.Contains(more, "transaction_id") && !strings.Contains(more, "out_trade_no") {
		more += `"out_trade_no":"{order}",`
	}
	if !strings.Contains(more, "out_refund_no") {
		more += `"out_refund_no":"NEW",`
	}
	return badRequest{name, direct, "POST", refundPath, `{` + more + `"amount":{` + amount + `}}`, want, header}
}

// raw is a refund request with a body as it stands.
func raw(name, body, want string, header ...string) badRequest {
	return badRequest{name, direct, "POST", refundPath, body, want, header}
}

func reading(name, target, want string, header ...string) badRequest {
	return badRequest{name, direct, "GET", target, "", want, header}
}

func asThePartner(b badRequest) badRequest {
	b.as = partner
	return b
}

func amountOf(refundText string) string {
	return `"refund":` + refundText + `,"total":1000,"currency":"CNY"`
}

const (
	wrongAmount = "400 PARAM_ERROR /amount/refund body must be a whole number"
	noBody      = "400 PARAM_ERROR - body the body must be a JSON object"
	wrongNumber = "400 PARAM_ERROR /out_refund_no body must be digits, letters, _, -, |, * and @"
	noRefund    = "404 RESOURCE_NOT_EXISTS 退款单不存在"
	noOrder     = "404 RESOURCE_NOT_EXISTS 订单不存在"
	conflict    = "400 INVALID_REQUEST 订单金额或退款金额与之前请求不一致，请核实后再试"
	goodsOf     = `{"merchant_goods_id":"g1","unit_price":1,"refund_amount":1,"refund_quantity":1}`
	trades      = "/v3/pay/transactions/"
	bills       = "/v3/bill/"
)

var badRequests = []badRequest{
	refunding("amount 0", "", amountOf("0"), "400 PARAM_ERROR /amount/refund body must be at least 1"),
	refunding("a negative amount", "", amountOf("-1"), "400 PARAM_ERROR /amount/refund body must be at least 1"),
	refunding("an amount with a point", "", amountOf("1.0"), wrongAmount),
	refunding("an amount with an exponent", "", amountOf("1e2"), wrongAmount),
	refunding("an amount in quotes", "", amountOf(`"1"`), wrongAmount),
	refunding("an amount above 64 bits", "", amountOf("9223372036854775808"), "400 INVALID_REQUEST 申请退款金额大于订单可退金额"),
	refunding("an amount of 200 digits", "", amountOf(strings.Repeat("9", 200)), "400 PARAM_ERROR - body JSON too large"),
	refunding("an amount that is true", "", amountOf("true"), wrongAmount),
	refunding("an amount that is a list", "", amountOf("[1]"), wrongAmount),
	refunding("an amount that is null", "", amountOf("null"), "400 PARAM_ERROR /amount/refund body is required"),
	refunding("no refund amount", "", `"total":1000,"currency":"CNY"`, "400 PARAM_ERROR /amount/refund body is required"),
	refunding("no total", "", `"refund":1,"currency":"CNY"`, "400 PARAM_ERROR /amount/total body is required"),
	refunding("a total of 0", "", `"refund":1,"total":0,"currency":"CNY"`, "400 PARAM_ERROR /amount/total body must be at least 1"),
	refunding("a total that is not the order's", "", `"refund":1,"total":999,"currency":"CNY"`, "400 INVALID_REQUEST 订单总金额与支付时不一致，请核实后再试"),
	refunding("no currency", "", `"refund":1,"total":1000`, "400 PARAM_ERROR /amount/currency body is required"),
	refunding("another currency", "", `"refund":1,"total":1000,"currency":"USD"`, "400 PARAM_ERROR /amount/currency body must be CNY"),
	refunding("a currency in small letters", "", `"refund":1,"total":1000,"currency":"cny"`, "400 PARAM_ERROR /amount/currency body must be CNY"),
	refunding("a name twice", "", `"refund":1,"refund":2,"total":1000,"currency":"CNY"`, "400 PARAM_ERROR - body duplicate name in JSON object"),
	refunding("one fen above the rest", "", amountOf("301"), "400 INVALID_REQUEST 申请退款金额大于订单可退金额"),
	refunding("far above the rest", "", amountOf("9223372036854775807"), "400 INVALID_REQUEST 申请退款金额大于订单可退金额"),
	refunding("an order that is refunded in full", `"out_trade_no":"{full}",`, "", "400 INVALID_REQUEST 订单已全额退款"),

	refunding("from of an order that is not shared", "", amountOf("1")+`,"from":[{"account":"AVAILABLE","amount":1}]`, "400 INVALID_REQUEST 该订单不是待分账或分账中的订单，不支持指定出资账户"),
	refunding("from that does not add up", "", amountOf("2")+`,"from":[{"account":"AVAILABLE","amount":1}]`, "400 PARAM_ERROR /amount/from body must add up to the refund"),
	refunding("from with an account twice", "", amountOf("2")+`,"from":[{"account":"AVAILABLE","amount":1},{"account":"AVAILABLE","amount":1}]`, "400 PARAM_ERROR /amount/from/1/account body is there twice"),
	refunding("from with an unknown account", "", amountOf("1")+`,"from":[{"account":"BASIC","amount":1}]`, "400 PARAM_ERROR /amount/from/0/account body must be AVAILABLE or UNAVAILABLE"),
	refunding("from that is an object", "", amountOf("1")+`,"from":{}`, "400 PARAM_ERROR /amount/from body must be an array, not a object"),
	refunding("from with a sum above 64 bits", "", amountOf("1")+`,"from":[{"account":"AVAILABLE","amount":9223372036854775807},{"account":"UNAVAILABLE","amount":9223372036854775807}]`, "400 PARAM_ERROR /amount/from body must add up to the refund"),

	raw("no order", `{"out_refund_no":"NEW","amount":{`+amountOf("1")+`}}`, "400 PARAM_ERROR /transaction_id body or out_trade_no is required"),
	refunding("an order number of 5 characters", `"out_trade_no":"12345",`, "", "400 PARAM_ERROR /out_trade_no body must have 6 to 32 bytes"),
	refunding("an order number of 33 characters", `"out_trade_no":"`+strings.Repeat("1", 33)+`",`, "", "400 PARAM_ERROR /out_trade_no body must have 6 to 32 bytes"),
	refunding("an order number that is a number", `"out_trade_no":123456,`, "", "400 PARAM_ERROR /out_trade_no body must be a string, not a number"),
	refunding("an order number with a slash", `"out_trade_no":"12345/6",`, "", "400 PARAM_ERROR /out_trade_no body must be digits, letters, _, -, |, * and @"),
	refunding("an unknown order", `"out_trade_no":"nosuchorder",`, "", noOrder),
	refunding("an unknown transaction", `"transaction_id":"4200000000202607019999999999",`, "", noOrder),
	refunding("another merchant's order", `"out_trade_no":"{other}",`, "", noOrder),
	refunding("an order in another currency", `"out_trade_no":"{sar}",`, "", noOrder),

	raw("no refund number", `{"out_trade_no":"{order}","amount":{`+amountOf("1")+`}}`, "400 PARAM_ERROR /out_refund_no body is required"),
	refunding("an empty refund number", `"out_refund_no":"",`, "", "400 PARAM_ERROR /out_refund_no body must have 1 to 64 bytes"),
	refunding("a refund number of 65 characters", `"out_refund_no":"`+strings.Repeat("r", 65)+`",`, "", "400 PARAM_ERROR /out_refund_no body must have 1 to 64 bytes"),
	refunding("a refund number with a blank", `"out_refund_no":"a b",`, "", wrongNumber),
	refunding("a refund number in Chinese", `"out_refund_no":"退",`, "", wrongNumber),
	refunding("a used number for another amount", `"out_refund_no":"USED",`, amountOf("701"), conflict),
	refunding("a used number for another order", `"out_trade_no":"{full}","out_refund_no":"USED",`, amountOf("700"), conflict),
	refunding("a used number with other goods", `"out_refund_no":"USED","goods_detail":[`+goodsOf+`],`, amountOf("700"), conflict),

	refunding("a reason of 81 bytes", `"reason":"`+strings.Repeat("字", 27)+`",`, "", "400 PARAM_ERROR /reason body must have 0 to 80 bytes"),
	refunding("a reason with a picture", `"reason":"😀",`, "", "400 PARAM_ERROR /reason body must not have characters of 4 bytes"),
	refunding("a reason that is a number", `"reason":5,`, "", "400 PARAM_ERROR /reason body must be a string, not a number"),
	refunding("an address with a query", `"notify_url":"https://1.1.1.1/hook?a=b",`, "", "400 PARAM_ERROR /notify_url body must be an absolute https or http address without a query"),
	refunding("an address without a scheme", `"notify_url":"shop.example/hook",`, "", "400 PARAM_ERROR /notify_url body must be an absolute https or http address without a query"),
	refunding("an address that is too long", `"notify_url":"https://1.1.1.1/`+strings.Repeat("x", 256)+`",`, "", "400 PARAM_ERROR /notify_url body must have 8 to 256 bytes"),
	refunding("a private address", `"notify_url":"https://192.168.1.1/hook",`, "", "400 PARAM_ERROR /notify_url body the address may not be called"),
	refunding("an address by plain http", `"notify_url":"http://1.1.1.1/hook",`, "", "400 PARAM_ERROR /notify_url body the address may not be called"),
	refunding("an unknown funds_account", `"funds_account":"BASIC",`, "", "400 PARAM_ERROR /funds_account body must be AVAILABLE or UNSETTLED"),

	refunding("goods that the order does not have", `"goods_detail":[`+goodsOf+`],`, "", "400 INVALID_REQUEST /goods_detail body the order has no goods"),
	refunding("goods without an id", `"goods_detail":[{"unit_price":1,"refund_amount":1,"refund_quantity":1}],`, "", "400 PARAM_ERROR /goods_detail/0/merchant_goods_id body is required"),
	refunding("goods with a bad id", `"goods_detail":[{"merchant_goods_id":"g 1","unit_price":1,"refund_amount":1,"refund_quantity":1}],`, "", "400 PARAM_ERROR /goods_detail/0/merchant_goods_id body must be letters, digits, - and _"),
	refunding("goods of which none come back", `"goods_detail":[{"merchant_goods_id":"g1","unit_price":1,"refund_amount":1,"refund_quantity":0}],`, "", "400 PARAM_ERROR /goods_detail/0/refund_quantity body must be at least 1"),
	refunding("goods with a price below 0", `"goods_detail":[{"merchant_goods_id":"g1","unit_price":-1,"refund_amount":1,"refund_quantity":1}],`, "", "400 PARAM_ERROR /goods_detail/0/unit_price body must be at least 0"),
	refunding("goods that are a text", `"goods_detail":["g1"],`, "", "400 PARAM_ERROR /goods_detail/0 body must be an object, not a string"),

	refunding("a sub-merchant from a direct merchant", `"sub_mchid":"`+subMchID+`",`, "", "400 PARAM_ERROR /sub_mchid body must not be given by a direct merchant"),
	asThePartner(refunding("no sub-merchant from a partner", "", "", "400 PARAM_ERROR /sub_mchid body is required from a partner")),
	asThePartner(refunding("a sub-merchant in letters", `"sub_mchid":"abc",`, "", "400 PARAM_ERROR /sub_mchid body must be digits")),
	asThePartner(refunding("another sub-merchant", `"sub_mchid":"1900000110",`, "", "403 NO_AUTH 特约商户号与订单不匹配，没有退款权限")),

	raw("no body at all", ``, noBody),
	raw("a null body", `null`, noBody),
	raw("a list", `[]`, noBody),
	raw("a form", `out_refund_no=1`, "400 PARAM_ERROR - body malformed JSON"),
	raw("JSON that ends too early", `{"out_refund_no":"1"`, "400 PARAM_ERROR - body malformed JSON"),
	raw("something behind the JSON", `{} {}`, "400 PARAM_ERROR - body data after the JSON value"),
	raw("nested without end", strings.Repeat("[", 100_000), "400 PARAM_ERROR - body JSON nested too deeply"),
	raw("broken UTF-8", "{\"reason\":\"\xff\"}", "400 PARAM_ERROR - body JSON is not valid UTF-8"),
	raw("half a surrogate pair", `{"reason":"\ud800"}`, "400 PARAM_ERROR - body forbidden character in JSON string"),
	raw("U+0000", `{"reason":"\u0000"}`, "400 PARAM_ERROR - body forbidden character in JSON string"),
	refunding("an idempotency key with a blank", "", "", "400 PARAM_ERROR Idempotency-Key header Idempotency-Key is one value", "Idempotency-Key", "a b"),
	refunding("a key that the platform does not have", "", "", "400 PARAM_ERROR Wechatpay-Serial header names no key of the platform", "Wechatpay-Serial", "PUB_KEY_ID_0000000000000000000000000000"),

	reading("an unknown refund", refundPath+"/nobody", noRefund),
	reading("a refund number with a slash", refundPath+"/a%2Fb", "400 PARAM_ERROR out_refund_no url must be 1 to 64 digits"),
	reading("a refund number with U+0000", refundPath+"/a%00b", "400 PARAM_ERROR out_refund_no url must be 1 to 64 digits"),
	reading("an empty refund number in the address", refundPath+"/", "400 PARAM_ERROR out_refund_no url must be 1 to 64 digits"),
	reading("a direct merchant's query with a sub-merchant", refundPath+"/USED?sub_mchid="+subMchID, "400 PARAM_ERROR sub_mchid query must not be given by a direct merchant"),
	asThePartner(reading("a partner's query without one", refundPath+"/USED", "400 PARAM_ERROR sub_mchid query is required from a partner")),
	asThePartner(reading("a query for another sub-merchant", refundPath+"/USED?sub_mchid=1900000110", noRefund)),

	reading("an order query without mchid", trades+"id/1", "400 PARAM_ERROR mchid query is required"),
	reading("an order query for another mchid", trades+"id/1?mchid=1900009192", "403 NO_AUTH 商户号与签名的商户不一致，没有查询权限"),
	reading("an unknown order by its number", trades+"out-trade-no/nosuchorder?mchid="+direct, "404 ORDER_NOT_EXIST 订单不存在"),
	reading("an unknown order by its transaction", trades+"id/nosuchorder?mchid="+direct, "404 ORDER_NOT_EXIST 订单不存在"),
	reading("an order number that is none", trades+"out-trade-no/a%20b?mchid="+direct, "400 PARAM_ERROR out_trade_no url must be 1 to 32 digits"),
	reading("a partner's address from a direct merchant", "/v3/pay/partner/transactions/id/1?sp_mchid="+direct+"&sub_mchid="+subMchID, "403 NO_AUTH 商户号与签名的商户不一致，没有查询权限"),

	reading("a bill without a date", bills+"tradebill", "400 PARAM_ERROR bill_date query must be a date"),
	reading("a bill of 30 February", bills+"tradebill?bill_date=2026-02-30", "400 PARAM_ERROR bill_date query must be a date"),
	reading("a bill of the future", bills+"tradebill?bill_date=2999-01-01", "400 NO_STATEMENT_EXIST 账单文件不存在"),
	reading("a bill of four months ago", bills+"fundflowbill?bill_date=2019-06-11", "400 NO_STATEMENT_EXIST 账单文件不存在"),
	reading("an unknown type of bill", bills+"tradebill?bill_date=2019-06-11&bill_type=X", "400 PARAM_ERROR bill_type query must be ALL, SUCCESS, REFUND, RECHARGE_REFUND, ALL_SPECIAL, SUC_SPECIAL or REF_SPECIAL"),
	reading("an unknown account of a bill", bills+"fundflowbill?bill_date=2019-06-11&account_type=X", "400 PARAM_ERROR account_type query must be BASIC, OPERATION or FEES"),
	reading("an unknown packing", bills+"tradebill?bill_date=2019-06-11&tar_type=ZIP", "400 PARAM_ERROR tar_type query must be GZIP"),
	reading("a download that nobody gave", "/v3/billdownload/file?token=x.y", "400 PARAM_ERROR token query is not one that this account got"),
	reading("an unknown kind of certificates", "/v3/certificates?algorithm_type=X", "400 PARAM_ERROR algorithm_type query must be RSA, SM2 or ALL"),

	reading("an unknown address", "/v3/marketing/favor/coupons", "404 NOT_FOUND 请求的地址不存在"),
	reading("the prefix alone", "/v3/", "404 NOT_FOUND 请求的地址不存在"),
	reading("a path that goes on", refundPath+"/USED/more", "404 NOT_FOUND 请求的地址不存在"),
	{"a wrong method", direct, "DELETE", refundPath + "/USED", "", "405 METHOD_NOT_ALLOWED 该地址不支持此请求方法", nil},
	{"an abnormal refund of one that succeeded", direct, "POST", refundPath + "/{re}/apply-abnormal-refund", `{"out_refund_no":"USED","type":"MERCHANT_BANK_CARD"}`, "400 INVALID_REQUEST 退款单不是退款异常状态，不能发起异常退款", nil},
	{"an abnormal refund with another's id", direct, "POST", refundPath + "/50000000000000000000000000000/apply-abnormal-refund", `{"out_refund_no":"USED","type":"MERCHANT_BANK_CARD"}`, "400 INVALID_REQUEST 商户退款单号与微信支付退款单号不匹配", nil},
}

// told is an answer in the form of badRequest.want.
func told(t *testing.T, status int, body string) string {
	t.Helper()
	answer := decoded(t, body)
	text := fmt.Sprintf("%d %v ", status, answer["code"])
	detail, ok := answer["detail"].(map[string]any)
	if !ok {
		return text + fmt.Sprint(answer["message"])
	}
	field := fmt.Sprint(detail["field"])
	if field == "" {
		field = "-"
	}
	return text + fmt.Sprintf("%s %v %v", field, detail["location"], detail["issue"])
}

// Each is refused with the words that stand there, changes no row, and leaves
// what is refundable as it was.
func TestBadRequests(t *testing.T) {
	s := dialecttest.Start(t)
	clients := map[string]client{direct: demo(t, s, direct), partner: demo(t, s, partner)}
	c := clients[direct]
	order := func(merchantID, number string, edit func(*refund.Charge)) {
		s.Charge(t, merchantID, 1000, func(r *refund.Charge) {
			r.OrderNo = number
			r.Aliases = []refund.Alias{{Dialect: merchant.WeChatPay, Identity: direct, Name: number}}
			if edit != nil {
				edit(r)
			}
		})
	}
	order(merchant.DemoID, "ORDER-BAD", nil)
	order(merchant.DemoID, "ORDER-FULL", nil)
	order(merchant.DemoID, "ORDER-SAR", func(r *refund.Charge) { r.Currency = "SAR" })
	other := s.Merchant(t, "other", merchant.Test, nil)
	order(other.Merchant.ID, "ORDER-OTHER", nil)
	body := func(order, number string, amount int) string {
		return fmt.Sprintf(`{"out_trade_no":%q,"out_refund_no":%q,"amount":{"refund":%d,"total":1000,"currency":"CNY"}}`, order, number, amount)
	}
	used := decoded(t, c.post(t, refundPath, body("ORDER-BAD", "USED", 700), 200, "Prefer", "wait=5"))
	c.post(t, refundPath, body("ORDER-FULL", "FULL", 1000), 200, "Prefer", "wait=5")
	fill := strings.NewReplacer("{order}", "ORDER-BAD", "{full}", "ORDER-FULL", "{other}", "ORDER-OTHER", "{sar}", "ORDER-SAR", "{re}", fmt.Sprint(used["refund_id"]))
	if len(badRequests) < 60 {
		t.Fatalf("only %d requests", len(badRequests))
	}
	s.Unchanged(t, func() {
		for _, bad := range badRequests {
			c := clients[bad.as]
			answer, text := dialecttest.Do(t, c.request(t, bad.method, fill.Replace(bad.target), fill.Replace(bad.body), bad.header...))
			// Every refusal of a verified request is signed.
			c.verify(t, answer, text)
			if got := told(t, answer.StatusCode, text); !strings.HasPrefix(got, bad.want) {
				t.Errorf("%s: told %q, want %q", bad.name, got, bad.want)
			}
		}
		// The body is not read to its end, so that nothing can be verified or
		// signed; it is refused in JSON all the same.
		answer, text := dialecttest.Do(t, c.request(t, "POST", refundPath, `{"reason":"`+strings.Repeat("x", 2<<20)+`"}`))
		if got := told(t, answer.StatusCode, text); !strings.HasPrefix(got, "400 PARAM_ERROR - body the body is larger than") {
			t.Errorf("2 MB: told %q", got)
		}
	})
	findings, err := service.Verify(t.Context(), s.Store)
	if err != nil || len(findings) != 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
	// What was left of the order is still refundable.
	c.post(t, refundPath, body("ORDER-BAD", "REST", 300), 200)
}
