package engine_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// outcome is what a refund of one amount must come to.
type outcome struct {
	name   string
	amount money.Minor
	// first is how it stands when nothing happens but a minute of time.
	first    refund.State
	attempts []string // of that minute; nil is not compared
	// then, if not nil, is what an operator does; last is how it ends.
	then func(*rig, refund.Refund) error
	last refund.State

	submits, moves int64
	events         []string
}

var outcomes = []outcome{
	{
		name: "any other amount succeeds at once", amount: 100, first: refund.Succeeded,
		attempts: []string{"submit done"}, submits: 1, moves: 1, events: []string{"refund.created", "refund.succeeded"},
	},
	{
		name: "51 is refused for good", amount: 1051, first: refund.Failed,
		attempts: []string{"submit refused"}, submits: 1, events: []string{"refund.created", "refund.failed"},
	},
	{
		name: "52 is abnormal, and rerouting succeeds", amount: 52, first: refund.Abnormal,
		then: func(r *rig, rf refund.Refund) error {
			return r.sandbox.Reroute(r.t.Context(), rf.ChannelAccount, rf.ChannelNumber, nil)
		},
		last: refund.Succeeded, submits: 1, moves: 1, events: []string{"refund.created", "refund.abnormal", "refund.succeeded"},
	},
	{
		name: "52 can be settled by hand as failed", amount: 52, first: refund.Abnormal,
		then: func(r *rig, rf refund.Refund) error {
			return r.sandbox.Settle(r.t.Context(), rf.ChannelAccount, rf.ChannelNumber, "failed", nil)
		},
		last: refund.Failed, submits: 1, events: []string{"refund.created", "refund.abnormal", "refund.failed"},
	},
	{
		name: "53's answer is lost after the money moved, and a query finds it", amount: 53, first: refund.Succeeded,
		attempts: []string{"submit unknown", "query done"}, submits: 1, moves: 1,
		events: []string{"refund.created", "refund.pending", "refund.succeeded"},
	},
	{
		name: "54's first submit is lost before anything happened, and the next succeeds", amount: 254, first: refund.Succeeded,
		attempts: []string{"submit unknown", "query not_found", "submit done"}, submits: 2, moves: 1,
		events: []string{"refund.created", "refund.pending", "refund.succeeded"},
	},
	{
		name: "55 is held until funds are added", amount: 55, first: refund.Held,
		then: func(r *rig, rf refund.Refund) error {
			return r.sandbox.AddFunds(r.t.Context(), rf.ChannelAccount, money.Amount{Minor: 1, Currency: "CNY"}, nil)
		},
		last: refund.Succeeded, moves: 1, events: []string{"refund.created", "refund.held", "refund.succeeded"},
	},
	{
		name: "56 is returned once the clock moved a day", amount: 56, first: refund.Succeeded,
		attempts: []string{"submit done"},
		then: func(r *rig, rf refund.Refund) error {
			return r.sandbox.Advance(r.t.Context(), rf.ChannelAccount, 24*time.Hour, nil)
		},
		last: refund.Failed, submits: 1, moves: 1, events: []string{"refund.created", "refund.succeeded", "refund.failed"},
	},
	{
		name: "57's notices come twice and out of order", amount: 57, first: refund.Succeeded,
		attempts: []string{"submit accepted", "notice done", "notice accepted", "notice done"}, submits: 1, moves: 1,
		events: []string{"refund.created", "refund.pending", "refund.succeeded"},
	},
	{
		name: "58 is pending until the clock moved an hour", amount: 58, first: refund.Pending,
		then: func(r *rig, rf refund.Refund) error {
			return r.sandbox.Advance(r.t.Context(), rf.ChannelAccount, time.Hour, nil)
		},
		last: refund.Succeeded, submits: 1, moves: 1, events: []string{"refund.created", "refund.pending", "refund.succeeded"},
	},
	{
		name: "58 can be settled by hand", amount: 58, first: refund.Pending,
		then: func(r *rig, rf refund.Refund) error {
			return r.sandbox.Settle(r.t.Context(), rf.ChannelAccount, rf.ChannelNumber, "", nil)
		},
		last: refund.Succeeded, submits: 1, moves: 1, events: []string{"refund.created", "refund.pending", "refund.succeeded"},
	},
	{
		name: "58 can be settled by hand as failed", amount: 58, first: refund.Pending,
		then: func(r *rig, rf refund.Refund) error {
			return r.sandbox.Settle(r.t.Context(), rf.ChannelAccount, rf.ChannelNumber, "failed", nil)
		},
		last: refund.Failed, submits: 1, events: []string{"refund.created", "refund.pending", "refund.failed"},
	},
	{
		name: "59 is throttled three times and then succeeds", amount: 59, first: refund.Succeeded,
		attempts: []string{"submit try_later", "submit try_later", "submit try_later", "submit done"}, submits: 4, moves: 1,
		events: []string{"refund.created", "refund.succeeded"},
	},
	{
		name: "60's notice carries a wrong amount and is not believed", amount: 60, first: refund.Succeeded,
		attempts: []string{"submit accepted", "notice done", "query done"}, submits: 1, moves: 1,
		events: []string{"refund.created", "refund.pending", "refund.succeeded"},
	},
	{
		name: "61 succeeds", amount: 61, first: refund.Succeeded,
		attempts: []string{"submit done"}, submits: 1, moves: 1, events: []string{"refund.created", "refund.succeeded"},
	},
}

func TestEachAmountOfTheSandboxComesToItsOutcome(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, o := range outcomes {
			t.Run(o.name, func(t *testing.T) { checkOutcome(t, newRig(t, s, nil), o) })
		}
	})
}

func checkOutcome(t *testing.T, r *rig, o outcome) {
	c := r.charge(10_000)
	rf := r.accept(c.ID, o.amount)
	r.run(60)
	got := r.refund(rf.ID)
	if got.State != o.first {
		t.Fatalf("state %s after a minute, want %s; attempts %v", got.State, o.first, r.attempts(rf.ID))
	}
	if o.attempts != nil {
		if diff := cmp.Diff(o.attempts, r.attempts(rf.ID)); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
	}
	last := o.first
	if o.then != nil {
		last = o.last
		if err := o.then(r, rf); err != nil {
			t.Fatal(err)
		}
		r.run(11) // the longest back-off and one more
		if got = r.refund(rf.ID); got.State != last {
			t.Fatalf("state %s in the end, want %s; attempts %v", got.State, last, r.attempts(rf.ID))
		}
	}
	checkBooks(t, r, o, got, last)
	if diff := cmp.Diff(o.events, events(t, r, rf.ID)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// checkBooks compares the charge, the sandbox's books and what is left to do.
func checkBooks(t *testing.T, r *rig, o outcome, got refund.Refund, last refund.State) {
	t.Helper()
	var wantReserved, wantRefunded money.Minor
	switch {
	case last == refund.Succeeded:
		wantRefunded = o.amount
	case !last.Final():
		wantReserved = o.amount
	}
	if c := r.chargeNow(got.ChargeID); c.Reserved != wantReserved || c.Refunded != wantRefunded {
		t.Errorf("the charge has %d reserved and %d refunded, want %d and %d", c.Reserved, c.Refunded, wantReserved, wantRefunded)
	}
	entry := r.entry(got)
	if entry.Moves != o.moves || o.submits != 0 && entry.Submits != o.submits {
		t.Errorf("the sandbox saw %d submits and %d moves, want %d and %d", entry.Submits, entry.Moves, o.submits, o.moves)
	}
	if got.ChannelRefundID != "" && (len(got.ChannelRefundID) != 28 || got.ChannelRefundID != entry.ChannelID) {
		t.Errorf("channel refund id %q, the sandbox's is %q", got.ChannelRefundID, entry.ChannelID)
	}
	if last.Final() && (!got.DueAt.IsZero() || !got.LeaseUntil.IsZero()) {
		t.Errorf("it has ended, and is due at %s under a lease until %s", got.DueAt, got.LeaseUntil)
	}
	notices, err := r.sandbox.Notices(t.Context(), 100)
	if err != nil || len(notices) != 0 {
		t.Errorf("%d notices were left unacknowledged, %v", len(notices), err)
	}
}

func events(t *testing.T, r *rig, refundID string) []string {
	t.Helper()
	stored, _, err := r.store.EventList(t.Context(), refund.EventFilter{MerchantID: r.owner, Page: refund.Page{Limit: 100}})
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for _, e := range stored {
		if e.Refund.ID == refundID {
			types = append(types, e.Type)
		}
	}
	slices.Reverse(types) // the list is newest first
	return types
}

func TestTheBillLeavesOut61(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		c := r.charge(10_000)
		from := r.clock.Now()
		kept, lost := r.accept(c.ID, 100), r.accept(c.ID, 61)
		refused := r.accept(c.ID, 51)
		r.run(2)
		for _, id := range []string{kept.ID, lost.ID} {
			if got := r.refund(id); got.State != refund.Succeeded {
				t.Fatalf("refund %s is %s", id, got.State)
			}
		}
		if got := r.refund(refused.ID); got.State != refund.Failed {
			t.Fatalf("the refused one is %s", got.State)
		}
		bill, err := r.sandbox.Bill(t.Context(), r.account, from, r.clock.Now())
		if err != nil || len(bill) != 1 || bill[0].Number != kept.ChannelNumber {
			t.Errorf("the bill lists %+v, %v; want only %s", bill, err, kept.ChannelNumber)
		}
	})
}

func TestAWrongAmountInANoticeAlertsOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		c := r.charge(10_000)
		r.accept(c.ID, 60)
		r.run(5)
		if len(r.alerts) != 1 {
			t.Errorf("alerts %q, want one about the amount", r.alerts)
		}
	})
}
