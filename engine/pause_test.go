package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
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
		r.run(3)
		known := r.accept(r.charge(1000).ID, 10) // the engine knows by now
		if got := r.refund(known.ID); got.State != refund.Created || got.LeaseEpoch != 0 || !got.LeaseUntil.IsZero() || got.DueAt.Before(r.clock.Now().Add(time.Minute)) {
			t.Errorf("it was accepted as %s, lease %d until %s, due at %s", got.State, got.LeaseEpoch, got.LeaseUntil, got.DueAt)
		}
		r.run(3600)
		for _, accepted := range []refund.Refund{waits, known} {
			got := r.refund(accepted.ID)
			if got.State != refund.Created || len(fake.said()) != 0 || !got.DueAt.After(r.clock.Now()) {
				t.Fatalf("during the pause it is %s and due at %s, and the channel was called: %v", got.State, got.DueAt, fake.said())
			}
			if claims := got.LeaseEpoch; claims > 1 || accepted.ID == known.ID && claims > 0 {
				t.Errorf("in an hour it was claimed %d times", claims)
			}
		}
		if looks > 12 {
			t.Errorf("in an hour it was looked at %d times", looks)
		}
		if _, err := s.EndPause(t.Context(), scope, record); err != nil {
			t.Fatal(err)
		}
		r.run(5)
		for _, accepted := range []refund.Refund{waits, known} {
			if got := r.refund(accepted.ID); got.State != refund.Succeeded {
				t.Errorf("seconds after the pause it is %s, due %s", got.State, got.DueAt.Sub(r.clock.Now()))
			}
		}
	})
}

// pausedRig is a rig whose merchant is paused, and whose engine knows it.
func pausedRig(t *testing.T, s *store.Store, fake *scripted) (r *rig, end func()) {
	t.Helper()
	r = newRig(t, s, fake)
	r.engine = engine.New(s, r.board, func(ctx context.Context, id string) (channel.Opened, error) {
		pauses, err := s.Pauses(ctx, r.owner) // not from memory
		return channel.NewOpened(merchant.ChannelAccount{ID: id, State: merchant.AccountActive, Pauses: pauses}, fake), err
	}, engine.Options{Now: r.clock.Now, Log: quiet()})
	r.startIntake()
	scope := merchant.PauseScope{MerchantID: r.owner}
	record := storetest.Record(r.owner)
	if _, err := s.AddPause(t.Context(), merchant.Pause{PauseScope: scope, At: r.clock.Now(), By: record.Actor}, record); err != nil {
		t.Fatal(err)
	}
	r.accept(r.charge(1000).ID, 10)
	r.run(3)
	return r, func() { // as another process does it
		_, err := s.EndPause(t.Context(), scope, record)
		if err == nil {
			err = s.SendWhatWaited(t.Context(), scope, r.clock.Now())
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// beforeCommit is a store that calls a function before each commit of the intake.
type beforeCommit struct {
	*store.Store
	call func()
}

func (b beforeCommit) InTx(ctx context.Context, work func(intake.Tx) error) error {
	return b.Store.InTx(ctx, func(tx intake.Tx) error {
		err := work(tx)
		b.call()
		return err
	})
}

// Whoever ends a pause does not see a refund that is accepted and not committed: the
// engine, which had found the account to send again by then, asks once more.
func TestWhatIsCommittedRightAfterItsPauseEndedIsSentAtOnce(t *testing.T) {
	// On SQLite nobody else writes while a refund is accepted.
	s := storetest.Open(t, storetest.Postgres(t))
	fake := newScripted()
	r, end := pausedRig(t, s, fake)
	r.startIntakeOn(beforeCommit{s, func() {
		end()
		r.engine.Wake()
		r.steps(r.engine)
	}})
	late := r.accept(r.charge(1000).ID, 10)
	if got := r.refund(late.ID); got.State != refund.Created || got.LeaseEpoch != 0 {
		t.Fatalf("it was accepted as %s with lease %d: the engine did not know of the pause", got.State, got.LeaseEpoch)
	}
	if next := r.engine.NextLook(); next.After(r.clock.Now()) {
		t.Errorf("the next look is at %s, and it is %s", next, r.clock.Now())
	}
	r.steps(r.engine)
	if got := r.refund(late.ID); got.State != refund.Succeeded {
		t.Errorf("after the pause it is %s, due %s", got.State, got.DueAt.Sub(r.clock.Now()))
	}
}

// Another process ends a pause and makes its refunds due: an engine that finds them so
// asks before it puts them off again.
func TestWhatAnotherProcessResumedIsNotPutOffAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r, end := pausedRig(t, s, fake)
		r.engine.Wake()
		r.steps(r.engine) // it asks now, and then not for two seconds
		waits := r.accept(r.charge(1000).ID, 10)
		if got := r.refund(waits.ID); got.LeaseEpoch != 0 {
			t.Fatalf("it was claimed: the engine did not know of the pause")
		}
		end()
		r.steps(r.engine)
		if got := r.refund(waits.ID); got.State != refund.Succeeded {
			t.Errorf("it is %s, due %s", got.State, got.DueAt.Sub(r.clock.Now()))
		}
	})
}

// While an account is paused, what was sent before is asked about, and what waits for
// something else goes on waiting for that.
func TestOnlyWhatAPauseHoldsUpIsPutOff(t *testing.T) {
	for _, c := range []struct {
		name string
		due  refund.Due
		want bool
	}{
		{"a new refund", refund.Due{Submits: true, State: refund.Created}, true},
		{"one of which the channel found nothing", refund.Due{Submits: true, State: refund.Pending}, true},
		{"one that was sent", refund.Due{State: refund.Pending}, false},
		{"one whose lease ran out", refund.Due{State: refund.Created}, false},
		{"one that waits for funds or its time", refund.Due{Submits: true, State: refund.Held}, false},
	} {
		if got := c.due.Pausable(); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
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
