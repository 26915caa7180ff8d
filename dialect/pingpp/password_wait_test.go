package pingpp

import (
	"context"
	"testing"

	"github.com/refundry/refundry/refund"
)

// ended knows every name as that of a refund that has failed.
type ended struct {
	Units
	asked int
}

func (e *ended) Unit(context.Context, string, string) (Unit, bool, error) {
	e.asked++
	return Unit{Refunds: []refund.Refund{{State: refund.Failed}}}, true, nil
}

func TestTheSearchForAFreshPasswordRefundHasAnEnd(t *testing.T) {
	units := &ended{}
	d := &Dialect{Services: Services{Units: units}}
	_, err := d.waitName(t.Context(), refund.Charge{ID: "ch_1"}, "1")
	if refund.KindOf(err) != refund.KindTooManyRefunds || units.asked != maxWaits {
		t.Errorf("after %d looks: %v", units.asked, err)
	}
}
