package engine_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// moved has the account opened as one whose settings named another account at the
// channel until a time.
func (r *rig) moved(connector channel.Connector, at time.Time) *engine.Engine {
	open := func(context.Context, string) (channel.Opened, error) {
		opened := channel.NewOpened(merchant.ChannelAccount{Version: 2}, connector)
		opened.MovedAt = at
		return opened, nil
	}
	return engine.New(r.store, r.board, open, engine.Options{Now: r.clock.Now, Log: quiet(), Notifiers: []channel.Notifier{r.sandbox}, Alert: r.alert})
}

// The first submit moves the money and its answer is lost. Then the channel knows
// nothing of the refund and refuses it, as another account's channel does.
func TestNotFoundAfterTheAccountBecameAnotherEndsNoRefund(t *testing.T) {
	const far = 24 * time.Hour
	tests := []struct {
		name  string
		moved time.Duration // after the submit; far is never
		want  refund.State
		asked string
	}{
		{"the same account as before fails it", far, refund.Failed, "query not_found"},
		{"an account that moved since does not", 10 * time.Second, refund.Pending, "query inconclusive"},
		{"nor one that moved a moment before, by another clock", -time.Minute, refund.Pending, "query inconclusive"},
		{"one that moved long before fails it", -time.Hour, refund.Failed, "query not_found"},
	}
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				fake := newScripted()
				fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
					fake.move(i)
					return refund.Outcome{Kind: refund.OutcomeUnknown}
				}
				r := newRig(t, s, fake)
				rf := r.accept(r.charge(1000).ID, 100)
				r.steps(r.engine)

				fake.query = func(context.Context, channel.Instruction) refund.Outcome {
					return refund.Outcome{Kind: refund.OutcomeNotFound}
				}
				fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
					return refund.Outcome{Kind: refund.OutcomeRefused, Code: "NO_ORDER"}
				}
				var at time.Time
				if test.moved != far {
					at = r.clock.Now().Add(test.moved)
				}
				r.engine = r.moved(fake, at)
				r.run(60)
				got, attempts := r.refund(rf.ID), r.attempts(rf.ID)
				if got.State != test.want || got.NeedsPerson != (test.want == refund.Pending) {
					t.Errorf("it is %s, needs a person: %t, after %v", got.State, got.NeedsPerson, attempts)
				}
				if !slices.Contains(attempts, "submit refused") || !slices.Contains(attempts, test.asked) {
					t.Errorf("attempts %v", attempts)
				}
			})
		}
	})
}
