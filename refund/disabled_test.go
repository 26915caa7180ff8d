package refund_test

import (
	"testing"

	"github.com/refundry/refundry/refund"
)

// The keys of a disabled merchant are not known any more; a person in the console or a
// file of refunds must not go on either.
func TestADisabledMerchantsRefundsAreRefused(t *testing.T) {
	w := newWorld(paid(t, 100))
	w.book.Disabled = true
	unit := refund.Unit{MerchantID: "m", Requests: []refund.Request{{ChargeID: w.charge.ID, Amount: minor(40)}}}
	if _, err := refund.Accept(map[string]refund.Charge{w.charge.ID: w.charge}, unit, w.book, w.at); err == nil || err.Kind != refund.KindForbidden {
		t.Errorf("accepted: %v", err)
	}
	if _, _, err := refund.Quote(w.charge, unit.Requests[0], w.book, w.at); err == nil || err.Kind != refund.KindForbidden {
		t.Errorf("quoted: %v", err)
	}
}
