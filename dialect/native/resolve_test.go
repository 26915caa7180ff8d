package native_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

func TestAnOperatorsWordMovesTheBooksAndKeepsItsProofAndName(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 10_000)
	made := send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 55}`, charge), http.StatusCreated, "Prefer", "wait=10")
	id := text(made, "id")
	await(t, s, demo, id, refund.Held)
	path := "/refunds/" + id + "/resolve"
	for name, body := range map[string]string{
		"no proof":                      `{"state": "succeeded"}`,
		"an empty proof":                `{"state": "succeeded", "proof": ""}`,
		"a blank proof":                 `{"state": "succeeded", "proof": " "}`,
		"another state":                 `{"state": "canceled", "proof": "p"}`,
		"a time of a failure":           `{"state": "failed", "proof": "p", "succeeded_at": "2026-01-01T00:00:00Z"}`,
		"a time in the future":          `{"state": "succeeded", "proof": "p", "succeeded_at": "2999-01-01T00:00:00Z"}`,
		"a time from before the refund": `{"state": "succeeded", "proof": "p", "succeeded_at": "2001-01-01T00:00:00Z"}`,
	} {
		t.Run(name, func(t *testing.T) {
			send(t, s, demo, "POST", path, body, http.StatusBadRequest)
		})
	}
	// The engine may be calling the channel just then.
	if answer := sendUntil(t, s, "POST", path, `{"state": "failed", "proof": "the bank's letter of 3 May"}`, http.StatusOK); text(answer, "state") != "failed" {
		t.Errorf("answered %s", answer)
	}
	if answer := send(t, s, demo, "GET", "/charges/"+charge, "", http.StatusOK); text(answer, "refundable") != "10000" {
		t.Errorf("the charge is %s", answer)
	}
	whole := send(t, s, demo, "GET", "/refunds/"+id, "", http.StatusOK)
	const name = `{"kind":"key","name":"key_demo_native"}`
	for _, want := range []string{`"source":"operator"`, `"message":"the bank's letter of 3 May"`, `"actor":` + name, `"resolved_by":` + name} {
		if !strings.Contains(whole, want) {
			t.Errorf("the refund lacks %s: %s", want, whole)
		}
	}
	records := send(t, s, demo, "GET", "/audit", "", http.StatusOK)
	for _, want := range []string{`"action":"refund.resolve"`, `"object":"` + id + `"`, `"actor":` + name, `"proof":"the bank's letter of 3 May"`} {
		if strings.Count(records, want) != 1 {
			t.Errorf("the audit records lack one %s: %s", want, records)
		}
	}
	event := sendUntilHas(t, s, "/events?limit=100", `"refund.failed"`)
	if !strings.Contains(event, `"actor":`+name) {
		t.Errorf("no event names who acted: %s", event)
	}
	if found, err := service.Verify(t.Context(), s.Store); err != nil || len(found) != 0 {
		t.Errorf("verify finds %v, %v", found, err)
	}
}

func TestNobodyAloneResolvesARefundThatHasEnded(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 10_000)
	made := send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 100}`, charge), http.StatusCreated, "Prefer", "wait=10")
	id := text(made, "id")
	await(t, s, demo, id, refund.Succeeded)
	for _, state := range []string{"failed", "succeeded"} {
		for _, name := range []string{"resolve", "settle"} { // settle is the former name
			answer := send(t, s, demo, "POST", "/refunds/"+id+"/"+name, `{"state": "`+state+`", "proof": "p"}`, http.StatusConflict)
			if !strings.Contains(answer, "a second person") || text(answer, "kind") != "state_conflict" {
				t.Errorf("answered %s", answer)
			}
		}
	}
	if answer := send(t, s, demo, "GET", "/charges/"+charge, "", http.StatusOK); text(answer, "refunded") != "100" {
		t.Errorf("the charge is %s", answer)
	}
	if records := send(t, s, demo, "GET", "/audit", "", http.StatusOK); strings.Contains(records, "refund.resolve") {
		t.Errorf("what was refused is on record: %s", records)
	}
}

// No scope includes refunds:resolve, and no key has it that did not ask for it
// by name.
func TestResolvingNeedsAScopeThatIsGivenByName(t *testing.T) {
	s := dialecttest.Start(t)
	const path, body = "/refunds/re_000000000000000000000000/resolve", `{"state": "failed", "proof": "p"}`
	standard := send(t, s, demo, "POST", "/keys", `{"dialect": "native"}`, http.StatusCreated)
	if strings.Contains(standard, "refunds:resolve") {
		t.Errorf("a key that names no scopes has it: %s", standard)
	}
	answer := send(t, s, text(standard, "secret"), "POST", path, body, http.StatusForbidden)
	if !strings.Contains(answer, "refunds:resolve") {
		t.Errorf("answered %s", answer)
	}
	send(t, s, text(standard, "secret"), "POST", "/keys", `{"dialect": "native", "scopes": ["refunds:resolve"]}`, http.StatusForbidden)
	named := send(t, s, demo, "POST", "/keys", `{"dialect": "native", "scopes": ["refunds:resolve"]}`, http.StatusCreated)
	send(t, s, text(named, "secret"), "POST", path, body, http.StatusNotFound)
	send(t, s, text(named, "secret"), "GET", "/refunds", "", http.StatusForbidden)
	fresh := s.Merchant(t, "fresh", merchant.Live, nil)
	send(t, s, fresh.Key(merchant.Native), "POST", path, body, http.StatusForbidden)
}
