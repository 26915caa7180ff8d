package pingpp_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	demoKey    = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"
	demoApp    = "app_1Gqj58ynP0mHeX1q"
	demoCharge = "ch_L8qn10mLmr1GS8e5OODmHaL4"
	formType   = "application/x-www-form-urlencoded"
	jsonType   = "application/json;charset=utf-8"
)

// basic is how curl -u KEY: and the Go and Node clients authenticate.
func basic(key string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))
}

// get and post send one request with a key and demand a status.
func get(t testing.TB, s *dialecttest.Service, key, path string, status int) string {
	t.Helper()
	return send(t, dialecttest.Request(t, http.MethodGet, s.URL+path, "", "Authorization", "Bearer "+key), status)
}

func post(t testing.TB, s *dialecttest.Service, key, path, body string, status int, headers ...string) string {
	t.Helper()
	headers = append([]string{"Authorization", "Bearer " + key, "Content-Type", jsonType}, headers...)
	return send(t, dialecttest.Request(t, http.MethodPost, s.URL+path, body, headers...), status)
}

func send(t testing.TB, r *http.Request, status int) string {
	t.Helper()
	response, body := dialecttest.Do(t, r)
	if response.StatusCode != status {
		t.Fatalf("%s %s answered %d, want %d: %s", r.Method, r.URL.RequestURI(), response.StatusCode, status, body)
	}
	return body
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

// ids are the ids of a list's objects, in order.
func ids(t testing.TB, body string) []string {
	t.Helper()
	var list struct {
		Data []struct {
			ID string `json:"id"`
		} `json:"data"`
	}
	if err := json.Unmarshal([]byte(body), &list); err != nil {
		t.Fatal(err)
	}
	out := []string{}
	for _, object := range list.Data {
		out = append(out, object.ID)
	}
	return out
}

// What every dialect must pass. The refund number of this one is the
// idempotency key: the protocol has none of its own.
func TestSuite(t *testing.T) {
	request := func(t testing.TB, base, key string, charge refund.Alias, body string, headers ...string) *http.Request {
		headers = append([]string{"Authorization", "Bearer " + key, "Content-Type", jsonType, "Prefer", "wait=5"}, headers...)
		return dialecttest.Request(t, http.MethodPost, base+"/v1/charges/"+charge.Name+"/refunds", body, headers...)
	}
	dialecttest.Run(t, dialecttest.Speaker{
		Dialect: merchant.PingPP,
		Refund: func(t testing.TB, base, key string, charge refund.Alias, amount *money.Minor, number string) *http.Request {
			var headers []string
			if number != "" {
				headers = []string{"Idempotency-Key", number}
			}
			params := map[string]any{"description": "suite"}
			if amount != nil {
				params["amount"] = *amount
			}
			body, err := json.Marshal(params)
			if err != nil {
				t.Fatal(err)
			}
			return request(t, base, key, charge, string(body), headers...)
		},
		Read: func(t testing.TB, base, key string, charge refund.Alias) *http.Request {
			return dialecttest.Request(t, http.MethodGet, base+"/v1/charges/"+charge.Name, "", "Authorization", "Bearer "+key)
		},
		RefundID: func(status int, body string) (string, bool) {
			var answer struct {
				Object string `json:"object"`
				ID     string `json:"id"`
			}
			err := json.Unmarshal([]byte(body), &answer)
			return answer.ID, err == nil && status == http.StatusOK && answer.Object == "refund"
		},
		Bad: func(t testing.TB, base, key string, charge refund.Alias) map[string]*http.Request {
			out := map[string]*http.Request{}
			for name, body := range map[string]string{
				"no description": `{"amount":1}`, "an amount of 0": `{"description":"d","amount":0}`, "a negative amount": `{"description":"d","amount":-1}`,
				"a fraction": `{"description":"d","amount":1.5}`, "an exponent": `{"description":"d","amount":"1e2"}`,
				"an overflow": `{"description":"d","amount":9223372036854775808}`, "a name twice": `{"description":"d","amount":1,"amount":2}`,
				"broken UTF-8": "{\"description\":\"\xff\",\"amount\":1}", "U+0000": `{"description":"\u0000","amount":1}`, "no JSON": `{"description":"d"`,
				"too large a body": `{"description":"` + strings.Repeat("x", 2<<20) + `"}`,
			} {
				out[name] = request(t, base, key, charge, body)
			}
			out["an unusable idempotency key"] = request(t, base, key, charge, `{"description":"d","amount":1}`, "Idempotency-Key", "a key")
			return out
		},
		CallerHeaders: []string{"Authorization", "Pingplusplus-Signature", "Pingplusplus-Request-Timestamp"},
		Routes:        dialecttest.Routes(pingpp.Routes), Writes: writes,
	})
}

const lostOrder = "2001708140000194899"

// writes are the calls that write, for the suite.
var writes = map[string]dialecttest.Write{
	"POST /v1/charges":                   writing(nil, "/v1/charges", chargeOf("LOST1", "wx", 100)),
	"POST /v1/charges/{ch}/reverse":      writing(scanned, "/v1/charges/{}/reverse", ""),
	"POST /v1/charges/{ch}/refunds":      writing(nil, "/v1/charges/{}/refunds", `{"description":"d","amount":10}`),
	"POST /v1/batch_refunds":             writing(nil, "/v1/batch_refunds", batchOf(demoApp, "LOST1", quoted("{}"))),
	"POST /v1/orders/{or}/order_refunds": writing(ofOrder(lostOrder), "/v1/orders/"+lostOrder+"/order_refunds", `{"description":"d"}`),
}

// writing is a call about a new charge of the demo merchant, which is {}.
func writing(edit func(*refund.Charge), path, body string) dialecttest.Write {
	return func(t *testing.T, s *dialecttest.Service) func(string) *http.Request {
		fill := strings.NewReplacer("{}", s.Charge(t, merchant.DemoID, 100, edit).ID)
		return func(base string) *http.Request {
			return dialecttest.Request(t, http.MethodPost, base+fill.Replace(path), fill.Replace(body), "Authorization", "Bearer "+demoKey, "Content-Type", jsonType)
		}
	}
}

// eventually repeats a GET until the answer contains a text.
func eventually(t testing.TB, s *dialecttest.Service, key, path, text string) string {
	t.Helper()
	const pause, patience = 20 * time.Millisecond, 3 * time.Minute
	for deadline := time.Now().Add(patience); ; {
		body := get(t, s, key, path, http.StatusOK)
		if strings.Contains(body, text) {
			return body
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s never says %s; the last answer was %s", path, text, body)
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
}
