package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

// slow is the pace of a channel whose acceptance is no promise, and that is not to be
// asked at once.
func slow() refund.Pace {
	return refund.Pace{SettlingTime: 10 * time.Second, First: 10 * time.Second, Longest: 30 * time.Minute, FirstQuery: 10 * time.Second, RepeatAfter: 3}
}

func TestAnAcceptedRefundThatIsNeverShownIsSubmittedAgainAfterEachThirdQuestion(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	var steps []refund.Step
	for range 11 {
		r := w.refunds[id]
		if wait := r.DueAt.Sub(w.at); wait > 0 {
			w.later(wait)
		}
		step := refund.NextStep(r)
		steps = append(steps, step)
		if step == refund.StepSubmit {
			w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeAccepted, Source: refund.Submit})
		} else {
			w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeInconclusive, Source: refund.Query})
		}
		w.is(t, id, refund.Pending)
	}
	for n, step := range steps {
		if want := map[bool]refund.Step{true: refund.StepSubmit, false: refund.StepQuery}[n == 0 || n == 4 || n == 8]; step != want {
			t.Errorf("step %d is %s: %v", n, step, steps)
		}
	}
	w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Query})
	w.is(t, id, refund.Succeeded)
}

// A refusal of the repeat may only say that the refund is there already.
func TestARefusedRepeatOfAnAcceptedRefundFailsNothing(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeAccepted, Source: refund.Submit})
	for range 3 {
		w.later(time.Hour)
		w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeInconclusive, Source: refund.Query})
	}
	if step := refund.NextStep(w.refunds[id]); step != refund.StepSubmit {
		t.Fatalf("the next step is %s", step)
	}
	w.later(time.Hour)
	w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeRefused, Source: refund.Submit, Code: "CLOSED"})
	w.is(t, id, refund.Pending)
	w.later(time.Hour)
	w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Query})
	w.is(t, id, refund.Succeeded)
}

func TestAChannelIsAskedAboutAnUnknownSubmitNoSoonerThanItWants(t *testing.T) {
	for name, test := range map[string]struct {
		pace refund.Pace
		want time.Duration
	}{"a second where it does not say": {pace, time.Second}, "ten seconds where it says so": {slow(), 10 * time.Second}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			w.answer(t, id, test.pace, refund.Outcome{Kind: refund.OutcomeUnknown, Source: refund.Submit})
			if got := w.refunds[id].DueAt.Sub(w.at); got != test.want || refund.NextStep(w.refunds[id]) != refund.StepQuery {
				t.Errorf("%s in %s, want %s", refund.NextStep(w.refunds[id]), got, test.want)
			}
		})
	}
}

// Money on its way to a card may go back to a balance days after the success: the
// channel hints, is asked, and says where the money is.
func TestWhereTheMoneyWentOnToAfterTheSuccessIsKept(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, nil).ID
	w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Submit})
	w.later(48 * time.Hour)
	r, ask := refund.AskNow(w.refunds[id], w.at)
	if !ask {
		t.Fatal("a hint about a success asks nothing")
	}
	w.refunds[id] = r
	w.later(time.Second)
	w.answer(t, id, slow(), refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Query, Landed: refund.Landed{Way: refund.WayBalance}})
	w.is(t, id, refund.Succeeded)
	if got := w.refunds[id]; got.Landed.Way != refund.WayBalance || got.Contradicted || !got.DueAt.IsZero() {
		t.Errorf("landed %+v, contradicted %v, due %v", got.Landed, got.Contradicted, got.DueAt)
	}
}

func TestWhatAChannelCantCarryIsRefused(t *testing.T) {
	for name, test := range map[string]struct {
		rules   refund.Rules
		options refund.ChannelOptions
		param   string
	}{
		"another currency":           {refund.Rules{Currency: "USD"}, refund.ChannelOptions{}, "charge"},
		"its own currency":           {refund.Rules{Currency: "CNY"}, refund.ChannelOptions{}, ""},
		"a rate":                     {refund.Rules{NoExchange: true}, refund.ChannelOptions{Rate: "6.5"}, "extra"},
		"an amount by a rate":        {refund.Rules{NoExchange: true}, refund.ChannelOptions{ExchangedAmount: 1}, "extra"},
		"neither":                    {refund.Rules{NoExchange: true}, refund.ChannelOptions{HideReason: true}, ""},
		"a rate where it is carried": {refund.Rules{}, refund.ChannelOptions{Rate: "6.5"}, ""},
	} {
		request := refund.Request{Detail: refund.RefundDetail{Options: test.options}}
		_, _, err := refund.Quote(paid(t, 100), request, refund.RuleBook{Merchant: test.rules}, at0)
		switch {
		case test.param == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.param != "" && (err == nil || err.Kind != refund.KindInvalid || err.Param != test.param):
			t.Errorf("%s: %v, want %s", name, err, test.param)
		}
	}
}
