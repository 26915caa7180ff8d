package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

func TestARefusalAfterAnUnknownFailsOnlyWhenAQueryConfirmsIt(t *testing.T) {
	for _, test := range []struct {
		name string
		said refund.OutcomeKind
		want refund.State
	}{
		{"the channel says that it failed", refund.OutcomeFailed, refund.Failed},
		{"the channel never had it", refund.OutcomeNotFound, refund.Failed},
		{"the first call had moved the money", refund.OutcomeDone, refund.Succeeded},
		{"the channel is at work on it", refund.OutcomeAccepted, refund.Pending},
		{"the channel refuses to be asked", refund.OutcomeRefused, refund.Pending},
		{"no answer", refund.OutcomeUnknown, refund.Pending},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			// The process that submits is lost with its lease; so the next one
			// that submits does so beside an unknown call.
			w.claim(id)
			w.word(t, id, refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit, Epoch: 1})
			w.claim(id)
			w.word(t, id, refund.Outcome{Kind: refund.OutcomeRefused, Source: refund.Submit, Epoch: 2, Code: "DUPLICATE"})
			w.is(t, id, refund.Pending)
			w.next(t, id, refund.StepQuery)
			if due := w.refunds[id].DueAt; !due.Equal(w.at) {
				t.Errorf("due at %v, want now", due)
			}
			w.later(time.Minute)
			w.call(t, id, refund.Query, test.said)
			w.is(t, id, test.want)
		})
	}
}

func TestARefusalWithoutDoubtFailsAndGivesBack(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeRefused, Source: refund.Submit, Epoch: 1, Code: "NO", Message: "never"})
	w.is(t, id, refund.Failed)
	if r := w.refunds[id]; r.FailureCode != "NO" || r.FailureMessage != "never" {
		t.Errorf("the failure is explained by %q, %q", r.FailureCode, r.FailureMessage)
	}
	if w.charge.Refundable() != 100 {
		t.Errorf("%d is refundable, want all", w.charge.Refundable())
	}
}

func TestARefusedSubmitOfWhatANoticeSaysTheChannelHasIsAskedAbout(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	w.notice(t, id, refund.OutcomeAccepted) // quicker than the answer
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeRefused, Source: refund.Submit, Epoch: 1})
	w.is(t, id, refund.Pending)
	w.next(t, id, refund.StepQuery)
}

func TestWhatANoticeSaysTheChannelHasIsNotSubmittedAgain(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	w.notice(t, id, refund.OutcomeAccepted)
	w.later(time.Hour) // the caller is lost
	w.claim(id)
	w.next(t, id, refund.StepQuery)
}

func TestAWrongAmountIsNotBelieved(t *testing.T) {
	for _, test := range []struct {
		name   string
		source refund.Source
		want   refund.State
		next   refund.Step
	}{
		{"in a notice", refund.Notice, refund.Created, refund.StepSubmit},
		{"in the answer to a submit", refund.Submit, refund.Pending, refund.StepQuery},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			if test.source.Call() {
				w.claim(id)
			}
			w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: test.source, Epoch: w.refunds[id].LeaseEpoch, Amount: minor(1)})
			w.is(t, id, test.want)
			w.next(t, id, test.next)
			if len(w.alerts) != 1 {
				t.Errorf("alerts %v", w.alerts)
			}
			w.later(time.Minute)
			w.claim(id)
			w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Query, Epoch: w.refunds[id].LeaseEpoch, Amount: minor(100)})
			w.is(t, id, refund.Succeeded)
		})
	}
}

func TestNotFoundCountsOnlyAfterTheSettlingTime(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	sent := w.at
	w.call(t, id, refund.Submit, refund.OutcomeUnknown)
	w.is(t, id, refund.Pending)
	if due := w.refunds[id].DueAt; due.Sub(w.at) > 2*time.Second {
		t.Errorf("due %v after an unknown outcome, want soon", due.Sub(w.at))
	}
	w.later(pace.SettlingTime - time.Microsecond)
	w.call(t, id, refund.Query, refund.OutcomeNotFound)
	w.next(t, id, refund.StepQuery)
	if due := w.refunds[id].DueAt; !due.Equal(sent.Add(pace.SettlingTime)) {
		t.Errorf("due at %v, want when the settling time is over", due)
	}
	w.later(time.Microsecond)
	w.call(t, id, refund.Query, refund.OutcomeNotFound)
	w.is(t, id, refund.Pending)
	w.next(t, id, refund.StepSubmit)
	if r := w.refunds[id]; r.ChannelNumber != "n"+id || !r.DueAt.Equal(w.at) {
		t.Errorf("number %s, due at %v: want the same number, now", r.ChannelNumber, r.DueAt)
	}
	w.call(t, id, refund.Submit, refund.OutcomeDone)
	w.is(t, id, refund.Succeeded)
}

func TestNotFoundTooEarlyLeavesAnAbnormalRefundAlone(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeAbnormal)
	w.call(t, id, refund.Query, refund.OutcomeNotFound)
	w.is(t, id, refund.Abnormal)
}

func TestAChannelThatLosesEveryCallIsNotFlooded(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	var waits []time.Duration
	for range 6 {
		w.call(t, id, refund.Submit, refund.OutcomeUnknown)
		w.later(time.Minute)
		w.call(t, id, refund.Query, refund.OutcomeNotFound)
		waits = append(waits, w.refunds[id].DueAt.Sub(w.at))
		w.later(time.Hour)
	}
	if waits[0] != 0 || waits[5] < 8*time.Second {
		t.Errorf("submits again after %v", waits)
	}
}

func TestAcceptedAfterAbnormalIsOlder(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	w.notice(t, id, refund.OutcomeAbnormal)
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeAccepted, Source: refund.Submit, Epoch: 1})
	w.is(t, id, refund.Abnormal)
	w.notice(t, id, refund.OutcomeAccepted)
	w.is(t, id, refund.Abnormal)
	w.call(t, id, refund.Reroute, refund.OutcomeAccepted)
	w.is(t, id, refund.Pending)
	w.next(t, id, refund.StepQuery)
	w.call(t, id, refund.Query, refund.OutcomeDone)
	w.is(t, id, refund.Succeeded)
}

func TestBackoffDoublesToItsLongest(t *testing.T) {
	p := refund.Pace{First: time.Second, Longest: 10 * time.Second}
	for tries, want := range []time.Duration{time.Second, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
		if got := p.Backoff(int64(tries)); got != want {
			t.Errorf("after %d tries %v, want %v", tries, got, want)
		}
	}
	if got := p.Backoff(1 << 40); got != 10*time.Second {
		t.Errorf("after very many tries %v", got)
	}
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.claim(id)
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeTryLater, Source: refund.Submit, Epoch: 1, RetryAfter: 7 * time.Minute})
	if got := w.refunds[id].DueAt.Sub(w.at); got != 7*time.Minute {
		t.Errorf("asked to wait 7 minutes, waits %v", got)
	}
	w.claim(id)
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeTryLater, Source: refund.Submit, Epoch: 2, RetryAfter: 1 << 62})
	if got := w.refunds[id].DueAt.Sub(w.at); got != 24*time.Hour {
		t.Errorf("asked to wait for centuries, waits %v", got)
	}
}

func TestAChannelThatForgetsARefundIsNoCaseForAGuess(t *testing.T) {
	for _, had := range []refund.OutcomeKind{refund.OutcomeAccepted, refund.OutcomeAbnormal} {
		w := newWorld(paid(t, 100))
		id := w.accept(t, nil).ID
		w.call(t, id, refund.Submit, had)
		state := w.refunds[id].State
		w.later(time.Hour)
		if had == refund.OutcomeAbnormal {
			w.call(t, id, refund.Reroute, refund.OutcomeUnknown)
			w.later(time.Hour)
		}
		change := w.call(t, id, refund.Query, refund.OutcomeNotFound)
		w.is(t, id, state)
		w.next(t, id, refund.StepQuery) // and not told the channel again
		if len(change.Alerts) != 1 || !w.refunds[id].DueAt.After(w.at) {
			t.Errorf("alerts %v, due at %v", change.Alerts, w.refunds[id].DueAt)
		}
	}
}
