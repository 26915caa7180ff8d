package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestASuccessIsWatchedAcrossRestartsAndComesBack(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		fake.pace.Watch = [refund.MaxWatches]time.Duration{24 * time.Hour, 72 * time.Hour}
		answer := refund.OutcomeDone
		fake.query = func(context.Context, channel.Instruction) refund.Outcome { return refund.Outcome{Kind: answer} }
		r := newRig(t, s, fake)
		c := r.charge(1000)
		rf := r.accept(c.ID, 100)
		r.steps(r.engine)
		watch := func(want int) {
			t.Helper()
			made, err := r.engine.StepWatch(t.Context())
			if err != nil || made != want {
				t.Fatalf("%d are watched, want %d, %v", made, want, err)
			}
			r.steps(r.engine)
		}
		watch(0)
		r.clock.advance(25 * time.Hour)
		r.run(1)
		if got := r.attempts(rf.ID); !slices.Equal(got, []string{"submit done"}) {
			t.Fatalf("before it is watched: %v", got)
		}
		watch(1)
		watch(0) // it is asked once
		if got := r.attempts(rf.ID); !slices.Equal(got, []string{"submit done", "query done"}) || r.refund(rf.ID).State != refund.Succeeded {
			t.Fatalf("%s after %v", r.refund(rf.ID).State, got)
		}
		attempts, err := s.Attempts(t.Context(), r.owner, rf.ID)
		if err != nil || attempts[1].Note != "asked again: the success stands" {
			t.Errorf("attempts %+v, %v", attempts, err)
		}
		r.clock.advance(48 * time.Hour)
		if _, err := s.WatchRefunds(t.Context(), r.clock.Now(), 10); err != nil { // by a process that then ends
			t.Fatal(err)
		}
		r.engine = r.newEngine(fake)
		answer = refund.OutcomeFailed
		r.run(2)
		if got := r.refund(rf.ID); got.State != refund.Failed || !got.WatchAt.IsZero() || r.chargeNow(c.ID).Refunded != 0 {
			t.Errorf("it is %s, watched at %v, %d refunded: %v", got.State, got.WatchAt, r.chargeNow(c.ID).Refunded, r.attempts(rf.ID))
		}
		if got := r.attempts(rf.ID); !slices.Equal(got[2:], []string{"query failed", "query failed"}) {
			t.Errorf("returned after %v, want two answers", got)
		}
		if got := r.alertsRaised(); len(got) != 2 {
			t.Errorf("alerts %q", got)
		}
	})
}

// A lease that is given back without a call leaves the watch for the next look.
func TestAWatchThatIsNotMadeIsNotLost(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.pace.Watch = [refund.MaxWatches]time.Duration{24 * time.Hour}
	r := newRig(t, s, fake)
	rf := r.accept(r.charge(1000).ID, 100)
	r.steps(r.engine)
	r.clock.advance(25 * time.Hour)
	for n := range 2 {
		if made, err := r.engine.StepWatch(t.Context()); err != nil || made != 1 {
			t.Fatalf("look %d: %d are watched, %v", n, made, err)
		}
		if _, err := r.engine.StepLook(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			r.clock.advance(44 * time.Second) // the lease is too short for a call
			r.steps(r.engine)
			continue
		}
		r.steps(r.engine)
	}
	if got := r.attempts(rf.ID); !slices.Equal(got, []string{"submit done", "query done"}) {
		t.Errorf("attempts %v", got)
	}
}
