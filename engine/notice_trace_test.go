package engine_test

import (
	"context"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// What a channel sends about a refund that is traced belongs to the refund's trace.
func TestANoticeIsPartOfItsRefundsTrace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, pendingChannel())
		var begun, ended []string
		r.engine = engine.New(s, r.board, to(pendingChannel()), engine.Options{
			Now: r.clock.Now, Log: quiet(), Alert: r.alert,
			Trace: func(ctx context.Context, of refund.Refund, _ string, step refund.Step) (context.Context, func(refund.OutcomeKind)) {
				if step == "notice" {
					begun = append(begun, of.By.Trace+" "+of.ID)
				}
				return ctx, func(kind refund.OutcomeKind) {
					if step == "notice" {
						ended = append(ended, string(kind))
					}
				}
			},
		})
		c := r.charge(1000)
		var notices []channel.Notified
		var traced string
		for _, trace := range []string{"", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"} {
			one := unit(r.owner, c.ID, 100)
			one.By.Trace = trace
			made, err := r.intake.Accept(t.Context(), one, 0)
			if err != nil {
				t.Fatal(err)
			}
			notices, traced = append(notices, r.notified(c, made.Refunds[0].ChannelNumber, 100)), trace+" "+made.Refunds[0].ID
		}
		r.steps(r.engine)
		if err := r.notify(notices...); err != nil {
			t.Fatal(err)
		}
		if len(begun) != 1 || begun[0] != traced || len(ended) != 1 || ended[0] != string(refund.OutcomeDone) {
			t.Errorf("begun %v, ended %v", begun, ended)
		}
	})
}
