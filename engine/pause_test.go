package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestAPausedAccountSendsNothingAndIsStillAskedAbout(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		state := merchant.AccountActive
		r.engine = engine.New(s, r.board, func(context.Context, string) (channel.Opened, error) {
			return channel.NewOpened(merchant.ChannelAccount{ID: r.account, State: state}, fake), nil
		}, engine.Options{Now: r.clock.Now, Log: quiet()})
		r.startIntake()
		charge := r.charge(1000)
		fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: refund.OutcomeAccepted}
		}
		sent := r.accept(charge.ID, 10)
		r.steps(r.engine)

		state = merchant.AccountPaused
		waits := r.accept(charge.ID, 20)
		r.run(120)
		if got := r.refund(sent.ID).State; got != refund.Pending {
			t.Fatalf("what was sent before is %s", got)
		}
		fake.query = func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: refund.OutcomeDone}
		}
		r.run(60)
		if got := r.refund(sent.ID).State; got != refund.Succeeded {
			t.Errorf("what was sent before is %s, and the channel has ended it", got)
		}
		held := r.refund(waits.ID)
		if held.State != refund.Created || held.Attempts != 0 || !held.LeaseUntil.IsZero() || !held.DueAt.After(r.clock.Now().Add(-time.Minute)) {
			t.Errorf("the refund of a paused account is %s after %d calls, due %s", held.State, held.Attempts, held.DueAt)
		}

		state = merchant.AccountActive
		r.run(60)
		if got := r.refund(waits.ID); got.State == refund.Created {
			t.Errorf("after the pause it is still %s", got.State)
		}
	})
}
