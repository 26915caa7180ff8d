package storetest

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/verify"
	"github.com/refundry/refundry/webhook"
)

func disputeOf(state refund.DisputeState, amount money.Minor, second int) refund.Dispute {
	return refund.Dispute{
		ChannelDisputeID: "du_1", State: state, Amount: money.Amount{Minor: amount, Currency: "CNY"}, Reason: "fraudulent", ChannelAt: at(second),
	}
}

// disputed: a dispute is recorded once however often and by however many it is told,
// and its money, refunds and events follow it.
func disputed(t *testing.T, f *fixture) {
	f.own(t)
	c := f.registered(t, f.charge(1000))
	open := f.accept(t, c, at(3), request(c, 700))[0]
	key := refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}
	const many = 4
	var callers sync.WaitGroup
	news := make([]bool, many)
	for n := range many {
		callers.Go(func() {
			change, err := f.Dispute(t.Context(), key, disputeOf(refund.DisputeOpen, 400, 4), at(5))
			if err != nil {
				t.Error(err)
			}
			news[n] = change.Dispute != nil
		})
	}
	callers.Wait()
	list := f.disputes(t, c.ID)
	if len(slices.DeleteFunc(news, func(one bool) bool { return !one })) != 1 || len(list) != 1 {
		t.Fatalf("recorded %v times, %+v", news, list)
	}
	want := disputeOf(refund.DisputeOpen, 400, 4)
	want.MerchantID, want.ID, want.ChargeID, want.ChannelAccount, want.Held = f.merchant, list[0].ID, c.ID, c.ChannelAccount, 400
	want.CreatedAt, want.UpdatedAt = at(5), at(5)
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("(-told +read): %s", diff)
	}
	if got := f.readRefund(t, open.ID); got.State != refund.Canceled {
		t.Errorf("a refund that no longer fits is %s", got.State)
	}
	if now := f.readCharge(t, c.ID); now.Blocked != 400 || now.Reserved != 0 || now.Refundable() != 600 {
		t.Errorf("blocked %d, reserved %d", now.Blocked, now.Reserved)
	}

	// What is told of it is as it was then, whatever came later.
	f.dispute(t, key, refund.DisputeLost, 9)
	if list = f.disputes(t, c.ID); list[0].State != refund.DisputeLost || !list[0].ClosedAt.Equal(at(10)) || list[0].Held != 400 {
		t.Errorf("lost, it is %+v", list[0])
	}
	if change := f.dispute(t, key, refund.DisputeOpen, 7); change.Dispute != nil {
		t.Errorf("an older word changes %+v", change)
	}
	waiting := f.news(t)
	var told []string
	for _, e := range waiting.Events {
		if e.Kind == webhook.AboutDispute {
			told = append(told, e.Type+" "+string(e.Dispute.State))
			if e.Err != nil || e.Charge.ID != c.ID || e.Charge.Blocked != 400 || e.Mode == "" {
				t.Errorf("event %+v, %v", e, e.Err)
			}
		}
	}
	if diff := cmp.Diff([]string{refund.DisputeOpened + " open", refund.DisputeClosed + " lost"}, told); diff != "" {
		t.Errorf("(-want +told): %s", diff)
	}
	if merchants, err := f.MerchantsWithNewEvents(t.Context(), "", 1000); err != nil || !slices.Contains(merchants, f.merchant) {
		t.Errorf("merchants with new events %v, %v", merchants, err)
	}
	last := waiting.Events[len(waiting.Events)-1]
	d := f.delivery(last, 11)
	f.takenOver(t, waiting, d)
	if left := f.news(t); len(left.Events) != 0 {
		t.Errorf("after the fan-out there is %+v", left)
	}
	subject, _, err := f.Subject(t.Context(), d)
	if err != nil || subject.Kind != webhook.AboutDispute || subject.ID != last.ID || subject.Dispute.State != refund.DisputeLost {
		t.Errorf("the delivery is about %+v, %v", subject, err)
	}

	report, err := f.Mask(t.Context(), f.merchant, []string{c.ID}, nil, f.record("charge.mask", "iar_1"), at(30))
	if err != nil || report.Deliveries != 1 {
		t.Errorf("masking the charge masked %+v, %v; want what was sent of its dispute, too", report, err)
	}

	other := f.registered(t, f.charge(1000))
	_, err = f.Dispute(t.Context(), refund.ChargeKey{MerchantID: f.merchant, ID: other.ID}, disputeOf(refund.DisputeOpen, 400, 20), at(20))
	wantKind(t, err, refund.KindChargeConflict)
	_, err = f.Dispute(t.Context(), refund.ChargeKey{MerchantID: f.merchant, ID: "ch_none"}, disputeOf(refund.DisputeOpen, 400, 20), at(20))
	wantKind(t, err, refund.KindChargeNotFound)
	_, err = f.Dispute(t.Context(), key, disputeOf(refund.DisputeOpen, 0, 20), at(20))
	wantKind(t, err, refund.KindInvalid)
	findings, err := verify.Run(t.Context(), f.DB())
	if err != nil || slices.ContainsFunc(findings, func(one refund.Finding) bool { return one.MerchantID == f.merchant }) {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// dispute tells of the fixture's dispute at a second; it is known a second later.
func (f *fixture) dispute(t *testing.T, key refund.ChargeKey, state refund.DisputeState, second int) refund.Change {
	t.Helper()
	change, err := f.Dispute(t.Context(), key, disputeOf(state, 400, second), at(second+1))
	if err != nil {
		t.Fatal(err)
	}
	return change
}

func (f *fixture) disputes(t *testing.T, chargeID string) []refund.Dispute {
	t.Helper()
	list, err := f.Disputes(t.Context(), f.merchant, chargeID)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// databaseHoldsDisputes: the database itself refuses what no rule makes.
func databaseHoldsDisputes(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(1000))
	f.dispute(t, refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}, refund.DisputeOpen, 4)
	for _, text := range []string{
		`UPDATE disputes SET state = 'settled' WHERE merchant_id = $1`,
		`UPDATE disputes SET state = 'won' WHERE merchant_id = $1`,
		`UPDATE disputes SET state = 'won', closed_at = 1 WHERE merchant_id = $1`,
		`UPDATE disputes SET closed_at = 1 WHERE merchant_id = $1`,
		`UPDATE disputes SET amount = 0 WHERE merchant_id = $1`,
		`UPDATE disputes SET held = -1 WHERE merchant_id = $1`,
		`UPDATE charges SET blocked = amount + 1 WHERE merchant_id = $1`,
	} {
		if _, err := f.exec(t, text, f.merchant); err == nil {
			t.Errorf("done: %s", text)
		}
	}
}
