package native_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

const base = "/refundry/v1"

// The suite that every dialect must pass. The native API knows a charge by any
// dialect's name; the suite gives it Ping++'s.
func TestSuite(t *testing.T) {
	dialecttest.Run(t, dialecttest.Speaker{
		Dialect: merchant.Native,
		Refund: func(t testing.TB, url, key string, charge refund.Alias, amount *money.Minor, number string) *http.Request {
			body := fmt.Sprintf(`{"charge": %q, "reason": "suite"`, charge.Name)
			if amount != nil {
				body += fmt.Sprintf(`, "amount": %d`, *amount)
			}
			if number != "" {
				body += fmt.Sprintf(`, "number": %q`, number)
			}
			return dialecttest.Request(t, "POST", url+base+"/refunds", body+"}", "Authorization", "Bearer "+key, "Prefer", "wait=5")
		},
		Read: func(t testing.TB, url, key string, charge refund.Alias) *http.Request {
			return dialecttest.Request(t, "GET", url+base+"/charges/"+charge.Name, "", "Authorization", "Bearer "+key)
		},
		RefundID: func(status int, body string) (string, bool) {
			id := text(body, "id")
			return id, (status == http.StatusCreated || status == http.StatusOK) && strings.HasPrefix(id, "re_")
		},
		Bad: func(t testing.TB, url, key string, charge refund.Alias) map[string]*http.Request {
			bad := make(map[string]*http.Request)
			for _, one := range badRefunds(charge.Name) {
				bad[one.name] = dialecttest.Request(t, "POST", url+base+"/refunds", one.body, append(one.header, "Authorization", "Bearer "+key)...)
			}
			return bad
		},
		CallerHeaders: []string{"Authorization"},
		Routes:        dialecttest.Routes(native.Routes), Writes: writes(),
		Unknown: func(status int, body string) bool {
			return status == http.StatusInternalServerError && text(body, "kind") == string(refund.KindUnknownOutcome)
		},
	})
}

// writes are the calls that write, for the suite.
func writes() map[string]dialecttest.Write {
	return map[string]dialecttest.Write{
		"POST /refundry/v1/charges":                      onceAs("a charge"),
		"POST /refundry/v1/charges/batch":                writing("POST", at("/charges/batch"), `{"order_no": "LOST", "amount": 100, "currency": "CNY", "channel": "wx"}`),
		"POST /refundry/v1/charges/{id}/mask":            writing("POST", at("/charges/123456789/mask"), ""),
		"POST /refundry/v1/customers/mask":               writing("POST", at("/customers/mask"), `{"customer": "nobody"}`),
		"POST /refundry/v1/refunds":                      writing("POST", at("/refunds"), `{"charge": "123456789", "amount": 10}`),
		"POST /refundry/v1/refunds/{id}/cancel":          onceAs("a cancellation"),
		"POST /refundry/v1/refunds/{id}/retry":           onceAs("another try"),
		"POST /refundry/v1/refunds/{id}/resolve":         onceAs("an operator's word"),
		"POST /refundry/v1/refunds/{id}/settle":          onceAs("an operator's word by its former name"),
		"POST /refundry/v1/bulk":                         writing("POST", at("/bulk"), "charge,amount\n123456789,1\n"),
		"POST /refundry/v1/bulk/{id}/start":              onceAs("a bulk job's start"),
		"POST /refundry/v1/bulk/{id}/pause":              onceAs("a bulk job's pause"),
		"POST /refundry/v1/bulk/{id}/resume":             onceAs("a bulk job's resumption"),
		"POST /refundry/v1/bulk/{id}/stop":               onceAs("a bulk job's end"),
		"POST /refundry/v1/refunds/{id}/ask":             onceAs("a question"),
		"POST /refundry/v1/refunds/{id}/reroute":         onceAs("a payer's card"),
		"POST /refundry/v1/accounts/{id}/retry":          onceAs("an account whose funds are back"),
		"POST /refundry/v1/refunds/{id}/replay":          writing("POST", toldRefund, ""),
		"POST /refundry/v1/deliveries/replay":            toldDeliveries,
		"POST /refundry/v1/refunds/{id}/correct":         onceAs("a correction"),
		"POST /refundry/v1/refunds/{id}/approve":         onceAs("an approval"),
		"POST /refundry/v1/refunds/{id}/refuse":          onceAs("a refusal"),
		"POST /refundry/v1/policies":                     onceAs("a policy"),
		"PATCH /refundry/v1/policies/{id}":               onceAs("a policy's change"),
		"DELETE /refundry/v1/policies/{id}":              onceAs("a policy's end"),
		"POST /refundry/v1/policies/{id}/dry-run":        nil,
		"POST /refundry/v1/quotes":                       nil,
		"POST /refundry/v1/endpoints":                    onceAs("an endpoint"),
		"DELETE /refundry/v1/endpoints/{id}":             onceAs("an endpoint's end"),
		"POST /refundry/v1/endpoints/{id}/rotate":        onceAs("a new secret"),
		"POST /refundry/v1/deliveries/{id}/replay":       writing("POST", delivered, ""),
		"POST /refundry/v1/notices/{id}/retry":           onceAs("a notice"),
		"POST /refundry/v1/alerts/{id}/ack":              onceAs("an alert"),
		"POST /refundry/v1/merchant/pause":               onceAs("a merchant's pause"),
		"POST /refundry/v1/merchant/resume":              onceAs("a merchant's resumption"),
		"PATCH /refundry/v1/merchant/settings":           onceAs("settings"),
		"POST /refundry/v1/identities":                   onceAs("an identity"),
		"PATCH /refundry/v1/identities/{dialect}/{name}": onceAs("an identity's settings"),
		"POST /refundry/v1/accounts":                     onceAs("a channel account"),
		"PATCH /refundry/v1/accounts/{id}":               onceAs("what an account takes"),
		"POST /refundry/v1/accounts/{id}/check":          nil,
		"POST /refundry/v1/endpoints/{id}/test":          nil,
		"POST /refundry/v1/accounts/{id}/reconcile":      nil,
		"POST /refundry/v1/accounts/{id}/rotate":         onceAs("an account's new credentials"),
		"POST /refundry/v1/accounts/{id}/pause":          onceAs("an account's pause"),
		"POST /refundry/v1/accounts/{id}/resume":         onceAs("an account's resumption"),
		"POST /refundry/v1/accounts/{id}/close":          onceAs("an account's end"),
		"POST /refundry/v1/keys":                         onceAs("a key"),
		"PATCH /refundry/v1/keys/{id}":                   onceAs("a key's limits"),
		"DELETE /refundry/v1/keys/{id}":                  onceAs("a key's end"),
		"POST /refundry/v1/users":                        onceAs("a user"),
		"PATCH /refundry/v1/users/{id}":                  onceAs("a user's roles"),
		"DELETE /refundry/v1/users/{id}":                 onceAs("a user's end"),
		"POST /refundry/v1/users/{id}/password":          onceAs("a user's password"),
		"POST /refundry/v1/users/{id}/disable":           onceAs("a user's pause"),
		"POST /refundry/v1/users/{id}/enable":            onceAs("a user's return"),
		"POST /refundry/v1/users/{id}/sign_out":          onceAs("a user's sessions' end"),
		"POST /refundry/v1/users/{id}/reset_totp":        onceAs("a user's second factor's end"),
		"POST /refundry/v1/users/{id}/views":             onceAs("a user's list"),
		"DELETE /refundry/v1/users/{id}/views/{name}":    onceAs("a user's list's end"),
		"POST /refundry/v1/sandbox/funds":                onceAs("funds"),
		"POST /refundry/v1/sandbox/refunds/{id}/settle":  onceAs("the sandbox's word"),
		"POST /refundry/v1/sandbox/refunds/{id}/reroute": onceAs("another account"),
		"POST /refundry/v1/sandbox/clock":                onceAs("the sandbox's clock"),
		"POST /refundry/v1/sandbox/reset":                onceAs("a reset"),
	}
}

// toldRefund makes a refund whose end was delivered, and gives the address that has it
// sent once more.
func toldRefund(t *testing.T, s *dialecttest.Service) string {
	delivered(t, s)
	_, after, _ := strings.Cut(send(t, s, demo, "GET", "/refunds?limit=1", "", http.StatusOK), `"id":"`)
	id, _, _ := strings.Cut(after, `"`)
	return "/refunds/" + id + "/replay"
}

// toldDeliveries asks for a delivery once more, by the call that takes several.
func toldDeliveries(t *testing.T, s *dialecttest.Service) func(string) *http.Request {
	id := strings.Split(delivered(t, s), "/")[2]
	return func(url string) *http.Request {
		return dialecttest.Request(t, "POST", url+base+"/deliveries/replay", fmt.Sprintf(`{"deliveries": [%q]}`, id), "Authorization", "Bearer "+demo)
	}
}

// onceAs is one of keyedWrites.
func onceAs(name string) dialecttest.Write {
	w := keyedWrites[slices.IndexFunc(keyedWrites, func(w keyedWrite) bool { return w.name == name })]
	return writing(w.method, w.prepare, w.body)
}

func writing(method string, prepare func(*testing.T, *dialecttest.Service) string, body string) dialecttest.Write {
	return func(t *testing.T, s *dialecttest.Service) func(string) *http.Request {
		path := prepare(t, s)
		return func(url string) *http.Request {
			return dialecttest.Request(t, method, url+base+path, body, "Authorization", "Bearer "+demo)
		}
	}
}

// text is a member of a JSON object, "" if there is none.
func text(body, name string) string {
	v, err := exactjson.Decode([]byte(body), exactjson.Limits{})
	if err != nil {
		return ""
	}
	value, _ := v.Get(name)
	return value.Text
}
