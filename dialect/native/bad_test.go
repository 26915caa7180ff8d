package native_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/openapi"
	"github.com/refundry/refundry/openapi/openapitest"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// badRequest is a request that must be refused. {ch} is a charge of 100 of
// which 60 are refunded as {re} with number N-1 and key K-1, {full} one that is
// refunded in full, {other} another merchant's charge. The exact answers are in
// testdata/bad.golden; want says what the answer is about: status, kind, param.
type badRequest struct {
	name   string
	method string
	path   string
	body   string
	want   string
	header []string
}

// badRefunds are bodies of POST /refunds.
func badRefunds(charge string) []badRequest {
	var all []badRequest
	add := func(name, body, want string, header ...string) {
		all = append(all, badRequest{name, "POST", "/refunds", strings.ReplaceAll(body, "CH", charge), want, header})
	}
	amount := func(name, literal, want string) { add(name, `{"charge": "CH", "amount": `+literal+`}`, want) }
	amount("an amount of 0", "0", "400 invalid amount")
	amount("a negative amount", "-1", "400 invalid amount")
	amount("minus zero", "-0", "400 invalid amount")
	amount("a fraction", "1.0", "400 invalid amount")
	amount("half a fen", "0.5", "400 invalid amount")
	amount("an exponent", "1e2", "400 invalid amount")
	amount("NaN, which is no JSON", "NaN", "400 invalid -")
	amount("a hexadecimal number", "0x10", "400 invalid -")
	amount("a leading zero", "012", "400 invalid -")
	amount("beyond 64 bits", "9223372036854775808", "422 amount_exceeded amount")
	amount("a number of 100 digits", strings.Repeat("9", 100), "422 amount_exceeded amount")
	amount("a number as a text", `"100"`, "400 invalid amount")
	amount("an exponent as a text", `"1e2"`, "400 invalid amount")
	amount("null, as which JavaScript writes NaN", "null", "400 invalid amount")
	amount("a boolean", "true", "400 invalid amount")
	amount("a list", "[100]", "400 invalid amount")
	amount("an object", `{"value": 100}`, "400 invalid amount")
	add("no charge", `{"amount": 1}`, "400 invalid charge")
	add("an empty charge", `{"charge": "", "amount": 1}`, "400 invalid charge")
	add("a charge that is a number", `{"charge": 1, "amount": 1}`, "400 invalid charge")
	add("a charge of 65 characters", `{"charge": "`+strings.Repeat("c", 65)+`", "amount": 1}`, "400 invalid charge")
	add("a charge with a blank", `{"charge": "ch 1", "amount": 1}`, "404 charge_not_found charge")
	add("an unknown charge", `{"charge": "ch_000000000000000000000000", "amount": 1}`, "404 charge_not_found charge")
	add("a misspelt member", `{"charge": "CH", "amuont": 1}`, "400 invalid amuont")
	add("a member in another letter case", `{"charge": "CH", "Amount": 1}`, "400 invalid Amount")
	add("a member of another dialect", `{"charge": "CH", "amount": 1, "description": "d"}`, "400 invalid description")
	add("a duplicate name", `{"charge": "CH", "amount": 1, "amount": 2}`, "400 invalid -")
	add("a duplicate name that is escaped", `{"charge": "CH", "amount": 1, "am\u006funt": 2}`, "400 invalid -")
	add("data behind the body", `{"charge": "CH", "amount": 1} {}`, "400 invalid -")
	add("a truncated body", `{"charge": "CH", "amount": 1`, "400 invalid -")
	add("no JSON at all", `charge=CH&amount=1`, "400 invalid -")
	add("a list as the body", `[{"charge": "CH", "amount": 1}]`, "400 invalid -")
	add("null as the body", `null`, "400 invalid -")
	add("an empty body", ``, "400 invalid charge")
	add("a comment", `{"charge": "CH", "amount": 1 /* all */}`, "400 invalid -")
	add("broken UTF-8", "{\"charge\": \"CH\", \"amount\": 1, \"reason\": \"\xff\"}", "400 invalid -")
	add("U+0000, escaped", `{"charge": "CH", "amount": 1, "reason": "a\u0000b"}`, "400 invalid -")
	add("U+0000, as it is", "{\"charge\": \"CH\", \"amount\": 1, \"reason\": \"a\x00b\"}", "400 invalid -")
	add("half a surrogate pair", `{"charge": "CH", "amount": 1, "reason": "\ud800"}`, "400 invalid -")
	add("nested 40 deep", `{"charge": `+strings.Repeat("[", 40)+strings.Repeat("]", 40)+`}`, "400 invalid -")
	add("a reason of 256 characters", `{"charge": "CH", "amount": 1, "reason": "`+strings.Repeat("退", 256)+`"}`, "400 invalid reason")
	add("a reason that is a number", `{"charge": "CH", "amount": 1, "reason": 5}`, "400 invalid reason")
	add("a number of 65 characters", `{"charge": "CH", "amount": 1, "number": "`+strings.Repeat("n", 65)+`"}`, "400 invalid number")
	add("an empty number", `{"charge": "CH", "amount": 1, "number": ""}`, "400 invalid number")
	add("a number with a blank", `{"charge": "CH", "amount": 1, "number": "N 1"}`, "400 invalid number")
	add("a number outside ASCII", `{"charge": "CH", "amount": 1, "number": "退1"}`, "400 invalid number")
	add("goods that are an object", `{"charge": "CH", "amount": 1, "goods": {}}`, "400 invalid goods")
	add("goods without pieces", `{"charge": "CH", "amount": 1, "goods": [{"merchant_goods_id": "g1"}]}`, "400 invalid goods[0].quantity")
	add("goods that were not bought", `{"charge": "CH", "amount": 1, "goods": [{"merchant_goods_id": "g1", "quantity": 1}]}`, "400 invalid goods")
	add("one fen too much", `{"charge": "CH", "amount": 101}`, "422 amount_exceeded amount")
	add("the largest amount", `{"charge": "CH", "amount": 9223372036854775807}`, "422 amount_exceeded amount")
	good := `{"charge": "CH", "amount": 1}`
	add("an empty idempotency key", good, "400 invalid Idempotency-Key", "Idempotency-Key", "")
	add("an idempotency key with a blank", good, "400 invalid Idempotency-Key", "Idempotency-Key", "a b")
	add("an idempotency key of 256 characters", good, "400 invalid Idempotency-Key", "Idempotency-Key", strings.Repeat("k", 256))
	return all
}

// badElsewhere are the other calls' bad requests.
func badElsewhere() []badRequest {
	var all []badRequest
	add := func(name, method, path, body, want string, header ...string) {
		all = append(all, badRequest{name, method, path, body, want, header})
	}
	add("more than is left of a charge", "POST", "/refunds", `{"charge": "{ch}", "amount": 41}`, "422 amount_exceeded amount")
	add("a charge that is refunded in full", "POST", "/refunds", `{"charge": "{full}"}`, "422 fully_refunded amount")
	add("another merchant's charge", "POST", "/refunds", `{"charge": "{other}", "amount": 1}`, "404 charge_not_found charge")
	add("the number of a refund with another amount", "POST", "/refunds", `{"charge": "{ch}", "amount": 59, "number": "N-1"}`, "409 number_conflict number")
	add("the number of a refund without its amount", "POST", "/refunds", `{"charge": "{ch}", "number": "N-1"}`, "409 number_conflict number")
	add("the number of a refund of another charge", "POST", "/refunds", `{"charge": "{full}", "amount": 60, "number": "N-1"}`, "409 number_conflict number")
	add("the key of a refund with another amount", "POST", "/refunds", `{"charge": "{ch}", "amount": 1}`, "409 key_conflict idempotency_key", "Idempotency-Key", "K-1")
	add("the key of a refund with another number", "POST", "/refunds", `{"charge": "{ch}", "amount": 60, "number": "N-2"}`, "409 key_conflict idempotency_key", "Idempotency-Key", "K-1")
	add("no key", "POST", "/refunds", `{"charge": "{ch}", "amount": 1}`, "401 unauthenticated Authorization", "Authorization", "")
	add("a key of another dialect", "POST", "/refunds", `{"charge": "{ch}", "amount": 1}`, "401 unauthenticated key", "Authorization", "Bearer sk_test_ibbTe5jLGCi5rzfH4OqPW9KC")
	add("a key in the Basic scheme", "GET", "/charges/{ch}", "", "401 unauthenticated Authorization", "Authorization", "Basic cmtfdGVzdF9kZW1vOg==")
	add("a key of 300 characters", "GET", "/charges/{ch}", "", "401 unauthenticated Authorization", "Authorization", "Bearer "+strings.Repeat("k", 300))

	add("a quote of nothing", "POST", "/quotes", `{"charge": "{ch}", "amount": 0}`, "400 invalid amount")
	add("a quote of more than 64 bits", "POST", "/quotes", `{"charge": "{ch}", "amount": 9223372036854775808}`, "422 amount_exceeded amount")
	add("a quote of too much", "POST", "/quotes", `{"charge": "{ch}", "amount": 41}`, "422 amount_exceeded amount")
	add("a quote of an unknown charge", "POST", "/quotes", `{"charge": "x", "amount": 41}`, "404 charge_not_found charge")

	charge := func(name, change, want string) { add(name, "POST", "/charges", change, want) }
	const rest = `"order_no": "B1", "currency": "CNY", "channel": "wx"`
	charge("a charge without an order number", `{"amount": 100, "currency": "CNY", "channel": "wx"}`, "400 invalid order_no")
	charge("a charge with an empty order number", `{"order_no": "", "amount": 100, "currency": "CNY", "channel": "wx"}`, "400 invalid order_no")
	charge("a charge without an amount", `{`+rest+`}`, "400 invalid amount")
	charge("a charge of 0", `{`+rest+`, "amount": 0}`, "400 invalid amount")
	charge("a charge above 10^15 fen", `{`+rest+`, "amount": 1000000000000001}`, "400 invalid amount")
	charge("a charge above 64 bits", `{`+rest+`, "amount": 9223372036854775808}`, "400 invalid amount")
	charge("a charge of a fraction", `{`+rest+`, "amount": 10.5}`, "400 invalid amount")
	charge("a lower-case currency", `{"order_no": "B1", "amount": 100, "currency": "cny", "channel": "wx"}`, "400 invalid currency")
	charge("an unknown currency", `{"order_no": "B1", "amount": 100, "currency": "XXX", "channel": "wx"}`, "400 invalid currency")
	charge("a channel with a blank", `{"order_no": "B1", "amount": 100, "currency": "CNY", "channel": "w x"}`, "400 invalid channel")
	charge("an account at a channel that is not the merchant's", `{`+rest+`, "amount": 100, "channel_account": "sandbox_other"}`, "403 forbidden channel_account")
	charge("a time that is none", `{`+rest+`, "amount": 100, "paid_at": "2026-02-30T00:00:00Z"}`, "400 invalid paid_at")
	charge("a time as a number", `{`+rest+`, "amount": 100, "paid_at": 1700000000}`, "400 invalid paid_at")
	charge("an empty channel account", `{`+rest+`, "amount": 100, "channel_account": ""}`, "400 invalid channel_account")
	charge("an address with a blank at its end", `{`+rest+`, "amount": 100, "notify_url": "https://shop.example/x "}`, "400 invalid notify_url")
	charge("a time next year", `{`+rest+`, "amount": 100, "paid_at": "2027-11-22T10:00:00Z"}`, "400 invalid paid_at")
	charge("a time whose year in UTC has five digits", `{`+rest+`, "amount": 100, "paid_at": "9999-12-31T23:59:59-08:00"}`, "400 invalid paid_at")
	charge("a transaction that a spreadsheet rounded", `{`+rest+`, "amount": 100, "transaction_id": "4.20001E+27"}`, "400 invalid transaction_id")
	charge("a transaction that ends with zeros instead of digits", `{`+rest+`, "amount": 100, "transaction_id": "4200000000202600000"}`, "400 invalid transaction_id")
	charge("a transaction as a number", `{`+rest+`, "amount": 100, "transaction_id": 4.20001E+27}`, "400 invalid transaction_id")
	charge("a name that a spreadsheet rounded", `{`+rest+`, "amount": 100, "identities": {"payin": {"order_id": "1.23457E+17"}}}`, "400 invalid identities.payin.order_id")
	charge("a time of 1970", `{`+rest+`, "amount": 100, "paid_at": "1970-01-01T00:00:00Z"}`, "400 invalid paid_at")
	charge("a fee above the amount", `{`+rest+`, "amount": 100, "fee": 101}`, "400 invalid fee")
	charge("more refunded before than was paid", `{`+rest+`, "amount": 100, "already_refunded": 101}`, "400 invalid already_refunded")
	charge("a profit sharing that is none", `{`+rest+`, "amount": 100, "profit_sharing": "yes"}`, "400 invalid profit_sharing")
	charge("an address that is no web server's", `{`+rest+`, "amount": 100, "notify_url": "ftp://a.example/"}`, "400 invalid notify_url")
	charge("a client's address that is none", `{`+rest+`, "amount": 100, "client_ip": "1.2.3"}`, "400 invalid client_ip")
	charge("coupons above the amount", `{`+rest+`, "amount": 100, "coupons": [{"id": "c", "scope": "GLOBAL", "type": "CASH", "amount": 101}]}`, "400 invalid coupons")
	charge("a coupon without a type", `{`+rest+`, "amount": 100, "coupons": [{"id": "c", "scope": "GLOBAL", "amount": 1}]}`, "400 invalid coupons[0].type")
	charge("a coupon of an unknown scope", `{`+rest+`, "amount": 100, "coupons": [{"id": "c", "scope": "LOCAL", "type": "CASH", "amount": 1}]}`, "400 invalid coupons[0].scope")
	charge("a misspelt member deep inside", `{`+rest+`, "amount": 100, "coupons": [{"id": "c", "scope": "SINGLE", "type": "CASH", "amount": 1, "goods": [{"merchant_goods_id": "g", "quantity": 1, "discuont": 1}]}]}`, "400 invalid coupons[0].goods[0].discuont")
	charge("goods of 0 pieces", `{`+rest+`, "amount": 100, "goods": [{"merchant_goods_id": "g", "unit_price": 1, "quantity": 0}]}`, "400 invalid goods[0].quantity")
	charge("splits above the amount", `{`+rest+`, "amount": 100, "splits": [{"account": "a", "amount": 60}, {"account": "b", "amount": 41}]}`, "400 invalid splits")
	charge("51 splits", `{`+rest+`, "amount": 100, "splits": [`+strings.Repeat(`{"account": "a", "amount": 1},`, 50)+`{"account": "a", "amount": 1}]}`, "400 invalid splits")
	charge("another merchant's app", `{`+rest+`, "amount": 100, "identities": {"pingpp": {"app": "app_other"}}}`, "403 forbidden identities.pingpp.app")
	charge("a sub_merchant that is another than the identity's", `{`+rest+`, "amount": 100, "sub_merchant": "2", "identities": {"wechatpay": {"mchid": "1900000100", "sub_mchid": "1900000109"}}}`, "400 invalid sub_merchant")
	charge("a direct mchid with a sub_mchid", `{`+rest+`, "amount": 100, "identities": {"wechatpay": {"mchid": "1900009191", "sub_mchid": "1"}}}`, "403 forbidden identities.wechatpay.sub_mchid")
	charge("an unknown dialect", `{`+rest+`, "amount": 100, "identities": {"paypal": {}}}`, "400 invalid identities.paypal")
	charge("a name for a charge with a blank", `{`+rest+`, "amount": 100, "identities": {"payin": {"order_id": "a b"}}}`, "400 invalid identities.payin.order_id")
	charge("a name that another charge has", `{`+rest+`, "amount": 100, "transaction_id": "t", "identities": {"pingpp": {"charge": "ch_L8qn10mLmr1GS8e5OODmHaL4"}}}`, "409 charge_conflict identities")

	list := func(name, path, want string) { add(name, "GET", path, "", want) }
	list("a limit of 0", "/charges?limit=0", "400 invalid limit")
	list("a limit of 101", "/charges?limit=101", "400 invalid limit")
	list("a limit that is no number", "/refunds?limit=ten", "400 invalid limit")
	list("a cursor that no list gave", "/refunds?cursor=nonsense", "400 invalid cursor")
	list("a cursor of the feed for a list", "/refunds?cursor=ZmVlZC4x", "400 invalid cursor")
	list("a cursor with a NUL", "/charges?cursor=MS4A", "400 invalid cursor")
	list("a misspelt filter", "/refunds?sate=failed", "400 invalid sate")
	list("a filter given twice", "/refunds?number=1&number=2", "400 invalid number")
	list("a state that is none", "/refunds?state=done", "400 invalid state")
	list("a time that is none in a filter", "/refunds?created_from=yesterday", "400 invalid created_from")
	list("a NUL in a filter", "/charges?order_no=%00", "400 invalid order_no")
	list("broken UTF-8 in a filter", "/refunds?number=%ff", "400 invalid number")
	list("a malformed query", "/charges?order_no=%zz", "400 invalid -")
	list("a wait beyond the longest", "/events?wait=21", "400 invalid wait")
	list("a feed cursor that the feed did not give", "/events?after=x", "400 invalid after")
	list("an unknown charge's page", "/charges/ch_0", "404 charge_not_found charge")
	list("a NUL as a charge", "/charges/%00", "404 charge_not_found id")
	list("an unknown refund", "/refunds/re_0", "404 refund_not_found refund")
	list("an unknown event", "/events/evt_0", "404 event_not_found event")
	list("an unknown address", "/nothing", "404 not_found -")
	list("the file of another Payin merchant", "/payin/reconciliation/M000000/2026-11-22.csv", "404 not_found merchant_id")
	list("the file of a day that is none", "/payin/reconciliation/M948164/2026-02-30.csv", "404 not_found date")
	list("the file without .csv", "/payin/reconciliation/M948164/2026-11-22", "404 not_found date")

	add("another method", "DELETE", "/charges/{ch}", "", "405 method_not_allowed -")
	add("another method without a key", "PUT", "/refunds", "", "405 method_not_allowed -", "Authorization", "")
	add("a canceled refund that is done", "POST", "/refunds/{re}/cancel", "", "409 state_conflict refund")
	add("members where there are none", "POST", "/refunds/{re}/cancel", `{"why": "so"}`, "400 invalid why")
	add("the cancellation of an unknown refund", "POST", "/refunds/re_0/cancel", "", "404 refund_not_found refund")

	add("an endpoint without an address", "POST", "/endpoints", `{"dialect": "native"}`, "400 invalid url")
	add("an endpoint on a loopback address", "POST", "/endpoints", `{"url": "http://127.0.0.1:9/", "dialect": "native"}`, "400 invalid url")
	add("an endpoint in a private network", "POST", "/endpoints", `{"url": "https://10.0.0.1/", "dialect": "native"}`, "400 invalid url")
	add("an endpoint with a user name", "POST", "/endpoints", `{"url": "https://user:password@1.1.1.1/", "dialect": "native"}`, "400 invalid url")
	add("an endpoint of an unknown dialect", "POST", "/endpoints", `{"url": "https://1.1.1.1/", "dialect": "paypal"}`, "400 invalid dialect")
	add("an endpoint for an event that is none", "POST", "/endpoints", `{"url": "https://1.1.1.1/", "dialect": "native", "events": ["refund.done"]}`, "400 invalid events")
	add("an endpoint for an event that its dialect does not tell", "POST", "/endpoints", `{"url": "https://1.1.1.1/", "dialect": "pingpp", "events": ["refund.created"]}`, "400 invalid events")
	add("an endpoint for an event twice", "POST", "/endpoints", `{"url": "https://1.1.1.1/", "dialect": "native", "events": ["refund.failed", "refund.failed"]}`, "400 invalid events[1]")
	add("an endpoint of someone else's identity", "POST", "/endpoints", `{"url": "https://1.1.1.1/", "dialect": "pingpp", "identity": "app_other"}`, "403 forbidden identity")

	add("funds of nothing", "POST", "/sandbox/funds", `{"amount": 0, "currency": "CNY"}`, "400 invalid amount")
	add("funds without a currency", "POST", "/sandbox/funds", `{"amount": 1}`, "400 invalid currency")
	add("a clock that goes back", "POST", "/sandbox/clock", `{"advance_seconds": -1}`, "400 invalid advance_seconds")
	add("a clock that jumps 100 years", "POST", "/sandbox/clock", `{"advance_seconds": 3155760000}`, "400 invalid advance_seconds")
	add("a refund that is settled as abnormal", "POST", "/sandbox/refunds/{re}/settle", `{"state": "abnormal"}`, "400 invalid state")
	add("a refund that is settled after its end", "POST", "/sandbox/refunds/{re}/settle", `{"state": "failed"}`, "409 state_conflict refund")
	add("a refund that is rerouted after its end", "POST", "/sandbox/refunds/{re}/reroute", "", "409 state_conflict refund")
	add("an unknown refund that is settled", "POST", "/sandbox/refunds/re_0/settle", "", "404 refund_not_found refund")
	return all
}

func TestABadRequestIsAnsweredExactlyAndChangesNothing(t *testing.T) {
	s := dialecttest.Start(t)
	demo := prepared(t, s)
	contract := openapitest.Load(t, openapi.Native())
	transcript := dialecttest.Transcript{Name: "bad", URL: s.URL, Rules: rules(), Headers: []string{"Content-Type", "Allow", "WWW-Authenticate"}}
	var wants []string
	all := slices.Concat(badRefunds("{ch}"), badElsewhere(), badMore())
	all = slices.DeleteFunc(all, func(one badRequest) bool { // a golden file is text; see TestSuite
		return strings.Contains(one.body, "\x00") || !utf8.ValidString(one.body)
	})
	preparedMore(t, s, demo)
	var pairs []string
	for name, text := range demo {
		pairs = append(pairs, name, text)
	}
	fill := strings.NewReplacer(pairs...)
	for _, one := range all {
		header := []string{"Authorization", "Bearer rk_test_demo"}
		for _, text := range one.header {
			header = append(header, fill.Replace(text))
		}
		transcript.Steps = append(transcript.Steps, dialecttest.Step{
			Title: one.name, Method: one.method, Path: base + fill.Replace(one.path), Body: fill.Replace(one.body), Header: header,
		})
		wants = append(wants, one.want)
	}
	at := 0
	transcript.Check = func(t testing.TB, r *http.Request, body string, response *http.Response, answer string) {
		contract.Check(t, r, body, response.StatusCode, response.Header, answer)
		param := text(answer, "param")
		if param == "" {
			param = "-"
		}
		if got := fmt.Sprintf("%d %s %s", response.StatusCode, text(answer, "kind"), param); got != wants[at] {
			t.Errorf("%s: answered %s, want %s: %s", all[at].name, got, wants[at], answer)
		}
		if id := response.Header.Get("Request-Id"); id == "" || id != text(answer, "request_id") {
			t.Errorf("%s: request id %q in the header, %q in the body", all[at].name, id, text(answer, "request_id"))
		}
		at++
	}
	s.Unchanged(t, func() { transcript.Run(t) })
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("%v, %v", findings, err)
	}
	if at != len(all) || at < 60 {
		t.Errorf("%d of %d requests were looked at", at, len(all))
	}
}

// prepared makes what the table speaks of.
func prepared(t *testing.T, s *dialecttest.Service) map[string]string {
	t.Helper()
	const key = "rk_test_demo"
	charge := s.Charge(t, merchant.DemoID, 100, nil)
	full := s.Charge(t, merchant.DemoID, 100, nil)
	other := s.Charge(t, s.Merchant(t, "other", merchant.Test, nil).Merchant.ID, 100, nil)
	made := send(t, s, key, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 60, "number": "N-1"}`, charge.ID), 201, "Idempotency-Key", "K-1")
	rest := send(t, s, key, "POST", "/refunds", fmt.Sprintf(`{"charge": %q}`, full.ID), 201)
	await(t, s, key, text(made, "id"), refund.Succeeded)
	await(t, s, key, text(rest, "id"), refund.Succeeded)
	return map[string]string{"{ch}": charge.ID, "{re}": text(made, "id"), "{full}": full.ID, "{other}": other.ID}
}
