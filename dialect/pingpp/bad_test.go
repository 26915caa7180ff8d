package pingpp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// badRequest is a request that must be refused with an exact answer. {ch} is a
// charge of 100 in wx of which 70 are refunded, {re} that refund, {full} a
// charge that is refunded in full, {paypal} and {jd} charges of these channels,
// {scan} one of alipay_scan that is refunded in full, {order} the only one of an
// order, {other} another merchant's.
type badRequest struct {
	name   string
	method string
	path   string
	body   string
	want   string // status, param or "-", message; a code stands behind the param as "param/code"
	header []string
}

// refunding is a refund request of {ch} with a JSON body.
func refunding(name, body, want string, header ...string) badRequest {
	return badRequest{name, "POST", "/v1/charges/{ch}/refunds", body, want, header}
}

func reading(name, path, want string, header ...string) badRequest {
	return badRequest{name, "GET", path, "", want, header}
}

// ordering is a refund request of {order}'s order with a JSON body.
func ordering(name, body, want string) badRequest {
	return badRequest{name, "POST", "/v1/orders/2001708140000194801/order_refunds", body, want, nil}
}

// creating is a charge of the documentation's example with one member replaced:
// change is put in front, so that it must name a member that the rest lacks.
func creating(name, without, change, want string) badRequest {
	members := []string{
		`"order_no":"123456789012"`, `"app":{"id":"` + demoApp + `"}`, `"channel":"alipay"`, `"amount":100`, `"client_ip":"127.0.0.1"`,
		`"currency":"cny"`, `"subject":"Your Subject"`, `"body":"Your Body"`,
	}
	kept := []string{}
	if change != "" {
		kept = append(kept, change)
	}
	for _, member := range members {
		if !strings.HasPrefix(member, `"`+without+`":`) {
			kept = append(kept, member)
		}
	}
	return badRequest{name, "POST", "/v1/charges", "{" + strings.Join(kept, ",") + "}", want, nil}
}

const (
	wrongAmount = "400 amount 参数 amount 无效：必须是大于 0 的整数。"
	noSuchPage  = "404 - 请求的地址不存在。"
	badCursor   = "无效：列表中没有该对象。"
	badTime     = "无效：必须是 Unix 时间戳。"
	badFlag     = "无效：必须是 true 或 false。"
	asForm      = "Content-Type"
)

var badRequests = []badRequest{
	refunding("amount 0", `{"description":"d","amount":0}`, wrongAmount),
	refunding("a negative amount", `{"description":"d","amount":-1}`, wrongAmount),
	refunding("an amount with a point", `{"description":"d","amount":1.0}`, wrongAmount),
	refunding("an amount with an exponent", `{"description":"d","amount":1e2}`, wrongAmount),
	refunding("an exponent in a text", `{"description":"d","amount":"1e2"}`, wrongAmount),
	refunding("NaN in a text", `{"description":"d","amount":"NaN"}`, wrongAmount),
	refunding("one above 64 bits", `{"description":"d","amount":9223372036854775808}`, "400 amount 退款金额超过了可退款金额。"),
	refunding("an amount of 200 digits", `{"description":"d","amount":`+strings.Repeat("9", 200)+`}`, "400 amount 退款金额超过了可退款金额。"),
	refunding("an empty amount", `{"description":"d","amount":""}`, wrongAmount),
	refunding("a leading zero", `{"description":"d","amount":"010"}`, wrongAmount),
	refunding("an amount with blanks", `{"description":"d","amount":" 1"}`, wrongAmount),
	refunding("an amount that is true", `{"description":"d","amount":true}`, wrongAmount),
	refunding("an amount that is a list", `{"description":"d","amount":[1]}`, wrongAmount),
	refunding("an amount that is a map", `{"description":"d","amount":{"a":1}}`, wrongAmount),
	refunding("one fen above the rest", `{"description":"d","amount":31}`, "400 amount 退款金额超过了可退款金额。"),
	refunding("far above the rest", `{"description":"d","amount":9223372036854775807}`, "400 amount 退款金额超过了可退款金额。"),
	refunding("a form with a fraction", `description=d&amount=1.5`, wrongAmount, asForm, formType),
	refunding("a form with an exponent", `description=d&amount=1e2`, wrongAmount, asForm, formType),
	refunding("a form with NaN", `description=d&amount=NaN`, wrongAmount, asForm, formType),
	refunding("a form with an empty amount", `description=d&amount=`, wrongAmount, asForm, formType),
	refunding("a form with two amounts", `description=d&amount=1&amount=2`, wrongAmount, asForm, formType),
	refunding("no description", `{"amount":1}`, "400 description 缺少必需的参数 description。"),
	refunding("Go's empty description", `{"description":"","amount":1}`, "400 description 缺少必需的参数 description。"),
	refunding("a null description", `{"description":null,"amount":1}`, "400 description 缺少必需的参数 description。"),
	refunding("a null amount", `{"description":"d","amount":null}`, wrongAmount),
	refunding("Go's null body", `null`, "400 description 缺少必需的参数 description。"),
	refunding("PHP's empty body", `[]`, "400 description 缺少必需的参数 description。"),
	refunding("no body at all", ``, "400 description 缺少必需的参数 description。"),
	refunding("256 characters", `{"description":"`+strings.Repeat("字", 256)+`","amount":1}`, "400 description 参数 description 无效：最多 255 个字符。"),
	refunding("a description that is a number", `{"description":5,"amount":1}`, "400 description 参数 description 无效：必须是字符串。"),
	{"31 bytes on paypal", "POST", "/v1/charges/{paypal}/refunds", `{"description":"` + strings.Repeat("字", 10) + `x"}`, "400 description 参数 description 无效：最多 30 字节。", nil},
	{"129 bytes on jdpay_wap", "POST", "/v1/charges/{jd}/refunds", `{"description":"` + strings.Repeat("x", 129) + `"}`, "400 description 参数 description 无效：最多 128 字节。", nil},
	refunding("a name twice", `{"description":"d","amount":1,"amount":2}`, "400 - 请求无法解析：请求体不是有效的 JSON（duplicate name in JSON object at byte 30）。"),
	refunding("broken UTF-8", "{\"description\":\"\xff\"}", "400 - 请求无法解析：请求体不是有效的 JSON（JSON is not valid UTF-8 at byte 16）。"),
	refunding("half a surrogate pair", `{"description":"\ud800"}`, "400 - 请求无法解析：请求体不是有效的 JSON（forbidden character in JSON string at byte 16）。"),
	refunding("U+0000", `{"description":"\u0000"}`, "400 - 请求无法解析：请求体不是有效的 JSON（forbidden character in JSON string at byte 16）。"),
	refunding("bare NaN", `{"description":"d","amount":NaN}`, "400 - 请求无法解析：请求体不是有效的 JSON（malformed JSON at byte 28）。"),
	refunding("JSON that ends too early", `{"description":"d"`, "400 - 请求无法解析：请求体不是有效的 JSON（malformed JSON at byte 18）。"),
	refunding("something behind the JSON", `{"description":"d"} {}`, "400 - 请求无法解析：请求体不是有效的 JSON（data after the JSON value at byte 20）。"),
	refunding("nested without end", strings.Repeat("[", 100_000), "400 - 请求无法解析：请求体不是有效的 JSON（JSON nested too deeply at byte 32）。"),
	refunding("a list", `[1]`, "400 - 请求无法解析：请求体必须是 JSON 对象。"),
	refunding("a text", `"description"`, "400 - 请求无法解析：请求体必须是 JSON 对象。"),
	refunding("2 MB", `{"description":"`+strings.Repeat("x", 2<<20)+`"}`, "400 - 请求体过大。"),
	refunding("a form in broken UTF-8", `description=%ff`, "400 description 请求无法解析：表单格式错误（not valid UTF-8 at pair 0 \"description\"）。", asForm, formType),
	refunding("a form with U+0000", `description=%00`, "400 description 请求无法解析：表单格式错误（forbidden character at pair 0 \"description\"）。", asForm, formType),
	refunding("a form with a name twice", `description=d&metadata[a]=1&metadata[a]=2`, "400 metadata[a] 请求无法解析：表单格式错误（duplicate key at pair 2 \"metadata[a]\"）。", asForm, formType),
	refunding("metadata that is a text", `{"description":"d","metadata":"x"}`, "400 metadata 参数 metadata 无效：必须是对象。"),
	refunding("metadata that is too long", `{"description":"d","metadata":{"k":"`+strings.Repeat("x", 1000)+`"}}`, "400 metadata 参数 metadata 无效：总长度最多 1000 个字符。"),
	refunding("an unknown funding_source", `{"description":"d","funding_source":"mine"}`, "400 funding_source 参数 funding_source 无效：必须是 unsettled_funds 或 recharge_funds。"),
	refunding("extra that is a text", `{"description":"d","extra":"x"}`, "400 extra 参数 extra 无效：必须是对象。"),
	refunding("hide_reason that is none", `{"description":"d","extra":{"hide_reason":"maybe"}}`, "400 extra[hide_reason] 参数 extra[hide_reason] 无效：必须是 true 或 false。"),
	refunding("an idempotency key with a blank", `{"description":"d","amount":1}`, "400 Idempotency-Key 参数 Idempotency-Key 无效：格式或取值不符合要求。", "Idempotency-Key", "a b"),
	refunding("an idempotency key of another request", `{"description":"d","amount":1}`, "400 Idempotency-Key Idempotency-Key 已被另一个请求使用。", "Idempotency-Key", "used"),
	{"a charge that is refunded in full", "POST", "/v1/charges/{full}/refunds", `{"description":"d"}`, "400 - 不能对订单号 FULL1 发起退款，因为已经全额退款了。Charge id: {full}。", nil},
	{"a charge of an order", "POST", "/v1/charges/{order}/refunds", `{"description":"d"}`, "400 -/charge_request_invalid 请使用商品订单号进行操作。", nil},
	{"an unknown charge", "POST", "/v1/charges/ch_000000000000000000000000/refunds", `{"description":"d"}`, "404 id 未找到 charge : ch_000000000000000000000000。", nil},
	{"another merchant's charge", "POST", "/v1/charges/{other}/refunds", `{"description":"d"}`, "404 id 未找到 charge : {other}。", nil},
	{"Node's broken batch refund", "POST", "/v1/charges/undefined/refunds", `{"description":"d"}`, "404 id 未找到 charge : undefined。", nil},
	{"an id with U+0000", "POST", "/v1/charges/ch_%00/refunds", `{"description":"d"}`, "404 id 未找到 charge : ch_\x00。", nil},
	{"an endless id", "GET", "/v1/charges/" + strings.Repeat("x", 5000), "", "404 id 未找到 charge : " + strings.Repeat("x", 64) + "。", nil},

	reading("no key", "/v1/charges/{ch}", "401 - 提供了无效的 API KEY: *************************。", "Authorization", ""),
	reading("a wrong key", "/v1/charges/{ch}", "401 - 提供了无效的 API KEY: sk_test_*************************。", "Authorization", "Bearer sk_test_000000000000000000000000"),
	reading("a key of another dialect", "/v1/charges/{ch}", "401 - 提供了无效的 API KEY: *************************。", "Authorization", "Bearer rk_test_demo"),
	reading("a wrong key in Basic", "/v1/charges/{ch}", "401 - 提供了无效的 API KEY: sk_live_*************************。", "Authorization", basic("sk_live_000000000000000000000000")),
	reading("another scheme", "/v1/charges/{ch}", "401 - 提供了无效的 API KEY: *************************。", "Authorization", "Digest x"),
	reading("a wrong key in English", "/v1/charges/{ch}", "401 - The API key sk_test_************************* is not valid.", "Authorization", "Bearer sk_test_x", "Accept-Language", "en"),

	reading("an unknown charge", "/v1/charges/ch_x", "404 id 未找到 charge : ch_x。"),
	reading("an unknown refund", "/v1/charges/{ch}/refunds/re_x", "404 id 未找到 refund : re_x。"),
	reading("a refund of another charge", "/v1/charges/{full}/refunds/{re}", "404 id 未找到 refund : {re}。"),
	reading("a refund of an unknown charge", "/v1/charges/ch_x/refunds/{re}", "404 id 未找到 charge : ch_x。"),
	reading("an unknown event", "/v1/events/evt_x", "404 id 未找到 event : evt_x。"),
	reading("an unknown address", "/v1/transfers", noSuchPage),
	reading("a longer address", "/v1/charges/{ch}/refunds/{re}/more/and/more/of/it", noSuchPage),
	reading("the root", "/v1/", noSuchPage),
	reading("the root without a slash", "/v1", noSuchPage),
	reading("an empty id", "/v1/charges//refunds", "404 id 未找到 charge : 。"),
	{"a refund of an empty id", "POST", "/v1/charges//refunds", `{"description":"d"}`, "404 id 未找到 charge : 。", nil},
	reading("two slashes", "/v1//charges", noSuchPage),
	reading("dots", "/v1/charges/../events", noSuchPage),
	reading("an order without charges", "/v1/orders/2001708140000194809/charges", "404 id 未找到 order : 2001708140000194809。"),
	reading("refunds of an order without charges", "/v1/orders/2001708140000194809/order_refunds", "404 id 未找到 order : 2001708140000194809。"),
	reading("a charge of an order without charges", "/v1/orders/2001708140000194809/charges/{ch}", "404 id 未找到 order : 2001708140000194809。"),
	reading("a charge that is of no order", "/v1/orders/2001708140000194801/charges/{ch}", "404 id 未找到 charge : {ch}。"),
	reading("a refund that is of no order", "/v1/orders/2001708140000194801/order_refunds/{re}", "404 id 未找到 refund : {re}。"),
	reading("page 0", "/v1/orders/2001708140000194801/order_refunds?page=0", "400 page 参数 page 无效：必须是大于 0 的整数。"),
	reading("a page of no size", "/v1/batch_refunds?per_page=0", "400 per_page 参数 per_page 无效：必须是大于 0 的整数。"),
	reading("a page beyond the last", "/v1/batch_refunds?page=1000000001", "400 page 参数 page 无效：超出了允许的范围。"),
	reading("batches of another app", "/v1/batch_refunds?app=app_x", "400 app 参数 app 无效：该应用不属于当前 API KEY。"),
	reading("an unknown batch", "/v1/batch_refunds/1500000000000000000", "404 id 未找到 batch_refund : 1500000000000000000。"),
	ordering("an order's refund without description", `{}`, "400 description 缺少必需的参数 description。"),
	ordering("an order's refund of a foreign charge", `{"description":"d","charge":"{ch}"}`, "404 id 未找到 charge : {ch}。"),
	ordering("an order's refund of too much", `{"description":"d","charge_amount":101}`, "400 amount 退款金额超过了可退款金额。"),
	ordering("an order's refund of more than 64 bits", `{"description":"d","charge_amount":9223372036854775808}`, "400 amount 退款金额超过了可退款金额。"),
	ordering("an order's refund of 0", `{"description":"d","charge_amount":0}`, "400 charge_amount 参数 charge_amount 无效：必须是大于 0 的整数。"),
	ordering("an order's refund to a balance", `{"description":"d","refund_mode":"to_balance"}`, "400 refund_mode 参数 refund_mode 无效：必须是 to_source。"),
	ordering("an order's refund with shares", `{"description":"d","royalty_users":[{"user":"u","amount_refunded":1}]}`, "400 royalty_users 参数 royalty_users 无效：不支持分润。"),
	{"reversing what was refunded in full", "POST", "/v1/charges/{scan}/reverse", `{}`, "400 - 不能对订单号 SCAN1 发起退款，因为已经全额退款了。Charge id: {scan}。", nil},
	{"reversing on a channel that does not", "POST", "/v1/charges/{ch}/reverse", `null`, "400 - 渠道 wx 不支持撤销已支付的订单，请使用退款。", nil},
	{"reversing an unknown charge", "POST", "/v1/charges/ch_x/reverse", "", "404 id 未找到 charge : ch_x。", nil},
	{"GET of a reversal", "GET", "/v1/charges/{ch}/reverse", "", "405 - 该地址不支持此请求方法。", nil},

	{"a method that is not served", "DELETE", "/v1/charges/{ch}", "", "405 - 该地址不支持此请求方法。", nil},
	{"PUT", "PUT", "/v1/charges/{ch}/refunds", `{}`, "405 - 该地址不支持此请求方法。", nil},

	reading("limit 0", "/v1/charges/{ch}/refunds?limit=0", "400 limit 参数 limit 无效：必须是大于 0 的整数。"),
	reading("a negative limit", "/v1/charges/{ch}/refunds?limit=-1", "400 limit 参数 limit 无效：必须是大于 0 的整数。"),
	reading("a limit that is no number", "/v1/charges/{ch}/refunds?limit=ten", "400 limit 参数 limit 无效：必须是大于 0 的整数。"),
	reading("a limit with a point", "/v1/events?limit=1.0", "400 limit 参数 limit 无效：必须是大于 0 的整数。"),
	reading("two limits", "/v1/events?limit=1&limit=2", "400 limit 参数 limit 无效：必须是大于 0 的整数。"),
	reading("an unknown cursor", "/v1/charges/{ch}/refunds?starting_after=re_x", "400 starting_after 参数 starting_after "+badCursor),
	reading("an unknown cursor backwards", "/v1/charges/{ch}/refunds?ending_before=re_x", "400 ending_before 参数 ending_before "+badCursor),
	reading("a cursor of another charge", "/v1/charges/{full}/refunds?starting_after={re}", "400 starting_after 参数 starting_after "+badCursor),
	reading("an empty cursor", "/v1/charges/{ch}/refunds?starting_after=", "400 starting_after 参数 starting_after "+badCursor),
	reading("both cursors", "/v1/charges/{ch}/refunds?starting_after={re}&ending_before={re}", "400 ending_before 参数 ending_before 无效：不能与 starting_after 同时使用。"),
	reading("an unknown event as cursor", "/v1/events?ending_before=evt_x", "400 ending_before 参数 ending_before "+badCursor),
	reading("charges without app", "/v1/charges", "400 app[id] 缺少必需的参数 app[id]。"),
	reading("charges of another app", "/v1/charges?app[id]=app_x", "400 app[id] 参数 app[id] 无效：该应用不属于当前 API KEY。"),
	reading("an unknown charge as cursor", "/v1/charges?app[id]="+demoApp+"&starting_after=ch_x", "400 starting_after 参数 starting_after "+badCursor),
	reading("created that is no time", "/v1/charges?app[id]="+demoApp+"&created[gt]=today", "400 created[gt] 参数 created[gt] "+badTime),
	reading("a flag that is none", "/v1/charges?app[id]="+demoApp+"&refunded=maybe", "400 refunded 参数 refunded "+badFlag),
	reading("a query that can't be read", "/v1/events?a[[=1", "400 a[[ 请求无法解析：表单格式错误（malformed key at pair 0 \"a[[\"）。"),

	creating("a charge without order_no", "order_no", "", "400 order_no 缺少必需的参数 order_no。"),
	creating("a charge with Alipay's order_no in Chinese", "order_no", `"order_no":"订单"`, "400 order_no 参数 order_no 无效：必须是 1-64 位字母或数字。"),
	creating("a charge without app", "app", "", "400 app[id] 缺少必需的参数 app[id]。"),
	creating("a charge of another app", "app", `"app":{"id":"app_x"}`, "400 app[id] 参数 app[id] 无效：该应用不属于当前 API KEY。"),
	creating("a charge without channel", "channel", `"channel":""`, "400 channel 缺少必需的参数 channel。"),
	creating("a charge in no channel", "channel", `"channel":"<wx>"`, "400 channel 参数 channel 无效：不是有效的渠道名。"),
	creating("a charge without amount", "amount", "", "400 amount 缺少必需的参数 amount。"),
	creating("a charge of 0", "amount", `"amount":0`, wrongAmount),
	creating("a charge above 10^15 fen", "amount", `"amount":1000000000000001`, "400 amount 参数 amount 无效：格式或取值不符合要求。"),
	creating("a charge above 64 bits", "amount", `"amount":9223372036854775808`, "400 amount 参数 amount 无效：格式或取值不符合要求。"),
	creating("a charge without client_ip", "client_ip", "", "400 client_ip 缺少必需的参数 client_ip。"),
	creating("a charge of nowhere", "client_ip", `"client_ip":"localhost"`, "400 client_ip 参数 client_ip 无效：必须是 IP 地址。"),
	creating("a charge in no currency", "currency", `"currency":"abc"`, "400 currency 参数 currency 无效：必须是有效的三位 ISO 货币代码。"),
	creating("a charge with a long subject", "subject", `"subject":"`+strings.Repeat("字", 33)+`"`, "400 subject 参数 subject 无效：最多 32 个字符。"),
	creating("a charge without body", "body", "", "400 body 缺少必需的参数 body。"),
	creating("a charge that has expired", "", `"time_expire":1`, "400 time_expire 参数 time_expire 无效：超出了渠道允许的范围（1 min - 360h0m0s）。"),
	creating("an order_no that was used", "order_no", `"order_no":"FULL1","x":1`, "400 order_no/charge_order_no_used 订单号已被使用。"),
}

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) {
	s := dialecttest.Start(t)
	fill := badWorld(t, s)
	for _, test := range badRequests {
		t.Run(test.name, func(t *testing.T) {
			header := []string{"Authorization", "Bearer " + demoKey, "Content-Type", jsonType}
			for n := 0; n < len(test.header); n += 2 {
				header = append(header, test.header[n], fill.Replace(test.header[n+1]))
			}
			s.Unchanged(t, func() {
				r := dialecttest.Request(t, test.method, s.URL+fill.Replace(test.path), fill.Replace(test.body), header...)
				response, body := dialecttest.Do(t, r)
				if got, want := brief(t, response, body), fill.Replace(test.want); got != want {
					t.Errorf("got  %s\nwant %s", got, want)
				}
			})
		})
	}
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// badWorld makes what the requests speak of.
func badWorld(t *testing.T, s *dialecttest.Service) *strings.Replacer {
	t.Helper()
	charge := func(edit func(*refund.Charge)) string {
		alias, _ := s.Charge(t, merchant.DemoID, 100, edit).Alias(merchant.PingPP)
		return alias.Name
	}
	channel := func(name string) func(*refund.Charge) { return func(c *refund.Charge) { c.Channel = name } }
	ch := charge(nil)
	full := charge(func(c *refund.Charge) { c.OrderNo, c.Channel = "FULL1", "alipay" })
	order := charge(func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.PingPP, Identity: demoApp, Sub: "2001708140000194801", Name: c.ID}}
	})
	other := s.Charge(t, s.Merchant(t, "other", merchant.Test, nil).Merchant.ID, 100, nil)
	re := decoded(t, post(t, s, demoKey, "/v1/charges/"+ch+"/refunds", `{"description":"d","amount":70}`, 200, "Idempotency-Key", "used"))
	scan := charge(func(c *refund.Charge) { c.OrderNo, c.Channel = "SCAN1", "alipay_scan" })
	for _, id := range []string{full, scan} {
		post(t, s, demoKey, "/v1/charges/"+id+"/refunds", `{"description":"d"}`, 200)
	}
	return strings.NewReplacer("{ch}", ch, "{full}", full, "{order}", order, "{other}", other.ID, "{re}", fmt.Sprint(re["id"]), "{scan}", scan,
		"{paypal}", charge(channel("paypal")), "{jd}", charge(channel("jdpay_wap")))
}

// brief checks the envelope and puts it into one line: status, param and code,
// message.
func brief(t *testing.T, response dialecttest.Answer, body string) string {
	t.Helper()
	var envelope struct {
		Error map[string]any `json:"error"`
	}
	if err := json.Unmarshal([]byte(body), &envelope); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	if response.Header.Get("Content-Type") != jsonType || response.Header.Get("Cache-Control") != "no-cache, no-store" || response.Header.Get("Request-Id") == "" {
		t.Errorf("headers %v", response.Header)
	}
	// A 400 is signed like a success; other refusals are not (P1.7-1).
	if signed := response.Header.Get("X-Pingplusplus-Signature") != ""; signed != (response.StatusCode == 400) {
		t.Errorf("a %d is signed: %t", response.StatusCode, signed)
	}
	e := envelope.Error
	for name, value := range e {
		// Go panics on anything that is no string, null included.
		if _, ok := value.(string); !ok {
			t.Errorf("member %s is %v", name, value)
		}
	}
	if e["type"] != "invalid_request_error" {
		t.Errorf("type is %v", e["type"])
	}
	where := "-"
	if param, ok := e["param"]; ok {
		where = fmt.Sprint(param)
	}
	if code, ok := e["code"]; ok {
		where += "/" + fmt.Sprint(code)
	}
	return fmt.Sprintf("%d %s %s", response.StatusCode, where, e["message"])
}
