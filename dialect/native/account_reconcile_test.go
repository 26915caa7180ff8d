package native_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// The sandbox's bill leaves out amounts that end in 61, and has what was refunded
// without us; the answer lists both.
func TestABillIsReconciledOverTheAPI(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 10_000)
	ask := func(amount int) string {
		t.Helper()
		id := text(send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": %d}`, charge, amount), http.StatusCreated, "Prefer", "wait=10"), "id")
		await(t, s, demo, id, refund.Succeeded)
		return id
	}
	known, left := ask(100), ask(161)
	day := time.Now().UTC().AddDate(0, 0, -2)
	// Two days ago: by the sandbox's books and by ours.
	at := sqldb.Micros(day.Truncate(24 * time.Hour).Add(12 * time.Hour))
	for _, change := range []string{
		`UPDATE sandbox_refunds SET succeeded_at = $1 WHERE moves > 0`,
		`UPDATE refunds SET succeeded_at = $1 WHERE merchant_id = 'mer_demo' AND succeeded_at > 0`,
		`INSERT INTO sandbox_refunds (account, number, channel_id, transaction_id, amount, currency, state, submits, moves, created_at, succeeded_at, wakes_at)
			SELECT s.account, 'page1', 'page1', s.transaction_id, 300, s.currency, s.state, 1, 1, $1, $1, 0 FROM sandbox_refunds s WHERE s.amount = 100`,
	} {
		err := s.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
			_, err := q.Exec(t.Context(), change, at)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	body := fmt.Sprintf(`{"date": %q}`, day.Format(time.DateOnly))
	answer := send(t, s, demo, "POST", "/accounts/sandbox_demo/reconcile", body, http.StatusOK)
	for _, want := range []string{
		`"agrees":false`, `"rows":2`, `"agreed":1`, `"found":{"adopted":1,"missing":1}`, `"left_off":0`,
		`"kind":"missing","refund":"` + left + `","state":"succeeded","amount":161,"billed":null`, `"billed":{"number":"page1","channel_refund_id":"page1"`,
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("the answer lacks %s: %s", want, answer)
		}
	}
	if strings.Contains(answer, known) {
		t.Errorf("what agrees is listed: %s", answer)
	}
	if now := send(t, s, demo, "GET", "/charges/"+charge, "", http.StatusOK); text(now, "refunded") != "561" {
		t.Errorf("the charge is %s", now)
	}
	answer = send(t, s, demo, "POST", "/accounts/sandbox_demo/reconcile", body, http.StatusOK)
	if !strings.Contains(answer, `"found":{"missing":1}`) || text(answer, "agreed") != "2" {
		t.Errorf("once more: %s", answer)
	}
	for body, status := range map[string]int{
		`{}`: http.StatusBadRequest, `{"date": ""}`: http.StatusBadRequest, `{"date": "2026-13-01"}`: http.StatusBadRequest,
		`{"date": "2999-01-01"}`: http.StatusBadRequest, `{"date": 20261101}`: http.StatusBadRequest, `{"date": "2026-11-01", "bill": "x"}`: http.StatusBadRequest,
	} {
		send(t, s, demo, "POST", "/accounts/sandbox_demo/reconcile", body, status)
	}
	send(t, s, demo, "POST", "/accounts/sandbox_none/reconcile", body, http.StatusNotFound)
}
