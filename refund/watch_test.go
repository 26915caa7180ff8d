package refund_test

import (
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

const day = 24 * time.Hour

// watching is a pace of a channel whose banks send money back.
var watching = refund.Pace{SettlingTime: 5 * time.Second, First: time.Second, Longest: time.Hour, Watch: [refund.MaxWatches]time.Duration{day, 3 * day, 7 * day}}

// watched is a refund that has succeeded at w.at, and how it is asked about.
func watched(t *testing.T) (w *world, id string, ask func(kind refund.OutcomeKind) refund.Refund) {
	w = newWorld(paid(t, 100))
	id = w.accept(t, minor(60)).ID
	word := func(source refund.Source, kind refund.OutcomeKind) refund.Refund {
		t.Helper()
		w.claim(id)
		o := refund.Outcome{Kind: kind, Source: source, Epoch: w.refunds[id].LeaseEpoch, SentAt: w.at}
		w.take(t, refund.Apply(w.charge, w.refunds[id], o, watching, w.at))
		return w.refunds[id]
	}
	word(refund.Submit, refund.OutcomeDone)
	w.is(t, id, refund.Succeeded)
	return w, id, func(kind refund.OutcomeKind) refund.Refund { return word(refund.Query, kind) }
}

func TestASuccessIsAskedAboutAgainUntilItsTailEnds(t *testing.T) {
	w, id, ask := watched(t)
	from := w.at
	var asked []time.Duration
	for r := w.refunds[id]; !r.WatchAt.IsZero(); {
		if !r.DueAt.IsZero() {
			t.Fatalf("it is due at %v", r.DueAt)
		}
		asked = append(asked, r.WatchAt.Sub(from))
		w.at = r.WatchAt
		r = ask(refund.OutcomeDone)
	}
	if want := []time.Duration{day, 3 * day, 7 * day}; !slices.Equal(asked, want) {
		t.Errorf("asked after %v, want %v", asked, want)
	}
	w.is(t, id, refund.Succeeded)
	if len(w.alerts) != 0 {
		t.Errorf("alerts %v", w.alerts)
	}
}

func TestAWatchedRefundThatComesBackIsReturnedAfterASecondAnswer(t *testing.T) {
	w, id, ask := watched(t)
	w.at = w.refunds[id].WatchAt
	r := ask(refund.OutcomeFailed)
	if r.State != refund.Succeeded || !r.Contradicted || !r.DueAt.Equal(w.at) {
		t.Fatalf("after the first answer it is %s, contradicted %v, due %v", r.State, r.Contradicted, r.DueAt)
	}
	w.later(time.Second)
	r = ask(refund.OutcomeFailed)
	if r.State != refund.Failed || !r.WatchAt.IsZero() || !r.DueAt.IsZero() || w.charge.Refunded != 0 {
		t.Errorf("it is %s, watched at %v, due %v; refunded %d", r.State, r.WatchAt, r.DueAt, w.charge.Refunded)
	}
}

func TestAContradictionThatIsTakenBackLeavesTheTail(t *testing.T) {
	w, id, ask := watched(t)
	from := w.at
	w.at = w.refunds[id].WatchAt
	ask(refund.OutcomeFailed)
	w.later(time.Second)
	if r := ask(refund.OutcomeDone); r.State != refund.Succeeded || r.Contradicted || r.WatchAt.Sub(from) != 3*day || !r.DueAt.IsZero() {
		t.Errorf("it is %s, contradicted %v, watched after %v, due %v", r.State, r.Contradicted, r.WatchAt.Sub(from), r.DueAt)
	}
}

func TestAWatchWithoutAnAnswerIsMadeAgain(t *testing.T) {
	for _, kind := range []refund.OutcomeKind{refund.OutcomeUnknown, refund.OutcomeTryLater} {
		w, id, ask := watched(t)
		w.at = w.refunds[id].WatchAt
		for _, wait := range []time.Duration{time.Hour, 2 * time.Hour, 4 * time.Hour} {
			r := ask(kind)
			if r.WatchAt.Sub(w.at) != wait || !r.DueAt.IsZero() || r.State != refund.Succeeded {
				t.Fatalf("%s: asked again after %v, want %v", kind, r.WatchAt.Sub(w.at), wait)
			}
			w.at = r.WatchAt
		}
		ask(refund.OutcomeDone)
	}
	// What a channel no longer shows proves nothing.
	w, id, ask := watched(t)
	w.at = w.refunds[id].WatchAt
	if r := ask(refund.OutcomeNotFound); r.State != refund.Succeeded || r.Contradicted || !r.WatchAt.After(w.at) {
		t.Errorf("not found: %s, contradicted %v, watched at %v", r.State, r.Contradicted, r.WatchAt)
	}
}

// An answer about another amount must not leave a final refund due.
func TestAWatchThatIsNotBelievedIsOver(t *testing.T) {
	w, id, _ := watched(t)
	w.at = w.refunds[id].WatchAt
	w.claim(id)
	other := *minor(59)
	o := refund.Outcome{Kind: refund.OutcomeFailed, Source: refund.Query, Epoch: w.refunds[id].LeaseEpoch, SentAt: w.at, Amount: &other}
	r := refund.Apply(w.charge, w.refunds[id], o, watching, w.at).Refunds[0]
	if r.State != refund.Succeeded || !r.DueAt.IsZero() || !r.WatchAt.After(w.at) {
		t.Errorf("it is %s, due %v, watched at %v", r.State, r.DueAt, r.WatchAt)
	}
}

func TestNoOtherWordMovesTheTail(t *testing.T) {
	w, id, _ := watched(t)
	at := w.refunds[id].WatchAt
	w.notice(t, id, refund.OutcomeDone)
	if got := w.refunds[id].WatchAt; !got.Equal(at) {
		t.Errorf("after a notice it is watched at %v, before at %v", got, at)
	}
	unwatched := newWorld(paid(t, 100))
	other := unwatched.accept(t, nil).ID
	unwatched.call(t, other, refund.Submit, refund.OutcomeDone)
	if got := unwatched.refunds[other].WatchAt; !got.IsZero() {
		t.Errorf("a channel without a tail asks again at %v", got)
	}
}
