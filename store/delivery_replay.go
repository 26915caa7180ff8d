package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ReplayDelivery implements admin.Deliveries.
func (s *Store) ReplayDelivery(ctx context.Context, merchantID, id string, record refund.Action, now time.Time) (merchant.DeliveryRecord, error) {
	var again merchant.Delivery
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		old, err := delivery(ctx, q, merchantID, id)
		if err != nil {
			return err
		}
		inUse := 1
		if old.Delivery.EndpointID != "" {
			const text = `SELECT COUNT(*) FROM endpoints p WHERE p.merchant_id = $1 AND p.id = $2 AND p.disabled_at = 0`
			err := q.Query(ctx, text, []any{merchantID, old.Delivery.EndpointID}, func(scan func(...any) error) error { return scan(&inUse) })
			if err != nil {
				return err
			}
		}
		switch {
		case old.State == merchant.DeliveryWaiting:
			return refund.Errorf(refund.KindStateConflict, "delivery", "the delivery is still on its way")
		case inUse == 0:
			return refund.Errorf(refund.KindStateConflict, "delivery", "its endpoint is not in use any more")
		case old.State == merchant.DeliveryDead && old.Delivery.Attempts == 0 && old.Delivery.Problem == "":
			// An earlier version gave it up, and did not keep what it takes to
			// make it.
			return refund.Errorf(refund.KindStateConflict, "delivery", "it could not be made, and has no bytes to be sent")
		}
		again = old.Delivery
		again.ID, again.CreatedAt, again.DueAt = s.newID(now), now, now
		again.Attempts, again.LeaseEpoch, again.LeaseUntil = 0, 0, time.Time{}
		if again.Problem != "" {
			again.MakeAt = now
		}
		record.Write.Makes(again.ID)
		if _, err := q.Send(ctx, deliveryRows([]merchant.Delivery{again})); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record.With("delivery", again.ID))
	})
	if err != nil {
		return merchant.DeliveryRecord{}, fmt.Errorf("replay delivery: %w", err)
	}
	return merchant.DeliveryRecord{Delivery: again, State: merchant.DeliveryWaiting}, nil
}
