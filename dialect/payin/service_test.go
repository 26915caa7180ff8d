package payin_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/payin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

const (
	demoMerchant = "M948164"
	demoKey      = "AK000000000000000000000000000001"
	demoSecret   = "payin-test-secret"
	demoOrder    = "M948164T2023072607034709567189"
)

// client is a merchant's program: it signs each call as the page says.
type client struct {
	base, key, secret string
}

func demo(s *dialecttest.Service) client { return client{s.URL, demoKey, demoSecret} }

// of is the client of a merchant that was made by a test.
func of(s *dialecttest.Service, fresh merchant.Fresh) client {
	for _, identity := range fresh.Identities {
		if identity.Dialect == merchant.Payin {
			return client{s.URL, fresh.Key(merchant.Payin), identity.Secrets[merchant.ClientSecret]}
		}
	}
	return client{}
}

// request makes a signed request. path has no prefix; further headers follow as
// name, value.
func (c client) request(t testing.TB, method, path, body string, headers ...string) *http.Request {
	t.Helper()
	uri, _, _ := strings.Cut(path, "?")
	operation, _, _ := wire.FindOperation(method, uri)
	r := dialecttest.Request(t, method, c.base+wire.Prefix+path, body, headers...)
	wire.Authenticate(c.key, c.secret, operation, uri, time.Now()).Set(r.Header)
	return r
}

// send makes a signed request and demands a status.
func (c client) send(t testing.TB, method, path, body string, status int, headers ...string) string {
	t.Helper()
	r := c.request(t, method, path, body, headers...)
	response, answer := dialecttest.Do(t, r)
	if response.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d: %s", method, path, response.StatusCode, status, answer)
	}
	return answer
}

// decoded reads an answer as a map, with numbers as they stand.
func decoded(t testing.TB, body string) map[string]any {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	var out map[string]any
	if err := decoder.Decode(&out); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	return out
}

// has compares some members of an answer, written as JSON.
func has(t testing.TB, body string, want map[string]string) {
	t.Helper()
	var got map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in\n%s", err, body)
	}
	for name, value := range want {
		if string(got[name]) != value {
			t.Errorf("%s is %s, want %s in\n%s", name, got[name], value, body)
		}
	}
}

// What every dialect must pass.
func TestSuite(t *testing.T) {
	var service *dialecttest.Service
	clients := map[string]client{}
	var reasons atomic.Int64
	ask := func(t testing.TB, base, key string, charge refund.Alias, body string, headers ...string) *http.Request {
		c := client{base, key, clients[key].secret}
		return c.request(t, http.MethodPost, "/orders/"+charge.Name+"/refunds", body, append([]string{"Prefer", "wait=5"}, headers...)...)
	}
	dialecttest.Run(t, dialecttest.Speaker{
		Dialect: merchant.Payin,
		Known: func(s *dialecttest.Service, fresh merchant.Fresh) {
			service = s
			clients[fresh.Key(merchant.Payin)] = of(s, fresh)
		},
		Refund: func(t testing.TB, base, key string, charge refund.Alias, amount *money.Minor, number string) *http.Request {
			if amount == nil { // this API always says an amount: here, what is left
				order := decoded(t, clients[key].send(t, http.MethodGet, "/orders/"+charge.Name, "", http.StatusOK))
				amount = new(left(t, order))
			}
			// Each request has its own bytes: the same would be a repeat.
			params := map[string]any{"reason": "suite " + time.Now().String() + string(rune('a'+reasons.Add(1)%26)), "amount": money.Format(*amount, "CNY")}
			if number != "" {
				params["merchantRefundId"] = number
			}
			body, err := json.Marshal(params)
			if err != nil {
				t.Fatal(err)
			}
			return ask(t, base, key, charge, string(body))
		},
		Read: func(t testing.TB, base, key string, charge refund.Alias) *http.Request {
			return clients[key].request(t, http.MethodGet, "/orders/"+charge.Name, "")
		},
		RefundID: func(status int, body string) (string, bool) {
			var answer struct {
				ID string `json:"id"`
			}
			err := json.Unmarshal([]byte(body), &answer)
			return answer.ID, err == nil && status == http.StatusOK && strings.Contains(answer.ID, "_R")
		},
		Bad: func(t testing.TB, base, key string, charge refund.Alias) map[string]*http.Request {
			out := map[string]*http.Request{}
			for name, body := range map[string]string{
				"no reason": `{"amount":"0.01"}`, "an amount of 0": `{"reason":"r","amount":"0"}`, "a negative amount": `{"reason":"r","amount":"-1"}`,
				"a number": `{"reason":"r","amount":0.5}`, "an exponent": `{"reason":"r","amount":"1e2"}`,
				"an overflow": `{"reason":"r","amount":"9223372036854775808"}`, "a name twice": `{"reason":"r","amount":"0.01","amount":"0.02"}`,
				"broken UTF-8": "{\"reason\":\"\xff\",\"amount\":\"0.01\"}", "U+0000": `{"reason":"\u0000","amount":"0.01"}`, "no JSON": `{"reason":"r"`,
				"too large a body": `{"reason":"` + strings.Repeat("x", 2<<20) + `"}`,
			} {
				out[name] = ask(t, base, key, charge, body)
			}
			out["an unusable idempotency key"] = ask(t, base, key, charge, `{"reason":"r","amount":"0.01"}`, "Idempotency-Key", "a key")
			return out
		},
		CallerHeaders: []string{"X-Auth-Signature", "X-Auth-Key", "X-Auth-Timestamp", "X-Auth-Sign-Method", "X-Auth-Sign-Version"},
		Routes:        dialecttest.Routes(payin.Routes), Writes: writes,
	})
	if service == nil {
		t.Error("the suite did not say whose merchants it makes")
	}
}

// writes are the calls that write, for the suite.
var writes = map[string]dialecttest.Write{
	"POST /orders/{id}/refunds":   writing("/orders/{}/refunds", amount(`"0.10"`)),
	"POST /merchants/{id}/orders": writing("/merchants/"+demoMerchant+"/orders", `{"merchantOrderId":"LOST1","amount":"1","currency":"SAR","name":"n"}`),
	// These are not served.
	"POST /orders/{id}/direct/payment/mastercard/transactions": nil,
	"POST /orders/{id}/payment/stcpay/transactions":            nil,
}

// writing is a call about a new order of the demo merchant, which is {}.
func writing(path, body string) dialecttest.Write {
	return func(t *testing.T, s *dialecttest.Service) func(string) *http.Request {
		path := strings.Replace(path, "{}", paidOrder(t, s, merchant.DemoID, 100, "SAR"), 1)
		return func(base string) *http.Request {
			c := demo(s)
			c.base = base
			return c.request(t, http.MethodPost, path, body)
		}
	}
}

// left is what an order still has, by its own numbers.
func left(t testing.TB, order map[string]any) money.Minor {
	t.Helper()
	amounts := make([]money.Minor, 2)
	for n, name := range []string{"amount", "refundAmount"} {
		var err error
		if amounts[n], err = money.Parse(order[name].(json.Number).String(), "CNY"); err != nil {
			t.Fatal(err)
		}
	}
	return amounts[0] - amounts[1]
}
