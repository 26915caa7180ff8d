package refund_test

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/refund"
)

// Where a channel refuses the account, an operator is told once, however often the
// refund is sent again, and the refund waits for the account.
func TestAnAccountThatIsRefusedIsReportedOnce(t *testing.T) {
	const text = "BAD_SIGN (hint: set the key)"
	refusals := slices.Repeat([]refund.Outcome{{Kind: refund.OutcomeTryLater, Code: "BAD_SIGN", Alert: text}}, 5)
	r, attempts, alerts := asked(t, refusals, 2*pace.Longest)
	if r.State != refund.Created || !r.NeedsPerson || r.DueAt.IsZero() || refund.NextStep(r) != refund.StepSubmit {
		t.Errorf("it is %s, next %s", r.State, refund.NextStep(r))
	}
	if len(alerts) != 1 || alerts[0].Text != text || len(attempts) == len(refusals) {
		t.Errorf("alerts %+v, %d attempts", alerts, len(attempts))
	}
	r, _, alerts = asked(t, append(refusals, refund.Outcome{Kind: refund.OutcomeDone}), 2*pace.Longest)
	if r.State != refund.Succeeded || r.NeedsPerson || len(alerts) != 1 {
		t.Errorf("once the account is right it is %s, needs a person %v, alerts %+v", r.State, r.NeedsPerson, alerts)
	}
	r, _, alerts = asked(t, []refund.Outcome{{Kind: refund.OutcomeRefused, Code: "BAD_REQUEST", Alert: text}}, 2*pace.Longest)
	if r.State != refund.Failed || len(alerts) != 1 {
		t.Errorf("refused for good it is %s, alerts %+v", r.State, alerts)
	}
}
