package refund_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/refund"
)

// asked is a pending refund whose channel is asked again and again, and what was
// left of it.
func asked(t *testing.T, answers []refund.Outcome, every time.Duration) (refund.Refund, []refund.Attempt, []refund.Alert) {
	t.Helper()
	w := newWorld(paid(t, 1000))
	r, err := w.tryAccept(t, refund.Request{Amount: minor(100)})
	if err != nil {
		t.Fatal(err)
	}
	var attempts []refund.Attempt
	var alerts []refund.Alert
	for _, o := range answers {
		o.Source = refund.Query
		if refund.NextStep(w.refunds[r.ID]) == refund.StepSubmit {
			o.Source = refund.Submit
		}
		w.at = w.at.Add(every)
		claimed := refund.Claim(w.refunds[r.ID], w.at, w.at.Add(45*time.Second))
		w.refunds[r.ID] = claimed
		o.Epoch = claimed.LeaseEpoch
		change := w.word(t, r.ID, o)
		attempts, alerts = append(attempts, change.Attempts...), append(alerts, change.Alerts...)
	}
	return w.refunds[r.ID], attempts, alerts
}

func kindsOf(kind refund.OutcomeKind, n int) []refund.Outcome {
	return slices.Repeat([]refund.Outcome{{Kind: kind}}, n)
}

func TestEqualAnswersInARowAreOneAttempt(t *testing.T) {
	answers := slices.Concat(kindsOf(refund.OutcomeUnknown, 1), kindsOf(refund.OutcomeTryLater, 10), kindsOf(refund.OutcomeAccepted, 1), kindsOf(refund.OutcomeAccepted, 5))
	r, attempts, _ := asked(t, answers, time.Minute)
	type row struct {
		Outcome refund.OutcomeKind
		Times   int64
		At      time.Duration
	}
	var got []row
	for _, a := range attempts {
		got = append(got, row{a.Outcome, a.Times, a.At.Sub(attempts[0].At)})
	}
	want := []row{
		{refund.OutcomeUnknown, 0, 0},
		{refund.OutcomeTryLater, 0, time.Minute},
		{refund.OutcomeTryLater, 9, 10 * time.Minute},
		{refund.OutcomeAccepted, 0, 11 * time.Minute},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
	if r.Attempts != 17 || r.Streak.Times != 5 || r.Streak.Outcome != refund.OutcomeAccepted || r.Streak.LastAt.Sub(attempts[0].At) != 16*time.Minute {
		t.Errorf("%d calls, streak %+v", r.Attempts, r.Streak)
	}
	if counted, some := r.Streak.Attempt(r.ID); !some || counted.Times != 5 || counted.At != r.Streak.LastAt {
		t.Errorf("what is counted: %+v, %v", counted, some)
	}
	ended, attempts, _ := asked(t, append(answers, refund.Outcome{Kind: refund.OutcomeDone}), time.Minute)
	if last := attempts[len(attempts)-2]; ended.Streak != (refund.Streak{}) || last.Times != 5 {
		t.Errorf("at its end it has the streak %+v, after %+v", ended.Streak, last)
	}
}

// A refund that stays short of funds with an unknown attempt was asked about once a
// second for ever.
func TestWhatStaysUnknownIsAskedFurtherAndFurtherApart(t *testing.T) {
	for _, kind := range []refund.OutcomeKind{refund.OutcomeShortOfFunds, refund.OutcomeUnknown, refund.OutcomeTryLater} {
		w := newWorld(paid(t, 1000))
		r, err := w.tryAccept(t, refund.Request{Amount: minor(100)})
		if err != nil {
			t.Fatal(err)
		}
		calls := 0
		for until := w.at.Add(24 * time.Hour); w.at.Before(until); calls++ {
			o := refund.Outcome{Kind: kind, Source: refund.Query}
			if calls == 0 {
				o = refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit}
			}
			claimed := refund.Claim(w.refunds[r.ID], w.at, w.at.Add(45*time.Second))
			w.refunds[r.ID], o.Epoch = claimed, claimed.LeaseEpoch
			w.word(t, r.ID, o)
			if wait := w.refunds[r.ID].DueAt.Sub(w.at); calls == 0 && wait != time.Second {
				t.Errorf("after the unknown call it is asked about after %s", wait)
			}
			w.at = w.refunds[r.ID].DueAt
		}
		if calls > 40 {
			t.Errorf("%s: %d calls in a day", kind, calls)
		}
	}
}

func TestALongUnknownRefundIsShownToAPersonOnce(t *testing.T) {
	answers := append(kindsOf(refund.OutcomeUnknown, 1), kindsOf(refund.OutcomeUnknown, 100)...)
	r, _, alerts := asked(t, answers, time.Hour)
	if !r.NeedsPerson || r.State != refund.Pending || len(alerts) != 1 {
		t.Errorf("after 100 hours: needs a person %v, %s, alerts %+v", r.NeedsPerson, r.State, alerts)
	}
	if r, _, alerts := asked(t, answers[:40], time.Hour); r.NeedsPerson || len(alerts) != 0 {
		t.Errorf("after 40 hours: needs a person %v, alerts %+v", r.NeedsPerson, alerts)
	}
	// Nothing follows from it: the channel is asked on, and its word counts.
	r, _, _ = asked(t, append(answers, refund.Outcome{Kind: refund.OutcomeAccepted}), time.Hour)
	if r.NeedsPerson || r.State != refund.Pending {
		t.Errorf("after the channel has spoken: needs a person %v, %s", r.NeedsPerson, r.State)
	}
}

func TestAnAmountThatContradictsIsToldOnceAndThenCounted(t *testing.T) {
	other := refund.Outcome{Kind: refund.OutcomeUnknown, Amount: minor(99)}
	answers := append(kindsOf(refund.OutcomeAccepted, 1), slices.Repeat([]refund.Outcome{other}, 200)...)
	r, attempts, alerts := asked(t, answers, 30*time.Minute)
	if len(alerts) != 1 || len(attempts) != 3 || r.Streak.Times != 198 {
		t.Errorf("%d alerts, %d attempts, %d counted", len(alerts), len(attempts), r.Streak.Times)
	}
	if r.State != refund.Pending || !r.NeedsPerson || r.DueAt.IsZero() {
		t.Errorf("the refund is %s, needs a person: %v, due %s", r.State, r.NeedsPerson, r.DueAt)
	}
	ended, _, _ := asked(t, append(answers, refund.Outcome{Kind: refund.OutcomeDone, Amount: minor(100)}), 30*time.Minute)
	if ended.State != refund.Succeeded || ended.NeedsPerson {
		t.Errorf("after the right amount the refund is %s, needs a person: %v", ended.State, ended.NeedsPerson)
	}
}
