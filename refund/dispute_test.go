package refund_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

var disputeStates = []refund.DisputeState{refund.DisputeInquiry, refund.DisputeOpen, refund.DisputeWithdrawn, refund.DisputeWon, refund.DisputeLost}

func TestWhatADisputeHoldsInEachState(t *testing.T) {
	for _, test := range []struct {
		state                refund.DisputeState
		valid, closed, holds bool
	}{
		{refund.DisputeInquiry, true, false, false},
		{refund.DisputeOpen, true, false, true},
		{refund.DisputeWithdrawn, true, false, true},
		{refund.DisputeWon, true, true, false},
		{refund.DisputeLost, true, true, true},
		{"", false, false, false},
		{"settled", false, false, false},
	} {
		if test.state.Valid() != test.valid || test.state.Closed() != test.closed || test.state.Holds() != test.holds {
			t.Errorf("%q: valid %v, closed %v, holds %v", test.state, test.state.Valid(), test.state.Closed(), test.state.Holds())
		}
	}
}

// said is a channel's word of a dispute at a second of its clock, -1 for none.
func said(state refund.DisputeState, amount int64, second int) refund.Dispute {
	d := refund.Dispute{ChannelDisputeID: "du_1", State: state, Amount: money.Amount{Minor: money.Minor(amount), Currency: "CNY"}, Reason: "fraudulent"}
	if second >= 0 {
		d.ChannelAt = at0.Add(time.Duration(second) * time.Second)
	}
	return d
}

func TestTheLifeOfADispute(t *testing.T) {
	const opened, updated, closed = refund.DisputeOpened, refund.DisputeUpdated, refund.DisputeClosed
	inquiry, open, withdrawn, won, lost := refund.DisputeInquiry, refund.DisputeOpen, refund.DisputeWithdrawn, refund.DisputeWon, refund.DisputeLost
	for _, test := range []struct {
		name    string
		said    []refund.Dispute
		state   refund.DisputeState
		blocked money.Minor
		told    []string
		alerts  int
	}{
		{"opened", []refund.Dispute{said(open, 40, 1)}, open, 40, []string{opened}, 0},
		{"asked about first", []refund.Dispute{said(inquiry, 40, 1), said(open, 40, 2)}, open, 40, []string{opened, updated}, 0},
		{"asked about, and no more", []refund.Dispute{said(inquiry, 40, 1), said(won, 40, 2)}, won, 0, []string{opened, closed}, 0},
		{"won", []refund.Dispute{said(open, 40, 1), said(withdrawn, 40, 2), said(won, 40, 3)}, won, 0, []string{opened, updated, closed}, 0},
		{"lost", []refund.Dispute{said(open, 40, 1), said(lost, 40, 3)}, lost, 40, []string{opened, closed}, 0},
		{"of another amount later", []refund.Dispute{said(open, 40, 1), said(open, 30, 2)}, open, 30, []string{opened, updated}, 0},
		{"of an older amount by the notices' order", []refund.Dispute{said(open, 30, 2), said(open, 40, 1)}, open, 30, []string{opened}, 0},
		{"lost, and an older amount by the notices' order", []refund.Dispute{said(lost, 30, 2), said(lost, 40, 1)}, lost, 30, []string{closed}, 0},
		{"heard of when it was lost", []refund.Dispute{said(lost, 40, 3)}, lost, 40, []string{closed}, 0},
		{"heard of when it was won", []refund.Dispute{said(won, 40, 3)}, won, 0, []string{closed}, 0},
		{"told twice", []refund.Dispute{said(open, 40, 1), said(open, 40, 1), said(won, 40, 2), said(won, 40, 2)}, won, 0, []string{opened, closed}, 0},
		{"opened after it was won, by the notices' order", []refund.Dispute{said(won, 40, 2), said(open, 40, 1)}, won, 0, []string{closed}, 0},
		{"opened in the second in which it was lost", []refund.Dispute{said(lost, 40, 2), said(open, 40, 2)}, lost, 40, []string{closed}, 0},
		{"opened after the money was taken, by the notices' order", []refund.Dispute{said(withdrawn, 40, 2), said(open, 40, 2)}, withdrawn, 40, []string{opened}, 0},
		{"updated after the money was taken", []refund.Dispute{said(withdrawn, 40, 2), said(open, 40, 3)}, withdrawn, 40, []string{opened}, 0},
		{"without times, in order", []refund.Dispute{said(open, 40, -1), said(withdrawn, 40, -1), said(won, 40, -1)}, won, 0, []string{opened, updated, closed}, 0},
		{"without times, out of order", []refund.Dispute{said(won, 40, -1), said(open, 40, -1)}, won, 0, []string{closed}, 0},
		{"won after it was lost", []refund.Dispute{said(lost, 40, 2), said(won, 40, 3)}, won, 0, []string{closed, closed}, 1},
		{"lost after it was won", []refund.Dispute{said(won, 40, 2), said(lost, 40, 3)}, lost, 40, []string{closed, closed}, 1},
		{"opened again", []refund.Dispute{said(won, 40, 2), said(open, 40, 3)}, open, 40, []string{closed, updated}, 1},
		{"won and lost at one time", []refund.Dispute{said(lost, 40, 2), said(won, 40, 2)}, lost, 40, []string{closed}, 1},
		{"won and lost without times", []refund.Dispute{said(won, 40, -1), said(lost, 40, -1)}, won, 0, []string{closed}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(paid(t, 100))
			for _, one := range test.said {
				w.dispute(t, one)
			}
			d := w.disputes["du_1"]
			if d.State != test.state || w.charge.Blocked != test.blocked || w.charge.Excess != 0 || len(w.alerts) != test.alerts {
				t.Errorf("%s, blocked %d, excess %d, alerts %v", d.State, w.charge.Blocked, w.charge.Excess, w.alerts)
			}
			if diff := cmp.Diff(test.told, w.told); diff != "" {
				t.Errorf("told (-want +got)\n%s", diff)
			}
			if d.MerchantID != "m1" || d.ID != "dp_du_1" || d.ChargeID != "ch_1" || d.ChannelAccount != "sandbox_1" || d.Reason != "fraudulent" {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestADisputeThatDoesNotFit(t *testing.T) {
	t.Run("cancels what nobody was told of, newest first, and no more than it needs", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		sent, old, young := w.accept(t, minor(30)), w.accept(t, minor(20)), w.accept(t, minor(20))
		w.claim(sent.ID)
		w.dispute(t, said(refund.DisputeOpen, 40, 1))
		w.is(t, young.ID, refund.Canceled)
		w.is(t, old.ID, refund.Created)
		w.is(t, sent.ID, refund.Created)
		if w.charge.Blocked != 40 || w.charge.Excess != 0 || w.charge.Refundable() != 10 {
			t.Errorf("blocked %d, excess %d", w.charge.Blocked, w.charge.Excess)
		}
	})
	t.Run("of what was refunded is excess, until it is won", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		r := w.accept(t, minor(70))
		w.call(t, r.ID, refund.Submit, refund.OutcomeDone)
		w.dispute(t, said(refund.DisputeOpen, 100, 1))
		if w.charge.Blocked != 100 || w.charge.Excess != 70 || w.charge.Refundable() != 0 || len(w.alerts) != 1 || !strings.Contains(w.alerts[0].Text, "excess") {
			t.Errorf("blocked %d, excess %d, alerts %v", w.charge.Blocked, w.charge.Excess, w.alerts)
		}
		w.dispute(t, said(refund.DisputeWon, 100, 2))
		if w.charge.Blocked != 0 || w.charge.Excess != 0 || w.charge.Refundable() != 30 {
			t.Errorf("won: blocked %d, excess %d", w.charge.Blocked, w.charge.Excess)
		}
	})
	t.Run("of more than was paid is excess", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		w.dispute(t, said(refund.DisputeLost, 130, 1))
		if w.charge.Blocked != 130 || w.charge.Excess != 30 || len(w.alerts) != 1 {
			t.Errorf("blocked %d, excess %d, alerts %v", w.charge.Blocked, w.charge.Excess, w.alerts)
		}
	})
	t.Run("in another currency holds all that was paid", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		one := said(refund.DisputeOpen, 7, 1)
		one.Amount.Currency = "USD"
		w.dispute(t, one)
		if w.charge.Blocked != 100 || w.charge.Excess != 0 || len(w.alerts) != 1 || !strings.Contains(w.alerts[0].Text, "USD") || w.disputes["du_1"].Amount != one.Amount {
			t.Errorf("blocked %d, excess %d, alerts %v", w.charge.Blocked, w.charge.Excess, w.alerts)
		}
	})
	t.Run("leaves the rest to be refunded, and says why", func(t *testing.T) {
		w := newWorld(paid(t, 100))
		w.dispute(t, said(refund.DisputeOpen, 40, 1))
		_, err := w.tryAccept(t, refund.Request{Amount: minor(61)})
		if err == nil || err.Kind != refund.KindAmountExceeded || !strings.Contains(err.Told(), "0.40 CNY held by a dispute") {
			t.Errorf("%v", err)
		}
		if r := w.accept(t, nil); r.Amount != 60 {
			t.Errorf("%d of 100 are refunded where 40 are held", r.Amount)
		}
	})
	for name, change := range map[string]func(*refund.Dispute){
		"without an id": func(d *refund.Dispute) { d.ChannelDisputeID = "" }, "in no known state": func(d *refund.Dispute) { d.State = "settled" },
		"of nothing": func(d *refund.Dispute) { d.Amount.Minor = 0 }, "of less than nothing": func(d *refund.Dispute) { d.Amount.Minor = -1 },
		"in no currency": func(d *refund.Dispute) { d.Amount.Currency = "" }, "of more than can be counted": func(d *refund.Dispute) { d.Amount.Minor = 1<<63 - 1 },
	} {
		t.Run(name+" is none", func(t *testing.T) {
			w := newWorld(paid(t, 100))
			w.dispute(t, said(refund.DisputeOpen, 10, 1))
			one := said(refund.DisputeOpen, 10, 1)
			one.ChannelDisputeID = "du_2"
			change(&one)
			if got, err := w.charge.Dispute(refund.Dispute{}, nil, one, "dp_2", at0); err == nil || err.Kind != refund.KindInvalid || got.Dispute != nil {
				t.Errorf("%+v, %v", got.Dispute, err)
			}
		})
	}
}

// In whatever order the notices of a life come, and however often: what is held in the
// end is what the last of them says.
func TestADisputeHoldsTheSameInWhateverOrderItIsTold(t *testing.T) {
	lives := [][]refund.DisputeState{
		{refund.DisputeInquiry, refund.DisputeOpen, refund.DisputeWithdrawn, refund.DisputeOpen, refund.DisputeLost},
		{refund.DisputeOpen, refund.DisputeWithdrawn, refund.DisputeWon},
		{refund.DisputeOpen, refund.DisputeLost, refund.DisputeWon},
		{refund.DisputeInquiry, refund.DisputeWon},
		{refund.DisputeOpen, refund.DisputeWithdrawn, refund.DisputeOpen},
		{refund.DisputeWon, refund.DisputeOpen, refund.DisputeLost},
	}
	rapid.Check(t, func(t *rapid.T) {
		life := rapid.SampledFrom(lives).Draw(t, "life")
		var notices []refund.Dispute
		for n, state := range life {
			one := said(state, 40, n+1)
			for range rapid.IntRange(1, 2).Draw(t, "times") {
				notices = append(notices, one)
			}
		}
		w := newWorld(refund.Charge{MerchantID: "m1", ID: "ch_1", Currency: "CNY", Amount: 100, ChannelAccount: "sandbox_1"})
		for _, one := range rapid.Permutation(notices).Draw(t, "order") {
			w.dispute(t, one)
		}
		last := life[len(life)-1]
		want := money.Minor(0)
		if last.Holds() {
			want = 40
		}
		got := w.disputes["du_1"]
		if w.charge.Blocked != want || got.State.Closed() != last.Closed() {
			t.Fatalf("%s, %d held; the last word is %s", got.State, w.charge.Blocked, last)
		}
		if len(w.told) > len(notices) || slices.Contains(w.told[1:], refund.DisputeOpened) {
			t.Fatalf("told %v", fmt.Sprint(w.told))
		}
	})
}
