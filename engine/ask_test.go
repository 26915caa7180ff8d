package engine_test

import (
	"context"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
)

func TestAskingNowAsksOnceAndTakesTheAnswer(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
		return refund.Outcome{Kind: refund.OutcomeAccepted}
	}
	asked := 0
	fake.query = func(context.Context, channel.Instruction) refund.Outcome {
		asked++
		return refund.Outcome{Kind: refund.OutcomeDone}
	}
	r := newRig(t, s, fake)
	c := r.charge(1000)
	early := r.accept(c.ID, 10)
	if _, err := r.engine.Ask(t.Context(), r.owner, early.ID, r.record("refund.ask")); refund.KindOf(err) != refund.KindStateConflict || asked != 0 {
		t.Errorf("before it was sent: %v, asked %d times", err, asked)
	}
	r.steps(r.engine)
	got, err := r.engine.Ask(t.Context(), r.owner, early.ID, r.record("refund.ask"))
	if err != nil || got.State != refund.Succeeded || asked != 1 || !got.LeaseUntil.IsZero() || !got.DueAt.IsZero() {
		t.Fatalf("asked %d times: %+v, %v", asked, got, err)
	}
	// A success may be asked about, too, and stays one.
	if got, err = r.engine.Ask(t.Context(), r.owner, early.ID, r.record("refund.ask")); err != nil || got.State != refund.Succeeded || asked != 2 || !got.DueAt.IsZero() {
		t.Errorf("asked about a success: %+v, %v", got, err)
	}
	if _, err = r.engine.Ask(t.Context(), r.owner, "re_none", r.record("refund.ask")); refund.KindOf(err) != refund.KindRefundNotFound {
		t.Errorf("none: %v", err)
	}
}

func TestNothingIsKeptOfWhatARerouteSaid(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
		return refund.Outcome{Kind: refund.OutcomeAbnormal, Sent: refund.Sent{Digest: "d", Request: "POST /r"}}
	}
	r := newRig(t, s, &telling{rerouting{scripted: fake}})
	c := r.charge(1000)
	id := r.accept(c.ID, 10).ID
	r.steps(r.engine)
	if _, err := r.engine.Reroute(t.Context(), r.owner, id, channel.Destination{Kind: channel.ToMerchant}, r.record("refund.reroute")); err != nil {
		t.Fatal(err)
	}
	attempts, err := s.Attempts(t.Context(), r.owner, id)
	if err != nil || len(attempts) != 2 || attempts[0].Sent.Request != "POST /r" || attempts[1].Sent.Request != "" || attempts[1].Sent.Answer != "" || attempts[1].Sent.Digest != "d" {
		t.Errorf("kept %+v, %v", attempts, err)
	}
}

// telling says of a reroute what was sent.
type telling struct{ rerouting }

func (*telling) Reroute(context.Context, channel.Instruction, channel.Destination) refund.Outcome {
	return refund.Outcome{Kind: refund.OutcomeDone, Sent: refund.Sent{Digest: "d", Request: "bank_account=6222", Answer: "6222 is no card"}}
}
