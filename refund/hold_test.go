package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

func TestCancel(t *testing.T) {
	t.Run("an unclaimed refund is canceled and its amount refundable again", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		id := w.accept(t, nil).ID
		if err := w.cancel(t, id); err != nil {
			t.Fatal(err)
		}
		w.is(t, id, refund.Canceled)
		if e := w.events[id][1]; w.charge.Refundable() != 100 || e.RequestID != "iar_1" {
			t.Errorf("%d is refundable, request %q", w.charge.Refundable(), e.RequestID)
		}
		if err := w.cancel(t, id); err != nil || len(w.events[id]) != 2 {
			t.Errorf("again: %v, %d events", err, len(w.events[id]))
		}
	})
	t.Run("a held refund is canceled before its time", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		r, _ := w.tryAccept(t, refund.Request{HoldUntil: w.at.Add(time.Hour)})
		if r.State != refund.Held || r.HeldReason != refund.HeldForStart || !r.DueAt.Equal(w.at.Add(time.Hour)) {
			t.Fatalf("%+v", r)
		}
		if err := w.cancel(t, r.ID); err != nil {
			t.Fatal(err)
		}
		w.is(t, r.ID, refund.Canceled)
	})
	for _, test := range []struct {
		name   string
		before func(w *world, id string)
	}{
		{"under a claim", func(w *world, id string) { w.claim(id) }},
		{"under a claim that ran out", func(w *world, id string) { w.claim(id); w.later(time.Hour) }},
		{"that the channel has", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeAccepted) }},
		{"whose outcome is unknown", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeUnknown) }},
		{"whose first caller spoke after its lease", func(w *world, id string) {
			w.call(t, id, refund.Submit, refund.OutcomeTryLater)
			w.word(t, id, refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit})
		}},
		{"that succeeded", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeDone) }},
		{"that failed", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeRefused) }},
	} {
		t.Run("a refund "+test.name+" can't be canceled", func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			test.before(w, id)
			state := w.refunds[id].State
			if err := w.cancel(t, id); err == nil || err.Kind != refund.KindStateConflict || err.Refund != id {
				t.Errorf("got %v", err)
			}
			w.is(t, id, state)
		})
	}
}

func TestARefundHeldAfterAnAttemptIsCanceledOnlyWhenAQueryFindsNothing(t *testing.T) {
	for _, test := range []struct {
		name string
		said refund.OutcomeKind
		want refund.State
	}{
		{"nothing there", refund.OutcomeNotFound, refund.Canceled},
		{"it is there", refund.OutcomeAccepted, refund.Pending},
		{"it is done", refund.OutcomeDone, refund.Succeeded},
		{"no answer", refund.OutcomeUnknown, refund.Held},
		{"short of funds", refund.OutcomeShortOfFunds, refund.Held},
		{"refused to answer", refund.OutcomeRefused, refund.Held},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			w.call(t, id, refund.Submit, refund.OutcomeShortOfFunds)
			w.later(time.Second)
			if err := w.cancel(t, id); err != nil {
				t.Fatal(err)
			}
			w.is(t, id, refund.Held)
			w.next(t, id, refund.StepQuery)
			w.call(t, id, refund.Query, refund.OutcomeNotFound) // before the settling time: proves nothing
			w.is(t, id, refund.Held)
			w.later(pace.SettlingTime)
			w.call(t, id, refund.Query, test.said)
			w.is(t, id, test.want)
			if test.want == refund.Held {
				w.next(t, id, refund.StepQuery) // still asked, never submitted
			}
		})
	}
}

func TestHeldForFundsGoesOnWithTheSameNumber(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	number := w.refunds[id].ChannelNumber
	w.call(t, id, refund.Submit, refund.OutcomeShortOfFunds)
	w.is(t, id, refund.Held)
	if r := w.refunds[id]; r.HeldReason != refund.HeldForFunds || !r.HoldUntil.Equal(r.DueAt) || !r.DueAt.After(w.at) || w.charge.Reserved != 100 {
		t.Fatalf("%+v with %d reserved", r, w.charge.Reserved)
	}
	w.next(t, id, refund.StepSubmit)
	w.later(time.Minute)
	w.call(t, id, refund.Submit, refund.OutcomeAccepted)
	w.is(t, id, refund.Pending)
	if r := w.refunds[id]; r.ChannelNumber != number || r.HeldReason != "" || !r.HoldUntil.IsZero() {
		t.Errorf("%+v", r)
	}
}

func TestShortOfFundsBesideAnUnknownCallIsAsked(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeUnknown)
	w.call(t, id, refund.Submit, refund.OutcomeShortOfFunds)
	w.is(t, id, refund.Pending)
	w.next(t, id, refund.StepQuery)
}

func TestAWordUnderALostLeaseOnlyMakesDue(t *testing.T) {
	t.Run("an open refund is due now and asked about", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		id := w.accept(t, nil).ID
		w.claim(id)
		w.later(time.Minute)
		w.call(t, id, refund.Query, refund.OutcomeUnknown) // took over, and gave its lease back
		change := w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Submit, Epoch: 1})
		w.is(t, id, refund.Pending)
		if r := w.refunds[id]; !r.DueAt.Equal(w.at) || change.Attempts[0].Note != "lease lost" {
			t.Errorf("due at %v, note %q", r.DueAt, change.Attempts[0].Note)
		}
		w.next(t, id, refund.StepQuery)
	})
	t.Run("whoever took over is not disturbed", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		id := w.accept(t, nil).ID
		w.claim(id)
		w.later(time.Minute)
		w.claim(id)
		until := w.refunds[id].LeaseUntil
		w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Submit, Epoch: 1})
		if r := w.refunds[id]; !r.DueAt.Equal(until) || !r.LeaseUntil.Equal(until) {
			t.Errorf("due at %v, lease until %v, want both %v", r.DueAt, r.LeaseUntil, until)
		}
	})
	t.Run("money that moved after we gave up is asked about", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		id := w.accept(t, nil).ID
		w.claim(id)
		w.later(time.Minute)
		w.call(t, id, refund.Query, refund.OutcomeNotFound) // takes over; counts as too early
		w.later(time.Minute)
		w.call(t, id, refund.Query, refund.OutcomeNotFound)
		w.call(t, id, refund.Submit, refund.OutcomeRefused)
		w.is(t, id, refund.Failed)
		w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Submit, Epoch: 1})
		w.is(t, id, refund.Failed)
		if !w.refunds[id].Contradicted {
			t.Fatal("a payer may have the money, and nobody asks")
		}
		w.later(time.Second)
		w.call(t, id, refund.Query, refund.OutcomeDone)
		w.is(t, id, refund.Succeeded)
	})
}

func TestAClaimAfterALostLeaseAsksFirst(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.next(t, id, refund.StepSubmit)
	w.claim(id)
	w.next(t, id, refund.StepSubmit)
	if r := w.refunds[id]; r.LeaseEpoch != 1 || !r.DueAt.Equal(r.LeaseUntil) {
		t.Fatalf("%+v", r)
	}
	w.later(time.Hour)
	w.claim(id)
	w.next(t, id, refund.StepQuery)
	if r := w.refunds[id]; r.LeaseEpoch != 2 || !r.Unknown || !r.SubmittedAt.Equal(w.at) {
		t.Errorf("%+v", r)
	}
	// One that is lost while it asks may have gone before a late submit.
	w.later(time.Hour)
	w.claim(id)
	if r := w.refunds[id]; !r.SubmittedAt.Equal(w.at) {
		t.Errorf("submitted at %v at the latest, want now", r.SubmittedAt)
	}
	// A lease that was given back leaves no doubt.
	w = newWorld(paid(t, 100))
	id = w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeTryLater)
	w.claim(id)
	w.next(t, id, refund.StepSubmit)
}

func TestANoticeLeavesTheLeaseOfACallUnderWayAlone(t *testing.T) {
	for _, kind := range kinds {
		w := newWorld(paid(t, 100))
		id := w.accept(t, nil).ID
		w.claim(id)
		until := w.refunds[id].LeaseUntil
		w.notice(t, id, kind)
		if r := w.refunds[id]; !r.LeaseUntil.Equal(until) || !r.State.Final() && !r.DueAt.Equal(until) {
			t.Errorf("%s: lease until %v, due at %v, want both %v", kind, r.LeaseUntil, r.DueAt, until)
		}
	}
}

func TestUnclaimGivesBackOnlyItsOwnLease(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	due := w.at.Add(time.Second)
	if r, ok := refund.Unclaim(w.refunds[id], 2, due); ok || r.LeaseUntil.IsZero() {
		t.Errorf("gave back a lease of another epoch: %+v", r)
	}
	free, ok := refund.Unclaim(w.refunds[id], 1, due)
	if !ok || !free.LeaseUntil.IsZero() || !free.DueAt.Equal(due) || free.Unknown {
		t.Errorf("%v %+v", ok, free)
	}
	if again := refund.Claim(free, due, due.Add(time.Minute)); refund.NextStep(again) != refund.StepSubmit {
		t.Error("asks about a call that nobody made")
	}
	if _, ok := refund.Unclaim(free, 1, due); ok {
		t.Error("gave back a lease that nobody holds")
	}
	w.notice(t, id, refund.OutcomeDone)
	if ended, ok := refund.Unclaim(w.refunds[id], 1, due); !ok || !ended.DueAt.IsZero() {
		t.Errorf("%v: a refund that has ended is due at %v", ok, ended.DueAt)
	}
}
