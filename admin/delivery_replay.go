package admin

import (
	"context"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// Deliveries keeps what endpoints were notified of.
type Deliveries interface {
	// ReplayDelivery sends the bytes of a delivery that has ended once more, as a
	// new delivery with a life of its own, and returns that; one that could not
	// be made is made anew. KindNotFound; KindStateConflict while it is on its
	// way, when its endpoint is out of use, or when an earlier version gave it up
	// without bytes.
	ReplayDelivery(ctx context.Context, merchantID, id string, record refund.Action, now time.Time) (merchant.DeliveryRecord, error)
}

// ReplayDelivery sends the same bytes once more, or makes them anew where they
// could not be made, as a delivery with a life of its own, which it returns.
// KindNotFound; KindStateConflict while the first is on its way, when its
// endpoint is out of use, or when an earlier version gave it up without bytes.
func (a *Admin) ReplayDelivery(ctx context.Context, by By, merchantID, id string) (merchant.DeliveryRecord, error) {
	record, err := a.record(by, merchantID, "delivery.replay", id)
	if err != nil {
		return merchant.DeliveryRecord{}, err
	}
	again, err := a.s.Store.ReplayDelivery(ctx, merchantID, id, record, a.now())
	if err != nil {
		return merchant.DeliveryRecord{}, err
	}
	a.done(merchantID)
	return again, nil
}
