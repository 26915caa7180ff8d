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

// What a pause put off is looked at less and less often, and sent within seconds
// after the pause has ended, also by an engine that put it off right after.
func TestWhatAPauseHoldsUpIsSentSoonAfterItAndSeldomLookedAtBefore(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		looks := 0
		r.engine = engine.New(s, r.board, func(ctx context.Context, id string) (channel.Opened, error) {
			looks++
			a, err := s.ChannelAccount(ctx, id)
			return channel.NewOpened(a, fake), err
		}, engine.Options{Now: r.clock.Now, Log: quiet()})
		r.startIntake()
		scope := merchant.PauseScope{MerchantID: r.owner}
		record := storetest.Record(r.owner)
		if _, err := s.AddPause(t.Context(), merchant.Pause{PauseScope: scope, At: r.clock.Now(), By: record.Actor}, record); err != nil {
			t.Fatal(err)
		}
		waits := r.accept(r.charge(1000).ID, 10)
		r.run(3600)
		if got := r.refund(waits.ID); got.State != refund.Created || len(fake.said()) != 0 {
			t.Fatalf("during the pause it is %s, and the channel was called: %v", got.State, fake.said())
		}
		if looks > 12 {
			t.Errorf("in an hour it was looked at %d times", looks)
		}
		if _, err := s.EndPause(t.Context(), scope, record); err != nil {
			t.Fatal(err)
		}
		r.run(5)
		if got := r.refund(waits.ID); got.State != refund.Succeeded {
			t.Errorf("seconds after the pause it is %s, due %s", got.State, got.DueAt.Sub(r.clock.Now()))
		}
	})
}

func TestNothingIsReroutedWhileTheMerchantIsPaused(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	r := newRig(t, s, fake)
	pauses := []merchant.Pause(nil)
	r.engine = engine.New(s, r.board, func(context.Context, string) (channel.Opened, error) {
		return channel.NewOpened(merchant.ChannelAccount{ID: r.account, State: merchant.AccountActive, Pauses: pauses}, fake), nil
	}, engine.Options{Now: r.clock.Now, Log: quiet()})
	r.startIntake()
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
		return refund.Outcome{Kind: refund.OutcomeAbnormal}
	}
	abnormal := r.accept(r.charge(1000).ID, 10)
	r.steps(r.engine)
	pauses = []merchant.Pause{{PauseScope: merchant.PauseScope{MerchantID: r.owner}}}
	_, err := r.engine.Reroute(t.Context(), r.owner, abnormal.ID, channel.Destination{Kind: channel.ToMerchant}, storetest.Record(r.owner))
	if refund.KindOf(err) != refund.KindStateConflict || r.refund(abnormal.ID).State != refund.Abnormal {
		t.Errorf("it is %s, %v", r.refund(abnormal.ID).State, err)
	}
}
