package payin_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/payin"
)

// badRequest is a well-signed request that must be refused with an exact
// answer. {o} is an order of 10.00 SAR of which 7.00 are refunded, {full} one
// that is refunded in full, {kwd} and {jpy} orders in these currencies, {other}
// another merchant's, {second} one of another Payin merchant of the same
// merchant.
type badRequest struct {
	name   string
	method string
	path   string
	body   string
	want   string // status, code, message
	header []string
}

// refunding is a refund request of {o}.
func refunding(name, body, want string, header ...string) badRequest {
	return badRequest{name, "POST", "/orders/{o}/refunds", body, want, header}
}

// of an order that is named.
func refundingOf(name, order, body, want string) badRequest {
	return badRequest{name, "POST", "/orders/" + order + "/refunds", body, want, nil}
}

func calling(name, method, path, want string) badRequest {
	return badRequest{name, method, path, "", want, nil}
}

// creating is an order of the page with one member replaced.
func creating(name, without, change, want string) badRequest {
	var kept []string
	if change != "" {
		kept = append(kept, change)
	}
	for _, member := range []string{`"merchantOrderId":"O1"`, `"amount":"10.00"`, `"currency":"SAR"`, `"name":"An order"`} {
		if !strings.HasPrefix(member, `"`+without+`":`) {
			kept = append(kept, member)
		}
	}
	return badRequest{name, "POST", "/merchants/" + demoMerchant + "/orders", "{" + strings.Join(kept, ",") + "}", want, nil}
}

const (
	wrongAmount   = `400 badRequest amount: must be decimal text above 0, such as "1.35", "99.10" or "127"`
	manyDecimals  = `400 badRequest amount: has too many decimals`
	noSuchOrder   = "404 notFound there is no such order"
	noSuchRefund  = "404 notFound there is no such refund"
	noTransaction = "404 notFound there is no such transaction"
	noSuchPage    = "404 notFound nothing is served at this address"
	tooMuch       = "422 refundAmountExceeded amount: is more than is still refundable"
	wrongNumber   = "400 badRequest merchantRefundId: must have 1 to 64 characters of 0-9, A-Z, a-z, _, . and -"
	wrongReason   = "400 badRequest reason: must have 1 to 255 characters"
	numberUsed    = "409 duplicateMerchantRefundId merchantRefundId: was used for another refund"
)

func amount(text string) string { return `{"amount":` + text + `,"reason":"r"}` }

var badRequests = []badRequest{
	refunding("amount 0", amount(`"0"`), wrongAmount),
	refunding("amount 0.00", amount(`"0.00"`), wrongAmount),
	refunding("a negative amount", amount(`"-1"`), wrongAmount),
	refunding("an amount with a plus", amount(`"+1"`), wrongAmount),
	refunding("an exponent", amount(`"1e2"`), wrongAmount),
	refunding("NaN", amount(`"NaN"`), wrongAmount),
	refunding("an empty amount", amount(`""`), wrongAmount),
	refunding("blanks around it", amount(`" 1 "`), wrongAmount),
	refunding("a leading zero", amount(`"01"`), wrongAmount),
	refunding("a leading dot", amount(`".5"`), wrongAmount),
	refunding("a dot at the end", amount(`"5."`), wrongAmount),
	refunding("two dots", amount(`"1.2.3"`), wrongAmount),
	refunding("thousands", amount(`"1,000"`), wrongAmount),
	refunding("digits of another script", amount(`"١"`), wrongAmount),
	refunding("13 digits", amount(`"1000000000000"`), wrongAmount),
	refunding("more than 64 bits", amount(`"99999999999999999999999"`), wrongAmount),
	refunding("three decimals", amount(`"1.351"`), manyDecimals),
	refunding("a third decimal that is 0", amount(`"1.350"`), manyDecimals),
	refundingOf("a third decimal of a dinar", "{kwd}", amount(`"0.001"`), manyDecimals),
	refundingOf("a decimal of the yen", "{jpy}", amount(`"1.0"`), manyDecimals),
	refunding("a number", amount(`1.35`), `400 badRequest amount: must be a string, such as "1.35", not a number`),
	refunding("true", amount(`true`), `400 badRequest amount: must be a string, such as "1.35", not a boolean`),
	refunding("a list", amount(`["1"]`), `400 badRequest amount: must be a string, such as "1.35", not an array`),
	refunding("a map", amount(`{"a":"1"}`), `400 badRequest amount: must be a string, such as "1.35", not an object`),
	refunding("no amount", `{"reason":"r"}`, "400 badRequest amount: is required"),
	refunding("a null amount", amount(`null`), "400 badRequest amount: is required"),
	refunding("one halala above the rest", amount(`"3.01"`), tooMuch),
	refunding("far above the rest", amount(`"999999999999.99"`), tooMuch),
	refundingOf("an order that is refunded in full", "{full}", amount(`"0.01"`), "422 refundAmountExceeded amount: the order is refunded in full already"),
	refunding("no reason", `{"amount":"1"}`, "400 badRequest reason: is required"),
	refunding("a null reason", `{"amount":"1","reason":null}`, "400 badRequest reason: is required"),
	refunding("an empty reason", `{"amount":"1","reason":""}`, wrongReason),
	refunding("a reason of blanks", `{"amount":"1","reason":" \t "}`, wrongReason),
	refunding("256 characters", `{"amount":"1","reason":"`+strings.Repeat("退", 256)+`"}`, wrongReason),
	refunding("a reason that is a number", `{"amount":"1","reason":5}`, "400 badRequest reason: must be a string, not a number"),
	refunding("an empty number", `{"amount":"1","reason":"r","merchantRefundId":""}`, wrongNumber),
	refunding("a number with a blank", `{"amount":"1","reason":"r","merchantRefundId":"a b"}`, wrongNumber),
	refunding("a number with a slash", `{"amount":"1","reason":"r","merchantRefundId":"a/b"}`, wrongNumber),
	refunding("a number of 65 characters", `{"amount":"1","reason":"r","merchantRefundId":"`+strings.Repeat("a", 65)+`"}`, wrongNumber),
	refunding("a number that is a number", `{"amount":"1","reason":"r","merchantRefundId":1}`, "400 badRequest merchantRefundId: must be a string, not a number"),
	refunding("the same number with another amount", `{"amount":"1","reason":"r","merchantRefundId":"used"}`, numberUsed),
	refundingOf("the same number for another order", "{kwd}", `{"amount":"0.07","reason":"r","merchantRefundId":"used"}`, numberUsed),
	refunding("an idempotency key of another request", amount(`"1"`), "409 duplicateMerchantRefundId Idempotency-Key: was used for another request", "Idempotency-Key", "key"),
	refunding("an idempotency key with a blank", amount(`"1"`), "400 badRequest Idempotency-Key is one value of 1 to 255 visible ASCII characters", "Idempotency-Key", "a b"),
	refunding("no body", "", "400 badRequest the body must be a JSON object"),
	refunding("null", "null", "400 badRequest the body must be a JSON object"),
	refunding("a list as body", "[]", "400 badRequest the body must be a JSON object"),
	refunding("a form", "amount=1&reason=r", "400 badRequest the body is not JSON: malformed JSON at byte 0"),
	refunding("a name twice", `{"amount":"1","amount":"2","reason":"r"}`, "400 badRequest the body is not JSON: duplicate name in JSON object at byte 14"),
	refunding("broken UTF-8", "{\"amount\":\"1\",\"reason\":\"\xff\"}", "400 badRequest the body is not JSON: JSON is not valid UTF-8 at byte 24"),
	refunding("half a surrogate pair", `{"amount":"1","reason":"\ud800"}`, "400 badRequest the body is not JSON: forbidden character in JSON string at byte 24"),
	refunding("U+0000", `{"amount":"1","reason":"\u0000"}`, "400 badRequest the body is not JSON: forbidden character in JSON string at byte 24"),
	refunding("JSON that ends too early", `{"amount":"1"`, "400 badRequest the body is not JSON: malformed JSON at byte 13"),
	refunding("something behind the JSON", `{} x`, "400 badRequest the body is not JSON: data after the JSON value at byte 3"),
	refunding("nested without end", strings.Repeat("[", 100_000), "400 badRequest the body is not JSON: JSON nested too deeply at byte 32"),
	refunding("2 MB", `{"reason":"`+strings.Repeat("x", 2<<20)+`"}`, "400 badRequest the body is larger than 1048576 bytes"),
	refundingOf("an unknown order", "M948164T0000000000000000000000", amount(`"1"`), noSuchOrder),
	refundingOf("an unknown order before a bad body", "M948164T0000000000000000000000", "", noSuchOrder),
	refundingOf("another merchant's order", "{other}", amount(`"1"`), noSuchOrder),
	refundingOf("an order of the merchant's other identity", "{second}", amount(`"1"`), noSuchOrder),
	refundingOf("an order by its name in another dialect", "{ch}", amount(`"1"`), noSuchOrder),
	refundingOf("an endless id", strings.Repeat("x", 5000), amount(`"1"`), "404 notFound there is no such object"),
	refundingOf("an id with U+0000", "M1%00", amount(`"1"`), "404 notFound there is no such object"),

	calling("a refund that is not there", "GET", "/refunds/{o}_R9", noSuchRefund),
	calling("refund 0", "GET", "/refunds/{o}_R0", noSuchRefund),
	calling("a refund with a leading zero", "GET", "/refunds/{o}_R01", noSuchRefund),
	calling("a refund of an unknown order", "GET", "/refunds/M1T2_R1", noSuchRefund),
	calling("another merchant's refund", "GET", "/refunds/{other}_R1", noSuchRefund),
	calling("a refund of the merchant's other identity", "GET", "/refunds/{second}_R1", noSuchRefund),
	calling("an order's id for a refund's", "GET", "/refunds/{o}", noSuchRefund),
	calling("an unknown order to look at", "GET", "/orders/M1T2", noSuchOrder),
	calling("another merchant's order to look at", "GET", "/orders/{other}", noSuchOrder),
	calling("a transaction that is not there", "GET", "/transactions/{o}_9/merchant", noTransaction),
	calling("transaction 0", "GET", "/transactions/{o}_0/merchant", noTransaction),
	calling("a refund's id for a transaction's", "GET", "/transactions/{o}_R1/merchant", noTransaction),
	calling("another merchant's transaction", "GET", "/transactions/{other}_1/merchant", noTransaction),
	calling("another merchant", "GET", "/merchants/M000001", "404 notFound there is no such merchant"),
	calling("a card payment", "POST", "/orders/{o}/direct/payment/mastercard/transactions", "404 notFound order.startByDirectMastercard is not served: payments are made elsewhere"),
	calling("an STCPay payment", "POST", "/orders/{o}/payment/stcpay/transactions", "404 notFound order.startByStcpay is not served: payments are made elsewhere"),
	calling("refunds as a list", "GET", "/orders/{o}/refunds", noSuchPage),
	calling("a method that is not served", "DELETE", "/orders/{o}", noSuchPage),
	calling("PUT", "PUT", "/orders/{o}/refunds", noSuchPage),
	calling("the root", "GET", "/", noSuchPage),
	calling("the orders", "GET", "/orders", noSuchPage),
	calling("the merchants with a slash", "POST", "/merchants/", noSuchPage),
	calling("an address below a refund", "GET", "/refunds/{o}_R1/more", noSuchPage),
	calling("an address of the other transactions", "GET", "/transactions/{o}_1", noSuchPage),

	creating("an order without merchantOrderId", "merchantOrderId", "", "400 badRequest merchantOrderId: is required"),
	creating("a long merchantOrderId", "merchantOrderId", `"merchantOrderId":"`+strings.Repeat("x", 65)+`"`, "400 badRequest merchantOrderId: must have 1 to 64 characters"),
	creating("an order without amount", "amount", "", "400 badRequest amount: is required"),
	creating("an order of a number", "amount", `"amount":10`, `400 badRequest amount: must be a string, such as "1.35", not a number`),
	creating("an order of 0", "amount", `"amount":"0"`, wrongAmount),
	creating("an order with three decimals", "amount", `"amount":"1.001"`, manyDecimals),
	creating("an order without currency", "currency", "", "400 badRequest currency: is required"),
	creating("an order in lower case", "currency", `"currency":"sar"`, "400 badRequest currency: must be one of SAR, KWD, BHD, AED, OMR, QAR and EGP"),
	creating("an order in yuan", "currency", `"currency":"CNY"`, "400 badRequest currency: must be one of SAR, KWD, BHD, AED, OMR, QAR and EGP"),
	creating("an order without name", "name", "", "400 badRequest name: is required"),
	creating("a notificationURL that is none", "", `"notificationURL":"ftp://a.example"`, "400 badRequest notificationURL: must be an http or https address of at most 1024 characters"),
	creating("a clientIp that is none", "", `"clientIp":"localhost"`, "400 badRequest clientIp: must be an IPv4 or IPv6 address"),
	creating("an expiredAt that is none", "", `"expiredAt":"tomorrow"`, "400 badRequest expiredAt: must be a time such as 2022-10-23T12:00:21.000Z"),
	creating("an expiredAt that is over", "", `"expiredAt":"2022-10-23T12:00:21.000Z"`, "400 badRequest expiredAt: must be in the future"),
	creating("products that are a map", "", `"products":{}`, "400 badRequest products: must be an array, not an object"),
	creating("a customer of 40 kB", "", `"customer":{"a":"`+strings.Repeat("x", 40_000)+`"}`, "400 badRequest customer: must have at most 32768 bytes"),
	creating("a merchantOrderId that was used", "merchantOrderId", `"merchantOrderId":"taken"`, "400 badRequest merchantOrderId: was used for another order"),
	{"an order of another merchant", "POST", "/merchants/M000001/orders", "{}", "404 notFound there is no such merchant", nil},
}

func TestBadRequestsAreRefusedAndChangeNothing(t *testing.T) {
	s := dialecttest.Start(t)
	fill := badWorld(t, s)
	c := demo(s)
	for _, test := range badRequests {
		t.Run(test.name, func(t *testing.T) {
			s.Unchanged(t, func() {
				r := c.request(t, test.method, fill.Replace(test.path), test.body, test.header...)
				response, body := dialecttest.Do(t, r)
				parts := strings.SplitN(test.want, " ", 3)
				want := fmt.Sprintf(`{"code":%q,"message":%s,"data":[]}`, parts[1], quoted(t, parts[2]))
				if fmt.Sprint(response.StatusCode) != parts[0] || body != want {
					t.Errorf("got  %d %s\nwant %s %s", response.StatusCode, body, parts[0], want)
				}
				h := response.Header
				if h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("Request-Id") == "" {
					t.Errorf("headers %v", h)
				}
			})
		})
	}
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	out, err := wire.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// badWorld makes what the requests speak of.
func badWorld(t *testing.T, s *dialecttest.Service) *strings.Replacer {
	t.Helper()
	c := demo(s)
	order := func(amount money.Minor, currency money.Currency) string {
		return paidOrder(t, s, merchant.DemoID, amount, currency)
	}
	o, full := order(1000, "SAR"), order(100, "SAR")
	c.send(t, "POST", "/orders/"+o+"/refunds", `{"amount":"7","reason":"r","merchantRefundId":"used"}`, http.StatusOK, "Idempotency-Key", "key")
	c.send(t, "POST", "/orders/"+full+"/refunds", `{"amount":"1","reason":"r"}`, http.StatusOK, "Prefer", "wait=5")
	c.send(t, "POST", "/merchants/"+demoMerchant+"/orders", `{"merchantOrderId":"taken","amount":"1","currency":"SAR","name":"n"}`, http.StatusOK)
	second := s.Charge(t, merchant.DemoID, 100, func(c *refund.Charge) {
		c.Aliases = []refund.Alias{{Dialect: merchant.Payin, Identity: "M000002", Name: "M000002T1"}}
	})
	alias, _ := second.Alias(merchant.Payin)
	return strings.NewReplacer("{o}", o, "{full}", full, "{kwd}", order(1350, "KWD"), "{jpy}", order(100, "JPY"), "{second}", alias.Name,
		"{ch}", second.ID, "{other}", paidOrder(t, s, s.Merchant(t, "other", merchant.Test, nil).Merchant.ID, 100, "SAR"))
}

// paidOrder registers a paid charge and gives its name here.
func paidOrder(t testing.TB, s *dialecttest.Service, merchantID string, amount money.Minor, currency money.Currency) string {
	t.Helper()
	charge := s.Charge(t, merchantID, amount, func(c *refund.Charge) { c.Currency, c.Channel = currency, "mastercard" })
	alias, ok := charge.Alias(merchant.Payin)
	if !ok {
		t.Fatal("the charge has no name here")
	}
	return alias.Name
}

// What is wrong with the five headers is always the same 401, with the six
// values as they were seen and never with the signature that was expected.
func TestWhoeverIsNotAuthenticatedIsToldWhatWasSeen(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	const uri = "/orders/" + demoOrder + "/refunds"
	unsigned := func(name, value string) func(*http.Request) {
		return func(r *http.Request) {
			if value == "" {
				r.Header.Del(name)
			} else {
				r.Header.Set(name, value)
			}
		}
	}
	signedAs := func(key, secret string, operation wire.Operation, uri string, at time.Duration) func(*http.Request) {
		return func(r *http.Request) {
			wire.Authenticate(key, secret, operation, uri, time.Now().Add(at)).Set(r.Header)
		}
	}
	for name, test := range map[string]struct {
		change func(*http.Request)
		seen   map[string]string // what differs from a good request
	}{
		"no signature":                 {unsigned(wire.HeaderSignature, ""), nil},
		"a short signature":            {unsigned(wire.HeaderSignature, "abc"), nil},
		"a signature in hexadecimal":   {unsigned(wire.HeaderSignature, strings.Repeat("ab", 32)), nil},
		"no base64":                    {unsigned(wire.HeaderSignature, strings.Repeat("!", 44)), nil},
		"two signatures":               {func(r *http.Request) { r.Header.Add(wire.HeaderSignature, r.Header.Get(wire.HeaderSignature)) }, nil},
		"no key":                       {unsigned(wire.HeaderKey, ""), map[string]string{"key": `""`}},
		"an unknown key":               {unsigned(wire.HeaderKey, "AK999"), map[string]string{"key": `"AK999"`}},
		"a key of another dialect":     {unsigned(wire.HeaderKey, "rk_test_demo"), map[string]string{"key": `"rk_test_demo"`}},
		"no timestamp":                 {unsigned(wire.HeaderTimestamp, ""), map[string]string{"timestamp": `""`}},
		"a timestamp in words":         {unsigned(wire.HeaderTimestamp, "now"), map[string]string{"timestamp": `"now"`}},
		"an old timestamp":             {unsigned(wire.HeaderTimestamp, "1690344393"), map[string]string{"timestamp": `1690344393`}},
		"no method":                    {unsigned(wire.HeaderSignMethod, ""), map[string]string{"signMethod": `""`}},
		"another method":               {unsigned(wire.HeaderSignMethod, "HmacSHA1"), map[string]string{"signMethod": `"HmacSHA1"`}},
		"no version":                   {unsigned(wire.HeaderSignVersion, ""), map[string]string{"signVersion": `""`}},
		"another version":              {unsigned(wire.HeaderSignVersion, "2"), map[string]string{"signVersion": `"2"`}},
		"another secret":               {signedAs(demoKey, "wrong", wire.CreateRefund, uri, 0), nil},
		"an empty secret":              {signedAs(demoKey, "", wire.CreateRefund, uri, 0), nil},
		"another operation":            {signedAs(demoKey, demoSecret, wire.QueryRefund, uri, 0), nil},
		"another path":                 {signedAs(demoKey, demoSecret, wire.CreateRefund, "/orders/M1/refunds", 0), nil},
		"the path with its prefix":     {signedAs(demoKey, demoSecret, wire.CreateRefund, wire.Prefix+uri, 0), nil},
		"301 seconds early":            {signedAs(demoKey, demoSecret, wire.CreateRefund, uri, -302*time.Second), nil},
		"301 seconds late":             {signedAs(demoKey, demoSecret, wire.CreateRefund, uri, 302*time.Second), nil},
		"a body with another hash":     {unsigned(wire.HeaderBodySHA256, strings.Repeat("0", 64)), nil},
		"a body hash that is none":     {unsigned(wire.HeaderBodySHA256, "zz"), nil},
		"a body hash that is too long": {unsigned(wire.HeaderBodySHA256, strings.Repeat("0", 128)), nil},
	} {
		t.Run(name, func(t *testing.T) {
			s.Unchanged(t, func() {
				r := c.request(t, "POST", uri, amount(`"1"`))
				test.change(r)
				response, body := dialecttest.Do(t, r)
				seen := map[string]string{
					"uri": `"` + uri + `"`, "key": `"` + demoKey + `"`, "timestamp": r.Header.Get(wire.HeaderTimestamp),
					"signMethod": `"HmacSHA256"`, "signVersion": `"1"`, "method": `"order.refund"`,
				}
				for member, value := range test.seen {
					seen[member] = value
				}
				var pairs []string
				for _, member := range []string{"uri", "key", "timestamp", "signMethod", "signVersion", "method"} {
					pairs = append(pairs, `"`+member+`":`+seen[member])
				}
				want := `{"code":"notAllowed","message":"No access","data":["signature error",{` + strings.Join(pairs, ",") + `}]}`
				if response.StatusCode != http.StatusUnauthorized || body != want {
					t.Errorf("got  %d %s\nwant 401 %s", response.StatusCode, body, want)
				}
			})
		})
	}
}
