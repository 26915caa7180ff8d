package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

// personal is a charge about which there is much to mask.
func (f *fixture) personal() refund.Charge {
	c := f.charge(1000)
	c.Customer, c.ChannelAccount = "SECRET customer", "account_"+f.merchant
	c.Detail.ReceivedAccount, c.Detail.ClientIP, c.Detail.Metadata = "SECRET card", "203.0.113.7", json.RawMessage(`{"SECRET":1}`)
	return c
}

// ended accepts a refund with a reason and lets it succeed, with a delivery of
// each of its events.
func (f *fixture) ended(t *testing.T, c refund.Charge, second int) (refund.Refund, []merchant.Delivery) {
	t.Helper()
	asked := request(c, 10)
	asked.Reason, asked.ReasonCode, asked.Number = "SECRET reason", "late", fmt.Sprintf("n%d", second)
	asked.Detail.Metadata = json.RawMessage(`{"SECRET":1}`)
	r := f.accept(t, c, at(second), asked)[0]
	w := refund.Report{Key: keyOf(r), ChargeID: c.ID, Outcome: refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Notice, Landed: refund.Landed{Account: "SECRET 0403"}}}
	if _, err := f.Record(t.Context(), []refund.Report{w}, true, apply(at(second+1))); err != nil {
		t.Fatal(err)
	}
	news := f.news(t)
	var deliveries []merchant.Delivery
	for _, e := range news.Events {
		d := f.delivery(e, second+2)
		d.Body = []byte("SECRET body")
		deliveries = append(deliveries, d)
	}
	f.takenOver(t, news, deliveries...)
	return f.readRefund(t, r.ID), deliveries
}

func masked(t *testing.T, f *fixture) {
	f.withAccount(t)
	c := f.registered(t, f.personal())
	r, deliveries := f.ended(t, c, 3)
	if len(deliveries) != 2 || r.Customer != "SECRET customer" {
		t.Fatalf("%d deliveries of %+v", len(deliveries), r)
	}
	// One delivery was made, one is being sent right now.
	sent := f.claimedDelivery(t, deliveries[0], 6)
	if _, err := f.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: sent, At: at(7), Status: 200, Delivered: true}}); err != nil {
		t.Fatal(err)
	}
	flying := f.claimedDelivery(t, deliveries[1], 6)
	n := f.keptNotice("other", c.TransactionID)
	n.Text, n.Noticed.Outcome.Landed.Account = "SECRET text", "SECRET 0403"
	if err := f.KeepNotice(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	f.linesAbout(t, c, r)
	before := f.readCharge(t, c.ID)
	mask := func(second int) refund.MaskReport {
		t.Helper()
		report, err := f.Mask(t.Context(), f.merchant, []string{c.ID, "ch_none"}, nil, f.record("charge.mask", "iar_1"), at(second))
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	if diff := cmp.Diff(refund.MaskReport{Charges: 1, Refunds: 1, Deliveries: 1, InFlight: 1, Lines: 2}, mask(20)); diff != "" {
		t.Error(diff)
	}
	// The one that was being sent fails, waits, and is masked by the next call.
	if _, err := f.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: flying, At: at(21), Status: 500, Next: at(100)}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(refund.MaskReport{Deliveries: 1}, mask(80)); diff != "" {
		t.Error(diff)
	}
	// A process whose lease is over gives it no other due time: it has no bytes.
	if _, err := f.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: flying, At: at(80), Status: 500, Next: at(100)}}); err != nil {
		t.Fatal(err)
	}
	f.must(t, `UPDATE deliveries SET merchant_id = merchant_id WHERE merchant_id = $1 AND id = $2 AND due_at > $3`, f.merchant, flying.ID, int64(95_617_584_000_000_000))
	if diff := cmp.Diff(refund.MaskReport{}, mask(81)); diff != "" {
		t.Error(diff)
	}
	f.remade(t, flying, deliveries[0])

	after := f.readCharge(t, c.ID)
	if after.Customer != refund.Masked || after.Detail.ReceivedAccount != refund.Masked || after.Detail.ClientIP != "" || !after.MaskedAt.Equal(at(20)) || after.Room().String() != before.Room().String() {
		t.Errorf("the charge is %+v", after)
	}
	r = f.readRefund(t, r.ID)
	if r.Customer != refund.Masked || r.Reason != refund.Masked || r.Landed.Account != refund.Masked || r.ReasonCode != "late" || r.Number != "n3" || !r.MaskedAt.Equal(at(20)) {
		t.Errorf("the refund is %+v", r)
	}
	f.namesNobody(t)

	// What the channel says later is masked as it is written, and a new refund is
	// nobody's.
	again := refund.Report{Key: keyOf(r), ChargeID: c.ID, Outcome: refund.Outcome{Kind: refund.OutcomeFailed, Source: refund.Notice}}
	for _, kind := range []refund.OutcomeKind{refund.OutcomeFailed, refund.OutcomeDone} {
		again.Outcome.Kind, again.Outcome.Landed = kind, refund.Landed{Account: "SECRET 0404"}
		if _, err := f.Record(t.Context(), []refund.Report{again}, true, apply(at(90))); err != nil {
			t.Fatal(err)
		}
	}
	late := f.accept(t, after, at(91), request(c, 1))[0]
	if late.Customer != "" {
		t.Errorf("the new refund is %q's", late.Customer)
	}
	f.namesNobody(t)
	// It has not ended, so the charge is left now, with nothing written.
	records := f.actions(t)
	if report := mask(92); len(report.Open) != 1 || report.Open[0] != late.ID || report.Refunds != 0 {
		t.Errorf("with an open refund: %+v", report)
	}
	if now := f.actions(t); now != records || strings.Count(now, "charge.mask") != 2 {
		t.Errorf("the records are %s, were %s", now, records)
	}
}

// linesAbout adds a file of refunds: one line became the refund, one was refused.
func (f *fixture) linesAbout(t *testing.T, c refund.Charge, r refund.Refund) {
	t.Helper()
	f.lines(t, "d_masked", bulk.Finished,
		bulk.Line{At: 2, State: bulk.Accepted, Charge: c.OrderNo, ChargeID: c.ID, Minor: 10, Currency: c.Currency, RefundID: r.ID, Reason: "SECRET reason", Customer: "SECRET customer"},
		bulk.Line{At: 3, State: bulk.Refused, Charge: c.OrderNo, ChargeID: c.ID, Minor: 10, Currency: c.Currency, Reason: "SECRET reason"})
}

// lines adds a bulk job in a state, with lines.
func (f *fixture) lines(t *testing.T, digest string, state bulk.State, lines ...bulk.Line) {
	t.Helper()
	job, _, err := f.AddBulkJob(t.Context(), f.bulkJob(digest), f.record("bulk.upload", ""))
	if err == nil {
		err = f.AddBulkLines(t.Context(), job.Key(), lines, at(20))
	}
	if err != nil {
		t.Fatal(err)
	}
	due := "0"
	if state == bulk.Running {
		due = "5"
	}
	f.must(t, `UPDATE bulk_jobs SET state = $3, due_at = `+due+`, started_at = 1, started_by = 'user b@example.com' WHERE merchant_id = $1 AND id = $2`, f.merchant, job.ID, string(state))
}

// maskedLines: a customer's lines are masked where nothing is sent of them any more,
// whether their charge was found or not; others are left and counted.
func maskedLines(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	line := func(at int64, state bulk.LineState, customer string) bulk.Line {
		l := bulk.Line{At: at, State: state, Charge: "x", Amount: "1", Reason: "SECRET reason", Customer: customer}
		if state == bulk.Good {
			l.ChargeID, l.Minor, l.Currency = c.ID, 1, c.Currency
		}
		return l
	}
	f.lines(t, "d1", bulk.Running, line(2, bulk.Good, "M-7"), line(3, bulk.Bad, "M-7"), line(4, bulk.Bad, "M-8"))
	f.lines(t, "d2", bulk.Stopped, line(2, bulk.Good, "M-7"), line(3, bulk.New, "M-7"))
	var total int64
	for more := true; more; {
		masked, left, err := f.MaskLines(t.Context(), f.merchant, "M-7", f.record("customer.mask", ""), 2)
		if err != nil {
			t.Fatal(err)
		}
		total, more = total+masked, left
	}
	if open, err := f.OpenLines(t.Context(), f.merchant, "M-7"); err != nil || open != 1 || total != 3 {
		t.Errorf("%d lines were masked, %d are open, %v", total, open, err)
	}
	named, err := f.exec(t, `UPDATE bulk_lines SET line = line WHERE merchant_id = $1 AND (customer <> '***' OR reason <> '***')`, f.merchant)
	if err != nil || named != 2 {
		t.Errorf("%d lines name a person, %v", named, err)
	}
	if open, err := f.OpenLines(t.Context(), "mer_other", "M-7"); err != nil || open != 0 {
		t.Errorf("another merchant has %d, %v", open, err)
	}
}

// remade: the delivery that waits is made anew at once, and the other when it is
// replayed.
func (f *fixture) remade(t *testing.T, waiting, ended merchant.Delivery) {
	t.Helper()
	unmade, err := f.Unmade(t.Context(), at(80), 1000)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, d := range unmade {
		found = found || d.ID == waiting.ID && len(d.Body) == 0 && d.Problem != ""
	}
	if !found {
		t.Errorf("the delivery that waits is not made anew: %+v", unmade)
	}
	again, err := f.ReplayDelivery(t.Context(), f.merchant, ended.ID, f.record("delivery.replay", ""), at(82))
	if err != nil || again.Delivery.MakeAt.IsZero() || len(again.Delivery.Body) != 0 {
		t.Errorf("the replay is %+v, %v", again, err)
	}
	for _, m := range []merchant.Delivery{waiting, again.Delivery} {
		event, _, err := f.Subject(t.Context(), m)
		if err != nil || event.Refund.Reason != refund.Masked || event.Refund.Customer != refund.Masked || event.Charge.Detail.ReceivedAccount != refund.Masked {
			t.Errorf("it is about %+v, %v", event.Refund, err)
		}
	}
	m := webhook.Making{Delivery: again.Delivery, Before: again.Delivery.MakeAt, At: at(83), Withdrawn: true}
	f.saved(t, []webhook.Making{m})
}

// textsOf are the columns that may hold a text of a person.
var textsOf = map[string]string{
	"charges": "customer || detail || aliases", "refunds": "customer || reason || landed || detail || shown || asked_by || failure_message",
	"events": "snapshot", "attempts": "message || note || sent", "channel_notices": "text || content || note", "refund_numbers": "contents",
	"deliveries": "CASE WHEN body = $2 THEN 'SECRET' ELSE '' END || problem", "audit_records": "object || detail", "alerts": "text",
	"bulk_lines": "customer || reason || problem",
}

// Looked are the columns of a table that the suite looks through after a masking.
func Looked(table string) []string {
	return strings.FieldsFunc(textsOf[table], func(r rune) bool { return r == ' ' || r == '|' })
}

// namesNobody looks through every column that may hold a text of a person.
func (f *fixture) namesNobody(t *testing.T) {
	t.Helper()
	for table, columns := range textsOf {
		args := []any{f.merchant}
		if table == "deliveries" {
			args = append(args, []byte("SECRET body"))
		}
		touched, err := f.exec(t, `UPDATE `+table+` SET merchant_id = merchant_id WHERE merchant_id = $1 AND (`+columns+`) LIKE '%SECRET%'`, args...)
		if err != nil || touched != 0 {
			t.Errorf("%s: %d rows name a person, %v", table, touched, err)
		}
	}
}

// actions are the actions of the merchant's records, in their order.
func (f *fixture) actions(t *testing.T) string {
	t.Helper()
	if _, err := f.LinkAudit(t.Context(), f.merchant); err != nil {
		t.Fatal(err)
	}
	records, err := f.AuditRecords(t.Context(), f.merchant, 0, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, r := range records {
		fmt.Fprintf(&all, "%s %s %v\n", r.Action, r.Object, r.Detail)
	}
	return all.String()
}
