package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestACrashAfterTheSubmitMakesTheNextClaimAskFirst(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, moved := range []bool{true, false} {
			fake := newScripted()
			r := newRig(t, s, fake)
			rf := r.accept(r.charge(1000).ID, 100)
			if moved {
				fake.moved[rf.ChannelNumber] = 1 // the process ended before it could record this
			}
			// The engine that had it is gone: nobody steps it. Another looks.
			other := r.newEngine(fake)
			r.steps(other)
			if said := fake.said(); len(said) != 0 {
				t.Fatalf("the channel was called while the lease held: %v", said)
			}
			r.clock.advance(engine.Lease)
			for range 5 {
				r.steps(other)
				r.clock.advance(time.Second)
			}
			want := []string{"query", "query", "submit"} // the first is within the settling time
			if moved {
				want = []string{"query"}
			}
			if diff := cmp.Diff(want, fake.said()); diff != "" {
				t.Errorf("moved %v: calls (-want +got):\n%s", moved, diff)
			}
			if got := r.refund(rf.ID); got.State != refund.Succeeded {
				t.Errorf("moved %v: state %s", moved, got.State)
			}
		}
	})
}

func TestAnOutcomeAfterALostLeaseIsKeptAndDecidesNothing(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		other := r.newEngine(fake)
		fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
			// The process stands still for longer than its lease. Another takes the
			// refund over and hears that the channel works on it.
			r.clock.advance(engine.Lease + time.Second)
			r.steps(other)
			return refund.Outcome{Kind: refund.OutcomeRefused, Code: "LATE"}
		}
		fake.query = func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: refund.OutcomeAccepted}
		}
		rf := r.accept(r.charge(1000).ID, 100)
		if !r.engine.StepCall(t.Context()) {
			t.Fatal("there was nothing to call")
		}
		if _, err := r.engine.StepRecord(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := r.refund(rf.ID)
		if got.State != refund.Pending || got.DueAt.After(r.clock.Now().Add(time.Millisecond)) {
			t.Errorf("state %s, due %s after now; want pending and due now", got.State, got.DueAt.Sub(r.clock.Now()))
		}
		if diff := cmp.Diff([]string{"query accepted", "submit refused"}, r.attempts(rf.ID)); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		attempts, err := s.Attempts(t.Context(), r.owner, rf.ID)
		if err != nil || attempts[1].Note == "" {
			t.Errorf("the late attempt carries no note: %+v, %v", attempts, err)
		}
	})
}

func TestAQueueThatIsTooSlowForItsLeaseGivesItBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		rf := r.accept(r.charge(1000).ID, 100)
		r.clock.advance(engine.Lease - channel.CallTimeout + time.Second) // a call could outlive the lease
		r.engine.StepCall(t.Context())
		if _, err := r.engine.StepRecord(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := r.refund(rf.ID)
		if len(fake.said()) != 0 || !got.LeaseUntil.IsZero() || got.State != refund.Created {
			t.Errorf("calls %v, lease until %s, state %s; want none, given back, created", fake.said(), got.LeaseUntil, got.State)
		}
		r.run(20)
		if diff := cmp.Diff([]string{"submit"}, fake.said()); diff != "" {
			t.Errorf("calls afterwards (-want +got):\n%s", diff)
		}
	})
}

func TestAFullQueueLeavesRefundsForTheLook(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		reserved := fill(r.engine)
		if got := len(reserved); got >= engine.DefaultQueue || got == 0 {
			t.Fatalf("reserved %d: some of the queue is kept for the look", got)
		}
		defer r.engine.Release(reserved)
		rf := r.accept(r.charge(1000).ID, 100)
		if got := r.refund(rf.ID); !got.LeaseUntil.IsZero() || !got.DueAt.Equal(got.CreatedAt) {
			t.Fatalf("claimed until %s, due %s; want unclaimed and due at once", got.LeaseUntil, got.DueAt)
		}
		r.steps(r.engine)
		if got := r.refund(rf.ID); got.State != refund.Succeeded {
			t.Errorf("state %s after the look", got.State)
		}
	})
}

func TestTwoEnginesOfOneDatabaseNeverTellTheChannelOfARefundAtOnce(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	fake := newScripted()
	r := newRig(t, s, fake)
	c := r.charge(1_000_000)
	var ids []string
	reserved := fill(r.engine) // so that all are left to the looks
	for range 64 {
		ids = append(ids, r.accept(c.ID, 100).ID)
	}
	r.engine.Release(reserved)
	fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
		if i.Refund.Attempts == 0 {
			return refund.Outcome{Kind: refund.OutcomeTryLater}
		}
		return fake.move(i)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{}, 2)
	for range 2 {
		e := r.newEngine(fake)
		go func() { e.Run(ctx); ended <- struct{}{} }()
	}
	waitFor(t, func() bool {
		r.clock.advance(100 * time.Millisecond)
		return !slices.ContainsFunc(ids, func(id string) bool { return r.refund(id).State != refund.Succeeded })
	})
	cancel()
	<-ended
	<-ended
	if fake.overlaps != 0 {
		t.Errorf("the channel was told of one refund twice at a time, %d times", fake.overlaps)
	}
	if len(fake.calls) != 2*len(ids) {
		t.Errorf("%d calls for %d refunds, want 2 each", len(fake.calls), len(ids))
	}
	if got := r.chargeNow(c.ID); got.Refunded != 6400 || got.Reserved != 0 {
		t.Errorf("refunded %d, reserved %d", got.Refunded, got.Reserved)
	}
}

// waitFor polls a condition of other goroutines.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	deadline := time.NewTimer(3 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("it did not come to that in 30 s")
		}
	}
}
