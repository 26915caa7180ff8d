package engine_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// accept does what the intake does: it claims the refund for the engine if that
// has room, and leaves it due otherwise.
func (w *world) accept(account string) {
	r := w.refund(account)
	key := []refund.AccountKey{{MerchantID: r.MerchantID, ID: account}}
	got := w.engine.Reserve(key)[0].Room
	if got {
		r = refund.Claim(r, time.Now(), time.Now().Add(w.engine.Lease()))
	}
	unlock := w.store.lock()
	w.store.refunds[refund.Key{MerchantID: r.MerchantID, ID: r.ID}] = &r
	unlock()
	if got {
		w.engine.Take([]refund.Claimed{{Refund: r, Charge: chargeOf(r)}})
	} else {
		w.engine.Left(key)
	}
}

// A rate-limited account has far more due than it may call before the leases end.
// It is called at its full rate all the same, and others do not wait.
func TestAnAccountIsCalledAtItsFullRateForHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		limited := w.add("m1", "limited", &accountChannel{took: 100 * time.Millisecond, limits: channel.Limits{Submit: channel.Calls{PerSecond: 10}}})
		w.add("m2", "quick", &accountChannel{took: 100 * time.Millisecond})
		w.due("limited", 6000)
		w.run()
		defer w.stop()
		for second := range 15 * 60 {
			time.Sleep(time.Second)
			if second%60 == 30 {
				w.due("limited", 600) // more than are called meanwhile
			}
			w.accept("quick")
		}
		waits := w.waits("quick")
		t.Logf("%d calls of about 9000; others wait %s at most, p99 %s; %d claims, %d looks", limited.count(), at(waits, 100), at(waits, 99), w.store.claims, w.store.looks)
		if got := limited.count(); got < 8900 || got > 9010 {
			t.Errorf("%d calls, want about 9000", got)
		}
		if got := at(waits, 100); got > 100*time.Millisecond {
			t.Errorf("another merchant's refund waited %s", got)
		}
		if got := w.store.claims - limited.count() - len(waits); got > 200 {
			t.Errorf("%d refunds were claimed and not called", got)
		}
	})
}

// Accounts whose channels hang hold up no other merchant.
func TestHangingAccountsHoldUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		hanging := []string{"hang1", "hang2", "hang3", "hang4", "hang5", "hang6", "hang7", "hang8", "hang9", "hang10"}
		for n, account := range hanging {
			w.add("h"+string(rune('0'+n)), account, &accountChannel{answer: hangs})
			w.due(account, 400)
		}
		w.add("m2", "quick", &accountChannel{took: 100 * time.Millisecond})
		w.run()
		defer w.stop()
		for second := range 600 {
			time.Sleep(time.Second)
			if second%2 == 0 {
				for _, account := range hanging {
					w.accept(account)
				}
			}
			w.accept("quick")
			w.due("quick", 1)
		}
		waits := w.waits("quick")
		t.Logf("others wait %s at most, p99 %s, median %s; %d looks, %d claims", at(waits, 100), at(waits, 99), at(waits, 50), w.store.looks, w.store.claims)
		if got := at(waits, 100); got > 2*time.Second {
			t.Errorf("another merchant's refund waited %s", got)
		}
	})
}

// Jobs that wait on a hanging channel cause no looks.
func TestALookIsNeverCausedByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.add("m1", "hang", &accountChannel{answer: hangs})
		w.due("hang", 4000)
		w.run()
		defer w.stop()
		time.Sleep(5 * time.Second)
		before := w.store.looks
		time.Sleep(5 * time.Second)
		got := float64(w.store.looks-before) / 5
		t.Logf("%.1f looks a second", got)
		if got > 3 {
			t.Errorf("%.1f looks a second", got)
		}
	})
}

// While a channel hangs it costs one call at a time, whatever the call is; when it
// is back, it is soon called as before.
func TestAChannelThatDoesNotAnswerIsProbedAndComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		back := false
		hang := w.add("m1", "hang", &accountChannel{took: 10 * time.Millisecond})
		hang.answer = func(ctx context.Context, step refund.Step, i channel.Instruction) refund.Outcome {
			switch {
			case !back:
				return hangs(ctx, step, i)
			case step == refund.StepQuery:
				return refund.Outcome{Kind: refund.OutcomeNotFound}
			}
			return refund.Outcome{Kind: refund.OutcomeDone}
		}
		w.due("hang", 1000)
		w.run()
		defer w.stop()
		time.Sleep(2 * time.Minute)
		waits := w.engine.Waits()
		if waits.Calling > channel.CallTimeout || waits.Due < time.Minute || w.engine.Unanswered() != 1 {
			t.Errorf("waits %+v, %d accounts without an answer", waits, w.engine.Unanswered())
		}
		time.Sleep(8 * time.Minute)
		if got := hang.count(); got > channel.DefaultConcurrent+20 {
			t.Errorf("%d calls in ten minutes to a channel that hangs", got)
		}
		if got := w.store.alertTexts(); len(got) != 1 || !strings.Contains(got[0], "hang does not answer") {
			t.Errorf("alerts %q, want one", got)
		}
		back = true
		time.Sleep(2 * time.Minute)
		if done := w.store.count(refund.Succeeded); done < 950 { // a few wait for their back-off
			t.Errorf("%d of 1000 are done two minutes after the channel is back", done)
		}
		if w.engine.Unanswered() != 0 {
			t.Error("it is still left alone")
		}
	})
}

// What waits for a channel that can't be reached is not claimed for each probe, only
// to be given back.
func TestAProbeClaimsOneRefundOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.add("m1", "gone", &accountChannel{took: 5 * time.Millisecond, answer: func(context.Context, refund.Step, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: refund.OutcomeUnknown, Code: "CONNECTION_REFUSED"}
		}})
		w.due("gone", 1000)
		w.run()
		defer w.stop()
		time.Sleep(time.Minute) // until it is left alone
		before := w.store.claims
		time.Sleep(10 * time.Minute)
		if got := w.store.claims - before; got == 0 || got > 100 {
			t.Errorf("%d refunds were claimed in ten minutes", got)
		}
	})
}
