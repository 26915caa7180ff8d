package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

func TestWhereANoticeThatNamesNoRefundOfOursIsPlaced(t *testing.T) {
	charge := paid(t, 100)
	charge.CreatedAt = at0
	already, counted := charge, charge
	already.AlreadyRefunded, already.Refunded = 30, 30
	counted.Counted, counted.Refunded, counted.VerifiedAt = 30, 30, at0.Add(time.Hour)
	made := func(at time.Time) func(*refund.Noticed) {
		return func(n *refund.Noticed) { n.MadeAt, n.Outcome.SucceededAt = at, at0.Add(48*time.Hour) }
	}
	success := refund.Noticed{Number: "f1", Outcome: refund.Outcome{Kind: refund.OutcomeDone, Amount: minor(30), ChannelRefundID: "5000"}}
	for _, test := range []struct {
		name   string
		change func(*refund.Noticed)
		charge refund.Charge
		want   refund.Placement
	}{
		{"a success of a charge of ours is adopted", func(*refund.Noticed) {}, charge, refund.PlaceAdopt},
		{"also with the channel's id alone", func(n *refund.Noticed) { n.Number = "" }, charge, refund.PlaceAdopt},
		{"also in the charge's currency", func(n *refund.Noticed) { n.Currency = "CNY" }, charge, refund.PlaceAdopt},
		{"of no charge of ours it waits", func(*refund.Noticed) {}, refund.Charge{}, refund.PlaceWait},
		{"a refund under way waits", func(n *refund.Noticed) { n.Outcome.Kind = refund.OutcomeAccepted }, charge, refund.PlaceWait},
		{"a failure waits", func(n *refund.Noticed) { n.Outcome.Kind = refund.OutcomeFailed }, charge, refund.PlaceWait},
		{"a hint waits", func(n *refund.Noticed) { n.Hint = true }, charge, refund.PlaceWait},
		{"without an amount a person decides", func(n *refund.Noticed) { n.Outcome.Amount = nil }, charge, refund.PlaceAside},
		{"with an amount of nothing, too", func(n *refund.Noticed) { n.Outcome.Amount = minor(0) }, charge, refund.PlaceAside},
		{"in another currency, too", func(n *refund.Noticed) { n.Currency = "USD" }, charge, refund.PlaceAside},
		{"that only a person can understand, too", func(n *refund.Noticed) { n.Aside = "an event that can't be read" }, refund.Charge{}, refund.PlaceAside},
		{"without any number, too", func(n *refund.Noticed) { n.Number, n.Outcome.ChannelRefundID = "", "" }, charge, refund.PlaceAside},
		{"that was made before its charge came, with nothing counted in, is adopted", made(at0.Add(-time.Hour)), charge, refund.PlaceAdopt},
		{"where it may be counted in already, too", func(*refund.Noticed) {}, already, refund.PlaceAside},
		{"that succeeded later, and of which nobody says when it was made, too", made(time.Time{}), already, refund.PlaceAside},
		{"that was made before its charge came, and is told of days later, too", made(at0.Add(-time.Hour)), already, refund.PlaceAside},
		{"that was made as its charge came, by a clock of the channel's, too", made(at0.Add(time.Minute)), already, refund.PlaceAside},
		{"that was made after its charge came is another and adopted", made(at0.Add(time.Hour)), already, refund.PlaceAdopt},
		{"that was made before it was counted, too", made(at0.Add(30 * time.Minute)), counted, refund.PlaceAside},
		{"of which nobody says whether it was counted, too", made(time.Time{}), counted, refund.PlaceAside},
		{"that was made after the others were counted is adopted", made(at0.Add(2 * time.Hour)), counted, refund.PlaceAdopt},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := success
			test.change(&n)
			if got, note := refund.Place(n, test.charge); got != test.want || (note == "") != (got == refund.PlaceAdopt) {
				t.Errorf("%s (%s), want %s", got, note, test.want)
			}
		})
	}
}

func TestARefundOfAnotherPaymentOfTheOrderIsNotAdopted(t *testing.T) {
	for _, test := range []struct {
		name                              string
		registered, transaction, other, o string // o is the notice's order number
		want                              refund.Placement
	}{
		{"the same number", "2026A", "2026A", "", "1001", refund.PlaceAdopt},
		{"another number", "2026A", "2026B", "", "1001", refund.PlaceAside},
		{"its other number", "pi_A", "ch_A", "pi_A", "", refund.PlaceAdopt},
		{"another intent", "pi_A", "ch_B", "pi_B", "1001", refund.PlaceAside},
		{"numbers of two kinds", "pi_A", "ch_A", "", "1001", refund.PlaceAdopt},
		{"no number", "2026A", "", "", "1001", refund.PlaceAdopt},
		{"a charge without a number", "", "2026B", "", "1001", refund.PlaceAdopt},
		{"a charge registered by its order's number", "1001", "2026B", "", "1001", refund.PlaceAdopt},
	} {
		t.Run(test.name, func(t *testing.T) {
			charge := paid(t, 100)
			charge.CreatedAt, charge.TransactionID, charge.OrderNo = at0, test.registered, "1001"
			n := refund.Noticed{
				TransactionID: test.transaction, OtherTransactionID: test.other, OrderNo: test.o, Number: "X1", Currency: "CNY",
				Outcome: refund.Outcome{Kind: refund.OutcomeDone, Amount: minor(30), SucceededAt: at0},
			}
			if got, note := refund.Place(n, charge); got != test.want || (note == "") != (got == refund.PlaceAdopt) {
				t.Errorf("%s (%s), want %s", got, note, test.want)
			}
		})
	}
}

func TestAHintMakesARefundDueAndChangesNothingElse(t *testing.T) {
	for _, test := range []struct {
		name    string
		prepare func(*world, string)
		asked   bool
	}{
		{"nobody told the channel", func(*world, string) {}, false},
		{"the channel works on it", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeAccepted) }, true},
		{"an outcome is unknown", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeUnknown) }, true},
		{"someone is calling", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeAccepted); w.claim(id) }, false},
		{"it is abnormal", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeAbnormal) }, true},
		{"it has succeeded", func(w *world, id string) { w.call(t, id, refund.Submit, refund.OutcomeDone) }, true},
		{"it was withdrawn", func(w *world, id string) {
			if err := w.cancel(t, id); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			id := w.accept(t, nil).ID
			test.prepare(w, id)
			before := w.refunds[id]
			after, asked := refund.AskNow(before, w.at)
			if asked != test.asked {
				t.Fatalf("asked: %v, want %v", asked, test.asked)
			}
			if asked && (!after.DueAt.Equal(w.at) || refund.NextStep(after) != refund.StepQuery || after.State != before.State) {
				t.Errorf("it is %s, due %v, next %s", after.State, after.DueAt, refund.NextStep(after))
			}
			if before.State != refund.Succeeded {
				return
			}
			// The channel stands by it: nothing has changed.
			w.refunds[id] = after
			w.later(time.Second)
			w.call(t, id, refund.Query, refund.OutcomeDone)
			w.is(t, id, refund.Succeeded)
			if r := w.refunds[id]; r.Contradicted || !r.DueAt.IsZero() || len(w.alerts) > 0 {
				t.Errorf("afterwards %+v, alerts %v", r, w.alerts)
			}
		})
	}
}
