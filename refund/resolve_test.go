package refund_test

import (
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

func (w *world) resolve(t *testing.T, id string, kind refund.OutcomeKind, by audit.Actor) refund.Change {
	t.Helper()
	return w.word(t, id, refund.Outcome{Kind: kind, Source: refund.Operator, Message: "statement 17", Cause: refund.Cause{Actor: by, RequestID: "iar_7"}})
}

func TestWhatAnOperatorResolvesBearsItsName(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeAccepted)
	change := w.resolve(t, id, refund.OutcomeDone, audit.ByKey("key_1"))
	w.is(t, id, refund.Succeeded)
	if by := w.refunds[id].ResolvedBy; by != audit.ByKey("key_1") {
		t.Errorf("resolved by %q", by)
	}
	if len(change.Attempts) != 1 || change.Attempts[0].Actor != audit.ByKey("key_1") || change.Attempts[0].Message != "statement 17" {
		t.Errorf("attempts %v", change.Attempts)
	}
	if len(change.Events) != 1 || change.Events[0].Actor != audit.ByKey("key_1") || change.Events[0].RequestID != "iar_7" || len(change.Alerts) != 0 {
		t.Errorf("events %v, alerts %v", change.Events, change.Alerts)
	}
}

func TestWhatAPersonSaidIsNeverToldAsABanksWord(t *testing.T) {
	for _, test := range []struct {
		name           string
		resolved, said refund.OutcomeKind
		want           refund.State
		alert          string
	}{
		{"succeeded by hand, failed at the channel", refund.OutcomeDone, refund.OutcomeFailed, refund.Failed, "the refund has failed, which command root had resolved as succeeded"},
		{"failed by hand, succeeded at the channel", refund.OutcomeFailed, refund.OutcomeDone, refund.Succeeded, "the refund has succeeded, which command root had resolved as failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			w.call(t, id, refund.Submit, refund.OutcomeAccepted)
			w.resolve(t, id, test.resolved, audit.ByCommand("root"))
			w.notice(t, id, test.said)
			if len(w.alerts) != 1 || !strings.Contains(w.alerts[0].Text, "command root resolved by hand") {
				t.Errorf("alerts %v", w.alerts)
			}
			w.later(time.Second)
			change := w.call(t, id, refund.Query, test.said)
			w.is(t, id, test.want)
			if len(change.Alerts) != 1 || !strings.Contains(change.Alerts[0].Text, test.alert) || strings.Contains(change.Alerts[0].Text, "bank") {
				t.Errorf("alerts %v", change.Alerts)
			}
			if by := w.refunds[id].ResolvedBy; by != (audit.Actor{}) {
				t.Errorf("the channel has spoken, and it is resolved by %q", by)
			}
		})
	}
}

func TestACorrectionByHandNamesWhoMadeIt(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeDone)
	w.resolve(t, id, refund.OutcomeFailed, audit.ByUser("a@example.com"))
	w.is(t, id, refund.Succeeded) // one person does not change a final state
	word := refund.Outcome{Kind: refund.OutcomeFailed, Source: refund.Operator, Cause: refund.Cause{Actor: audit.ByUser("a@example.com")}, Confirmed: refund.Confirmation{By: audit.ByUser("a@example.com")}}
	w.word(t, id, word)
	w.is(t, id, refund.Succeeded) // nor who confirms their own word
	asked, fault := refund.AskCorrection(w.refunds[id], refund.Approval{ID: "apr_1", To: refund.Failed, Proof: "statement 17"}, word.Cause, w.at)
	if fault != nil {
		t.Fatal(fault)
	}
	w.take(t, refund.Change{Charge: w.charge, Approvals: []refund.Approval{asked}})
	word, fault = refund.Confirm(w.refunds[id], asked, refund.Decision{Cause: refund.Cause{Actor: audit.ByUser("b@example.com")}, Asked: audit.Person{Actor: asked.Requester}}, w.at)
	if fault != nil {
		t.Fatal(fault)
	}
	change := w.word(t, id, word)
	w.is(t, id, refund.Failed)
	const both = "corrected by user a@example.com, confirmed by user b@example.com"
	if len(change.Alerts) != 1 || !strings.HasSuffix(change.Alerts[0].Text, both) || strings.Contains(change.Alerts[0].Text, "bank") || change.Attempts[0].Note != both {
		t.Errorf("alerts %v, attempts %v", change.Alerts, change.Attempts)
	}
	if got := w.approvals["apr_1"]; got.State != refund.ApprovalApproved || got.DecidedBy != audit.ByUser("b@example.com") {
		t.Errorf("approval %+v", got)
	}
}

func TestAChangeBearsTheNameOfWhoAsked(t *testing.T) {
	w := newWorld(paid(t, 100))
	for _, test := range []struct {
		by   refund.Asker
		want audit.Actor
	}{
		{refund.Asker{Key: "key_1", Dialect: "native", RequestID: "iar_1"}, audit.ByKey("key_1")},
		{refund.Asker{Key: "root", Dialect: refund.ByCommand}, audit.ByCommand("root")},
		{refund.Asker{Dialect: "native"}, audit.Actor{}},
	} {
		id := refund.NewID(w.at)
		amount := *minor(10)
		unit := refund.Unit{MerchantID: w.charge.MerchantID, By: test.by, Requests: []refund.Request{{RefundID: "re_" + id, ChannelNumber: id, ChargeID: w.charge.ID, Amount: &amount}}}
		changes, refusal := refund.Accept(map[string]refund.Charge{w.charge.ID: w.charge}, unit, refund.RuleBook{}, w.at)
		if refusal != nil {
			t.Fatal(refusal)
		}
		if e := changes[0].Events[0]; e.Actor != test.want || e.RequestID != test.by.RequestID {
			t.Errorf("%v: event by %q of request %q", test.by, e.Actor, e.RequestID)
		}
	}
}
