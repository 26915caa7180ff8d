package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

func TestLateSuccessAfterFailureIsCorrected(t *testing.T) {
	w := newWorld(paid(t, 100, coupon(global, cash, 30)))
	id := w.accept(t, minor(60)).ID
	w.call(t, id, refund.Submit, refund.OutcomeRefused)
	w.is(t, id, refund.Failed)

	w.notice(t, id, refund.OutcomeDone)
	w.is(t, id, refund.Failed) // not before it is confirmed
	if r := w.refunds[id]; !r.Contradicted || !r.DueAt.Equal(w.at) || len(w.alerts) != 1 {
		t.Fatalf("contradicted %v, due at %v, alerts %v", r.Contradicted, r.DueAt, w.alerts)
	}
	w.next(t, id, refund.StepQuery)
	w.later(time.Second)
	w.call(t, id, refund.Query, refund.OutcomeUnknown) // no answer: asked again
	if r := w.refunds[id]; !r.Contradicted || !r.DueAt.After(w.at) {
		t.Fatalf("contradicted %v, due at %v after a query without an answer", r.Contradicted, r.DueAt)
	}
	w.later(time.Minute)
	change := w.call(t, id, refund.Query, refund.OutcomeDone)
	w.is(t, id, refund.Succeeded)
	if len(change.Events) != 1 || change.Events[0].Type != "refund.succeeded" || len(change.Alerts) != 1 {
		t.Errorf("events %v, alerts %v", change.Events, change.Alerts)
	}
}

func TestAContradictedStateThatTheChannelStandsByStays(t *testing.T) {
	for _, test := range []struct {
		name  string
		first refund.OutcomeKind
		word  refund.OutcomeKind
		said  refund.OutcomeKind
		want  refund.State
		ends  bool
	}{
		{"failed, and failed it is", refund.OutcomeRefused, refund.OutcomeDone, refund.OutcomeFailed, refund.Failed, true},
		{"failed, and the channel knows none", refund.OutcomeRefused, refund.OutcomeDone, refund.OutcomeNotFound, refund.Failed, true},
		{"succeeded, and succeeded it is", refund.OutcomeDone, refund.OutcomeFailed, refund.OutcomeDone, refund.Succeeded, true},
		{"failed, but the channel is still at work", refund.OutcomeRefused, refund.OutcomeDone, refund.OutcomeAccepted, refund.Failed, false},
		{"succeeded, but the channel knows none", refund.OutcomeDone, refund.OutcomeFailed, refund.OutcomeNotFound, refund.Succeeded, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			w.call(t, id, refund.Submit, test.first)
			w.notice(t, id, test.word)
			w.later(time.Minute)
			w.call(t, id, refund.Query, test.said)
			w.is(t, id, test.want)
			if w.refunds[id].Contradicted == test.ends {
				t.Errorf("contradicted: %v", w.refunds[id].Contradicted)
			}
		})
	}
}

func TestAContradictionIsNotAskedAboutForEver(t *testing.T) {
	const year = 365 * 24 * time.Hour
	for _, test := range []struct {
		name         string
		first        refund.OutcomeKind // of the submit
		hint         bool               // nothing but a hint came; else a word against the state
		said         refund.OutcomeKind // of each query
		most         int                // of queries in a year
		person, ends bool
	}{
		{"a hint, and answers that say nothing", refund.OutcomeRefused, true, refund.OutcomeInconclusive, 5, false, true},
		{"a hint of a success, and answers that say nothing", refund.OutcomeDone, true, refund.OutcomeInconclusive, 5, false, true},
		{"a hint, and refused questions", refund.OutcomeRefused, true, refund.OutcomeRefused, 5, false, true},
		{"a hint, and no answer", refund.OutcomeRefused, true, refund.OutcomeUnknown, 48, false, true},
		{"a hint of a success of which the channel knows nothing", refund.OutcomeDone, true, refund.OutcomeNotFound, 400, true, false},
		{"a hint of a failure at which the channel is at work", refund.OutcomeRefused, true, refund.OutcomeAccepted, 400, true, false},
		{"a word, and answers that say nothing", refund.OutcomeRefused, false, refund.OutcomeInconclusive, 400, true, false},
		{"a word, and no answer", refund.OutcomeRefused, false, refund.OutcomeUnknown, 400, true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			w.call(t, id, refund.Submit, test.first)
			w.later(time.Minute)
			before := w.refunds[id]
			if test.hint {
				w.refunds[id], _ = refund.AskNow(before, w.at)
			} else {
				w.notice(t, id, refund.OutcomeDone)
			}
			end, queries := w.at.Add(year), 0
			for r := w.refunds[id]; !r.DueAt.IsZero() && r.DueAt.Before(end); r = w.refunds[id] {
				w.at = r.DueAt.Add(time.Second)
				w.call(t, id, refund.Query, test.said)
				queries++
			}
			r := w.refunds[id]
			if queries > test.most || r.NeedsPerson != test.person || r.Contradicted == test.ends || r.Hinted || r.State != before.State {
				t.Errorf("%d queries; %s, needs a person %v, contradicted %v, hinted %v", queries, r.State, r.NeedsPerson, r.Contradicted, r.Hinted)
			}
			if !test.ends {
				w.call(t, id, refund.Query, map[bool]refund.OutcomeKind{true: refund.OutcomeDone, false: refund.OutcomeFailed}[r.State == refund.Succeeded])
				if r = w.refunds[id]; r.Contradicted || r.NeedsPerson || !r.DueAt.IsZero() {
					t.Errorf("once the channel stands by it: contradicted %v, needs a person %v, due %v", r.Contradicted, r.NeedsPerson, r.DueAt)
				}
			}
		})
	}
}

func TestAWordAfterAHintIsAContradiction(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeRefused)
	w.refunds[id], _ = refund.AskNow(w.refunds[id], w.at)
	w.later(time.Minute)
	w.notice(t, id, refund.OutcomeDone)
	for range 10 {
		w.later(time.Hour)
		w.call(t, id, refund.Query, refund.OutcomeInconclusive)
	}
	if r := w.refunds[id]; !r.Contradicted || r.Hinted || r.DueAt.IsZero() || len(w.alerts) != 1 {
		t.Errorf("contradicted %v, hinted %v, due %v, alerts %v", r.Contradicted, r.Hinted, r.DueAt, w.alerts)
	}
}

func TestAQueryThatLeftBeforeTheContradictionDoesNotConfirmIt(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeAccepted)
	w.claim(id)
	sent := w.at
	w.later(time.Second)
	w.notice(t, id, refund.OutcomeDone)
	w.later(time.Second)
	w.notice(t, id, refund.OutcomeFailed) // returned at once
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Query, Epoch: 2, SentAt: sent})
	if r := w.refunds[id]; !r.Contradicted || r.State != refund.Succeeded {
		t.Fatalf("%s, contradicted %v: an old answer ended the doubt", r.State, r.Contradicted)
	}
	w.later(time.Second)
	w.call(t, id, refund.Query, refund.OutcomeFailed)
	w.is(t, id, refund.Failed)
}

func TestReturnedAfterSuccess(t *testing.T) {
	w := newWorld(paid(t, 100, coupon(global, noCash, 40)))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeDone)
	w.notice(t, id, refund.OutcomeFailed)
	w.is(t, id, refund.Succeeded)
	w.later(time.Second)
	change := w.call(t, id, refund.Query, refund.OutcomeFailed)
	w.is(t, id, refund.Failed)
	if w.charge.Refundable() != 100 || len(change.Alerts) != 1 {
		t.Errorf("%d is refundable, alerts %v", w.charge.Refundable(), change.Alerts)
	}
	// Returned and sent once more by the bank: the books follow again.
	w.notice(t, id, refund.OutcomeDone)
	w.later(time.Second)
	w.call(t, id, refund.Query, refund.OutcomeDone)
	w.is(t, id, refund.Succeeded)
}

func TestACorrectionThatNoLongerFitsIsExcess(t *testing.T) {
	w := newWorld(paid(t, 100))
	first := w.accept(t, minor(80)).ID
	w.call(t, first, refund.Submit, refund.OutcomeRefused)
	second := w.accept(t, minor(70)).ID
	w.notice(t, first, refund.OutcomeDone)
	w.later(time.Second)
	w.call(t, first, refund.Query, refund.OutcomeDone)
	if w.charge.Excess != 50 || w.charge.Refundable() != 0 {
		t.Fatalf("excess %d, refundable %d", w.charge.Excess, w.charge.Refundable())
	}
	// What we instructed fails: it fits again, and the cap is as tight as before.
	w.call(t, second, refund.Submit, refund.OutcomeRefused)
	if w.charge.Excess != 0 || w.charge.Refundable() != 20 {
		t.Fatalf("excess %d, refundable %d", w.charge.Excess, w.charge.Refundable())
	}
}

func TestWhatCanNoLongerBeCountedIsLeftAsItIs(t *testing.T) {
	const most = 1<<63 - 1
	w := newWorld(paid(t, most))
	first := w.accept(t, nil).ID
	w.call(t, first, refund.Submit, refund.OutcomeRefused)
	second := w.accept(t, nil).ID
	w.call(t, second, refund.Submit, refund.OutcomeDone)
	w.notice(t, first, refund.OutcomeDone)
	w.later(time.Second)
	w.call(t, first, refund.Query, refund.OutcomeDone)
	w.is(t, first, refund.Failed)
	if r := w.refunds[first]; !r.Contradicted || r.DueAt.IsZero() {
		t.Errorf("contradicted %v, due at %v: forgotten", r.Contradicted, r.DueAt)
	}
	if _, err := refund.Adopt(w.charge, nil, refund.Foreign{RefundID: "re_x", Amount: 1}, w.at); err == nil {
		t.Error("adopted what can't be counted")
	}
}

func TestAdoption(t *testing.T) {
	t.Run("what fits cancels nothing", func(t *testing.T) {
		w := newWorld(paid(t, 100, coupon(global, cash, 50)))
		open := w.accept(t, minor(40)).ID
		foreign := w.adopt(t, 60)
		w.is(t, open, refund.Created)
		w.is(t, foreign.ID, refund.Succeeded)
		if w.charge.Excess != 0 {
			t.Errorf("excess %d", w.charge.Excess)
		}
	})
	t.Run("what does not fit cancels the newest unattempted ones first", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		attempted := w.accept(t, minor(30)).ID
		w.call(t, attempted, refund.Submit, refund.OutcomeTryLater)
		oldest, held := w.accept(t, minor(20)).ID, ""
		r, err := w.tryAccept(t, refund.Request{Amount: minor(20), HoldUntil: w.at.Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		held = r.ID
		claimed := w.accept(t, minor(20)).ID
		w.claim(claimed)
		throttled := w.accept(t, minor(5)).ID // the newest, and one that a call was made for
		w.call(t, throttled, refund.Submit, refund.OutcomeTryLater)
		w.adopt(t, 25)
		w.is(t, attempted, refund.Created)
		w.is(t, throttled, refund.Created)
		w.is(t, claimed, refund.Created)
		w.is(t, held, refund.Canceled)
		w.is(t, oldest, refund.Created)
		if w.charge.Excess != 0 {
			t.Errorf("excess %d", w.charge.Excess)
		}
	})
	t.Run("what still does not fit is excess, which no refund of ours may use", func(t *testing.T) {
		w := newWorld(paid(t, 100, coupon(global, noCash, 20)))
		pending := w.accept(t, minor(90)).ID
		w.call(t, pending, refund.Submit, refund.OutcomeAccepted)
		w.adopt(t, 50)
		if w.charge.Excess != 40 || w.charge.Refundable() != 0 || len(w.alerts) != 2 {
			t.Errorf("excess %d, refundable %d, alerts %v", w.charge.Excess, w.charge.Refundable(), w.alerts)
		}
		if _, err := w.tryAccept(t, refund.Request{Amount: minor(1)}); err == nil || err.Kind != refund.KindAmountExceeded {
			t.Errorf("got %v", err)
		}
		w.call(t, pending, refund.Query, refund.OutcomeFailed)
		if w.charge.Excess != 0 || w.charge.Refundable() != 50 {
			t.Errorf("excess %d, refundable %d", w.charge.Excess, w.charge.Refundable())
		}
	})
	t.Run("nothing, or less, is not adopted", func(t *testing.T) {
		if _, err := refund.Adopt(paid(t, 100), nil, refund.Foreign{}, at0); err == nil || err.Kind != refund.KindInvalid {
			t.Errorf("got %v", err)
		}
	})
}

func TestAWordThatAgreesAddsTheChannelsOwnId(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	w.notice(t, id, refund.OutcomeDone)
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Submit, Epoch: 1, ChannelRefundID: "5000"})
	if got := w.refunds[id].ChannelRefundID; got != "5000" {
		t.Errorf("the channel's id is %q", got)
	}
}

func TestASuccessWithABrokenTimeSucceedsNow(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Submit, Epoch: 1, SucceededAt: time.Unix(0, 0)})
	if got := w.refunds[id].SucceededAt; !got.Equal(w.at) {
		t.Errorf("succeeded at %v, which no row can hold", got)
	}
}

func TestASnapshotRestoresWhatItWasTakenOf(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, minor(60)).ID
	w.call(t, id, refund.Submit, refund.OutcomeShortOfFunds)
	before, charge := w.refunds[id], w.charge
	w.later(time.Minute)
	w.call(t, id, refund.Submit, refund.OutcomeDone)
	event := w.events[id][1]
	r, c := event.Snapshot.Restore(w.refunds[id], w.charge)
	if r.State != refund.Held || r.HeldReason != refund.HeldForFunds || !r.SucceededAt.IsZero() || !r.UpdatedAt.Equal(before.UpdatedAt) {
		t.Errorf("restored %+v", r)
	}
	if c.Reserved != charge.Reserved || c.Refunded != charge.Refunded {
		t.Errorf("restored %+v", c)
	}
}
