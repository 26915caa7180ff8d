package engine_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// listing is a scripted channel that lists refunds.
type listing struct {
	*scripted
	refunds []channel.Listed
	err     error
}

func (c *listing) Capabilities() channel.Capabilities { return channel.Capabilities{List: true} }

func (c *listing) List(context.Context, channel.PaymentRef) ([]channel.Listed, error) {
	return c.refunds, c.err
}

// Each refund's submit was lost an hour ago, the channel takes no submit for a
// repeat any more, and its query knows nothing.
func TestAListDecidesWhatAnOldKeyCanNoLongerProve(t *testing.T) {
	cny := func(minor money.Minor) money.Amount { return money.Amount{Minor: minor, Currency: "CNY"} }
	tests := []struct {
		name   string
		list   bool
		listed func(number string) []channel.Listed
		err    error
		want   []string // attempts after the first, once
		state  refund.State
		alerts int
	}{
		{"listed as done it has succeeded", true, func(n string) []channel.Listed {
			return []channel.Listed{{Number: n, ChannelRefundID: "5000", Amount: cny(100), Kind: refund.OutcomeDone}}
		}, nil, []string{"query done"}, refund.Succeeded, 0},
		{"listed with another amount it is not believed", true, func(n string) []channel.Listed {
			return []channel.Listed{{Number: n, Amount: cny(99), Kind: refund.OutcomeDone}}
		}, nil, []string{"query done"}, refund.Pending, 1},
		{"listed in another currency it is not believed", true, func(n string) []channel.Listed {
			return []channel.Listed{{Number: n, Amount: money.Amount{Minor: 100, Currency: "USD"}, Kind: refund.OutcomeDone}}
		}, nil, []string{"query unknown"}, refund.Pending, 0},
		{"a complete list without it allows the submit", true, func(string) []channel.Listed {
			return []channel.Listed{{Number: "another", ChannelRefundID: "5001", Amount: cny(100), Kind: refund.OutcomeDone}}
		}, nil, []string{"query not_found", "submit done"}, refund.Succeeded, 0},
		{"a listed refund without a number may be it", true, func(string) []channel.Listed {
			return []channel.Listed{{ChannelRefundID: "5001", Amount: cny(100), Kind: refund.OutcomeDone}}
		}, nil, []string{"query not_found"}, refund.Pending, 0},
		{"a list that fails proves nothing", true, nil, errors.New("no answer"), []string{"query not_found"}, refund.Pending, 0},
		{"without a list a person is told", false, nil, nil, []string{"query not_found"}, refund.Pending, 1},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				fake := newScripted()
				fake.pace.ResubmitWithin = time.Hour
				fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
					return refund.Outcome{Kind: refund.OutcomeUnknown}
				}
				r := newRig(t, s, fake)
				rf := r.accept(r.charge(1000).ID, 100)
				r.steps(r.engine)

				fake.submit = nil
				r.clock.advance(time.Hour)
				there := &listing{scripted: fake, err: test.err}
				if test.listed != nil {
					there.refunds = test.listed(rf.ChannelNumber)
				}
				var connector channel.Connector = there
				if !test.list {
					connector = fake
				}
				r.engine = r.newEngine(connector)
				r.steps(r.engine)
				if got := r.attempts(rf.ID)[1:]; !slices.Equal(got, test.want) {
					t.Errorf("attempts %v, want %v", got, test.want)
				}
				if got := r.refund(rf.ID).State; got != test.state {
					t.Errorf("it is %s, want %s", got, test.state)
				}
				if got := r.alertsRaised(); len(got) != test.alerts {
					t.Errorf("alerts %q, want %d", got, test.alerts)
				}
			})
		}
	})
}

// A submit that was allowed when it was decided, and waited since, is not made.
func TestASubmitThatWaitedForTooLongIsAskedAboutInstead(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.pace.ResubmitWithin = time.Hour
	answer := refund.OutcomeUnknown
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome { return refund.Outcome{Kind: answer} }
	r := newRig(t, s, fake)
	rf := r.accept(r.charge(1000).ID, 100)
	r.steps(r.engine)
	answer = refund.OutcomeTryLater
	r.run(3) // not found, and submitted again: throttled
	if got := r.refund(rf.ID); refund.NextStep(got) != refund.StepSubmit {
		t.Fatalf("the next step is %s; this test shows nothing", refund.NextStep(got))
	}
	before := len(r.attempts(rf.ID))
	r.clock.advance(time.Hour - 20*time.Second) // a call takes up to 30 s
	r.steps(r.engine)
	if got := r.attempts(rf.ID)[before:]; !slices.Equal(got, []string{"query not_found"}) {
		t.Errorf("then %v, want a query alone", got)
	}
}

func TestWhatACallSentIsOnItsAttempt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
			o := fake.move(i)
			o.Sent = refund.Sent{Digest: "abc", UpstreamRequestID: "r1", AccountVersion: 99, Shown: map[string]string{"mid": "898\x00"}}
			return o
		}
		r := newRig(t, s, fake)
		rf := r.accept(r.charge(1000).ID, 100)
		r.steps(r.engine)
		attempts, err := s.Attempts(t.Context(), r.owner, rf.ID)
		if err != nil || len(attempts) != 1 {
			t.Fatalf("%+v, %v", attempts, err)
		}
		if got := attempts[0].Sent; got.Digest != "abc" || got.UpstreamRequestID != "r1" || got.AccountVersion != 1 || got.Shown["mid"] != "898" {
			t.Errorf("sent %+v; the version is the engine's to say", got)
		}
		if got := r.refund(rf.ID).Shown; len(got) != 1 || got["mid"] != "898" {
			t.Errorf("the refund shows %v", got)
		}
	})
}

func TestAnIDThatTheChannelGaveToTwoRefundsIsAnAlert(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
			o := fake.move(i)
			o.ChannelRefundID = "shared"
			return o
		}
		r := newRig(t, s, fake)
		c := r.charge(1000)
		ids := []string{r.accept(c.ID, 100).ID}
		r.steps(r.engine)
		for range 3 { // one after the other, and two in one commit
			ids = append(ids, r.accept(c.ID, 100).ID)
		}
		r.steps(r.engine)
		for n, id := range ids {
			got := r.refund(id)
			if want := []string{"shared", "", "", ""}[n]; got.State != refund.Succeeded || got.ChannelRefundID != want {
				t.Errorf("refund %d is %s with the id %q, want %q", n, got.State, got.ChannelRefundID, want)
			}
		}
		if got := r.alertsRaised(); len(got) != 3 {
			t.Errorf("alerts %q, want one for each", got)
		}
	})
}

func TestTwoRefundsOfOneCommitWithTheSameIDAreBothRecorded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
			o := fake.move(i)
			o.ChannelRefundID = "shared"
			return o
		}
		r := newRig(t, s, fake)
		c := r.charge(1000)
		one, other := r.accept(c.ID, 100), r.accept(c.ID, 200)
		r.steps(r.engine)
		a, b := r.refund(one.ID), r.refund(other.ID)
		if a.State != refund.Succeeded || b.State != refund.Succeeded || a.ChannelRefundID+b.ChannelRefundID != "shared" || len(r.alertsRaised()) != 1 {
			t.Errorf("%s %q and %s %q, alerts %q", a.State, a.ChannelRefundID, b.State, b.ChannelRefundID, r.alertsRaised())
		}
	})
}
