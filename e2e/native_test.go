package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

// shownRefund is what the tests read of a refund's native JSON.
type shownRefund struct {
	ID       string `json:"id"`
	Number   string `json:"number"`
	Amount   int64  `json:"amount"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Attempts []any  `json:"attempts"`
}

// registerCharge registers a paid charge of the demo merchant and gives its id.
func registerCharge(t testing.TB, base, orderNo string, amount int64) string {
	t.Helper()
	body := fmt.Sprintf(`{"order_no": %q, "amount": %d, "currency": "CNY", "channel": "wx", "paid_at": "2026-11-22T10:00:00Z",
		"transaction_id": %q}`, orderNo, amount, "tx-"+orderNo)
	status, text := Call(t, http.MethodPost, base+"/refundry/v1/charges", body)
	if status != http.StatusCreated && status != http.StatusOK {
		t.Fatalf("register charge: %d %s", status, text)
	}
	var charge struct {
		ID string `json:"id"`
	}
	decode(t, text, &charge)
	return charge.ID
}

// refundOf asks for a refund and demands that it is accepted.
func refundOf(t testing.TB, base, charge string, amount int64, number string, headers ...string) shownRefund {
	t.Helper()
	status, text := Call(t, http.MethodPost, base+"/refundry/v1/refunds", refundBody(charge, amount, number), headers...)
	if status != http.StatusCreated {
		t.Fatalf("refund %d of %s: %d %s", amount, charge, status, text)
	}
	var r shownRefund
	decode(t, text, &r)
	return r
}

func refundBody(charge string, amount int64, number string) string {
	return fmt.Sprintf(`{"charge": %q, "amount": %d, "reason": "e2e", "number": %q}`, charge, amount, number)
}

func stateOf(t testing.TB, base, id string) string {
	t.Helper()
	status, text := Call(t, http.MethodGet, base+"/refundry/v1/refunds/"+id, "")
	if status != http.StatusOK {
		t.Fatalf("read refund %s: %d %s", id, status, text)
	}
	var r shownRefund
	decode(t, text, &r)
	return r.State
}

// refundsNumbered lists the refunds with a number: one, or none.
func refundsNumbered(t testing.TB, base, number string) []shownRefund {
	t.Helper()
	status, text := Call(t, http.MethodGet, base+"/refundry/v1/refunds?number="+url.QueryEscape(number), "")
	if status != http.StatusOK {
		t.Fatalf("list refunds: %d %s", status, text)
	}
	var page struct {
		Data []shownRefund `json:"data"`
	}
	decode(t, text, &page)
	return page.Data
}

// problemKind reads the kind of a problem+json answer.
func problemKind(t testing.TB, text string) string {
	t.Helper()
	var problem struct {
		Kind string `json:"kind"`
	}
	decode(t, text, &problem)
	return problem.Kind
}

func decode(t testing.TB, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("decode %s: %v", text, err)
	}
}
