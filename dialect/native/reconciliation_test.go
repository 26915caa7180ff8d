package native_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// The file of a day (docs/rules/payin.md, Y6-1), at the seam of two days in
// GMT+3.
func TestAReconciliationFileListsWhatEndedOnItsDay(t *testing.T) {
	var clock atomic.Int64                                                 // the service's, moved by hand
	clock.Store(time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC).UnixMicro()) // the demo charges' day
	s := dialecttest.Start(t, func(o *service.Options) {
		o.Now = func() time.Time { return time.UnixMicro(clock.Load()) }
	})
	tick := func(by time.Duration) { clock.Add(by.Microseconds()) }
	clock.Store(time.Date(2026, 11, 22, 20, 50, 0, 0, time.UTC).UnixMicro())
	pay := func(order, name, amount, currency, paidAt string) {
		send(t, s, demo, "POST", "/charges", fmt.Sprintf(`{"order_no": %q, "amount": %s, "currency": %q, "channel": "mastercard", "paid_at": %q, "transaction_id": %q,
			"identities": {"payin": {"order_id": %q}}}`, order, amount, currency, paidAt, name, name), http.StatusCreated)
	}
	pay("before", "M948164T0", "100", "SAR", "2026-11-21T20:59:59.999999Z") // the last moment of the 21st
	pay(`A,"1"`, "M948164T1", "100000", "SAR", "2026-11-21T21:00:00Z")      // the first of the 22nd
	pay("B", "M948164T2", "5250", "KWD", "2026-11-22T20:59:59Z")
	pay("after", "M948164T3", "100", "SAR", "2026-11-22T21:00:00Z") // the first of the 23rd

	give := func(order string, amount int, number string, state refund.State) {
		tick(time.Second)
		body := fmt.Sprintf(`{"charge": %q, "amount": %d}`, order, amount)
		if number != "" {
			body = fmt.Sprintf(`{"charge": %q, "amount": %d, "number": %q}`, order, amount, number)
		}
		made := send(t, s, demo, "POST", "/refunds", body, http.StatusCreated)
		await(t, s, demo, text(made, "id"), state)
	}
	give("M948164T1", 1050, "r-1", refund.Succeeded)
	give("M948164T1", 151, "r-2", refund.Failed)
	give("M948164T2", 125, "", refund.Succeeded)
	give("M948164T1", 158, "r-3", refund.Pending) // ends on the next day
	give("M948164T1", 256, "r-4", refund.Succeeded)
	tick(10 * time.Minute) // it is the 23rd
	give("M948164T1", 2000, "r-5", refund.Succeeded)
	tick(time.Second)
	send(t, s, demo, "POST", "/sandbox/clock", `{"advance_seconds": 86400}`, http.StatusOK)
	await(t, s, demo, refundOfNumber(t, s, "r-3"), refund.Succeeded)
	// A bank sent it back; the channel is asked once more, for which time must
	// go on a little.
	returned := refundOfNumber(t, s, "r-4")
	for deadline := time.Now().Add(awaitTime); text(send(t, s, demo, "GET", "/refunds/"+returned, "", http.StatusOK), "state") != "failed"; {
		tick(10 * time.Microsecond)
		if time.Now().After(deadline) {
			t.Fatal("the refund was not returned")
		}
	}

	file := func(date string) dialecttest.Step {
		return dialecttest.Step{
			Title: "the file of " + date, Method: "GET", Path: base + "/payin/reconciliation/M948164/" + date + ".csv",
			Header: []string{"Authorization", "Bearer " + demo},
		}
	}
	dialecttest.Transcript{
		Name: "reconciliation", URL: s.URL, Rules: rules(), Headers: []string{"Content-Type", "Content-Disposition"},
		Steps: []dialecttest.Step{file("2026-11-21"), file("2026-11-22"), file("2026-11-23"), file("2026-11-24")},
	}.Run(t)
}

func refundOfNumber(t *testing.T, s *dialecttest.Service, number string) string {
	t.Helper()
	answer := send(t, s, demo, "GET", "/refunds?number="+number, "", http.StatusOK)
	id := regexp.MustCompile(`re_[0-9A-Za-z]{24}`).FindString(answer)
	if id == "" || !strings.Contains(answer, fmt.Sprintf(`"number":%q`, number)) {
		t.Fatalf("no refund of number %s: %s", number, answer)
	}
	return id
}
