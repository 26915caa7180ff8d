package pingpp

import (
	"context"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// getEvent is GET /v1/events/{evt}. Events that have no name in this dialect
// are not found.
func (d *Dialect) getEvent(c *call) (any, error) {
	e, ok, err := d.eventNamed(c.r.Context(), c.caller.Merchant.ID, c.r.PathValue("evt"))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, refund.Errorf(refund.KindEventNotFound, "event", "there is no such event")
	}
	return eventObject(e, c.live(), e.PendingDeliveries, c.locale)
}

// eventNamed finds an event that this dialect can tell, of a refund or a batch.
func (d *Dialect) eventNamed(ctx context.Context, merchantID, id string) (refund.StoredEvent, bool, error) {
	if !wire.IsPossibleID(id) {
		return refund.StoredEvent{}, false, nil
	}
	e, err := d.Reader.Event(ctx, merchantID, id)
	if err != nil && refund.KindOf(err) == refund.KindEventNotFound {
		e, ok, err := d.Units.BatchEvent(ctx, merchantID, id)
		return e, ok && tellable(e.Type, e.Charge), err
	}
	return e, err == nil && tellable(e.Type, e.Charge), err
}
