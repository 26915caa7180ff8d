package native_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/refund"
)

func TestTheOverviewShowsWhatBecameOfRefunds(t *testing.T) {
	s := dialecttest.Start(t)
	charge := text(send(t, s, demo, "POST", "/charges", `{"order_no": "O1", "amount": 100000, "currency": "CNY", "channel": "wx", "paid_at": "2026-11-22T10:00:00Z", "transaction_id": "42001"}`, http.StatusCreated), "id")
	for amount, state := range map[string]refund.State{"100": refund.Succeeded, "200": refund.Succeeded, "151": refund.Failed, "158": refund.Pending} {
		id := text(send(t, s, demo, "POST", "/refunds", `{"charge": "`+charge+`", "amount": `+amount+`}`, http.StatusCreated), "id")
		await(t, s, demo, id, state)
	}
	var answer string
	for deadline := time.Now().Add(awaitTime); ; {
		answer = send(t, s, demo, "GET", "/overview", "", http.StatusOK)
		if strings.Contains(answer, `"behind":0`) && strings.Contains(answer, `"state":"succeeded","refunds":2,"amount":300`) || time.Now().After(deadline) {
			break
		}
		pause := time.NewTimer(20 * time.Millisecond)
		<-pause.C
	}
	for _, want := range []string{
		`"currency":"CNY","state":"succeeded","refunds":2,"amount":300`, `"currency":"CNY","state":"failed","refunds":1,"amount":151`,
		`"open":[{"currency":"CNY","state":"pending","refunds":1,"amount":158}]`, `"success_percent":"66.66"`, `"time_to_success":{"count":2,"p50_ms":`,
		`"oldest":[{"state":"pending",`, `"succeeded":2,"failed":1,"success_percent":"66.66"`, `"recounting_hours":0`, `"step_seconds":86400`,
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("the overview lacks %s: %s", want, answer)
		}
	}
	// Another merchant's is its own.
	if other := send(t, s, demo, "GET", "/overview?from=2020-01-01&to=2020-01-01", "", http.StatusOK); !strings.Contains(other, `"sums":[]`) {
		t.Errorf("of another time: %s", other)
	}
}
