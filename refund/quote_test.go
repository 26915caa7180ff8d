package refund_test

import (
	"testing"

	"github.com/refundry/refundry/refund"
)

func TestAQuotedRefundIsAsQuotedOrRefused(t *testing.T) {
	w := newWorld(paid(t, 100, coupon(refund.ScopeOrder, refund.TypeFunded, 33)))
	mark := func() string {
		amount, parts, err := refund.Quote(w.charge, refund.Request{ChargeID: w.charge.ID, Amount: minor(50)}, refund.RuleBook{}, w.at)
		if err != nil {
			t.Fatal(err)
		}
		return refund.QuoteMark(amount, parts)
	}
	before := mark()
	// Something of the charge has changed, and nothing of the quote.
	w.charge.LastRefundAt = w.at
	if mark() != before {
		t.Error("the quote depends on more than what it says")
	}
	w.accept(t, minor(50)) // which takes the half fen that this one was to have
	_, err := w.tryAccept(t, refund.Request{Amount: minor(50), Quoted: before})
	if err == nil || err.Kind != refund.KindStateConflict || err.Param != "quote" || err.Charge != w.charge.ID {
		t.Fatalf("after a change: %v", err)
	}
	if w.charge.Refundable() != 50 {
		t.Errorf("%d are left", w.charge.Refundable())
	}
	if r, err := w.tryAccept(t, refund.Request{Amount: minor(50), Quoted: mark()}); err != nil || r.Amount != 50 {
		t.Errorf("by a new quote: %+v, %v", r, err)
	}
}
