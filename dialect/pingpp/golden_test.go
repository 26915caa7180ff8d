package pingpp_test

import (
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/refundry/refundry/dialect/dialecttest"
)

// varying is what differs from run to run in this dialect.
var varying = []dialecttest.Rule{
	{Match: regexp.MustCompile(`\bch_[0-9A-Za-z]{24}\b`), Name: "charge", Not: []string{demoCharge, "ch_000000000000000000000000"}},
	{Match: regexp.MustCompile(`\bre_[0-9A-Za-z]{24}\b`), Name: "refund", Tail: "re_", Not: []string{"re_000000000000000000000000"}},
	{Match: regexp.MustCompile(`\bevt_[0-9A-Za-z]{24}\b`), Name: "event"},
	{Match: regexp.MustCompile(`\biar_[0-9A-Za-z]{24}\b`), Name: "request"},
	{Match: regexp.MustCompile(`\b\d{28}\b`), Name: "channel number", Not: []string{"1224524301201505066067849274"}},
	{Match: regexp.MustCompile(`\b\d{10}\b`), Name: "time", Unnumbered: true},
	{Match: regexp.MustCompile(`[0-9A-Za-z+/]{342}==`), Name: "signature", Unnumbered: true},
}

// The published examples, with nothing but the host changed.
func TestPublishedExamples(t *testing.T) {
	curl := []string{"Authorization", basic(demoKey), "Content-Type", formType}
	php := []string{"Authorization", "Bearer " + demoKey, "Content-Type", jsonType}
	python := []string{"Authorization", "Bearer " + demoKey, "Content-Type", "application/json; charset=UTF-8"}
	dialecttest.Transcript{
		Name: "published", URL: dialecttest.Start(t).URL, Rules: varying, Check: readContract(t).check,
		Headers: []string{"Content-Type", "Cache-Control", "Connection", "X-Pingplusplus-Signature"},
		Steps: []dialecttest.Step{
			{Title: "The charge before", Method: "GET", Path: "/v1/charges/" + demoCharge, Header: curl[:2]},
			{
				Title: "Python: ch.refunds.create(description='Refund Description', amount=1)", Method: "POST", Header: python,
				Path: "/v1/charges/" + demoCharge + "/refunds", Body: `{"description": "Refund Description", "amount": 1}`, Keep: map[string]string{"first": "id"},
			},
			{
				Title: "curl -d description=..., which refunds the rest", Method: "POST", Header: curl,
				Path: "/v1/charges/" + demoCharge + "/refunds", Body: `description=Refund Description`,
			},
			{
				Title: "PHP once more: nothing is left", Method: "POST", Header: php,
				Path: "/v1/charges/" + demoCharge + "/refunds", Body: `{"description":"Refund Description"}`,
			},
			{Title: "Retrieve a refund", Method: "GET", Path: "/v1/charges/" + demoCharge + "/refunds/{first}", Header: python},
			{Title: "List the refunds", Method: "GET", Path: "/v1/charges/" + demoCharge + "/refunds/?limit=3", Header: curl[:2]},
			{Title: "The charge after", Method: "GET", Path: "/v1/charges/" + demoCharge, Header: curl[:2]},
			{
				Title: "The events", Method: "GET", Path: "/v1/events?type=refund.succeeded", Header: curl[:2],
				Keep: map[string]string{"event": "data.1.id"},
			},
			{Title: "One event", Method: "GET", Path: "/v1/events/{event}", Header: curl[:2]},
		},
	}.Run(t)
}

// How the other clients speak, and what a refund may become.
func TestClientsAndOutcomes(t *testing.T) {
	node := []string{"Authorization", basic(demoKey), "Content-Type", "application/json; charset=UTF-8", "User-Agent", "Pingpp/v1 NodeBindings/2.1.6"}
	java := []string{"Authorization", "Bearer " + demoKey, "Content-Type", "application/json; charset=UTF-8", "Accept-Language", "zh-CN"}
	english := []string{"Authorization", "Bearer " + demoKey, "Content-Type", jsonType, "Accept-Language", "en-US,en;q=0.9"}
	refunds := "/v1/charges/{charge}/refunds"
	dialecttest.Transcript{
		Name: "clients", URL: dialecttest.Start(t).URL, Rules: varying, Check: readContract(t).check,
		Headers: []string{"Connection", "Allow"},
		Steps: []dialecttest.Step{
			{
				Title: "Node creates a charge, which the sandbox pays at once", Method: "POST", Path: "/v1/charges", Header: node,
				Body: `{"order_no":"A20261124","app":{"id":"` + demoApp + `"},"channel":"alipay","amount":5000,"client_ip":"127.0.0.1","currency":"cny",` +
					`"subject":"苹果","body":"一箱苹果","extra":{"success_url":"https://example.com"},"metadata":{"color":"red"},"description":"秋天"}`,
				Keep: map[string]string{"charge": "id"},
			},
			{
				Title: "The same order_no again", Method: "POST", Path: "/v1/charges", Header: node,
				Body: `{"order_no":"A20261124","app":{"id":"` + demoApp + `"},"channel":"alipay_wap","amount":1,"client_ip":"::1","currency":"cny","subject":"s","body":"b"}`,
			},
			{Title: "Java escapes for HTML", Method: "POST", Path: refunds, Header: java, Body: `{"amount":100,"description":"\u003c苹果\u003e\u0026\u0027被咬了一口\u0027\u003d","metadata":{"n":1.50}}`},
			{Title: "refused by the channel is still a 200", Method: "POST", Path: refunds, Header: node, Body: `{"amount":151,"description":"d"}`},
			{Title: "the same in English", Method: "GET", Path: refunds + "?limit=1", Header: english},
			{Title: "the channel takes its time", Method: "POST", Path: refunds, Header: node, Body: `{"amount":158,"description":"d","funding_source":"recharge_funds"}`},
			{Title: "the payer's account can't take the money", Method: "POST", Path: refunds, Header: node, Body: `{"amount":152,"description":"d"}`},
			{Title: "too much in English", Method: "POST", Path: refunds, Header: english, Body: `{"amount":5000,"description":"d"}`},
			{Title: "no description in English", Method: "POST", Path: refunds, Header: english, Body: `{}`},
			{Title: "an unknown charge in English", Method: "GET", Path: "/v1/charges/ch_x", Header: english},
			{Title: "a wrong method in English", Method: "DELETE", Path: refunds, Header: english},
			{Title: "The charge with its app as an object", Method: "GET", Path: "/v1/charges/{charge}?expand[]=app", Header: node},
		},
	}.Run(t)
}

// contract is openapi/pingpp.yaml.
type contract struct{ doc *openapi3.T }

func readContract(t *testing.T) contract {
	t.Helper()
	text, err := os.ReadFile("../../openapi/pingpp.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	return contract{doc}
}

// check holds an answer against the contract.
func (c contract) check(t testing.TB, r *http.Request, _ string, response *http.Response, answer string) {
	t.Helper()
	operation := c.operationOf(r)
	if operation == nil {
		if response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("the contract does not know %s %s", r.Method, r.URL.Path)
		}
		return
	}
	told := operation.Responses.Status(response.StatusCode)
	if told == nil {
		t.Errorf("the contract knows no %d of %s %s", response.StatusCode, r.Method, r.URL.Path)
		return
	}
	var value any
	if err := json.Unmarshal([]byte(answer), &value); err != nil {
		t.Fatal(err)
	}
	if err := c.doc.ValidateSchemaJSON(told.Value.Content.Get("application/json").Schema.Value, value); err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
}

func (c contract) operationOf(r *http.Request) *openapi3.Operation {
	parameter := regexp.MustCompile(`\\\{\w+\\\}`)
	for path, item := range c.doc.Paths.Map() {
		pattern := "^" + parameter.ReplaceAllString(regexp.QuoteMeta(path), `[^/]+`) + "$"
		if regexp.MustCompile(pattern).MatchString(strings.TrimSuffix(r.URL.Path, "/")) {
			return item.GetOperation(r.Method)
		}
	}
	return nil
}
