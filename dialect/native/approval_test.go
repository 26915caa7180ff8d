package native_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/verify"
)

// theHeld is a policy that holds what says so, so that nothing else is held.
const theHeld = `{"name": "what says so", "expression": "refund.reason_code == 'hold_me'", "enabled": true}`

// keyOf makes a key of somebody else than the demo's key: the command line made it, and
// so nobody whose key it is.
func keyOf(t *testing.T, s *dialecttest.Service, scopes ...merchant.Scope) string {
	t.Helper()
	return madeBy(t, s, byCommand("ann"), scopes...)
}

func madeBy(t *testing.T, s *dialecttest.Service, by admin.By, scopes ...merchant.Scope) string {
	t.Helper()
	desk, err := service.NewAdmin(t.Context(), s.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	fresh, err := desk.AddKey(t.Context(), by, merchant.DemoID, admin.NewKey{Dialect: "native", Scopes: scopes})
	if err != nil {
		t.Fatal(err)
	}
	return fresh.Told()
}

// heldOf makes a refund that waits for an approval, which a key asked for that the
// demo's key did not make, and returns its id and that key.
func heldOf(t *testing.T, s *dialecttest.Service) (id, key string) {
	t.Helper()
	if there := send(t, s, demo, "GET", "/policies", "", http.StatusOK); !strings.Contains(there, "what says so") {
		send(t, s, demo, "POST", "/policies", theHeld, http.StatusCreated)
	}
	key = keyOf(t, s, merchant.ScopeRefund, merchant.ScopeRead, merchant.ScopeApprove)
	made := send(t, s, key, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 100, "reason_code": "hold_me"}`, paid(t, s, 100)), http.StatusCreated)
	if text(made, "state") != string(refund.Held) || text(made, "held_reason") != refund.HeldForApproval {
		t.Fatalf("made as %s", made)
	}
	return text(made, "id"), key
}

func waits(behind string) func(*testing.T, *dialecttest.Service) string {
	return func(t *testing.T, s *dialecttest.Service) string {
		id, _ := heldOf(t, s)
		return "/refunds/" + id + behind
	}
}

func policyAt(name string) func(*testing.T, *dialecttest.Service) string {
	return func(t *testing.T, s *dialecttest.Service) string {
		return "/policies/" + text(send(t, s, demo, "POST", "/policies", fmt.Sprintf(`{"name": %q, "expression": "false"}`, name), http.StatusCreated), "id")
	}
}

// approvalSteps are those of two people: the demo's key, and asker.
func approvalSteps(asker string) []dialecttest.Step {
	by := []string{"Authorization", "Bearer " + asker}
	const body = `{"charge": "{ch}", "amount": 100, "reason_code": "hold_me"}`
	return []dialecttest.Step{
		{Title: "a policy that does not compile says where", Method: "POST", Path: "/policies", Body: `{"name": "bad", "expression": "refund.amuont > 1"}`},
		{Title: "a policy", Method: "POST", Path: "/policies", Body: theHeld, Keep: map[string]string{"policy": "id"}},
		{Title: "its name is taken", Method: "POST", Path: "/policies", Body: theHeld},
		{Title: "it waits for a shorter time, and is asked later", Method: "PATCH", Path: "/policies/{policy}", Body: `{"hold_hours": 5, "position": 2}`},
		{Title: "policies", Method: "GET", Path: "/policies"},
		{Title: "one policy", Method: "GET", Path: "/policies/{policy}"},
		{Title: "", Method: "POST", Path: "/charges", Body: `{"order_no": "A1", "amount": 10000, "currency": "CNY", "channel": "wx"}`, Keep: map[string]string{"ch": "id"}, Quiet: true},
		{Title: "a refund that the policy holds", Method: "POST", Path: "/refunds", Header: by, Body: body, Keep: map[string]string{"held": "id"}},
		{Title: "", Method: "POST", Path: "/refunds", Header: by, Body: body, Keep: map[string]string{"refused": "id"}, Quiet: true},
		{Title: "who asked may not approve it", Method: "POST", Path: "/refunds/{held}/approve", Header: by},
		{Title: "what waits, and exactly what would be sent", Method: "GET", Path: "/approvals?state=waiting&kind=send&refund={held}"},
		{Title: "something else than that is not approved", Method: "POST", Path: "/refunds/{held}/approve", Body: `{"digest": "` + strings.Repeat("0", 64) + `"}`},
		{Title: "another approves it", Method: "POST", Path: "/refunds/{held}/approve", Body: `{"note": "as agreed"}`},
		{Title: "once", Method: "POST", Path: "/refunds/{held}/approve"},
		{Title: "another is refused, with a reason", Method: "POST", Path: "/refunds/{refused}/refuse", Body: `{"reason": "not as agreed"}`},
		{Title: "it was withdrawn without a word to its channel", Method: "GET", Path: "/approvals?refund={refused}"},
		{Title: "", Method: "GET", Path: "/refunds/{held}", Until: `"state":"succeeded"`, Quiet: true},
		{Title: "one person does not change a final state", Method: "POST", Path: "/refunds/{held}/resolve", Body: `{"state": "failed", "proof": "statement 17"}`},
		{Title: "but may ask another to", Method: "POST", Path: "/refunds/{held}/correct", Body: `{"state": "failed", "proof": "statement 17"}`},
		{Title: "who asked may not confirm it", Method: "POST", Path: "/refunds/{held}/approve"},
		{Title: "who confirms it corrects the refund", Method: "POST", Path: "/refunds/{held}/approve", Header: by},
		{Title: "a policy that refuses", Method: "PATCH", Path: "/policies/{policy}", Body: `{"effect": "refuse"}`},
		{Title: "what it refuses", Method: "POST", Path: "/refunds", Body: body},
		{Title: "what another expression would have done", Method: "POST", Path: "/policies/{policy}/dry-run", Body: `{"days": 1, "expression": "refund.reason_code == 'hold_me' && refund.amount > 1"}`},
		{Title: "it is removed", Method: "DELETE", Path: "/policies/{policy}"},
		{Title: "and not there any more", Method: "GET", Path: "/policies/{policy}"},
	}
}

func TestAKeyApprovesWhatAnotherAskedForAndNothingElse(t *testing.T) {
	s := dialecttest.Start(t)
	id, asker := heldOf(t, s)
	if answer := send(t, s, asker, "POST", "/refunds/"+id+"/approve", "", http.StatusForbidden); !strings.Contains(answer, "may not approve") {
		t.Errorf("who asked is answered %s", answer)
	}
	waiting := send(t, s, asker, "GET", "/approvals?state=waiting", "", http.StatusOK)
	if !strings.Contains(waiting, id) || !strings.Contains(waiting, `"name":"what says so"`) {
		t.Errorf("what waits is %s", waiting)
	}
	for path, body := range map[string]string{
		"/refunds/" + id + "/approve": `{"digest": ""}`, "/refunds/" + id + "/refuse": `{"reason": ""}`, "/refunds/" + id + "/correct": `{"state": "failed"}`,
	} {
		send(t, s, demo, "POST", path, body, http.StatusBadRequest)
	}
	for _, path := range []string{"/approvals?state=lost", "/approvals?kind=", "/approvals?refund="} {
		send(t, s, demo, "GET", path, "", http.StatusBadRequest)
	}
	send(t, s, demo, "POST", "/refunds/"+id+"/retry", "", http.StatusConflict)
	send(t, s, demo, "POST", "/refunds/"+id+"/approve", "", http.StatusOK)
	await(t, s, demo, id, refund.Succeeded)
	if answer := send(t, s, demo, "POST", "/refunds/"+id+"/refuse", `{"reason": "r"}`, http.StatusConflict); !strings.Contains(answer, "approved by key key_demo_native") {
		t.Errorf("refused afterwards, it is answered %s", answer)
	}
}

// A dry run counts earlier refunds as the policy would have, and changes nothing.
func TestADryRunCountsAsThePolicyWouldHave(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 100)
	for n, customer := range []string{"c1", "c1", "c2", "c1", "c1", "", ""} {
		body := fmt.Sprintf(`{"charge": %q, "amount": %d, "customer": %q}`, charge, n+1, customer)
		if customer == "" {
			body = fmt.Sprintf(`{"charge": %q, "amount": %d}`, charge, n+1)
		}
		send(t, s, demo, "POST", "/refunds", body, http.StatusCreated)
	}
	policy := text(send(t, s, demo, "POST", "/policies", `{"name": "dry", "expression": "customer.refunds_24h >= 2"}`, http.StatusCreated), "id")
	for expression, want := range map[string]string{
		"customer.refunds_24h >= 2":                    `"matched":[{"currency":"CNY","refunds":2,"amount":9}]`, // 4 and 5
		"customer.amount_24h > 3":                      `"matched":[{"currency":"CNY","refunds":1,"amount":5}]`, // after 1, 2 and 4
		"merchant.refunds_1h == 6":                     `"matched":[{"currency":"CNY","refunds":1,"amount":7}]`,
		"charge.refunds == 2 && charge.refunded == 3":  `"matched":[{"currency":"CNY","refunds":1,"amount":3}]`,
		"customer.id == ''":                            `"matched":[{"currency":"CNY","refunds":2,"amount":13}]`,
		"1 / (refund.amount - 7) > 0 && refund.amount": "",
		"1 / (refund.amount - 7) > 0":                  `"failed":1`,
	} {
		body := fmt.Sprintf(`{"expression": %q}`, expression)
		if want == "" {
			send(t, s, demo, "POST", "/policies/"+policy+"/dry-run", body, http.StatusBadRequest)
			continue
		}
		if answer := send(t, s, demo, "POST", "/policies/"+policy+"/dry-run", body, http.StatusOK); !strings.Contains(answer, want) || !strings.Contains(answer, `"refunds":7`) {
			t.Errorf("%s: %s", expression, answer)
		}
	}
	send(t, s, demo, "POST", "/policies/"+policy+"/dry-run", `{"days": 91}`, http.StatusBadRequest)
}

func TestAnExpressionOfOnesOwnIsTriedWithTheScopeOfPoliciesAlone(t *testing.T) {
	s := dialecttest.Start(t)
	path := "/policies/" + text(send(t, s, demo, "POST", "/policies", `{"name": "dry", "expression": "refund.full"}`, http.StatusCreated), "id") + "/dry-run"
	reader := text(send(t, s, demo, "POST", "/keys", `{"dialect": "native", "scopes": ["read"]}`, http.StatusCreated), "secret")
	send(t, s, reader, "POST", path, "", http.StatusOK)
	send(t, s, reader, "POST", path, `{"expression": "refund.full"}`, http.StatusOK)
	if answer := send(t, s, reader, "POST", path, `{"expression": "!refund.full"}`, http.StatusForbidden); !strings.Contains(answer, "policies:write") {
		t.Errorf("answered %s", answer)
	}
}

// Whose a refund is says its charge, whatever whoever asked says: a dry run as a policy.
func TestADryRunCountsTheChargesCustomer(t *testing.T) {
	s := dialecttest.Start(t)
	send(t, s, demo, "POST", "/charges", `{"order_no": "C-1", "amount": 1000, "currency": "CNY", "channel": "wx", "customer": "cus_1"}`, http.StatusCreated)
	for n := range 4 {
		send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": "C-1", "amount": %d, "customer": "x%d"}`, n+1, n), http.StatusCreated)
	}
	policy := text(send(t, s, demo, "POST", "/policies", `{"name": "dry", "expression": "customer.refunds_24h >= 2"}`, http.StatusCreated), "id")
	for expression, want := range map[string]string{
		"customer.refunds_24h >= 2": `"matched":[{"currency":"CNY","refunds":2,"amount":7}]`, // 3 and 4
		"customer.id == 'cus_1'":    `"matched":[{"currency":"CNY","refunds":4,"amount":10}]`,
	} {
		body := fmt.Sprintf(`{"days": 1, "expression": %q}`, expression)
		if answer := send(t, s, demo, "POST", "/policies/"+policy+"/dry-run", body, http.StatusOK); !strings.Contains(answer, want) {
			t.Errorf("%s: %s", expression, answer)
		}
	}
}

// Who approved a refund approved where it goes: another destination takes a second
// person again, as it does for any refund where the merchant has policies.
func TestWhoAskedForARefundDoesNotChooseItsNewDestination(t *testing.T) {
	s := dialecttest.Start(t)
	policy := text(send(t, s, demo, "POST", "/policies", theHeld, http.StatusCreated), "id")
	asker, writer := keyOf(t, s, merchant.ScopeRefund, merchant.ScopeApprove), keyOf(t, s, merchant.ScopeRefund)
	both := keyOf(t, s, merchant.ScopeRefund, merchant.ScopeApprove)
	const card = `{"to": "card", "bank_type": "CMB_DEBIT", "bank_account": "6222020000000000403", "real_name": "x"}`
	abnormal := func(more string) string {
		id := text(send(t, s, asker, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 152%s}`, paid(t, s, 152), more), http.StatusCreated), "id")
		if more != "" {
			send(t, s, demo, "POST", "/refunds/"+id+"/approve", "", http.StatusOK)
		}
		await(t, s, demo, id, refund.Abnormal)
		return "/refunds/" + id + "/reroute"
	}
	approved, plain, later := abnormal(`, "reason_code": "hold_me"`), abnormal(""), abnormal("")
	for _, path := range []string{approved, plain} {
		for key, why := range map[string]string{asker: "who asked for the refund", writer: "refunds:approve"} {
			for _, body := range []string{card, `{"to": "merchant"}`} {
				if answer := send(t, s, key, "POST", path, body, http.StatusForbidden); !strings.Contains(answer, why) {
					t.Errorf("it is answered %s", answer)
				}
			}
		}
	}
	send(t, s, both, "POST", plain, card, http.StatusOK)
	send(t, s, demo, "DELETE", "/policies/"+policy, "", http.StatusOK)
	send(t, s, asker, "POST", approved, card, http.StatusForbidden)
	send(t, s, both, "POST", approved, card, http.StatusOK)
	send(t, s, asker, "POST", later, card, http.StatusOK) // neither approval nor policies
}

// Whoever made a key is the key: they approve nothing that it asked for, nor it what
// they asked for, nor one key of theirs what another asked for, however many keys are
// between.
func TestAKeyIsWhoMadeIt(t *testing.T) {
	s := dialecttest.Start(t)
	const scopes = `"scopes": ["read", "refunds:write", "refunds:approve", "merchants:write"]}`
	made := func(by string) string {
		return text(send(t, s, by, "POST", "/keys", `{"dialect": "native", `+scopes, http.StatusCreated), "secret")
	}
	send(t, s, demo, "POST", "/policies", theHeld, http.StatusCreated)
	other := keyOf(t, s, merchant.ScopeApprove)
	first := made(demo)
	second, third := made(first), made(demo)
	for _, pair := range [][2]string{{first, demo}, {demo, first}, {second, demo}, {demo, second}, {first, third}, {second, third}, {third, second}} {
		held := send(t, s, pair[0], "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 100, "reason_code": "hold_me"}`, paid(t, s, 100)), http.StatusCreated)
		path := "/refunds/" + text(held, "id")
		if answer := send(t, s, pair[1], "POST", path+"/approve", "", http.StatusForbidden); !strings.Contains(answer, "count as one person") {
			t.Errorf("it is answered %s", answer)
		}
		send(t, s, other, "POST", path+"/approve", "", http.StatusOK)
		await(t, s, demo, text(held, "id"), refund.Succeeded)
		send(t, s, demo, "POST", path+"/correct", `{"state": "failed", "proof": "statement 17"}`, http.StatusCreated)
		send(t, s, third, "POST", path+"/approve", "", http.StatusForbidden)
		send(t, s, other, "POST", path+"/approve", "", http.StatusOK)
	}
	findings, err := service.Verify(t.Context(), s.Store)
	for _, f := range findings {
		if f.Invariant == verify.Approvals || err != nil { // the sandbox moved what was corrected
			t.Errorf("%v, %v", f, err)
		}
	}
	listed := send(t, s, demo, "GET", "/keys", "", http.StatusOK)
	if strings.Count(listed, `"made_by":{"kind":"key","name":"key_demo_native"}`) != 2 || strings.Count(listed, `"made_by":{"kind":"command","name":"ann"}`) != 1 {
		t.Errorf("made by: %s", listed)
	}
}
