package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

const lease = 45 * time.Second

// due lists what is due of the case's merchant at a time.
func (f *fixture) due(t testing.TB, now time.Time) []refund.Due {
	t.Helper()
	due, err := f.DueRefunds(t.Context(), now, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(due, func(d refund.Due) bool { return d.MerchantID != f.merchant })
}

func (f *fixture) claimed(t testing.TB, due []refund.Due, now time.Time) []refund.Claimed {
	t.Helper()
	claimed, _, err := f.ClaimRefunds(t.Context(), due, now, now.Add(lease))
	if err != nil {
		t.Fatal(err)
	}
	return claimed
}

func dueRefunds(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	late := f.accept(t, c, at(5), request(c, 1))[0]
	early := f.accept(t, c, at(3), request(c, 1))[0]
	future := f.accept(t, c, at(9), request(c, 1))[0]
	f.merchant = newMerchant() // another merchant's is due as well
	other := f.registered(t, f.charge(100))
	middle := f.accept(t, other, at(4), request(other, 1))[0]

	due, err := f.DueRefunds(t.Context(), at(5), 100)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range due {
		got = append(got, d.ID)
	}
	if want := []string{early.ID, middle.ID, late.ID}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v; %s is not due yet", got, want, future.ID)
	}
	if due, err := f.DueRefunds(t.Context(), at(5), 2); err != nil || len(due) != 2 {
		t.Errorf("at most two: %v, %v", due, err)
	}
}

func leaseIsTakenOnce(t *testing.T, f *fixture) {
	const refunds, callers = 100, 8
	c := f.registered(t, f.charge(1000))
	for range refunds {
		f.accept(t, c, at(3), request(c, 1))
	}
	due := f.due(t, at(4))
	var mu sync.Mutex
	var asking sync.WaitGroup
	taken := make(map[refund.Key]int)
	for range callers {
		asking.Go(func() {
			for _, claimed := range f.claimed(t, due, at(4)) {
				mu.Lock()
				taken[keyOf(claimed.Refund)]++
				mu.Unlock()
			}
		})
	}
	asking.Wait()
	// Who met a lock left the row out: it is still due, and taken now.
	for _, claimed := range f.claimed(t, f.due(t, at(4)), at(4)) {
		taken[keyOf(claimed.Refund)]++
	}
	if len(taken) != refunds {
		t.Errorf("%d refunds were taken, want %d", len(taken), refunds)
	}
	for key, times := range taken {
		if times != 1 {
			t.Errorf("%s was taken %d times", key.ID, times)
		}
	}
	if again := f.claimed(t, due, at(4)); len(again) != 0 {
		t.Errorf("%d were taken again with an old epoch", len(again))
	}
	// When the lease has run out it is taken over, and then asked first.
	for _, over := range f.claimed(t, f.due(t, at(60)), at(60)) {
		r := over.Refund
		if r.LeaseEpoch != 2 || !r.Unknown || !r.LeaseUntil.Equal(at(60).Add(lease)) || over.Charge.ID != c.ID {
			t.Fatalf("taken over: %+v", over)
		}
		if diff := cmp.Diff(r, f.readRefund(t, r.ID)); diff != "" {
			t.Fatalf("(-claimed +read): %s", diff)
		}
	}
}

func claimLeavesAlone(t *testing.T, f *fixture) {
	a, b := f.registered(t, f.charge(100)), f.registered(t, f.charge(100))
	first, second := f.accept(t, a, at(3), request(a, 60))[0], f.accept(t, b, at(3), request(b, 1))[0]
	due := f.due(t, at(4))
	future := f.accept(t, b, at(30), request(b, 1))[0]
	due = append(due,
		refund.Due{Key: keyOf(future)}, // not due yet
		refund.Due{Key: refund.Key{MerchantID: f.merchant, ID: "re_none"}},
		refund.Due{Key: keyOf(second), LeaseEpoch: 7})
	// A refund whose parts are not its amount breaks an invariant.
	f.must(t, `UPDATE refunds SET parts = '{"payer":59}' WHERE merchant_id = $1 AND id = $2`, f.merchant, first.ID)
	due = slices.DeleteFunc(due, func(d refund.Due) bool { return d.ID == second.ID && d.LeaseEpoch == 7 })
	claimed := f.claimed(t, due, at(4))
	if len(claimed) != 1 || claimed[0].Refund.ID != second.ID {
		t.Errorf("claimed %+v, want the sound one", claimed)
	}
	f.must(t, `UPDATE refunds SET parts = '{"payer":60}' WHERE merchant_id = $1 AND id = $2`, f.merchant, first.ID)
	if claimed := f.claimed(t, []refund.Due{{Key: keyOf(first), LeaseEpoch: 1}}, at(4)); len(claimed) != 0 {
		t.Errorf("claimed with a wrong epoch: %+v", claimed)
	}
	if claimed := f.claimed(t, f.due(t, at(4)), at(4)); len(claimed) != 1 || claimed[0].Refund.ID != first.ID {
		t.Errorf("claimed %+v, want the mended one", claimed)
	}
}

func leasesAreTakenOver(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	f.accept(t, c, at(3), request(c, 1), request(c, 2))
	open := f.accept(t, c, at(20), request(c, 3))[0]
	claimed := f.claimed(t, f.due(t, at(4)), at(4))
	// One has ended meanwhile, by a notice that left the lease alone.
	ended := claimed[0].Refund
	f.must(t, "UPDATE refunds SET state = 'failed', due_at = 0 WHERE merchant_id = $1 AND id = $2", f.merchant, ended.ID)
	taken, err := f.TakeOverLeases(t.Context(), at(10))
	if err != nil || taken != 1 {
		t.Errorf("%d leases were taken over, %v; want 1", taken, err)
	}
	if r := f.readRefund(t, claimed[1].Refund.ID); !r.DueAt.Equal(at(10)) || r.LeaseUntil.IsZero() {
		t.Errorf("due at %s, lease until %s", r.DueAt, r.LeaseUntil)
	}
	if r := f.readRefund(t, open.ID); !r.DueAt.Equal(at(20)) {
		t.Errorf("one that nobody has claimed is due at %s", r.DueAt)
	}
	over := f.claimed(t, f.due(t, at(10)), at(10))
	if len(over) != 1 || !over[0].Refund.Unknown {
		t.Errorf("taken over: %+v", over)
	}
}

var pace = refund.Pace{SettlingTime: time.Second, First: time.Second, Longest: time.Minute}

// apply decides as the engine does.
func apply(now time.Time) func(refund.Charge, refund.Refund, refund.Report) refund.Change {
	return func(c refund.Charge, r refund.Refund, w refund.Report) refund.Change {
		return refund.Apply(c, r, w.Outcome, pace, now)
	}
}

func wordsInOrder(t *testing.T, f *fixture) {
	a, b := f.registered(t, f.fullCharge()), f.registered(t, f.charge(100))
	f.accept(t, a, at(3), request(a, 300))
	f.accept(t, a, at(3), request(a, 200))
	f.accept(t, b, at(3), request(b, 100))
	claimed := f.claimed(t, f.due(t, at(4)), at(4))
	if len(claimed) != 3 {
		t.Fatalf("claimed %d", len(claimed))
	}
	slices.SortFunc(claimed, func(x, y refund.Claimed) int { return int(y.Refund.Amount - x.Refund.Amount) })
	word := func(n int, kind refund.OutcomeKind, source refund.Source, text string) refund.Report {
		w := refund.Report{Key: keyOf(claimed[n].Refund), ChargeID: claimed[n].Refund.ChargeID}
		w.Outcome = refund.Outcome{Kind: kind, Source: source, Epoch: 1, SentAt: at(5), ChannelRefundID: fmt.Sprint("channel ", n), Code: "C", Message: text}
		if source == refund.Notice {
			w.ChargeID, w.Outcome.Epoch = "", 0
		} else {
			w.Outcome.Sent = refund.Sent{AccountVersion: 7, Digest: "d", UpstreamRequestID: "u", Request: "POST /r\n{}", Answer: "HTTP 200", Shown: map[string]string{"mid": "898"}}
		}
		return w
	}
	posted, err := f.Record(t.Context(), []refund.Report{
		word(0, refund.OutcomeAccepted, refund.Submit, "first"),
		word(2, refund.OutcomeDone, refund.Submit, ""),
		word(1, refund.OutcomeRefused, refund.Submit, "no"),
		word(0, refund.OutcomeDone, refund.Notice, "second"), // the same refund again
	}, true, apply(at(6)))
	if err != nil {
		t.Fatal(err)
	}
	states := []refund.State{posted[0].Refund.State, posted[1].Refund.State, posted[2].Refund.State, posted[3].Refund.State}
	if want := []refund.State{refund.Pending, refund.Succeeded, refund.Failed, refund.Succeeded}; !slices.Equal(states, want) {
		t.Errorf("states %v, want %v", states, want)
	}
	for _, n := range []int{1, 2, 3} {
		if diff := cmp.Diff(posted[n].Refund, f.readRefund(t, posted[n].Refund.ID)); diff != "" {
			t.Errorf("word %d (-posted +read): %s", n, diff)
		}
	}
	after := f.readCharge(t, a.ID)
	if diff := cmp.Diff(posted[3].Charge, after); diff != "" {
		t.Errorf("charge (-posted +read): %s", diff)
	}
	if after.Reserved != 0 || after.Refunded != 400 || f.readCharge(t, b.ID).Refunded != 100 {
		t.Errorf("reserved %d, refunded %d; want 0 and 400", after.Reserved, after.Refunded)
	}
	attempts, err := f.Attempts(t.Context(), f.merchant, claimed[0].Refund.ID)
	if err != nil || len(attempts) != 2 {
		t.Fatalf("attempts %+v, %v", attempts, err)
	}
	want := refund.Attempt{RefundID: claimed[0].Refund.ID, Source: refund.Submit, Epoch: 1, Outcome: refund.OutcomeAccepted, Code: "C", Message: "first", At: at(6)}
	want.Sent = refund.Sent{AccountVersion: 7, Digest: "d", UpstreamRequestID: "u", Request: "POST /r\n{}", Answer: "HTTP 200", Shown: map[string]string{"mid": "898"}}
	if !slices.ContainsFunc(attempts, func(a refund.Attempt) bool { return cmp.Equal(a, want) }) {
		t.Errorf("attempts %+v lack %+v", attempts, want)
	}
}

func doubtsAreKept(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	r := f.accept(t, c, at(3), request(c, 1))[0]
	posted, err := f.Record(t.Context(), []refund.Report{{Key: keyOf(r), ChargeID: c.ID}}, true, func(c refund.Charge, r refund.Refund, _ refund.Report) refund.Change {
		r.Unknown, r.Refused, r.Contradicted, r.Unproven, r.NeedsPerson, r.Hinted = true, true, true, true, true, true
		r.FirstSubmittedAt, r.SubmittedAt, r.Shown = at(4), at(5), map[string]string{"mid": "898", "tid": ""}
		return refund.Change{Charge: c, Refunds: []refund.Refund{r}}
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(posted[0].Refund, f.readRefund(t, r.ID)); diff != "" {
		t.Errorf("(-posted +read): %s", diff)
	}
}

func wordAboutNothing(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	r := f.accept(t, c, at(3), request(c, 1))[0]
	decided := 0
	posted, err := f.Record(t.Context(), []refund.Report{
		{Key: refund.Key{MerchantID: f.merchant, ID: "re_none"}},
		{Key: refund.Key{MerchantID: newMerchant(), ID: r.ID}, ChargeID: c.ID},
		{Key: refund.Key{MerchantID: f.merchant, ID: "re_none"}, ChargeID: c.ID},
	}, true, func(c refund.Charge, r refund.Refund, _ refund.Report) refund.Change {
		decided++
		return refund.Change{Charge: c, Refunds: []refund.Refund{r}}
	})
	if err != nil || decided != 0 || len(posted) != 3 {
		t.Fatalf("decided %d times, %v", decided, err)
	}
	for n, p := range posted {
		if p.Refund.ID != "" || p.Charge.ID != "" {
			t.Errorf("word %d: %+v", n, p)
		}
	}
}

func noticeMatches(t *testing.T, f *fixture) {
	c := f.charge(100)
	c.ChannelAccount = "account_" + f.merchant
	c = f.registered(t, c)
	r := f.accept(t, c, at(3), request(c, 1))[0]
	twice := f.charge(100)
	twice.ChannelAccount, twice.OrderNo = c.ChannelAccount, c.OrderNo
	byOrder := f.charge(100)
	byOrder.ChannelAccount, byOrder.OrderNo = c.ChannelAccount, "alone "+f.merchant
	byOrder = f.registered(t, byOrder)
	match := func(n refund.Noticed) refund.NoticeMatch {
		t.Helper()
		found, err := f.NoticeMatch(t.Context(), c.ChannelAccount, n)
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if found := match(refund.Noticed{Number: r.ChannelNumber}); found.Refund.ID != "" {
		t.Error("an account that nobody has knows a refund")
	}
	f.must(t, "INSERT INTO merchants (id, name, mode, created_at) VALUES ($1, 'm', 'test', 1)", f.merchant)
	f.must(t, "INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ($1, $2, 'sandbox', 1)", c.ChannelAccount, f.merchant)
	if diff := cmp.Diff(r, match(refund.Noticed{Number: r.ChannelNumber}).Refund); diff != "" {
		t.Errorf("(-want +found): %s", diff)
	}
	_, err := f.Record(t.Context(), []refund.Report{{Key: keyOf(r), ChargeID: c.ID, Outcome: refund.Outcome{Kind: refund.OutcomeAccepted, Source: refund.Notice, ChannelRefundID: "own " + f.merchant}}}, true, apply(at(4)))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		says           refund.Noticed
		refund, charge string
	}{
		"nothing":               {refund.Noticed{}, "", ""},
		"another number":        {refund.Noticed{Number: "other"}, "", ""},
		"the channel's id":      {refund.Noticed{Number: "other", Outcome: refund.Outcome{ChannelRefundID: "own " + f.merchant}}, r.ID, ""},
		"the transaction":       {refund.Noticed{TransactionID: c.TransactionID}, "", c.ID},
		"another transaction":   {refund.Noticed{TransactionID: c.TransactionID + "x"}, "", ""},
		"its other number":      {refund.Noticed{TransactionID: "other", OtherTransactionID: c.TransactionID}, "", c.ID},
		"an order":              {refund.Noticed{OrderNo: byOrder.OrderNo}, "", byOrder.ID},
		"a refund and a charge": {refund.Noticed{Number: r.ChannelNumber, TransactionID: c.TransactionID}, r.ID, ""},
	} {
		if found := match(test.says); found.Refund.ID != test.refund || found.Charge.ID != test.charge {
			t.Errorf("%s: refund %q and charge %q, want %q and %q", name, found.Refund.ID, found.Charge.ID, test.refund, test.charge)
		}
	}
	f.registered(t, twice)
	if found := match(refund.Noticed{OrderNo: c.OrderNo}); found.Charge.ID != "" {
		t.Error("an order that was paid twice names one payment")
	}
}

func canceled(t *testing.T, f *fixture) {
	c := f.registered(t, f.fullCharge())
	r := f.accept(t, c, at(3), request(c, 500))[0]
	for range 2 { // again changes nothing
		after, charge, err := f.CancelRefund(t.Context(), f.merchant, r.ID, f.record("refund.cancel", "iar_2"), at(5))
		if err != nil || after.State != refund.Canceled || charge.Reserved != 0 {
			t.Fatalf("%+v, %v", after, err)
		}
		if diff := cmp.Diff(after, f.readRefund(t, r.ID)); diff != "" {
			t.Errorf("(-canceled +read): %s", diff)
		}
	}
	transfers, err := f.Transfers(t.Context(), f.merchant, r.ID)
	if err != nil || len(transfers) != 2 {
		t.Errorf("transfers %+v, %v", transfers, err)
	}
	if linked, err := f.LinkAudit(t.Context(), f.merchant); err != nil || linked != 1 {
		t.Errorf("%d audit records, %v", linked, err)
	}
	events, _, err := f.EventList(t.Context(), refund.EventFilter{MerchantID: f.merchant, Page: refund.Page{Limit: 1}})
	if err != nil || len(events) != 1 || events[0].Type != "refund.canceled" || events[0].Actor != audit.ByCommand("root") || events[0].RequestID != "iar_2" {
		t.Errorf("events %+v, %v", events, err)
	}
	after := f.readCharge(t, c.ID)
	if after.Reserved != 0 || after.FeeUsed != c.FeeUsed || !slices.Equal(after.CouponUsed, c.CouponUsed) {
		t.Errorf("the charge afterwards: %+v", after)
	}
	r = f.accept(t, c, at(6), request(c, 500))[0]
	f.claimed(t, f.due(t, at(6)), at(6))
	_, _, err = f.CancelRefund(t.Context(), f.merchant, r.ID, f.record("refund.cancel", ""), at(7))
	wantKind(t, err, refund.KindStateConflict)
	_, _, err = f.CancelRefund(t.Context(), newMerchant(), r.ID, f.record("refund.cancel", ""), at(7))
	wantKind(t, err, refund.KindRefundNotFound)
}
