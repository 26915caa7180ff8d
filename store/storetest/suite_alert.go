package storetest

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// alertIsLookedAt: the same alert counts up until somebody has looked at it, and
// is a new one afterwards.
func alertIsLookedAt(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(1000))
	r := f.accept(t, c, at(3), request(c, 500))[0]
	raise := func(text string) {
		t.Helper()
		report := refund.Report{Key: keyOf(r), ChargeID: c.ID}
		_, err := f.Record(t.Context(), []refund.Report{report}, true, func(c refund.Charge, r refund.Refund, _ refund.Report) refund.Change {
			return refund.Change{Charge: c, Refunds: []refund.Refund{r}, Alerts: []refund.Alert{{RefundID: r.ID, Text: text}}}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	list := func(all bool, want ...string) []refund.StoredAlert {
		t.Helper()
		alerts, more, err := f.Alerts(t.Context(), f.merchant, all, refund.Page{Limit: 10})
		var texts []string
		for _, a := range alerts {
			texts = append(texts, a.Text)
		}
		if diff := cmp.Diff(want, texts); diff != "" || more || err != nil {
			t.Fatalf("more %v, %v (-want +listed): %s", more, err, diff)
		}
		return alerts
	}
	for range 3 {
		raise("first")
	}
	raise("second")
	alerts := list(false, "second", "first")
	if a := alerts[1]; a.Times != 3 || a.RefundID != r.ID || !a.LastAt.After(a.CreatedAt) || !a.AckedAt.IsZero() {
		t.Errorf("the alert is %+v", a)
	}
	for _, by := range []audit.Actor{audit.ByCommand("root"), audit.ByKey("key_late")} { // the second changes nothing
		record := audit.New(by, f.merchant, "alert.ack", alerts[1].ID, at(9))
		acked, err := f.AckAlert(t.Context(), f.merchant, alerts[1].ID, refund.Action{Record: record}, at(9))
		if err != nil || acked.AckedBy != audit.ByCommand("root") || !acked.AckedAt.Equal(at(9)) {
			t.Fatalf("%+v, %v", acked, err)
		}
		if read, err := f.Alert(t.Context(), f.merchant, acked.ID); err != nil || !cmp.Equal(acked, read) {
			t.Errorf("%v, (-acked +read) %s", err, cmp.Diff(acked, read))
		}
	}
	if linked, err := f.LinkAudit(t.Context(), f.merchant); err != nil || linked != 1 {
		t.Errorf("%d audit records, %v", linked, err)
	}
	list(false, "second")
	raise("first")
	list(true, "first", "second", "first")
	_, err := f.AckAlert(t.Context(), newMerchant(), alerts[0].ID, f.record("alert.ack", ""), at(9))
	wantKind(t, err, refund.KindNotFound)
	_, err = f.AckAlert(t.Context(), f.merchant, "alert_x", f.record("alert.ack", ""), at(9))
	wantKind(t, err, refund.KindNotFound)
}

// alertOfAnAccount: what is about no refund is kept for the merchant whose
// channel account it is about.
func alertOfAnAccount(t *testing.T, f *fixture) {
	account := "account_of_" + f.merchant
	f.must(t, "INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, $1, 'test', 1)", f.merchant)
	f.must(t, "INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ($1, $2, 'sandbox', 1)", account, f.merchant)
	for _, one := range []string{account, account, "account_of_nobody"} {
		if err := f.SaveAlert(t.Context(), refund.Alert{Account: one, Text: "broken"}); err != nil {
			t.Fatal(err)
		}
	}
	alerts, _, err := f.Alerts(t.Context(), f.merchant, false, refund.Page{Limit: 10})
	if err != nil || len(alerts) != 1 || alerts[0].Times != 2 || alerts[0].RefundID != "" {
		t.Errorf("alerts %+v, %v", alerts, err)
	}
}

// alertIsToldOnce: an alert is an event of its own, and the same again is none.
func alertIsToldOnce(t *testing.T, f *fixture) {
	account := "account_of_" + f.merchant
	f.must(t, "INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, $1, 'test', 1)", f.merchant)
	f.must(t, "INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ($1, $2, 'sandbox', 1)", account, f.merchant)
	raise := func(text string) {
		t.Helper()
		if err := f.SaveAlert(t.Context(), refund.Alert{Account: account, Text: text}); err != nil {
			t.Fatal(err)
		}
	}
	raise("broken")
	raise("broken")
	if merchants, err := f.MerchantsWithNewEvents(t.Context(), "", 1000); err != nil || !slices.Contains(merchants, f.merchant) {
		t.Errorf("merchants with new events %v, %v", merchants, err)
	}
	waiting := f.news(t)
	if len(waiting.Events) != 1 || waiting.Events[0].Kind != webhook.AboutAlert || waiting.Events[0].Type != refund.AlertRaised || waiting.Events[0].Alert.Text != "broken" || waiting.Events[0].Alert.Times != 2 {
		t.Fatalf("new is %+v", waiting.Events)
	}
	d := f.delivery(waiting.Events[0], 11)
	f.takenOver(t, waiting, d)
	if done, err := f.FanOut(t.Context(), waiting, nil); done || err != nil {
		t.Errorf("it is taken over twice: %v, %v", done, err)
	}
	raise("broken")
	if left := f.news(t); len(left.Events) != 0 {
		t.Errorf("the same again is %+v", left.Events)
	}
	subject, _, err := f.Subject(t.Context(), d)
	if err != nil || subject.Kind != webhook.AboutAlert || subject.Alert.Text != "broken" {
		t.Errorf("the delivery is about %+v, %v", subject, err)
	}
	raise("another")
	if left := f.news(t); len(left.Events) != 1 || left.Events[0].Alert.Text != "another" {
		t.Errorf("another is %+v", left.Events)
	}
}
