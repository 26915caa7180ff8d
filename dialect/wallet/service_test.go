package wallet_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wallet"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	demoKey    = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"
	demoWallet = "wallet_demo"
	demoCharge = "11SF0c6d432eb7894cc3191ff20c12a5"
	jsonType   = "application/json; charset=utf-8"
)

// get and post send one plain request with a key and demand a status.
func get(t testing.TB, s *dialecttest.Service, key, path string, status int) string {
	t.Helper()
	return send(t, dialecttest.Request(t, http.MethodGet, s.URL+path, "", "X-API-KEY", key), status)
}

func post(t testing.TB, s *dialecttest.Service, key, path, body string, status int, headers ...string) string {
	t.Helper()
	headers = append([]string{"X-API-KEY", key, "Content-Type", "application/json"}, headers...)
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

// asking is the body of a refund request with the members that are required.
func asking(charge string, amount any) string {
	return fmt.Sprintf(`{"charges_id":%q,"client_ip":"127.0.0.1","amount":%v}`, charge, amount)
}

// nameIn is a charge's name in the wallet dialect.
func nameIn(t testing.TB, charge refund.Charge) string {
	t.Helper()
	alias, ok := charge.Alias(merchant.Wallet)
	if !ok {
		t.Fatal("the charge has no name here")
	}
	return alias.Name
}

// left asks how much of a charge can still be refunded: this API wants an
// amount in every request, so that "everything" is a matter of arithmetic.
func left(t testing.TB, base, key string, charge refund.Alias) money.Minor {
	t.Helper()
	_, body := dialecttest.Do(t, dialecttest.Request(t, http.MethodGet, base+"/wallet/"+charge.Identity+"/obj/"+charge.Name, "", "X-API-KEY", key))
	var object struct {
		Amount         money.Minor `json:"amount"`
		AmountRefunded money.Minor `json:"amount_refunded"`
	}
	if err := json.Unmarshal([]byte(body), &object); err != nil {
		t.Fatal(err)
	}
	return object.Amount - object.AmountRefunded
}

// What every dialect must pass.
func TestSuite(t *testing.T) {
	request := func(t testing.TB, base, key string, charge refund.Alias, body string, headers ...string) *http.Request {
		headers = append([]string{"X-API-KEY", key, "Prefer", "wait=5"}, headers...)
		return dialecttest.Request(t, http.MethodPost, base+"/wallet/"+charge.Identity+"/refund", body, headers...)
	}
	dialecttest.Run(t, dialecttest.Speaker{
		Dialect: merchant.Wallet,
		Refund: func(t testing.TB, base, key string, charge refund.Alias, amount *money.Minor, number string) *http.Request {
			params := map[string]any{"charges_id": charge.Name, "client_ip": "127.0.0.1"}
			if amount != nil {
				params["amount"] = *amount
			} else {
				params["amount"] = left(t, base, key, charge)
			}
			if number != "" {
				params["extra"] = map[string]string{"refund_order": number}
			}
			body, err := json.Marshal(params)
			if err != nil {
				t.Fatal(err)
			}
			return request(t, base, key, charge, string(body))
		},
		Read: func(t testing.TB, base, key string, charge refund.Alias) *http.Request {
			return dialecttest.Request(t, http.MethodGet, base+"/wallet/"+charge.Identity+"/obj/"+charge.Name, "", "X-API-KEY", key)
		},
		RefundID: func(status int, body string) (string, bool) {
			var answer struct {
				Type string `json:"type"`
				ID   string `json:"id"`
			}
			err := json.Unmarshal([]byte(body), &answer)
			return answer.ID, err == nil && status == http.StatusOK && answer.Type == "refund"
		},
		Bad: func(t testing.TB, base, key string, charge refund.Alias) map[string]*http.Request {
			out := map[string]*http.Request{}
			head := `{"charges_id":"` + charge.Name + `","client_ip":"127.0.0.1",`
			for name, body := range map[string]string{
				"no amount": head + `"description":"d"}`, "an amount of 0": head + `"amount":0}`, "a fraction": head + `"amount":1.5}`,
				"an exponent": head + `"amount":1e2}`, "an overflow": head + `"amount":9223372036854775808}`, "a text": head + `"amount":"1"}`,
				"a name twice": head + `"amount":1,"amount":2}`, "broken UTF-8": head + "\"amount\":1,\"description\":\"\xff\"}",
				"U+0000": head + `"amount":1,"description":"\u0000"}`, "no JSON": head, "nothing": "",
				"too large a body": head + `"amount":1,"description":"` + strings.Repeat("x", 2<<20) + `"}`,
			} {
				out[name] = request(t, base, key, charge, body)
			}
			out["an unusable idempotency key"] = request(t, base, key, charge, head+`"amount":1}`, "Idempotency-Key", "a key")
			return out
		},
		CallerHeaders: []string{"X-API-KEY"},
		Routes:        dialecttest.Routes(wallet.Routes), Writes: writes,
		Unknown: func(status int, body string) bool {
			return status == http.StatusGatewayTimeout && strings.HasPrefix(body, `{"code":100027,`)
		},
	})
}

// writes are the calls that write, for the suite.
var writes = map[string]dialecttest.Write{
	"POST /wallet/{wallet}/refund":   writing("/wallet/"+demoWallet+"/refund", asking("{}", 10)),
	"POST /wallet/{wallet}/charges":  writing("/wallet/"+demoWallet+"/charges", chargeOf("LOST1", 100)),
	"POST /charges/{charge}/refunds": writing("/charges/{}/refunds", `{"amount":10,"description":"d"}`),
}

// writing is a call about a new charge of the demo merchant, which is {}.
func writing(path, body string) dialecttest.Write {
	return func(t *testing.T, s *dialecttest.Service) func(string) *http.Request {
		fill := strings.NewReplacer("{}", nameIn(t, s.Charge(t, merchant.DemoID, 100, nil)))
		return func(base string) *http.Request {
			return dialecttest.Request(t, http.MethodPost, base+fill.Replace(path), fill.Replace(body), "X-API-KEY", demoKey)
		}
	}
}
