package refund_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/refundry/refundry/refund"
)

// within is the pace of a channel that knows a repeat for an hour.
func within() refund.Pace {
	p := pace
	p.ResubmitWithin = time.Hour
	return p
}

// answer takes a word under a lease of its own at a channel of the given pace.
func (w *world) answer(t failer, id string, p refund.Pace, o refund.Outcome) {
	t.Helper()
	w.claim(id)
	o.Epoch, o.SentAt = w.refunds[id].LeaseEpoch, w.at
	w.take(t, refund.Apply(w.charge, w.refunds[id], o, p, w.at))
}

func TestAnInconclusiveAnswerLeadsToASubmitAndToNoEnd(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*world, string)
		state   refund.State
		next    refund.Step
		alerts  int
	}{
		{"after an unknown call the number is submitted again", func(w *world, id string) {
			w.call(t, id, refund.Submit, refund.OutcomeUnknown)
		}, refund.Pending, refund.StepSubmit, 0},
		{"after a refusal beside an unknown call it is asked on", func(w *world, id string) {
			w.call(t, id, refund.Submit, refund.OutcomeUnknown)
			w.call(t, id, refund.Submit, refund.OutcomeRefused)
		}, refund.Pending, refund.StepQuery, 1},
		{"what is to be canceled is asked on", func(w *world, id string) {
			w.call(t, id, refund.Submit, refund.OutcomeShortOfFunds)
			if err := w.cancel(t, id); err != nil {
				t.Fatal(err)
			}
		}, refund.Held, refund.StepQuery, 1},
		{"what the channel has is asked on", func(w *world, id string) {
			w.call(t, id, refund.Submit, refund.OutcomeAccepted)
		}, refund.Pending, refund.StepQuery, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			test.prepare(w, id)
			for range 3 {
				w.later(time.Minute)
				w.call(t, id, refund.Query, refund.OutcomeInconclusive)
				w.is(t, id, test.state)
				w.next(t, id, test.next)
			}
			if len(w.alerts) != test.alerts {
				t.Errorf("alerts %v, want %d", w.alerts, test.alerts)
			}
		})
	}
}

func TestAnInconclusiveAnswerCountsOnlyAfterTheSettlingTime(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeUnknown)
	w.later(pace.SettlingTime - time.Microsecond)
	w.call(t, id, refund.Query, refund.OutcomeInconclusive)
	w.next(t, id, refund.StepQuery)
}

// A refusal of the second submit proves nothing while the first is unknown.
func TestARefusalAfterAnInconclusiveAnswerFailsOnlyWhenAQueryConfirmsIt(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeUnknown)
	w.later(time.Minute)
	w.call(t, id, refund.Query, refund.OutcomeInconclusive)
	w.call(t, id, refund.Submit, refund.OutcomeRefused)
	w.is(t, id, refund.Pending)
	w.next(t, id, refund.StepQuery)
	w.later(time.Minute)
	w.call(t, id, refund.Query, refund.OutcomeNotFound)
	w.is(t, id, refund.Failed)
}

func TestFundsThatAreShortAfterAnInconclusiveAnswerAreNoHold(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.call(t, id, refund.Submit, refund.OutcomeUnknown)
	for wait := time.Duration(0); wait < pace.Longest; {
		w.later(time.Hour)
		w.call(t, id, refund.Query, refund.OutcomeInconclusive)
		wait = w.refunds[id].DueAt.Sub(w.at)
		w.later(wait)
		w.call(t, id, refund.Submit, refund.OutcomeShortOfFunds)
		w.is(t, id, refund.Pending)
		w.next(t, id, refund.StepQuery)
		if len(w.order) == 0 || w.refunds[id].Tries > 100 {
			t.Fatal("it is submitted again and again without a growing wait")
		}
	}
}

func TestAfterTheChannelsTimeNothingIsSentWithoutAList(t *testing.T) {
	for _, kind := range []refund.OutcomeKind{refund.OutcomeNotFound, refund.OutcomeInconclusive} {
		for _, test := range []struct {
			name    string
			after   time.Duration
			listing refund.Listing
			next    refund.Step
			alerts  int
			wait    time.Duration
		}{
			{"in time it is submitted again", time.Hour - 31*time.Second, "", refund.StepSubmit, 0, 0},
			{"later nothing is sent, and a person is told", time.Hour - 30*time.Second, "", refund.StepQuery, 1, pace.Longest},
			{"a list that can't be read is read again soon", time.Hour, refund.ListingFailed, refund.StepQuery, 0, 2 * time.Second},
			{"a list without it allows the submit", time.Hour, refund.ListedAbsent, refund.StepSubmit, 0, 0},
		} {
			t.Run(string(kind)+", "+test.name, func(t *testing.T) {
				w := newWorld(paid(t, 100))
				id := w.accept(t, nil).ID
				w.answer(t, id, within(), refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit})
				w.later(test.after)
				w.answer(t, id, within(), refund.Outcome{Kind: kind, Source: refund.Query, Listing: test.listing})
				w.is(t, id, refund.Pending)
				w.next(t, id, test.next)
				if wait := w.refunds[id].DueAt.Sub(w.at); wait != test.wait || len(w.alerts) != test.alerts {
					t.Errorf("due in %s with alerts %v, want %s and %d", wait, w.alerts, test.wait, test.alerts)
				}
				if can := refund.MayResubmit(w.refunds[id], within(), w.at); can != (test.next == refund.StepSubmit) {
					t.Errorf("may be submitted: %v", can)
				}
			})
		}
	}
}

func TestAPersonIsToldOnceUntilTheChannelSpeaks(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.answer(t, id, within(), refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit})
	for range 5 {
		w.later(2 * time.Hour)
		w.answer(t, id, within(), refund.Outcome{Kind: refund.OutcomeNotFound, Source: refund.Query})
	}
	if len(w.alerts) != 1 || !w.refunds[id].NeedsPerson {
		t.Errorf("alerts %v", w.alerts)
	}
	w.answer(t, id, within(), refund.Outcome{Kind: refund.OutcomeAccepted, Source: refund.Query})
	if w.refunds[id].NeedsPerson {
		t.Error("the channel has it, and a person is still needed")
	}
}

func TestAListThatCannotBeReadForLongIsTold(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.answer(t, id, within(), refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit})
	for range 20 {
		w.later(2 * time.Hour)
		w.answer(t, id, within(), refund.Outcome{Kind: refund.OutcomeNotFound, Source: refund.Query, Listing: refund.ListingFailed})
		w.next(t, id, refund.StepQuery)
	}
	if len(w.alerts) != 1 {
		t.Errorf("alerts %v, want one", w.alerts)
	}
}

func TestWhatWasSentIsKept(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	sent := refund.Sent{Digest: strings.Repeat("a", 64), AccountVersion: 3, UpstreamRequestID: "r1", Shown: map[string]string{"mid": "898"}}
	w.claim(id)
	change := w.word(t, id, refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit, Epoch: 1, Sent: sent})
	if got := change.Attempts[0].Sent; got.Digest != sent.Digest || got.AccountVersion != 3 || got.UpstreamRequestID != "r1" {
		t.Errorf("the attempt has %+v", got)
	}
	w.later(time.Minute)
	w.claim(id)
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Query, Epoch: 2, Sent: refund.Sent{Shown: map[string]string{"of": "the question"}}})
	if got := w.refunds[id].Shown; got["mid"] != "898" || len(got) != 1 {
		t.Errorf("the refund shows %v, want what the submit sent", got)
	}
}

func TestAChannelsIDThatOffendsIsToldAndNotKept(t *testing.T) {
	ids := refund.Pace{SettlingTime: pace.SettlingTime, First: pace.First, Longest: pace.Longest, GivesIDs: true}
	for _, test := range []struct {
		name   string
		first  string // accepted with it
		then   refund.Outcome
		want   string
		alerts int
	}{
		{"the same id again", "5000", refund.Outcome{ChannelRefundID: "5000"}, "5000", 0},
		{"none where there is one", "5000", refund.Outcome{}, "5000", 0},
		{"another id", "5000", refund.Outcome{ChannelRefundID: "5001"}, "5000", 1},
		{"another refund's id", "", refund.Outcome{ChannelRefundID: "5001", IDTaken: true}, "", 1},
		{"no id at all", "", refund.Outcome{}, "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			w.answer(t, id, ids, refund.Outcome{Kind: refund.OutcomeAccepted, Source: refund.Submit, ChannelRefundID: test.first})
			test.then.Kind, test.then.Source = refund.OutcomeDone, refund.Query
			w.answer(t, id, ids, test.then)
			w.is(t, id, refund.Succeeded)
			if got := w.refunds[id].ChannelRefundID; got != test.want || len(w.alerts) != test.alerts {
				t.Errorf("the id is %q with alerts %v, want %q and %d", got, w.alerts, test.want, test.alerts)
			}
		})
	}
}

// forgetful is a channel that takes a number for a repeat only for an hour after
// it first came, loses calls and answers, and whose query may deny a refund.
type forgetful struct {
	first time.Time // when the number came first that it remembers
	moves int
	hides bool // the list
}

func (c *forgetful) take(at time.Time) {
	if c.first.IsZero() || at.Sub(c.first) >= time.Hour {
		c.first = at
		c.moves++
	}
}

// TestNoHistoryAtAForgetfulChannelMovesMoneyTwice carries one refund as the
// engine does, with calls that are lost, late or answered wrongly, processes that
// break off, and long waits.
func TestNoHistoryAtAForgetfulChannelMovesMoneyTwice(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(registeredOf100(t))
		id := w.accept(t, nil).ID
		there := forgetful{hides: rapid.Bool().Draw(t, "has no list")}
		p := within()
		t.Repeat(map[string]func(*rapid.T){
			"step": func(t *rapid.T) {
				r := w.refunds[id]
				if r.DueAt.IsZero() {
					t.SkipNow()
				}
				if r.DueAt.After(w.at) {
					w.later(r.DueAt.Sub(w.at))
				}
				w.claim(id)
				r = w.refunds[id]
				o := refund.Outcome{Source: refund.Query, Epoch: r.LeaseEpoch, SentAt: w.at}
				if refund.NextStep(r) == refund.StepSubmit && refund.MayResubmit(r, p, w.at) {
					o.Source = refund.Submit
					if rapid.Bool().Draw(t, "arrives") {
						there.take(w.at.Add(time.Duration(rapid.IntRange(0, 30).Draw(t, "on the way")) * time.Second))
						o.Kind = rapid.SampledFrom([]refund.OutcomeKind{refund.OutcomeUnknown, refund.OutcomeAccepted}).Draw(t, "answer")
					} else {
						o.Kind = rapid.SampledFrom([]refund.OutcomeKind{refund.OutcomeUnknown, refund.OutcomeTryLater}).Draw(t, "answer")
					}
				} else {
					o.Kind = rapid.SampledFrom([]refund.OutcomeKind{refund.OutcomeUnknown, refund.OutcomeNotFound, refund.OutcomeInconclusive}).Draw(t, "answer")
					if o.Kind != refund.OutcomeUnknown && refund.NeedsListing(r, p, w.at) && !there.hides {
						o.Listing = rapid.SampledFrom([]refund.Listing{refund.ListedAbsent, refund.ListingFailed}).Draw(t, "list")
						if o.Listing == refund.ListedAbsent && there.moves > 0 {
							o.Kind, o.Listing = refund.OutcomeDone, ""
						}
					}
				}
				if rapid.IntRange(0, 4).Draw(t, "breaks off") == 0 {
					w.later(w.refunds[id].LeaseUntil.Sub(w.at))
					return
				}
				w.take(t, refund.Apply(w.charge, w.refunds[id], o, p, w.at))
			},
			"wait": func(t *rapid.T) {
				w.later(time.Duration(rapid.IntRange(0, 7200).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				r := w.refunds[id]
				if there.moves > 1 {
					t.Fatalf("money moved %d times: %+v", there.moves, r)
				}
				if r.State.Final() && r.State != refund.Succeeded {
					t.Fatalf("it ended as %s by what proves nothing", r.State)
				}
			},
		})
	})
}

func TestARefundThatTheChannelMadeTwiceIsTold(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.answer(t, id, pace, refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Submit, ChannelRefundID: "1", Twins: []string{"2", "3"}})
	if r := w.refunds[id]; r.State != refund.Succeeded || r.ChannelRefundID != "1" {
		t.Errorf("%+v", r)
	}
	if len(w.alerts) != 1 || !strings.Contains(w.alerts[0].Text, "2, 3") {
		t.Errorf("alerts %v", w.alerts)
	}
}
