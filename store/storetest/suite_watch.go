package storetest

import (
	"testing"

	"github.com/refundry/refundry/refund"
)

// watched has a refund of 1 end with a channel's word, at a channel that is asked
// again at a second of at, and returns it; 0 is a channel that is not.
func (f *fixture) watched(t *testing.T, c refund.Charge, kind refund.OutcomeKind, second int) refund.Refund {
	t.Helper()
	f.accept(t, c, at(1), request(c, 1))
	claimed := f.claimed(t, f.due(t, at(2)), at(2))
	if len(claimed) != 1 {
		t.Fatalf("claimed %d", len(claimed))
	}
	pace := refund.Pace{}
	if second > 0 {
		pace.Watch[0] = at(second).Sub(at(3))
	}
	r := claimed[0].Refund
	w := refund.Report{Key: keyOf(r), ChargeID: c.ID, Outcome: refund.Outcome{Kind: kind, Source: refund.Submit, Epoch: r.LeaseEpoch}}
	posted, err := f.Record(t.Context(), []refund.Report{w}, true, func(c refund.Charge, r refund.Refund, w refund.Report) refund.Change {
		return refund.Apply(c, r, w.Outcome, pace, at(3))
	})
	if err != nil {
		t.Fatal(err)
	}
	return posted[0].Refund
}

func watchedOnce(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(1000))
	second, first, later := f.watched(t, c, refund.OutcomeDone, 9), f.watched(t, c, refund.OutcomeDone, 8), f.watched(t, c, refund.OutcomeDone, 20)
	f.watched(t, c, refund.OutcomeDone, 0)
	f.watched(t, c, refund.OutcomeFailed, 8)
	if !second.WatchAt.Equal(at(9)) || !f.readRefund(t, later.ID).WatchAt.Equal(at(20)) {
		t.Fatalf("watched at %v", second.WatchAt)
	}
	if due := f.due(t, at(30)); len(due) != 0 {
		t.Fatalf("successes are due: %+v", due)
	}
	for _, step := range []struct{ second, limit, want int }{{7, 10, 0}, {10, 1, 1}, {10, 10, 1}, {10, 10, 0}} {
		made, err := f.WatchRefunds(t.Context(), at(step.second), step.limit)
		if err != nil || made != step.want {
			t.Errorf("%+v: %d, %v", step, made, err)
		}
	}
	claimed := f.claimed(t, f.due(t, at(10)), at(10))
	if len(claimed) != 2 {
		t.Fatalf("claimed %d", len(claimed))
	}
	for _, one := range claimed {
		if r := one.Refund; r.ID != first.ID && r.ID != second.ID || refund.NextStep(r) != refund.StepQuery || r.Contradicted {
			t.Errorf("claimed %+v", r)
		}
	}
	if made, err := f.WatchRefunds(t.Context(), at(11), 10); err != nil || made != 0 {
		t.Errorf("what is being asked about is made due again: %d, %v", made, err)
	}
}

func needPerson(t *testing.T, f *fixture) {
	mark := func(r refund.Refund) {
		t.Helper()
		_, err := f.Record(t.Context(), []refund.Report{{Key: keyOf(r), ChargeID: r.ChargeID}}, true, func(c refund.Charge, r refund.Refund, _ refund.Report) refund.Change {
			r.NeedsPerson = true
			return refund.Change{Charge: c, Refunds: []refund.Refund{r}}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var owners []string
	for n := range 2 { // merchants
		c := f.registered(t, f.charge(100))
		all := f.accept(t, c, at(3), request(c, 1), request(c, 2), request(c, 3))
		mark(all[0])
		if n == 0 {
			mark(all[2])
		}
		owners = append(owners, f.merchant)
		f.merchant = newMerchant()
	}
	if count, err := f.NeedPerson(t.Context()); err != nil || count != 3 {
		t.Errorf("%d need a person, want 3, %v", count, err)
	}
	for n, owner := range owners {
		filter := refund.Filter{MerchantID: owner, NeedsPerson: true, Page: refund.Page{Limit: 10}}
		list, more, err := f.RefundList(t.Context(), filter)
		if err != nil || more || len(list) != 2-n {
			t.Errorf("merchant %d: %d refunds, %v", n, len(list), err)
		}
		for _, r := range list {
			if !r.NeedsPerson {
				t.Errorf("%s needs nobody", r.ID)
			}
		}
		filter.States = []refund.State{refund.Failed}
		if list, _, err := f.RefundList(t.Context(), filter); err != nil || len(list) != 0 {
			t.Errorf("of another state: %d, %v", len(list), err)
		}
	}
}
