package payin_test

import (
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/openapi/openapitest"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// varying is what differs from run to run in this dialect.
var varying = []dialecttest.Rule{
	{Match: regexp.MustCompile(`\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`), Name: "time", Unnumbered: true, Not: []string{"2100-01-01T00:00:00.000Z"}},
	{Match: regexp.MustCompile(`\b\d{10}\b`), Name: "seconds", Unnumbered: true},
	{Match: regexp.MustCompile(`[0-9A-Za-z+/]{43}=`), Name: "signature", Unnumbered: true},
	{Match: regexp.MustCompile(`M948164T20(2[4-9]|[3-9]\d)\d{18}`), Name: "order"},
}

// step is a signed request of the demo merchant. The golden file shows what a
// client sends, the signature left out.
func step(title, method, path, body string, more ...string) dialecttest.Step {
	uri, _, _ := strings.Cut(wire.WithoutPrefix(path), "?")
	operation, _, _ := wire.FindOperation(method, uri)
	a := wire.Authenticate(demoKey, demoSecret, operation, uri, time.Now())
	header := []string{
		"x-auth-signature", a.Signature, "x-auth-key", a.Key, "x-auth-timestamp", a.Timestamp,
		"x-auth-sign-method", a.SignMethod, "x-auth-sign-version", a.SignVersion,
	}
	if body != "" {
		header = append(header, "Content-Type", "application/json")
	}
	return dialecttest.Step{Title: title, Method: method, Path: path, Body: body, Header: append(header, more...)}
}

// eventually repeats a step until the answer has a text.
func eventually(s dialecttest.Step, until string) dialecttest.Step {
	s.Until = until
	return s
}

// contract is openapi/payin.yaml.
type contract struct{ *openapitest.Contract }

// check holds an answer against the contract, whose paths have the prefix.
func (c contract) check(t testing.TB, r *http.Request, body string, response *http.Response, answer string) {
	t.Helper()
	prefixed := r.Clone(t.Context())
	prefixed.URL = &url.URL{Path: wire.Prefix + wire.WithoutPrefix(r.URL.Path)}
	c.Check(t, prefixed, body, response.StatusCode, response.Header, answer)
}

func loadContract(t *testing.T) contract {
	t.Helper()
	text, err := os.ReadFile("../../openapi/payin.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return contract{openapitest.Load(t, text)}
}

// The published page's example, with nothing but the host changed, and what a
// client sees of it through the sibling pages.
func TestPublishedExample(t *testing.T) {
	held := loadContract(t)
	s := dialecttest.Start(t)
	const (
		orders, example = wire.Prefix + "/orders/" + demoOrder, `{"amount":"7","reason":"退运费","merchantRefundId":"TEST934759263495634"}`
		refunds         = orders + "/refunds"
	)
	unsigned := step("A wrong signature", "GET", orders, "")
	unsigned.Header[1] = strings.Repeat("A", 43) + "="
	dialecttest.Transcript{
		Name: "published", URL: s.URL, Rules: varying, Check: held.check, Headers: []string{"Content-Type", "Cache-Control"},
		Steps: []dialecttest.Step{
			step("The order before", "GET", orders, ""),
			step("The example", "POST", refunds, example),
			eventually(step("The refund", "GET", wire.Prefix+"/refunds/"+demoOrder+"_R1", ""), `"success"`),
			step("The example once more is the same refund", "POST", refunds, example),
			step("The same number with another amount", "POST", refunds, `{"amount":"7.01","reason":"退运费","merchantRefundId":"TEST934759263495634"}`),
			step("The order after, without the prefix", "GET", "/orders/"+demoOrder, ""),
			step("The payment's transaction", "GET", wire.Prefix+"/transactions/"+demoOrder+"_1/merchant", ""),
			step("The refund's transaction", "GET", wire.Prefix+"/transactions/"+demoOrder+"_2/merchant", ""),
			step("The rest, without a number, at once", "POST", refunds, `{"amount":"993.00","reason":"全额"}`, "Prefer", "wait=5"),
			step("Nothing is left", "POST", refunds, `{"amount":"0.01","reason":"r"}`),
			step("The order at last", "GET", orders, ""),
			step("The merchant", "GET", wire.Prefix+"/merchants/"+demoMerchant, ""),
			unsigned,
		},
	}.Run(t)
	if unseen := held.Unseen(); len(unseen) != 1 || unseen[0] != "merchant.addOrder" {
		t.Errorf("the contract's %v were not seen", unseen)
	}
}

// Orders of the sandbox, what a refund may become, and refusals.
func TestOrdersAndOutcomes(t *testing.T) {
	s := dialecttest.Start(t)
	const dinars, order = "M948164T2023072607034709500001", `{"merchantOrderId":"O-1","amount":"12.50","currency":"SAR","name":"تمر","notificationURL":"https://merchant.example/n",` +
		`"expiredAt":"2100-01-01T00:00:00Z","clientIp":"192.0.2.1","customer":{"nickname":"A"},"products":[{"name":"Dates","quantity":2,"price":6.25}]}`
	s.Charge(t, merchant.DemoID, 1357, func(c *refund.Charge) {
		c.Currency, c.Channel, c.OrderNo = "KWD", "stcpay", "K-1"
		c.Aliases = []refund.Alias{{Dialect: merchant.Payin, Identity: demoMerchant, Name: dinars}}
	})
	const refunds = wire.Prefix + "/orders/" + dinars + "/refunds"
	dialecttest.Transcript{
		Name: "orders", URL: s.URL, Rules: varying, Check: loadContract(t).check,
		Steps: []dialecttest.Step{
			step("An order, which the sandbox pays at once", "POST", wire.Prefix+"/merchants/"+demoMerchant+"/orders", order),
			step("The same order once more", "POST", "/merchants/"+demoMerchant+"/orders", order),
			step("The same number for another amount", "POST", "/merchants/"+demoMerchant+"/orders", strings.Replace(order, "12.50", "12.51", 1)),
			step("An order of 1.357 KWD", "GET", wire.Prefix+"/orders/"+dinars, ""),
			step("A third decimal is refused", "POST", refunds, `{"amount":"1.357","reason":"r"}`),
			step("A number is refused", "POST", refunds, `{"amount":1.35,"reason":"r"}`),
			step("Two decimals of three", "POST", refunds, `{"amount":"0.3","reason":"r"}`, "Prefer", "wait=5"),
			step("Another merchant's order", "GET", wire.Prefix+"/orders/M000001T2023072607034709567189", ""),
			step("An address that is none", "GET", wire.Prefix+"/orders/"+dinars+"/refunds", ""),
		},
	}.Run(t)
}

// The page prints the example's answer; all of it but the times comes back.
func TestThePagesAnswerIsOurs(t *testing.T) {
	c := demo(dialecttest.Start(t))
	got := c.send(t, "POST", "/orders/"+demoOrder+"/refunds", `{"amount":"7","reason":"退运费","merchantRefundId":"TEST934759263495634"}`, http.StatusOK)
	got = varying[0].Match.ReplaceAllString(got, "2023-07-26T04:06:33.227Z")
	const want = `{"amount":7,"status":"pending","id":"M948164T2023072607034709567189_R1","orderId":"M948164T2023072607034709567189",` +
		`"paymentMethod":"mastercard","merchantRefundId":"TEST934759263495634","merchantId":"M948164",` +
		`"originTransactionId":"M948164T2023072607034709567189_1","currency":"SAR","updatedAt":"2023-07-26T04:06:33.227Z","createdAt":"2023-07-26T04:06:33.227Z"}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
