package native_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAChargeShowsItsDisputes(t *testing.T) {
	s := dialecttest.Start(t)
	charge := paid(t, s, 1000)
	if answer := send(t, s, demo, "GET", "/charges/"+charge, "", http.StatusOK); !strings.Contains(answer, `"disputes":[]`) {
		t.Errorf("without any: %s", answer)
	}
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	for n, state := range []refund.DisputeState{refund.DisputeOpen, refund.DisputeLost} {
		if _, err := s.Store.Dispute(t.Context(), refund.ChargeKey{MerchantID: "mer_demo", ID: charge}, refund.Dispute{
			ChannelDisputeID: "du_1", State: state, Amount: money.Amount{Minor: 400, Currency: "CNY"}, Reason: "fraudulent", ChannelAt: at.Add(time.Duration(n) * time.Hour),
		}, at.Add(time.Duration(n)*time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	answer := send(t, s, demo, "GET", "/charges/"+charge, "", http.StatusOK)
	for _, want := range []string{
		`"blocked":400`, `"refundable":600`, `"disputes":[{"id":"dp_`, `"state":"lost","amount":400,"currency":"CNY","held":400,"reason":"fraudulent","channel_dispute_id":"du_1"`,
		`"channel_at":"2026-11-20T11:00:00.000000Z"`, `"closed_at":"2026-11-20T11:00:00.000000Z"`,
	} {
		if !strings.Contains(answer, want) {
			t.Errorf("it lacks %s: %s", want, answer)
		}
	}
	answer = send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 601}`, charge), http.StatusUnprocessableEntity)
	if !strings.Contains(answer, "4.00 CNY held by a dispute") || text(answer, "refundable") != "600" {
		t.Errorf("more than is left: %s", answer)
	}
	if answer := send(t, s, demo, "GET", "/charges?limit=1", "", http.StatusOK); strings.Contains(answer, `"disputes"`) {
		t.Errorf("a list shows disputes: %s", answer)
	}
	if answer := send(t, s, demo, "GET", "/balances", "", http.StatusOK); !strings.Contains(answer, `"account":"payer.chargeback","currency":"CNY","balance":400`) {
		t.Errorf("the books are %s", answer)
	}
}
