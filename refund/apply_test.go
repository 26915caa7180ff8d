package refund_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var (
	sources = []refund.Source{refund.Submit, refund.Query, refund.Reroute, refund.Notice, refund.Operator}
	kinds   = []refund.OutcomeKind{
		refund.OutcomeAccepted, refund.OutcomeDone, refund.OutcomeRefused, refund.OutcomeFailed, refund.OutcomeTryLater,
		refund.OutcomeShortOfFunds, refund.OutcomeAbnormal, refund.OutcomeUnknown, refund.OutcomeNotFound, refund.OutcomeInconclusive, "of another kind",
	}
	leases = []string{"no lease", "its own lease", "a lease that was lost", "a lease that another took over"}
	amount = []*money.Minor{nil, minor(60), minor(61)}
)

// standing returns a world with one refund in the state, as if it had come
// there, under the lease and with the doubts (bits: unknown, refused,
// contradicted, unproven).
func standing(t *testing.T, state refund.State, doubts int, lease string) *world {
	t.Helper()
	c := paid(t, 100, coupon(global, cash, 20), coupon(global, noCash, 10))
	c.Fee = minor(7)
	w := newWorld(c)
	w.accept(t, minor(60))
	r := w.refunds["re_001"]
	r.State, r.Attempts, r.LeaseEpoch = state, 3, 3
	legs := r.Parts.Legs(c.Detail.Coupons)
	move := func(transfers []ledger.Transfer) {
		for _, one := range transfers {
			w.transfers = append(w.transfers, refund.Transfer{RefundID: r.ID, ChargeID: r.ChargeID, Transfer: one})
		}
	}
	switch state {
	case refund.Succeeded:
		w.charge.Reserved, w.charge.Refunded = 0, 60
		r.SucceededAt = w.at
		move(ledger.Settling(legs, "CNY"))
	case refund.Failed, refund.Canceled:
		w.charge.Reserved, w.charge.FeeUsed, w.charge.CouponUsed = 0, 0, nil
		move(ledger.Releasing(60, "CNY"))
	case refund.Held:
		r.HeldReason = refund.HeldForFunds
	}
	if state.Final() {
		r.DueAt = time.Time{}
	}
	r.Unknown, r.Refused, r.Unproven = doubts&1 != 0, doubts&2 != 0, doubts&8 != 0
	if doubts&4 != 0 {
		r.Contradicted, r.DueAt = true, w.at
	}
	switch lease {
	case leases[1], leases[3]:
		r.LeaseUntil = w.at.Add(30 * time.Second)
	case leases[2]:
		r.LeaseUntil = w.at.Add(-time.Second)
	}
	if !r.LeaseUntil.IsZero() && !r.DueAt.IsZero() {
		r.DueAt = r.LeaseUntil
	}
	w.refunds[r.ID] = r
	w.check(t)
	return w
}

// TestEveryWordInEveryState takes every combination of state, doubts, lease,
// source, kind and amount through Apply. world.take holds what is always true:
// allowed moves, one event per change, the cap, counters and books, due_at.
func TestEveryWordInEveryState(t *testing.T) {
	for _, state := range refund.States() {
		for _, source := range sources {
			for _, kind := range kinds {
				t.Run(fmt.Sprintf("%s, %s says %s", state, source, kind), func(t *testing.T) {
					everyWord(t, state, source, kind)
				})
			}
		}
	}
}

func everyWord(t *testing.T, state refund.State, source refund.Source, kind refund.OutcomeKind) {
	for doubts := range 16 {
		if (doubts&4 != 0) != state.Final() && doubts != 0 || doubts&8 != 0 && (state != refund.Pending || doubts&2 != 0) {
			continue // only a final state is contradicted, only an open one unknown, only a pending one unproven
		}
		for _, lease := range leases {
			for _, says := range amount {
				w := standing(t, state, doubts, lease)
				before, charge, given := w.refunds["re_001"], w.charge, w.charge
				given.CouponUsed = slices.Clone(charge.CouponUsed)
				o := refund.Outcome{Kind: kind, Source: source, Amount: says, Epoch: 3, SentAt: w.at, ChannelRefundID: "5000"}
				if lease == leases[3] {
					o.Epoch = 2
				}
				again := refund.Apply(charge, before, o, pace, w.at)
				change := w.word(t, "re_001", o)
				if !reflect.DeepEqual(again, change) {
					t.Fatalf("the same word twice decides differently:\n%s", cmp.Diff(again, change))
				}
				if !reflect.DeepEqual(given, charge) {
					t.Fatalf("Apply wrote into the charge that it was given:\n%s", cmp.Diff(given, charge))
				}
				checkWord(t, before, w.refunds["re_001"], o, w.at)
			}
		}
	}
}

// checkWord is what the design says of single words.
func checkWord(t *testing.T, before, after refund.Refund, o refund.Outcome, now time.Time) {
	t.Helper()
	stale := o.Source.Call() && o.Epoch != before.LeaseEpoch
	lies := o.Amount != nil && *o.Amount != before.Amount
	fail := func(text string) {
		t.Helper()
		t.Errorf("%s:\nbefore %+v\nafter  %+v\nword   %+v", text, before, after, o)
	}
	switch {
	case o.Source.Call() && !stale && !after.LeaseUntil.IsZero():
		fail("a call's answer leaves the lease")
	case (!o.Source.Call() || stale) && !after.LeaseUntil.Equal(before.LeaseUntil):
		fail("who holds no lease ends one")
	case (stale || lies) && after.State.Final() && before.State != after.State:
		fail("a word that is not believed ends the refund")
	case stale && after.State != before.State:
		fail("a word under a lost lease decides")
	case stale && !before.State.Final() && before.LeaseUntil.After(now) && !after.DueAt.Equal(before.LeaseUntil):
		fail("a stale word breaks into the lease of whoever took over")
	case after.State == refund.Succeeded && before.State != refund.Succeeded && o.Kind != refund.OutcomeDone:
		fail("succeeded without the channel saying so")
	case after.State == refund.Canceled && before.State != refund.Canceled:
		fail("canceled, and nobody asked for it")
	case o.Kind == refund.OutcomeInconclusive && after.State.Final() != before.State.Final():
		fail("an answer that proves nothing ends the refund")
	}
	failed := after.State == refund.Failed && before.State != refund.Failed
	confirmed := o.Kind == refund.OutcomeNotFound && o.Source == refund.Query && before.Refused
	// Only the answer to a query of its own, or an operator, turns a final state.
	asked := before.Contradicted && o.Source == refund.Query || o.Source == refund.Operator
	switch {
	case failed && before.State == refund.Succeeded && (o.Kind != refund.OutcomeFailed || !asked):
		fail("returned, and no query confirmed it")
	case failed && o.Kind == refund.OutcomeRefused && (o.Source != refund.Operator && o.Source != refund.Submit || (before.Unknown || before.Unproven) && o.Source == refund.Submit):
		fail("failed by a refusal that proves nothing")
	case failed && o.Kind != refund.OutcomeRefused && o.Kind != refund.OutcomeFailed && !confirmed:
		fail("failed without the channel saying so")
	case before.State.Final() && after.State == refund.Succeeded && before.State != after.State && !asked:
		fail("corrected, and no query confirmed it")
	case o.Source == refund.Submit && o.Kind == refund.OutcomeUnknown && !before.State.Final() && refund.NextStep(after) != refund.StepQuery:
		fail("submits again without asking after an unknown outcome")
	case !after.State.Final() && after.DueAt.After(now.Add(pace.Longest)):
		fail("due later than the longest back-off")
	}
}

func TestNobodyMovesWhereThereIsNoMove(t *testing.T) {
	// The table of the design page, once more and by itself.
	next := map[refund.State][]refund.State{
		refund.Held:      {refund.Created, refund.Pending, refund.Canceled, refund.Succeeded, refund.Failed, refund.Abnormal},
		refund.Created:   {refund.Held, refund.Pending, refund.Succeeded, refund.Failed, refund.Abnormal, refund.Canceled},
		refund.Pending:   {refund.Succeeded, refund.Failed, refund.Abnormal, refund.Held},
		refund.Abnormal:  {refund.Pending, refund.Succeeded, refund.Failed},
		refund.Succeeded: {refund.Failed},
		refund.Failed:    {refund.Succeeded},
		refund.Canceled:  {refund.Succeeded},
	}
	for _, from := range refund.States() {
		allowed := map[refund.State]bool{}
		for _, to := range next[from] {
			allowed[to] = true
		}
		for _, to := range refund.States() {
			if from.May(to) != allowed[to] {
				t.Errorf("%s to %s: %v", from, to, from.May(to))
			}
		}
	}
}
