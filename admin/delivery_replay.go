package admin

import (
	"context"
	"slices"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// MaxReplays bounds the deliveries that one action sends again: a page of a list.
const MaxReplays = 100

// Deliveries keeps what endpoints were notified of.
type Deliveries interface {
	// ReplayDelivery sends the bytes of a delivery that has ended once more, as a
	// new delivery with a life of its own, and returns that; one that could not
	// be made is made anew. KindNotFound; KindStateConflict while it is on its
	// way, when its endpoint is out of use, or when an earlier version gave it up
	// without bytes.
	ReplayDelivery(ctx context.Context, merchantID, id string, record refund.Action, now time.Time) (merchant.DeliveryRecord, error)
	// ReplayDeliveries does so for several in one commit, and returns what became of
	// each, in their order: one that can't be sent again holds up no other.
	ReplayDeliveries(ctx context.Context, merchantID string, ids []string, record refund.Action, now time.Time) ([]merchant.Replay, error)
	// RefundEvents are the events about a refund, oldest first, and EventDeliveries
	// the deliveries of one event, oldest first.
	RefundEvents(ctx context.Context, r refund.Refund) ([]refund.StoredEvent, error)
	EventDeliveries(ctx context.Context, merchantID, eventID string) ([]merchant.DeliveryRecord, error)
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

// ReplayDeliveries sends several deliveries once more, at most MaxReplays, and
// returns what became of each, in their order and each once. KindInvalid.
func (a *Admin) ReplayDeliveries(ctx context.Context, by By, merchantID string, ids []string) ([]merchant.Replay, error) {
	record, err := a.record(by, merchantID, "delivery.replay", "")
	if err != nil {
		return nil, err
	}
	var each []string
	for _, id := range ids {
		if !slices.Contains(each, id) {
			each = append(each, id)
		}
	}
	if len(each) == 0 || len(each) > MaxReplays {
		return nil, refund.Errorf(refund.KindInvalid, "deliveries", "deliveries must name 1 to %d deliveries", MaxReplays)
	}
	replays, err := a.s.Store.ReplayDeliveries(ctx, merchantID, each, record, a.now())
	if err != nil {
		return nil, err
	}
	a.done(merchantID)
	return replays, nil
}

// ReplayRefund sends once more what was sent about a refund: of each event the last
// delivery to each address. One that is still on its way is left alone. name is any
// that Refunds.RefundByAny takes. Errors: those of RefundByAny; KindStateConflict
// where there is nothing to be sent again.
func (a *Admin) ReplayRefund(ctx context.Context, by By, merchantID, name string) (refund.Refund, []merchant.Replay, error) {
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.replay", name)
	if err != nil {
		return refund.Refund{}, nil, err
	}
	ids, err := a.ended(ctx, r)
	if err != nil {
		return r, nil, err
	}
	if len(ids) == 0 {
		fault := refund.Errorf(refund.KindStateConflict, "refund", "no webhook about the refund has been sent and ended")
		fault.Refund = r.ID
		return r, nil, fault
	}
	replays, err := a.s.Store.ReplayDeliveries(ctx, merchantID, ids[max(0, len(ids)-MaxReplays):], record, a.now())
	if err != nil {
		return r, nil, err
	}
	a.done(merchantID)
	return r, replays, nil
}

// ended are the ids of the deliveries about a refund that are the last ones of their
// event to their address and have ended, oldest first.
func (a *Admin) ended(ctx context.Context, r refund.Refund) ([]string, error) {
	events, err := a.s.Store.RefundEvents(ctx, r)
	if err != nil {
		return nil, err
	}
	type address struct{ endpoint, url string }
	var ids []string
	for _, e := range events {
		deliveries, err := a.s.Store.EventDeliveries(ctx, r.MerchantID, e.ID)
		if err != nil {
			return nil, err
		}
		last := make(map[address]int)
		for n, d := range deliveries {
			last[address{d.Delivery.EndpointID, d.Delivery.URL}] = n
		}
		for n, d := range deliveries {
			if last[address{d.Delivery.EndpointID, d.Delivery.URL}] == n && d.State != merchant.DeliveryWaiting {
				ids = append(ids, d.Delivery.ID)
			}
		}
	}
	return ids, nil
}
