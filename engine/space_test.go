package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// Two engines carry the refunds of two charges, whose channel wants a minute
// between two submits for one charge, also where it is the same refund again.
func TestEnginesTogetherKeepTheTimeBetweenTwoSubmitsOfACharge(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		s.UseAccountTerms(func(context.Context, merchant.Settings, merchant.ChannelAccount) refund.Terms {
			return refund.Terms{Rules: func(string) refund.Rules { return refund.Rules{SubmitSpacing: time.Minute} }}
		})
		fake := newScripted()
		r := newRig(t, s, fake)
		sent := make(map[string][]time.Time) // by charge
		lost := map[string]bool{}
		fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
			sent[i.Charge.ID] = append(sent[i.Charge.ID], r.clock.Now())
			if i.Amount.Minor == 11 && !lost[i.Number] { // its first submit is lost
				lost[i.Number] = true
				return refund.Outcome{Kind: refund.OutcomeUnknown}
			}
			return fake.move(i)
		}
		other := r.newEngine(fake)
		busy, quiet := r.charge(1000), r.charge(1000)
		ids := []string{r.accept(busy.ID, 11).ID, r.accept(busy.ID, 12).ID, r.accept(quiet.ID, 13).ID, r.accept(busy.ID, 14).ID}
		for range 5 * 60 {
			r.steps(r.engine)
			r.steps(other)
			r.clock.advance(time.Second)
		}
		for _, id := range ids {
			if got := r.refund(id); got.State != refund.Succeeded {
				t.Errorf("refund of %d is %s, due %s", got.Amount, got.State, got.DueAt)
			}
		}
		if len(sent[busy.ID]) != 4 || len(sent[quiet.ID]) != 1 {
			t.Errorf("%d and %d submits, want 4 and 1", len(sent[busy.ID]), len(sent[quiet.ID]))
		}
		for n, at := range sent[busy.ID][1:] {
			if gap := at.Sub(sent[busy.ID][n]); gap < time.Minute || gap > 65*time.Second {
				t.Errorf("submit %d left %s after the one before it", n+2, gap)
			}
		}
		if at := sent[quiet.ID][0]; at.Sub(sent[busy.ID][0]) > time.Second {
			t.Error("another charge's submit waited too")
		}
	})
}
