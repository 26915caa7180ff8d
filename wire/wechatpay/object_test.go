package wechatpay

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/exactjson"
)

// compareTimes compares Time by its moment.
var compareTimes = cmp.Comparer(func(a, b Time) bool { return time.Time(a).Equal(time.Time(b)) })

func TestTheRefundObjectIsReadAndWrittenInThePagesOrder(t *testing.T) {
	var want bytes.Buffer
	if err := json.Compact(&want, read(t, "refund.json")); err != nil {
		t.Fatal(err)
	}
	refund, err := DecodeRefund(decode(t, want.String()))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), marshal(t, refund)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestWhatIsRequiredIsWrittenAndTheRestLeftOut(t *testing.T) {
	at := Time(time.Date(2015, 5, 20, 5, 29, 35, 0, time.UTC))
	const amount = `"amount":{"total":0,"refund":0,"payer_total":0,"payer_refund":0,"settlement_refund":0,"settlement_total":0,"discount_refund":0,"currency":"CNY"`
	const head = `{"refund_id":"","out_refund_no":"","transaction_id":"","out_trade_no":"","channel":"","user_received_account":"",`
	zero := int64(0)
	tests := []struct {
		name   string
		refund Refund
		want   string
	}{
		{
			"processing, without a time of success",
			Refund{Status: StatusProcessing, CreateTime: at, Amount: Amount{Currency: Currency}},
			head + `"create_time":"2015-05-20T13:29:35+08:00","status":"PROCESSING","funds_account":"",` + amount + `}}`,
		},
		{
			"closed after success shows no time of success",
			Refund{Status: StatusClosed, CreateTime: at, SuccessTime: &at, Amount: Amount{Currency: Currency}},
			head + `"create_time":"2015-05-20T13:29:35+08:00","status":"CLOSED","funds_account":"",` + amount + `}}`,
		},
		{
			"success, and a fee that is known to be nothing",
			Refund{Status: StatusSuccess, CreateTime: at, SuccessTime: &at, Amount: Amount{Currency: Currency, RefundFee: &zero}},
			head + `"success_time":"2015-05-20T13:29:35+08:00","create_time":"2015-05-20T13:29:35+08:00","status":"SUCCESS","funds_account":"",` + amount + `,"refund_fee":0}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, marshal(t, test.refund)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestAnswersOfThePlatformThatDifferFromThePage(t *testing.T) {
	page := string(read(t, "refund.json"))
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(page) }
	tests := []struct {
		name, body string
		check      func(Refund) bool
	}{
		{"the SDKs' words for a coupon's type", change(`"CASH"`, `"COUPON"`, `"NOCASH"`, `"DISCOUNT"`), func(r Refund) bool {
			return r.Promotions[0].Type == "CASH" && r.Promotions[1].Type == "NOCASH"
		}},
		{"the word of v2", change(`"NOCASH"`, `"NO_CASH"`), func(r Refund) bool { return r.Promotions[1].Type == "NOCASH" }},
		{"an unknown word is kept", change(`"NOCASH"`, `"NEW"`), func(r Refund) bool { return r.Promotions[1].Type == "NEW" }},
		{"a time in UTC", change(`2015-05-20T13:29:35+08:00`, `2015-05-20T05:29:35Z`), func(r Refund) bool {
			return r.SuccessTime.String() == "2015-05-20T13:29:35+08:00"
		}},
		{"no funds account, as older answers", change(`"funds_account": "UNSETTLED",`, ``), func(r Refund) bool { return r.FundsAccount == "" }},
		{"a name with an emoji", change(`<苹果>`, `🍎`), func(r Refund) bool { return r.Promotions[1].Goods[0].GoodsName == "🍎" }},
		{"an unknown member", change(`"status":`, `"new": {}, "status":`), func(r Refund) bool { return r.Status == "SUCCESS" }},
		{"an unknown state is kept", change(`"SUCCESS"`, `"NEW"`), func(r Refund) bool { return r.Status == "NEW" }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeRefund(decode(t, test.body))
			if err != nil || !test.check(got) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	empty := decode(t, strings.Split(page, `"promotion_detail"`)[0]+`"promotion_detail":[]}`)
	if got, err := DecodeRefund(empty); err != nil || got.Promotions != nil {
		t.Errorf("an empty list: %+v, %v", got, err)
	}
}

func TestAnswersThatCannotBeBelieved(t *testing.T) {
	page := string(read(t, "refund.json"))
	for name, body := range map[string]string{
		"no object": `[]`, "nothing": ``,
		"no number":                     strings.Replace(page, `"refund_id"`, `"x"`, 1),
		"no state":                      strings.Replace(page, `"status"`, `"x"`, 1),
		"no amount":                     strings.Replace(page, `"amount"`, `"x"`, 1),
		"no payer's part":               strings.Replace(page, `"payer_refund"`, `"x"`, 1),
		"an amount in quotes":           strings.Replace(page, `"refund": 500`, `"refund": "500"`, 1),
		"a negative amount":             strings.Replace(page, `"payer_refund": 400`, `"payer_refund": -1`, 1),
		"another currency":              strings.Replace(page, `"CNY"`, `"USD"`, 1),
		"an empty time":                 strings.Replace(page, `2015-05-20T13:29:35+08:00`, ``, 1),
		"a time without zone":           strings.Replace(page, `2015-05-20T13:29:30+08:00`, `2015-05-20T13:29:30`, 1),
		"a coupon without what is back": strings.Replace(page, `"refund_amount": 50`, `"x": 50`, 1),
	} {
		if _, err := DecodeRefund(decode(t, body)); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: got %v, want ErrAnswer", name, err)
		}
	}
}

const paidOrder = `{"appid":"wx8888888888888888","mchid":"1230000109","out_trade_no":"1217752501201407033233368018","transaction_id":"1217752501201407033233368018",` +
	`"trade_type":"MICROPAY","trade_state":"SUCCESS","trade_state_desc":"支付成功","bank_type":"CMC","attach":"自定义数据","success_time":"2018-06-08T10:34:56+08:00",` +
	`"payer":{"openid":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"},"amount":{"total":100,"payer_total":90,"currency":"CNY","payer_currency":"CNY"},` +
	`"promotion_detail":[{"coupon_id":"109519","name":"单品惠-6","scope":"GLOBAL","type":"CASH","amount":10,"stock_id":"931386","wechatpay_contribute":0,` +
	`"merchant_contribute":10,"other_contribute":0,"currency":"CNY","goods_detail":[{"goods_id":"M1006","quantity":1,"unit_price":100,"discount_amount":1,"goods_remark":"商品备注信息"}]}]}`

func TestOrders(t *testing.T) {
	order, err := DecodeOrder(decode(t, paidOrder))
	if diff := cmp.Diff(paidOrder, marshal(t, order)); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	partner := Order{
		SpAppID: "wx1", SpMchID: "1900000100", SubMchID: "1900000109", OutTradeNo: "T12345", TradeState: TradeNotPay,
		TradeStateDesc: TradeStateDescription(TradeNotPay), Payer: &Payer{SpOpenID: "o"},
	}
	const want = `{"sp_appid":"wx1","sp_mchid":"1900000100","sub_mchid":"1900000109","out_trade_no":"T12345","trade_state":"NOTPAY","trade_state_desc":"订单未支付","payer":{"sp_openid":"o"}}`
	if diff := cmp.Diff(want, marshal(t, partner)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := DecodeOrder(decode(t, want)); err != nil || !cmp.Equal(got, partner, compareTimes) || got.Refundable() {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := DecodeOrder(decode(t, `{"out_trade_no":"T12345","trade_state":"NOTPAY","success_time":""}`)); err != nil || got.SuccessTime != nil {
		t.Errorf("an empty time of an order that was not paid: %+v, %v", got, err)
	}
	for name, body := range map[string]string{
		"no object": `5`, "no number": `{"trade_state":"NOTPAY"}`, "no state": `{"out_trade_no":"T12345"}`,
		"paid without an amount":     `{"out_trade_no":"T12345","trade_state":"SUCCESS"}`,
		"refunded without an amount": `{"out_trade_no":"T12345","trade_state":"REFUND"}`,
		"an amount with decimals":    strings.Replace(paidOrder, `"total":100`, `"total":1.00`, 1),
		"a bad time":                 strings.Replace(paidOrder, `2018-06-08T10:34:56+08:00`, `2018`, 1),
		"a coupon without a number":  strings.Replace(paidOrder, `"coupon_id"`, `"x"`, 1),
		"goods without a discount":   strings.Replace(paidOrder, `"discount_amount"`, `"x"`, 1),
	} {
		if _, err := DecodeOrder(decode(t, body)); !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: got %v, want ErrAnswer", name, err)
		}
	}
	for _, state := range []string{TradeSuccess, TradeRefund, TradeNotPay, TradeClosed, TradeRevoked, TradeUserPaying, TradePayError} {
		if TradeStateDescription(state) == "" {
			t.Errorf("%s has no words", state)
		}
		if got := (Order{TradeState: state}).Refundable(); got != (state == "SUCCESS" || state == "REFUND") {
			t.Errorf("%s is refundable: %v", state, got)
		}
	}
}

func TestErrorsAreWrittenAndRead(t *testing.T) {
	a := Authorization{Timestamp: "1700000000", Nonce: "N"}
	tests := []struct {
		name  string
		error Error
		want  string
	}{
		{"without detail", Error{Code: CodeInvalidRequest, Message: MessageFullyRefunded}, `{"code":"INVALID_REQUEST","message":"订单已全额退款"}`},
		{
			"of a member", (&ParamError{"/amount/currency", "XYZ", "must be CNY", LocationBody}).Answer(),
			`{"code":"PARAM_ERROR","message":"参数错误: /amount/currency","detail":{"field":"/amount/currency","value":"XYZ","issue":"must be CNY","location":"body"}}`,
		},
		{
			"of a signature",
			Error{Code: CodeSign, Message: "m", Detail: NewSignDetail(a, "POST", "/v3/x", []byte(`{"appid":"wx1"}`))},
			`{"code":"SIGN_ERROR","message":"m","detail":{"field":"signature","location":"authorization","detail":{"issue":"sign not match"},` +
				`"sign_information":{"method":"POST","url":"/v3/x","sign_message_length":40,"truncated_sign_message":"POST\n/v3/x\n1700000000\nN\n{\"appid\""}}}`,
		},
		{
			"of a signature without a body",
			Error{Code: CodeSign, Message: "m", Detail: NewSignDetail(a, "GET", "/v3/x", nil)},
			`{"code":"SIGN_ERROR","message":"m","detail":{"field":"signature","location":"authorization","detail":{"issue":"sign not match"},` +
				`"sign_information":{"method":"GET","url":"/v3/x","sign_message_length":24,"truncated_sign_message":"GET\n/v3/x\n1700000000\nN\n"}}}`,
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			written := marshal(t, test.error)
			if diff := cmp.Diff(test.want, written); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if got := DecodeError(400, []byte(written)); got.Code != test.error.Code || got.Message != test.error.Message || got.Error() != string(got.Code)+": "+got.Message {
				t.Errorf("read as %v", got)
			}
		})
	}
	for _, body := range []string{"", "Bad Gateway", "[]", `{"code":5}`, `{"message":"m"}`} {
		if got := DecodeError(502, []byte(body)); got.Code != "" || got.Message != "HTTP 502 without a code" {
			t.Errorf("%q: %v", body, got)
		}
	}
}

func TestTheTableOfErrors(t *testing.T) {
	for code, want := range map[Code]int{
		"PARAM_ERROR": 400, "INVALID_REQUEST": 400, "SIGN_ERROR": 401, "NO_AUTH": 403, "NOT_ENOUGH": 403, "USER_ACCOUNT_ABNORMAL": 403,
		"RESOURCE_NOT_EXISTS": 404, "MCH_NOT_EXISTS": 404, "ORDER_NOT_EXIST": 404, "NOT_FOUND": 404, "FREQUENCY_LIMITED": 429, "RATELIMIT_EXCEEDED": 429,
		"SYSTEM_ERROR": 500, "SERVICE_UNAVAILABLE": 503, "NO_STATEMENT_EXIST": 400, "STATEMENT_CREATING": 400, "FAIL": 500, "NEW": 500,
	} {
		if got := code.Status(); got != want {
			t.Errorf("%s: got %d, want %d", code, got, want)
		}
	}
	for status, want := range map[int]bool{200: false, 202: true, 400: false, 401: false, 403: false, 404: false, 429: true, 500: true, 502: true, 503: true} {
		if OutcomeUnknown(status) != want {
			t.Errorf("%d: unknown is %v", status, !want)
		}
	}
}

func TestRulesForCallers(t *testing.T) {
	var minutes []int
	for n := range 11 {
		minutes = append(minutes, int(PollDelay(n)/time.Minute))
	}
	if diff := cmp.Diff([]int{1, 1, 1, 1, 1, 1, 5, 10, 20, 30, 30}, minutes); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, test := range []struct{ name, reason, want string }{
		{"short", "退款", "退款"},
		{"characters of 4 bytes", "a😀b𠮷c", "abc"},
		{"exactly 80 bytes", strings.Repeat("a", 80), strings.Repeat("a", 80)},
		{"81 bytes", strings.Repeat("a", 81), strings.Repeat("a", 80)},
		{"cut between characters", strings.Repeat("退", 27), strings.Repeat("退", 26)},
		{"dropped before it is measured", "😀" + strings.Repeat("a", 80), strings.Repeat("a", 80)},
	} {
		if got := ClipReason(test.reason); got != test.want {
			t.Errorf("%s: got %q", test.name, got)
		}
	}
	for text, want := range map[string]string{"": "", "a退€": "a退€", "😀": "", "a😀b𠮷": "ab"} {
		if got := string(DropLongCharacters([]byte(text))); got != want {
			t.Errorf("%q is left as %q", text, got)
		}
	}
	if RefundWindow != 365*24*time.Hour || MaxRefunds != 50 || RefundSpacing != time.Minute || ShortageLimit != 7*24*time.Hour {
		t.Error("a rule was changed")
	}
}

func TestTargets(t *testing.T) {
	for got, want := range map[string]string{
		RefundTarget("r|1*@", ""):              "/v3/refund/domestic/refunds/r%7C1%2A@",
		RefundTarget("R", "1900000109"):        "/v3/refund/domestic/refunds/R?sub_mchid=1900000109",
		AbnormalTarget("50"):                   "/v3/refund/domestic/refunds/50/apply-abnormal-refund",
		OrderTarget("42", "T12345", "1", ""):   "/v3/pay/transactions/id/42?mchid=1",
		OrderTarget("", "T|2345", "1", ""):     "/v3/pay/transactions/out-trade-no/T%7C2345?mchid=1",
		OrderTarget("42", "", "1", "2"):        "/v3/pay/partner/transactions/id/42?sp_mchid=1&sub_mchid=2",
		OrderTarget("", "T12345", "1", "2"):    "/v3/pay/partner/transactions/out-trade-no/T12345?sp_mchid=1&sub_mchid=2",
		BankCardAccount("招商银行", "信用卡", "0403"): "招商银行信用卡0403",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := DebitCardAccount("ICBC_CREDIT", "0403"); got != "" {
		t.Errorf("a credit card is %s", got)
	}
}

func FuzzDecodeAnswers(f *testing.F) {
	f.Add(read(f, "refund.json"))
	f.Add([]byte(paidOrder))
	f.Add([]byte(`{"code":"PARAM_ERROR","message":"m"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got := DecodeError(400, data); got.Code == "" && got.Message == "" {
			t.Fatal("an error without a word")
		}
		body, err := exactjson.Decode(data, exactjson.Limits{})
		if err != nil {
			return
		}
		if refund, err := DecodeRefund(body); err == nil {
			again, err := DecodeRefund(decode(t, marshal(t, refund)))
			if refund.Status != StatusSuccess {
				refund.SuccessTime = nil
			}
			if again.SuccessTime != nil {
				again.SuccessTime = refund.SuccessTime // whole seconds are left of it
			}
			again.CreateTime = refund.CreateTime
			if diff := cmp.Diff(refund, again, compareTimes); err != nil || diff != "" {
				t.Fatalf("%v (-want +got)\n%s", err, diff)
			}
		}
		if order, err := DecodeOrder(body); err == nil && order.Refundable() && order.Amount == nil {
			t.Fatal("an order that can be refunded has no amount")
		}
	})
}
