package engine_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// What nobody approves in its time is canceled by a step of its own; no look claims it.
func TestWhatNobodyApprovesInItsTimeIsCanceled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, newScripted())
		now := r.clock.Now()
		p := merchant.Policy{
			MerchantID: r.owner, ID: "pol_1", Name: "p", Expression: "true", Effect: merchant.PolicyHold, HoldHours: 1, Enabled: true, Version: 1,
			CreatedAt: now, UpdatedAt: now, UpdatedBy: audit.ByCommand("test"),
		}
		if err := s.AddPolicy(t.Context(), p, nil, storetest.Record(r.owner)); err != nil {
			t.Fatal(err)
		}
		c := r.charge(1000)
		held := []refund.Refund{r.accept(c.ID, 100), r.accept(c.ID, 200)}
		step := func(want int) {
			t.Helper()
			r.steps(r.engine)
			if ended, err := r.engine.StepWaits(t.Context()); err != nil || ended != want {
				t.Errorf("%d ended, want %d, %v", ended, want, err)
			}
		}
		r.clock.advance(59 * time.Minute)
		step(0)
		r.clock.advance(time.Minute + time.Second)
		step(2)
		step(0)
		for _, one := range held {
			if left := r.refund(one.ID); left.State != refund.Canceled || left.Attempts != 0 {
				t.Errorf("it is %s after %d attempts", left.State, left.Attempts)
			}
		}
		if left := r.chargeNow(c.ID); left.Reserved != 0 {
			t.Errorf("%d are reserved", left.Reserved)
		}
	})
}
