package wechatpay

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/wire/exactjson"
)

const plainAmount = `"amount":{"refund":1,"total":10,"currency":"CNY"}`

func TestARequestWithEverythingIsReadAndWritten(t *testing.T) {
	const body = `{"sub_mchid":"1900000109","transaction_id":"1217752501201407033233368018","out_trade_no":"1217752501201407033233368018",` +
		`"out_refund_no":"r|1*@_-","reason":"商品已售完","notify_url":"https://weixin.qq.com/notify","funds_account":"AVAILABLE",` +
		`"amount":{"refund":888,"from":[{"account":"AVAILABLE","amount":444},{"account":"UNAVAILABLE","amount":444}],"total":888,"currency":"CNY"},` +
		`"goods_detail":[{"merchant_goods_id":"1217752501201407033233368018","wechatpay_goods_id":"1001","goods_name":"iPhone6s 16G","unit_price":528800,"refund_amount":528800,"refund_quantity":1}]}`
	want := RefundRequest{
		SubMchID: "1900000109", TransactionID: "1217752501201407033233368018", OutTradeNo: "1217752501201407033233368018", OutRefundNo: "r|1*@_-",
		Reason: "商品已售完", NotifyURL: "https://weixin.qq.com/notify", FundsAccount: "AVAILABLE",
		Amount: RequestAmount{888, []From{{"AVAILABLE", 444}, {"UNAVAILABLE", 444}}, 888, "CNY"},
		Goods:  []Goods{{"1217752501201407033233368018", "1001", "iPhone6s 16G", 528800, 528800, 1}},
	}
	got, err := DecodeRefundRequest(decode(t, body))
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if diff := cmp.Diff(body, marshal(t, got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRequestsThatAreTaken(t *testing.T) {
	tests := []struct{ name, body string }{
		{"what is required", `"out_trade_no":"T12345","out_refund_no":"R",` + plainAmount},
		{"null where nothing is required", `"sub_mchid":null,"transaction_id":null,"out_trade_no":"T12345","out_refund_no":"R","reason":null,"notify_url":null,"funds_account":null,"goods_detail":null,"amount":{"refund":1,"total":10,"currency":"CNY","from":null}`},
		{"empty lists", `"out_trade_no":"T12345","out_refund_no":"R","goods_detail":[],"amount":{"refund":1,"total":10,"currency":"CNY","from":[]}`},
		{"an empty reason", `"out_trade_no":"T12345","out_refund_no":"R","reason":"",` + plainAmount},
		{"unknown members", `"out_trade_no":"T12345","out_refund_no":"R","Reason":5,"x":{},` + plainAmount},
		{"a number of 64 bytes", `"out_trade_no":"T12345","out_refund_no":"` + strings.Repeat("R", 64) + `",` + plainAmount},
		{"a reason of 80 bytes", `"out_trade_no":"T12345","out_refund_no":"R","reason":"` + strings.Repeat("退", 26) + `ab",` + plainAmount},
		{"http, which the generic page allows", `"out_trade_no":"T12345","out_refund_no":"R","notify_url":"http://m.example/n",` + plainAmount},
		{"an address of 8 bytes", `"out_trade_no":"T12345","out_refund_no":"R","notify_url":"http://a",` + plainAmount},
		{"an address of 256 bytes", `"out_trade_no":"T12345","out_refund_no":"R","notify_url":"https://m.example/` + strings.Repeat("n", 238) + `",` + plainAmount},
		{"a number of the platform of 32 bytes", `"transaction_id":"` + strings.Repeat("1", 32) + `","out_trade_no":"T12345","out_refund_no":"R",` + plainAmount},
		{"a number of one byte with each odd character", `"out_trade_no":"T12345","out_refund_no":"|",` + plainAmount},
		{"travel's prepaid deposits", `"out_trade_no":"T12345","out_refund_no":"R","funds_account":"UNSETTLED",` + plainAmount},
		{"a name of 256 characters", `"out_trade_no":"T12345","out_refund_no":"R","goods_detail":[{"merchant_goods_id":"g","goods_name":"` + strings.Repeat("名", 256) + `","unit_price":0,"refund_amount":0,"refund_quantity":1}],` + plainAmount},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeRefundRequest(decode(t, "{"+test.body+"}"))
			if err != nil || got.OutTradeNo != "T12345" || got.Amount.Refund != 1 || got.Amount.Total != 10 || got.Amount.From != nil {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestRequestsThatAreRefused(t *testing.T) {
	const order = `"out_trade_no":"T12345","out_refund_no":"R"`
	amount := func(inside string) string { return order + `,"amount":{` + inside + `}` }
	goods := func(inside string) string {
		return order + `,` + plainAmount + `,"goods_detail":[{"merchant_goods_id":"g","unit_price":1,"refund_amount":1,"refund_quantity":1},{` + inside + `}]`
	}
	tests := []struct{ name, body, field, value string }{
		{"a sub-merchant in words", `"sub_mchid":"a",` + order + `,` + plainAmount, "/sub_mchid", "a"},
		{"a sub-merchant of 33 digits", `"sub_mchid":"` + strings.Repeat("1", 33) + `",` + order + `,` + plainAmount, "/sub_mchid", strings.Repeat("1", 33)},
		{"an empty sub-merchant", `"sub_mchid":"",` + order + `,` + plainAmount, "/sub_mchid", ""},
		{"neither number of the order", `"out_refund_no":"R",` + plainAmount, "/transaction_id", ""},
		{"an empty number of the platform", `"transaction_id":"",` + order + `,` + plainAmount, "/transaction_id", ""},
		{"a number of the platform of 33 bytes", `"transaction_id":"` + strings.Repeat("1", 33) + `",` + order + `,` + plainAmount, "/transaction_id", strings.Repeat("1", 33)},
		{"an order number of 5 bytes", `"out_trade_no":"T1234","out_refund_no":"R",` + plainAmount, "/out_trade_no", "T1234"},
		{"an order number of 33 bytes", `"out_trade_no":"` + strings.Repeat("1", 33) + `","out_refund_no":"R",` + plainAmount, "/out_trade_no", strings.Repeat("1", 33)},
		{"an order number that is a number", `"out_trade_no":123456,"out_refund_no":"R",` + plainAmount, "/out_trade_no", "123456"},
		{"no refund number", `"out_trade_no":"T12345",` + plainAmount, "/out_refund_no", ""},
		{"an empty refund number", `"out_trade_no":"T12345","out_refund_no":"",` + plainAmount, "/out_refund_no", ""},
		{"a refund number of 65 bytes", `"out_trade_no":"T12345","out_refund_no":"` + strings.Repeat("R", 65) + `",` + plainAmount, "/out_refund_no", ""},
		{"a refund number with a dot", `"out_trade_no":"T12345","out_refund_no":"R.1",` + plainAmount, "/out_refund_no", "R.1"},
		{"a refund number with a slash", `"out_trade_no":"T12345","out_refund_no":"R/1",` + plainAmount, "/out_refund_no", "R/1"},
		{"a refund number in Chinese", `"out_trade_no":"T12345","out_refund_no":"退",` + plainAmount, "/out_refund_no", "退"},
		{"a reason of 81 bytes", order + `,"reason":"` + strings.Repeat("退", 27) + `",` + plainAmount, "/reason", ""},
		{"a reason with a character of 4 bytes", order + `,"reason":"😀",` + plainAmount, "/reason", "😀"},
		{"a reason that is a number", order + `,"reason":1,` + plainAmount, "/reason", "1"},
		{"an address of 7 bytes", order + `,"notify_url":"http://",` + plainAmount, "/notify_url", "http://"},
		{"an empty address", order + `,"notify_url":"",` + plainAmount, "/notify_url", ""},
		{"an address with a query", order + `,"notify_url":"https://m.example/n?a=1",` + plainAmount, "/notify_url", "https://m.example/n?a=1"},
		{"an address with a fragment", order + `,"notify_url":"https://m.example/n#a",` + plainAmount, "/notify_url", "https://m.example/n#a"},
		{"an address with a password", order + `,"notify_url":"https://a:b@m.example/",` + plainAmount, "/notify_url", "https://a:b@m.example/"},
		{"an address without host", order + `,"notify_url":"https:///notify",` + plainAmount, "/notify_url", "https:///notify"},
		{"an address with a blank at its end", order + `,"notify_url":"https://m.example/x ",` + plainAmount, "/notify_url", "https://m.example/x "},
		{"an address of another scheme", order + `,"notify_url":"ftp://m.example/",` + plainAmount, "/notify_url", "ftp://m.example/"},
		{"an address of 257 bytes", order + `,"notify_url":"https://m.example/` + strings.Repeat("n", 239) + `",` + plainAmount, "/notify_url", ""},
		{"an account that no request may name", order + `,"funds_account":"BASIC",` + plainAmount, "/funds_account", "BASIC"},
		{"no amount", order, "/amount", ""},
		{"an amount that is a number", order + `,"amount":5`, "/amount", "5"},
		{"no refund", amount(`"total":10,"currency":"CNY"`), "/amount/refund", ""},
		{"a refund of nothing", amount(`"refund":0,"total":10,"currency":"CNY"`), "/amount/refund", "0"},
		{"a negative refund", amount(`"refund":-1,"total":10,"currency":"CNY"`), "/amount/refund", "-1"},
		{"a refund with decimals", amount(`"refund":1.0,"total":10,"currency":"CNY"`), "/amount/refund", "1.0"},
		{"a refund with an exponent", amount(`"refund":1e1,"total":10,"currency":"CNY"`), "/amount/refund", "1e1"},
		{"a refund in quotes", amount(`"refund":"1","total":10,"currency":"CNY"`), "/amount/refund", "1"},
		{"a refund far below zero", amount(`"refund":-9223372036854775809,"total":10,"currency":"CNY"`), "/amount/refund", "-9223372036854775809"},
		{"a total beyond 64 bits", amount(`"refund":1,"total":9223372036854775808,"currency":"CNY"`), "/amount/total", "9223372036854775808"},
		{"no total", amount(`"refund":1,"currency":"CNY"`), "/amount/total", ""},
		{"no currency", amount(`"refund":1,"total":10`), "/amount/currency", ""},
		{"another currency", amount(`"refund":1,"total":10,"currency":"XYZ"`), "/amount/currency", "XYZ"},
		{"the currency in lower case", amount(`"refund":1,"total":10,"currency":"cny"`), "/amount/currency", "cny"},
		{"a payer that is an object", amount(`"refund":1,"total":10,"currency":"CNY","from":{}`), "/amount/from", ""},
		{"an unknown payer", amount(`"refund":1,"total":10,"currency":"CNY","from":[{"account":"BASIC","amount":1}]`), "/amount/from/0/account", "BASIC"},
		{"a payer of nothing", amount(`"refund":1,"total":10,"currency":"CNY","from":[{"account":"AVAILABLE","amount":0}]`), "/amount/from/0/amount", "0"},
		{"a payer twice", amount(`"refund":2,"total":10,"currency":"CNY","from":[{"account":"AVAILABLE","amount":1},{"account":"AVAILABLE","amount":1}]`), "/amount/from/1/account", "AVAILABLE"},
		{"three payers", amount(`"refund":2,"total":10,"currency":"CNY","from":[{},{},{}]`), "/amount/from", ""},
		{"payers of too little", amount(`"refund":3,"total":10,"currency":"CNY","from":[{"account":"AVAILABLE","amount":1},{"account":"UNAVAILABLE","amount":1}]`), "/amount/from", ""},
		{"payers whose sum passes 64 bits", amount(`"refund":1,"total":10,"currency":"CNY","from":[{"account":"AVAILABLE","amount":9223372036854775807},{"account":"UNAVAILABLE","amount":9223372036854775807}]`), "/amount/from", ""},
		{"goods that are a number", order + `,` + plainAmount + `,"goods_detail":[1]`, "/goods_detail/0", "1"},
		{"goods without a number", goods(`"unit_price":1,"refund_amount":1,"refund_quantity":1`), "/goods_detail/1/merchant_goods_id", ""},
		{"goods with a bad number", goods(`"merchant_goods_id":"a b","unit_price":1,"refund_amount":1,"refund_quantity":1`), "/goods_detail/1/merchant_goods_id", "a b"},
		{"goods with a number of 33 bytes", goods(`"merchant_goods_id":"` + strings.Repeat("h", 33) + `","unit_price":1,"refund_amount":1,"refund_quantity":1`), "/goods_detail/1/merchant_goods_id", strings.Repeat("h", 33)},
		{"goods with an empty number", goods(`"merchant_goods_id":"","unit_price":1,"refund_amount":1,"refund_quantity":1`), "/goods_detail/1/merchant_goods_id", ""},
		{"goods with a number of the platform of 33 bytes", goods(`"merchant_goods_id":"h","wechatpay_goods_id":"` + strings.Repeat("h", 33) + `","unit_price":1,"refund_amount":1,"refund_quantity":1`), "/goods_detail/1/wechatpay_goods_id", strings.Repeat("h", 33)},
		{"goods with a negative price", goods(`"merchant_goods_id":"h","unit_price":-1,"refund_amount":1,"refund_quantity":1`), "/goods_detail/1/unit_price", "-1"},
		{"goods with an amount in quotes", goods(`"merchant_goods_id":"h","unit_price":1,"refund_amount":"1","refund_quantity":1`), "/goods_detail/1/refund_amount", "1"},
		{"goods without a quantity", goods(`"merchant_goods_id":"h","unit_price":1,"refund_amount":1`), "/goods_detail/1/refund_quantity", ""},
		{"half a piece of the goods", goods(`"merchant_goods_id":"h","unit_price":1,"refund_amount":1,"refund_quantity":0.5`), "/goods_detail/1/refund_quantity", "0.5"},
		{"goods without a price", goods(`"merchant_goods_id":"h","refund_amount":1,"refund_quantity":1`), "/goods_detail/1/unit_price", ""},
		{"goods without an amount", goods(`"merchant_goods_id":"h","unit_price":1,"refund_quantity":1`), "/goods_detail/1/refund_amount", ""},
		{"none of the goods", goods(`"merchant_goods_id":"h","unit_price":1,"refund_amount":1,"refund_quantity":0`), "/goods_detail/1/refund_quantity", "0"},
		{"a name of 257 characters", goods(`"merchant_goods_id":"h","goods_name":"` + strings.Repeat("名", 257) + `","unit_price":1,"refund_amount":1,"refund_quantity":1`), "/goods_detail/1/goods_name", ""},
		{"too many goods", order + `,` + plainAmount + `,"goods_detail":[1` + strings.Repeat(",1", 500) + `]`, "/goods_detail", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeRefundRequest(decode(t, "{"+test.body+"}"))
			checkParam(t, err, test.field, test.value, LocationBody)
		})
	}
	for _, body := range []string{``, `null`, `[]`, `"x"`, `5`} {
		_, err := DecodeRefundRequest(decode(t, body))
		checkParam(t, err, "", "", LocationBody)
	}
}

func checkParam(t *testing.T, err error, field, value, location string) {
	t.Helper()
	var failure *ParamError
	if !errors.As(err, &failure) || failure.Field != field || failure.Value != value || failure.Location != location || failure.Issue == "" {
		t.Errorf("got %+v, want a *ParamError of %q with %q", err, field, value)
	}
}

func TestWhoMustNameASubMerchant(t *testing.T) {
	for _, test := range []struct {
		sub, location string
		partner       bool
		field         string
	}{
		{"1", LocationBody, true, "ok"},
		{"", LocationBody, false, "ok"},
		{"", LocationBody, true, "/sub_mchid"},
		{"1", LocationBody, false, "/sub_mchid"},
		{"", LocationQuery, true, "sub_mchid"},
		{"1", LocationQuery, false, "sub_mchid"},
		{"1a", LocationQuery, true, "sub_mchid"},
	} {
		err := CheckMode(test.sub, test.partner, test.location)
		if test.field == "ok" {
			if err != nil {
				t.Errorf("%+v: %v", test, err)
			}
			continue
		}
		checkParam(t, err, test.field, test.sub, test.location)
	}
}

func TestWhatARepeatedNumberMustNotChange(t *testing.T) {
	earlier := RefundRequest{
		SubMchID: "1", TransactionID: "4200", OutTradeNo: "T12345", OutRefundNo: "R", Reason: "r", NotifyURL: "https://a/",
		Amount: RequestAmount{10, []From{{"AVAILABLE", 4}, {"UNAVAILABLE", 6}}, 100, "CNY"},
		Goods:  []Goods{{"a", "", "", 1, 1, 1}, {"b", "", "", 1, 1, 1}},
	}
	tests := []struct {
		name   string
		change func(*RefundRequest)
		want   string
	}{
		{"nothing", func(*RefundRequest) {}, ""},
		{"the reason", func(r *RefundRequest) { r.Reason = "s" }, ""},
		{"the address", func(r *RefundRequest) { r.NotifyURL = "" }, ""},
		{"one name of the order is left out", func(r *RefundRequest) { r.OutTradeNo = "" }, ""},
		{"the other name of the order is left out", func(r *RefundRequest) { r.TransactionID = "" }, ""},
		{"the order of two lists", func(r *RefundRequest) {
			r.Amount.From = []From{{"UNAVAILABLE", 6}, {"AVAILABLE", 4}}
			r.Goods = []Goods{r.Goods[1], r.Goods[0]}
		}, ""},
		{"the sub-merchant", func(r *RefundRequest) { r.SubMchID = "2" }, "/sub_mchid"},
		{"the order", func(r *RefundRequest) { r.TransactionID = "4201" }, "/transaction_id"},
		{"the order by its other name", func(r *RefundRequest) { r.TransactionID, r.OutTradeNo = "", "T12346" }, "/out_trade_no"},
		{"the refund", func(r *RefundRequest) { r.Amount.Refund = 11 }, "/amount/refund"},
		{"the total", func(r *RefundRequest) { r.Amount.Total = 101 }, "/amount/total"},
		{"the currency", func(r *RefundRequest) { r.Amount.Currency = "" }, "/amount/currency"},
		{"who pays", func(r *RefundRequest) { r.Amount.From = nil }, "/amount/from"},
		{"how much each pays", func(r *RefundRequest) { r.Amount.From = []From{{"AVAILABLE", 5}, {"UNAVAILABLE", 5}} }, "/amount/from"},
		{"the goods", func(r *RefundRequest) { r.Goods = r.Goods[:1] }, "/goods_detail"},
		{"goods twice", func(r *RefundRequest) { r.Goods = append(r.Goods, r.Goods[0]) }, "/goods_detail"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			again := earlier
			again.Goods = append([]Goods(nil), earlier.Goods...)
			test.change(&again)
			if got := again.Conflict(earlier); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAbnormalRequests(t *testing.T) {
	key := privateKey(t, "platform_key.pem")
	encrypted := readJSON[map[string]string](t, "sensitive.json")["axios"]
	card := `"bank_type":"ICBC_DEBIT","bank_account":"` + encrypted + `","real_name":"` + encrypted + `"`
	request, err := DecodeAbnormalRequest(decode(t, `{"out_refund_no":"R","type":"USER_BANK_CARD",`+card+`}`))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := request.Open(key)
	if err != nil || opened.BankType != "ICBC_DEBIT" || opened.Account.Reveal() != "6214830100000403" || opened.Tail() != "0403" {
		t.Errorf("got %+v, %v", opened, err)
	}
	if got := DebitCardAccount(opened.BankType, opened.Tail()); got != "工商银行储蓄卡0403" {
		t.Errorf("account: %s", got)
	}
	merchant, err := DecodeAbnormalRequest(decode(t, `{"sub_mchid":"1","out_refund_no":"R","type":"MERCHANT_BANK_CARD","bank_type":"?","real_name":5}`))
	if err != nil || merchant != (AbnormalRequest{SubMchID: "1", OutRefundNo: "R", Type: AbnormalMerchantCard}) {
		t.Errorf("got %+v, %v", merchant, err)
	}
	if none, err := merchant.Open(key); err != nil || none != (Card{}) {
		t.Errorf("got %v, %v", none, err)
	}
	for _, test := range []struct{ name, body, field, value string }{
		{"no number", `"type":"MERCHANT_BANK_CARD"`, "/out_refund_no", ""},
		{"no type", `"out_refund_no":"R"`, "/type", ""},
		{"another type", `"out_refund_no":"R","type":"CARD"`, "/type", "CARD"},
		{"no bank", `"out_refund_no":"R","type":"USER_BANK_CARD"`, "/bank_type", ""},
		{"credit cards", `"out_refund_no":"R","type":"USER_BANK_CARD","bank_type":"ICBC_CREDIT"`, "/bank_type", "ICBC_CREDIT"},
		{"no card", `"out_refund_no":"R","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT"`, "/bank_account", ""},
		{"a card that is a number is not repeated", `"out_refund_no":"R","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":6214830100000403`, "/bank_account", ""},
		{"a name that is no text is not repeated", `"out_refund_no":"R","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":"a","real_name":"` + strings.Repeat("a", 1025) + `"`, "/real_name", ""},
		{"a name with a character of 4 bytes is not repeated", `"out_refund_no":"R","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":"a","real_name":"𠮷"`, "/real_name", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeAbnormalRequest(decode(t, "{"+test.body+"}"))
			checkParam(t, err, test.field, test.value, LocationBody)
		})
	}
	empty, err := Encrypt(rand.Reader, &key.PublicKey, "")
	if err != nil {
		t.Fatal(err)
	}
	request.RealName = empty
	_, err = request.Open(key)
	checkParam(t, err, "/real_name", "", LocationBody)
	request.RealName = "张三"
	_, err = request.Open(key)
	checkParam(t, err, "/real_name", "", LocationBody)
	request.BankAccount = "6214830100000403"
	_, err = request.Open(key)
	checkParam(t, err, "/bank_account", "", LocationBody)
	if len(abnormalBanks) != 15 {
		t.Errorf("%d banks, the page has 15", len(abnormalBanks))
	}
}

func TestNumbersInPaths(t *testing.T) {
	if got, err := PathNumber("out_refund_no", strings.Repeat("r", 64)); err != nil || len(got) != 64 {
		t.Errorf("got %s, %v", got, err)
	}
	for _, test := range []struct{ name, segment, value string }{
		{"out_refund_no", "", ""}, {"out_refund_no", "a b", "a b"}, {"out_refund_no", strings.Repeat("r", 65), ""}, {"refund_id", strings.Repeat("r", 33), strings.Repeat("r", 33)},
	} {
		_, err := PathNumber(test.name, test.segment)
		checkParam(t, err, test.name, test.value, LocationURL)
	}
	for text, want := range map[string]bool{"1900009191": true, "": false, "19a": false, strings.Repeat("1", 33): false} {
		if IsMchID(text) != want {
			t.Errorf("IsMchID(%s) is %v", text, !want)
		}
	}
	if IsOutRefundNo("") || !IsOutRefundNo("R") || IsOutTradeNo("T1234") || !IsOutTradeNo("T12345") || IsPossibleID("") || !IsPossibleID("50") {
		t.Error("a number is judged wrongly")
	}
}

func FuzzDecodeRequests(f *testing.F) {
	f.Add([]byte(`{"out_trade_no":"T12345","out_refund_no":"R",` + plainAmount + `}`))
	f.Add([]byte(`{"transaction_id":"4200","out_refund_no":"R","amount":{"refund":2,"total":10,"currency":"CNY","from":[{"account":"AVAILABLE","amount":2}]},"goods_detail":[{"merchant_goods_id":"g","unit_price":1,"refund_amount":1,"refund_quantity":1}]}`))
	f.Add([]byte(`{"out_refund_no":"R","type":"USER_BANK_CARD","bank_type":"CMB_DEBIT","bank_account":"a","real_name":"b"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := exactjson.Decode(data, exactjson.Limits{})
		if err != nil {
			return
		}
		if request, err := DecodeRefundRequest(body); err == nil {
			// What is taken can be sent on, and means the same to us.
			again, err := DecodeRefundRequest(decode(t, marshal(t, request)))
			if diff := cmp.Diff(request, again); err != nil || diff != "" {
				t.Fatalf("%v (-want +got)\n%s", err, diff)
			}
			if request.Amount.Refund < 1 || !IsOutRefundNo(request.OutRefundNo) || request.Conflict(again) != "" {
				t.Fatalf("taken: %+v", request)
			}
		}
		if request, err := DecodeAbnormalRequest(body); err == nil && !IsOutRefundNo(request.OutRefundNo) {
			t.Fatalf("taken: %+v", request)
		}
	})
}
