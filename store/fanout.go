package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/webhook"
)

const (
	newEvents = `SELECT ` + eventColumns + ` FROM events e
		WHERE e.merchant_id = $1 AND e.feed_number = 0 ORDER BY e.created_at, e.id LIMIT $2`
	endpointsInUse = `SELECT ` + endpointColumns + ` FROM endpoints p
		WHERE p.merchant_id = $1 AND p.disabled_at = 0 ORDER BY p.created_at, p.id`
	numberEvents = `UPDATE events SET feed_number = v.feed_number FROM v
		WHERE events.merchant_id = v.merchant_id AND events.created_at = v.created_at AND events.id = v.id`
	lastNumber = `SELECT f.last_number FROM feed_counters f WHERE f.merchant_id = $1`
)

var feedColumns = []column{{"merchant_id", "TEXT"}, {"created_at", "BIGINT"}, {"id", "TEXT"}, {"feed_number", "BIGINT"}}

// FanOut implements webhook.Store. The counter's row is locked until the
// commit, so that numbers become visible in their order: a reader that has
// seen one has seen all below it, however slow an event's own transaction was.
func (s *Store) FanOut(ctx context.Context, merchantID string, limit int, plan func([]webhook.Event, []merchant.Endpoint) ([]webhook.Delivery, error)) (int, error) {
	taken := 0
	err := s.share(ctx, func(q querier) error {
		taken = 0
		last, err := lockCounter(ctx, q, merchantID)
		if err != nil {
			return err
		}
		rows, err := queryEvents(ctx, q, newEvents, []any{merchantID, int64(limit)})
		if err != nil || len(rows) == 0 {
			return err
		}
		events, err := s.webhookEvents(ctx, q, rows)
		if err != nil {
			return err
		}
		batches, batchRows, err := s.batchEnds(ctx, q, events)
		if err != nil {
			return err
		}
		targets, err := endpoints(ctx, q, endpointsInUse, merchantID)
		if err != nil {
			return err
		}
		deliveries, err := plan(append(events, batches...), targets)
		if err != nil {
			return err
		}
		numbers := make([][]any, len(rows))
		for n, row := range rows {
			numbers[n] = []any{row.MerchantID, micros(row.At), row.ID, last + int64(n) + 1}
		}
		statements := withValues(feedColumns, numbers, numberEvents)
		statements = append(statements, insertRows(insertBatchEvents, batchEventWidth, batchRows, "")...)
		statements = append(statements, deliveryRows(deliveries, s.newID)...)
		statements = append(statements, statement{
			`UPDATE feed_counters SET last_number = $2 WHERE merchant_id = $1`, []any{merchantID, last + int64(len(rows))},
		})
		taken = len(rows)
		_, err = q.send(ctx, statements)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("fan out: %w", err)
	}
	return taken, nil
}

// lockCounter gives a merchant's last feed number and keeps everybody else
// from giving the next.
func lockCounter(ctx context.Context, q querier, merchantID string) (int64, error) {
	const begin = `INSERT INTO feed_counters (merchant_id, last_number) VALUES ($1, 0) ON CONFLICT DO NOTHING`
	if _, err := q.exec(ctx, begin, merchantID); err != nil {
		return 0, err
	}
	var last int64
	err := q.query(ctx, lastNumber+q.lock(""), []any{merchantID}, func(scan func(...any) error) error { return scan(&last) })
	return last, err
}

func (s *Store) webhookEvents(ctx context.Context, q querier, rows []eventRow) ([]webhook.Event, error) {
	if err := s.restore(ctx, q, rows); err != nil {
		return nil, err
	}
	var mode merchant.Mode
	err := q.query(ctx, `SELECT m.mode FROM merchants m WHERE m.id = $1`, []any{rows[0].MerchantID}, func(scan func(...any) error) error {
		return scan((*string)(&mode))
	})
	if err != nil {
		return nil, err
	}
	events := make([]webhook.Event, len(rows))
	for n, row := range rows {
		events[n] = webhook.Event{
			MerchantID: row.MerchantID, Mode: mode, ID: row.ID, Type: row.Type, At: row.At, RequestID: row.RequestID,
			Refund: row.Refund, Charge: row.Charge,
		}
	}
	return events, nil
}
