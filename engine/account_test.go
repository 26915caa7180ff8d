package engine_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestAnAccountThatCannotBeOpenedRaisesOneAlertAndItsRefundsWait(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		broken := &channel.OpenError{Account: r.account, Version: 1, Err: refund.Errorf(refund.KindInvalid, "key", "the key is a certificate")}
		var failing error = broken
		r.engine = engine.New(s, r.board, func(context.Context, string) (channel.Opened, error) {
			return channel.NewOpened(merchant.ChannelAccount{}, fake), failing
		}, engine.Options{Now: r.clock.Now, Log: quiet(), Alert: r.alert})
		r.startIntake()
		c := r.charge(1000)
		one, other := r.accept(c.ID, 100), r.accept(c.ID, 200)
		r.run(60)
		for _, id := range []string{one.ID, other.ID} {
			if got := r.attempts(id); len(got) < 2 || len(got) > 10 || slices.ContainsFunc(got, func(a string) bool { return a != "submit try_later" }) {
				t.Errorf("attempts %v, want a few, further and further apart", got)
			}
		}
		if got := r.alertsRaised(); len(got) != 1 || !strings.Contains(got[0], r.account) || !strings.Contains(got[0], "the key is a certificate") {
			t.Errorf("alerts %q, want one that names the account and what is wrong", got)
		}
		broken = &channel.OpenError{Account: r.account, Version: 2, Err: errors.New("another fault")}
		failing = broken
		r.run(300)
		if got := r.alertsRaised(); len(got) != 2 {
			t.Errorf("alerts %q, want one more for the new version", got)
		}
		failing = nil
		r.run(300)
		for _, id := range []string{one.ID, other.ID} {
			if got := r.refund(id); got.State != refund.Succeeded {
				t.Errorf("it ends %s", got.State)
			}
		}
	})
}

func TestAnAccountThatCannotBeReadRaisesNoAlert(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	r := newRig(t, s, fake)
	failing := errors.New("the database does not answer")
	r.engine = engine.New(s, r.board, func(context.Context, string) (channel.Opened, error) {
		return channel.NewOpened(merchant.ChannelAccount{}, fake), failing
	}, engine.Options{Now: r.clock.Now, Log: quiet(), Alert: r.alert})
	r.startIntake()
	rf := r.accept(r.charge(1000).ID, 100)
	r.steps(r.engine)
	failing = nil
	r.run(3)
	if got := r.refund(rf.ID); got.State != refund.Succeeded || len(r.alertsRaised()) != 0 {
		t.Errorf("it ends %s, with alerts %q", got.State, r.alertsRaised())
	}
}

func TestSubmitsThatWaitForTheirLimitDoNotHoldUpQueries(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.limits = channel.Limits{Concurrent: 4, Submit: channel.Calls{PerSecond: 1}}
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
		return refund.Outcome{Kind: refund.OutcomeAccepted}
	}
	r := newRig(t, s, fake)
	c := r.charge(1000)
	r.accept(c.ID, 10)
	r.steps(r.engine)
	for range 5 {
		r.accept(c.ID, 10)
	}
	r.clock.advance(1100 * time.Millisecond) // one more submit may be made, and the first refund is asked about
	r.steps(r.engine)
	if got, want := fake.said(), []string{"query", "submit", "submit"}; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("calls %v, want the query and one more submit", got)
	}
}
