package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestWhatTheChannelRefundedBeforeIsCountedOnce(t *testing.T) {
	for _, test := range []struct {
		name            string
		already, open   int64 // of a charge of 100
		says            refund.Verified
		refunded        money.Minor
		counted, excess money.Minor
		state           refund.State // of the refund that was accepted before
	}{
		{"nothing there is nothing to count", 0, 40, refund.Verified{}, 0, 0, 0, refund.Created},
		{"what was registered is no news", 30, 40, refund.Verified{Refunded: 30}, 30, 0, 0, refund.Created},
		{"less than was registered changes nothing", 30, 40, refund.Verified{Refunded: 10}, 30, 0, 0, refund.Created},
		{"more than was registered is counted", 10, 40, refund.Verified{Refunded: 30}, 30, 20, 0, refund.Created},
		{"a refund that no longer fits is canceled", 0, 40, refund.Verified{Refunded: 61}, 61, 61, 0, refund.Canceled},
		{"an amount that the channel does not say counts nothing", 0, 40, refund.Verified{Unknown: true}, 0, 0, 0, refund.Created},
		{"what may be ours is not counted", 0, 40, refund.Verified{Refunded: 30, Sent: true}, 0, 0, 0, refund.Created},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(registered(t, refund.Charge{Amount: 100, AlreadyRefunded: money.Minor(test.already)}))
			id := w.accept(t, minor(test.open)).ID
			test.says.RefundID = "re_counted"
			change, err := refund.Verify(w.charge, []refund.Refund{w.refunds[id]}, test.says, w.at)
			if err != nil {
				t.Fatal(err)
			}
			w.take(t, change)
			w.is(t, id, test.state)
			c := w.charge
			if c.Refunded != test.refunded || c.Counted != test.counted || c.Excess != test.excess || !c.VerifiedAt.Equal(w.at) {
				t.Errorf("refunded %d, counted %d, excess %d, verified at %v", c.Refunded, c.Counted, c.Excess, c.VerifiedAt)
			}
			if counted, there := w.refunds["re_counted"]; there && counted.Attempts != 1 {
				t.Errorf("the refund that was counted has %d calls, and one is recorded", counted.Attempts)
			}
			if again, err := refund.Verify(c, nil, refund.Verified{RefundID: "re_other", Refunded: 100}, w.at.Add(time.Hour)); err != nil || len(again.Refunds) != 0 || !again.Charge.VerifiedAt.Equal(w.at) {
				t.Errorf("verified again: %+v, %v", again, err)
			}
		})
	}
}

func TestAClaimedRefundThatNoLongerFitsLeavesTheChargeOverdrawn(t *testing.T) {
	w := newWorld(paid(t, 100))
	id := w.accept(t, minor(60)).ID
	w.claim(id)
	change, err := refund.Verify(w.charge, nil, refund.Verified{RefundID: "re_counted", Refunded: 70}, w.at)
	if err != nil {
		t.Fatal(err)
	}
	w.take(t, change)
	if !w.charge.Overdrawn() || w.charge.Excess != 30 {
		t.Errorf("overdrawn %v, excess %d", w.charge.Overdrawn(), w.charge.Excess)
	}
	w.word(t, id, refund.Outcome{Kind: refund.OutcomeRefused, Source: refund.Submit, Epoch: w.refunds[id].LeaseEpoch})
	w.is(t, id, refund.Failed)
	if w.charge.Overdrawn() || w.charge.Excess != 0 || w.charge.Refundable() != 30 {
		t.Errorf("overdrawn %v, excess %d, refundable %d", w.charge.Overdrawn(), w.charge.Excess, w.charge.Refundable())
	}
}
