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
		if again, err = s.replay(ctx, q, old, now); err != nil {
			return err
		}
		record.Write.Makes(again.ID)
		return s.appendAudit(ctx, q, record.Record.With("delivery", again.ID))
	})
	if err != nil {
		return merchant.DeliveryRecord{}, fmt.Errorf("replay delivery: %w", err)
	}
	return merchant.DeliveryRecord{Delivery: again, State: merchant.DeliveryWaiting}, nil
}

// ReplayDeliveries implements admin.Deliveries.
func (s *Store) ReplayDeliveries(ctx context.Context, merchantID string, ids []string, record refund.Action, now time.Time) ([]merchant.Replay, error) {
	var replays []merchant.Replay
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		replays = make([]merchant.Replay, len(ids))
		sent := int64(0)
		for n, id := range ids {
			replays[n].Of = id
			old, err := delivery(ctx, q, merchantID, id)
			if err == nil {
				replays[n].Again, err = s.replay(ctx, q, old, now)
			}
			fault := refund.As(err)
			switch {
			case err != nil && (fault == nil || fault.Kind != refund.KindStateConflict && fault.Kind != refund.KindNotFound):
				return err
			case err != nil:
				replays[n].Problem = fault.Told()
			default:
				sent++
			}
		}
		if sent == 0 {
			return errNothingDone
		}
		return s.appendAudit(ctx, q, record.Record.With("deliveries", fmt.Sprint(sent)))
	})
	if err != nil {
		return nil, fmt.Errorf("replay deliveries: %w", err)
	}
	return replays, nil
}

// replay writes a delivery with the bytes of one that has ended, and notes on that
// one that somebody had it sent again. KindStateConflict where it can't be.
func (s *Store) replay(ctx context.Context, q sqldb.Querier, old merchant.DeliveryRecord, now time.Time) (merchant.Delivery, error) {
	const note = `UPDATE deliveries SET replayed_at = $4 WHERE merchant_id = $1 AND created_at = $2 AND id = $3`
	inUse := 1
	if old.Delivery.EndpointID != "" {
		const text = `SELECT COUNT(*) FROM endpoints p WHERE p.merchant_id = $1 AND p.id = $2 AND p.disabled_at = 0`
		err := q.Query(ctx, text, []any{old.Delivery.MerchantID, old.Delivery.EndpointID}, func(scan func(...any) error) error { return scan(&inUse) })
		if err != nil {
			return merchant.Delivery{}, err
		}
	}
	switch {
	case old.State == merchant.DeliveryWaiting:
		return merchant.Delivery{}, refund.Errorf(refund.KindStateConflict, "delivery", "the delivery is still on its way")
	case inUse == 0:
		return merchant.Delivery{}, refund.Errorf(refund.KindStateConflict, "delivery", "its endpoint is not in use any more")
	case old.State == merchant.DeliveryDead && old.Delivery.Attempts == 0 && old.Delivery.Problem == "":
		// An earlier version gave it up, and did not keep what it takes to
		// make it.
		return merchant.Delivery{}, refund.Errorf(refund.KindStateConflict, "delivery", "it could not be made, and has no bytes to be sent")
	}
	again := old.Delivery
	again.ID, again.CreatedAt, again.DueAt = s.newID(now), now, now
	again.Attempts, again.LeaseEpoch, again.LeaseUntil = 0, 0, time.Time{}
	if again.Problem != "" {
		again.MakeAt = now
	}
	if _, err := q.Send(ctx, deliveryRows([]merchant.Delivery{again})); err != nil {
		return merchant.Delivery{}, err
	}
	_, err := q.Exec(ctx, note, old.Delivery.MerchantID, sqldb.Micros(old.Delivery.CreatedAt), old.Delivery.ID, sqldb.Micros(now))
	return again, err
}
