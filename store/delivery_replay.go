package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/webhook"
)

var _ native.Deliveries = (*Store)(nil)

const recordColumns = deliveryColumns + `, d.state, d.due_at, d.lease_until, d.ended_at`

func scanRecord(scan func(...any) error) (webhook.Record, error) {
	var r webhook.Record
	var dueAt, leaseUntil, endedAt int64
	d, err := scanDelivery(func(columns ...any) error {
		return scan(append(columns, (*string)(&r.State), &dueAt, &leaseUntil, &endedAt)...)
	})
	d.DueAt, d.LeaseUntil, r.EndedAt = fromMicros(dueAt), fromMicros(leaseUntil), fromMicros(endedAt)
	d.Dead, r.Delivery = r.State == webhook.Dead, d
	return r, err
}

// DeliveryList implements native.Deliveries.
func (s *Store) DeliveryList(ctx context.Context, f native.DeliveryFilter) (records []webhook.Record, more bool, err error) {
	l := newListing(`SELECT `+recordColumns+` FROM deliveries d WHERE d.merchant_id = $1`, "d", f.MerchantID, f.Page)
	l.equal("event_id", f.EventID)
	l.equal("endpoint_id", f.EndpointID)
	l.equal("state", string(f.State))
	one := l.end()
	err = s.read(ctx, func(q querier) error {
		err := q.query(ctx, one.sql, one.args, func(scan func(...any) error) error {
			r, err := scanRecord(scan)
			records = append(records, r)
			return err
		})
		if err != nil {
			return err
		}
		records, more = cut(l, records)
		return tries(ctx, q, records)
	})
	if err != nil {
		return nil, false, fmt.Errorf("list deliveries: %w", err)
	}
	return records, more, nil
}

// Delivery implements native.Deliveries.
func (s *Store) Delivery(ctx context.Context, merchantID, id string) (webhook.Record, error) {
	var found [1]webhook.Record
	err := s.read(ctx, func(q querier) (err error) {
		if found[0], err = delivery(ctx, q, merchantID, id); err == nil {
			err = tries(ctx, q, found[:])
		}
		return err
	})
	if err != nil {
		return webhook.Record{}, fmt.Errorf("find delivery: %w", err)
	}
	return found[0], nil
}

// ReplayDelivery implements native.Deliveries.
func (s *Store) ReplayDelivery(ctx context.Context, merchantID, id string, now time.Time) (webhook.Record, error) {
	var again webhook.Delivery
	err := s.write(ctx, func(q querier) error {
		old, err := delivery(ctx, q, merchantID, id)
		if err != nil {
			return err
		}
		inUse := 1
		if old.Delivery.EndpointID != "" {
			const text = `SELECT COUNT(*) FROM endpoints p WHERE p.merchant_id = $1 AND p.id = $2 AND p.disabled_at = 0`
			err := q.query(ctx, text, []any{merchantID, old.Delivery.EndpointID}, func(scan func(...any) error) error { return scan(&inUse) })
			if err != nil {
				return err
			}
		}
		switch {
		case old.State == webhook.Waiting:
			return refund.Errorf(refund.KindStateConflict, "delivery", "the delivery is still on its way")
		case inUse == 0:
			return refund.Errorf(refund.KindStateConflict, "delivery", "its endpoint is not in use any more")
		case old.State == webhook.Dead && old.Delivery.Attempts == 0:
			return refund.Errorf(refund.KindStateConflict, "delivery", "it could not be made, and has no bytes to be sent")
		}
		again = old.Delivery
		again.ID, again.CreatedAt, again.DueAt = s.newID(now), now, now
		again.Attempts, again.LeaseEpoch, again.LeaseUntil, again.Dead = 0, 0, time.Time{}, false
		dialect.Made(ctx, again.ID)
		_, err = q.send(ctx, deliveryRows([]webhook.Delivery{again}, s.newID))
		return err
	})
	if err != nil {
		return webhook.Record{}, fmt.Errorf("replay delivery: %w", err)
	}
	return webhook.Record{Delivery: again, State: webhook.Waiting}, nil
}

// delivery finds a delivery by its id, which holds the time of its row.
func delivery(ctx context.Context, q querier, merchantID, id string) (webhook.Record, error) {
	const text = `SELECT ` + recordColumns + ` FROM deliveries d
		WHERE d.merchant_id = $1 AND d.created_at >= $2 AND d.created_at <= $3 AND d.id = $4`
	absent := refund.Errorf(refund.KindNotFound, "delivery", "there is no such delivery")
	at, ok := refund.IDTime(id)
	if !ok {
		return webhook.Record{}, absent
	}
	var found webhook.Record
	there := false
	args := []any{merchantID, micros(at.Add(-idSlack)), micros(at.Add(idSlack)), id}
	err := q.query(ctx, text, args, func(scan func(...any) error) (err error) {
		found, err = scanRecord(scan)
		there = true
		return err
	})
	if err == nil && !there {
		err = absent
	}
	return found, err
}
