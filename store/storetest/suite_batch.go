package storetest

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/pingpp"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// word records what the channel says of a refund.
func (f *fixture) word(t *testing.T, r refund.Refund, kind refund.OutcomeKind, source refund.Source, second int) {
	t.Helper()
	w := refund.Report{Key: keyOf(r), ChargeID: r.ChargeID, Outcome: refund.Outcome{Kind: kind, Source: source, Code: "C", Message: "m"}}
	if now := f.readRefund(t, r.ID).State; source == refund.Operator && now.Final() && now != refund.Succeeded { // that takes two people
		asked, err := f.AskCorrection(t.Context(), f.merchant, r.ID, refund.Approval{To: refund.Succeeded, Proof: "m"}, f.record("refund.correct", ""), at(second))
		if err != nil {
			t.Fatal(err)
		}
		w.Outcome.Cause.Actor, w.Outcome.Confirmed = asked.Requester, refund.Confirmation{ApprovalID: asked.ID, By: audit.ByUser("b")}
	}
	if _, err := f.Record(t.Context(), []refund.Report{w}, true, apply(at(second))); err != nil {
		t.Fatal(err)
	}
}

// told fans out and returns the events about batches.
func (f *fixture) told(t *testing.T) []webhook.Event {
	t.Helper()
	news := f.news(t)
	f.takenOver(t, news)
	return slices.DeleteFunc(news.Events, func(e webhook.Event) bool { return e.Kind != webhook.AboutBatch })
}

func batchIsToldOnce(t *testing.T, f *fixture) {
	made := func(key string) [2]refund.Refund {
		c, d := f.registered(t, f.charge(1000)), f.registered(t, f.charge(1000))
		one, two := f.accept(t, c, at(3), request(c, 10))[0], f.accept(t, d, at(3), request(d, 20))[0]
		f.keyed(t, batchKey(key), "app_1", 3, one, two)
		for _, r := range []refund.Refund{one, two} {
			f.must(t, `UPDATE refunds SET asked_by = '{"batch":"`+batchKey(key)+`"}' WHERE merchant_id = $1 AND id = $2`, f.merchant, r.ID)
		}
		return [2]refund.Refund{one, two}
	}
	some, none := made("151"), made("152")
	if told := f.told(t); len(told) != 0 {
		t.Errorf("told of %v before the end", told)
	}
	f.word(t, some[0], refund.OutcomeDone, refund.Notice, 4)
	if told := f.told(t); len(told) != 0 {
		t.Errorf("told of %v while one is open", told)
	}
	f.word(t, some[1], refund.OutcomeFailed, refund.Notice, 5)
	f.word(t, none[0], refund.OutcomeFailed, refund.Notice, 5)
	f.word(t, none[1], refund.OutcomeFailed, refund.Notice, 5)
	told := f.told(t)
	if len(told) != 1 || told[0].Type != pingpp.BatchSucceeded || told[0].Together.Key != batchKey("151") || told[0].Refund.ID != some[0].ID {
		t.Fatalf("told of %+v", told)
	}
	// What was told stays what it was; that money moves again is told of its refund.
	f.word(t, some[0], refund.OutcomeFailed, refund.Operator, 6)
	f.word(t, some[1], refund.OutcomeDone, refund.Operator, 6)
	if again := f.told(t); len(again) != 0 {
		t.Errorf("told again of %v", again)
	}
	event, ok, err := f.BatchEvent(t.Context(), f.merchant, told[0].ID)
	if err != nil || !ok || !event.At.Equal(told[0].At) || event.Together.Refunds[0].State != refund.Succeeded || event.Together.Refunds[1].State != refund.Failed {
		t.Errorf("read %+v, %t, %v", event, ok, err)
	}
	for _, id := range []string{"", "evt_", "evt_000000000000000000000000", some[0].ID} {
		if _, ok, err := f.BatchEvent(t.Context(), f.merchant, id); ok || err != nil {
			t.Errorf("event %q: %t, %v", id, ok, err)
		}
	}
	if _, ok, err := f.BatchEvent(t.Context(), "mer_of_no_one", told[0].ID); ok || err != nil {
		t.Errorf("another merchant's: %t, %v", ok, err)
	}
	f.word(t, none[0], refund.OutcomeDone, refund.Operator, 7) // corrected: now some have succeeded
	if told := f.told(t); len(told) != 1 || told[0].Together.Key != batchKey("152") {
		t.Errorf("after a correction told of %v", told)
	}
	list := func(page refund.Page) []refund.StoredEvent {
		page.Limit = 1
		events, _, err := f.BatchEventList(t.Context(), refund.EventFilter{MerchantID: f.merchant, Page: page})
		if err != nil || len(events) != 1 {
			t.Fatalf("list: %v, %v", events, err)
		}
		return events
	}
	if first := list(refund.Page{})[0]; first.Together.Key != batchKey("152") {
		t.Errorf("the newest is %s", first.Together.Key)
	} else if second := list(refund.Page{After: &refund.Position{CreatedAt: first.At, ID: first.ID}})[0]; second.ID != told[0].ID {
		t.Errorf("then comes %s", second.ID)
	}
}
