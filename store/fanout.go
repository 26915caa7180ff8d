package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

const (
	// newEvents reads nothing but the index of events without a number.
	newEvents = `SELECT e.merchant_id, e.created_at, e.id FROM events e
		WHERE e.merchant_id = $1 AND e.feed_number = 0 ORDER BY e.created_at, e.id LIMIT $2`
	eventsByKey = `SELECT ` + eventColumns + ` FROM v JOIN events e
		ON e.merchant_id = v.merchant_id AND e.created_at = v.created_at AND e.id = v.id`
	endpointsInUse = `SELECT ` + endpointColumns + ` FROM endpoints p
		WHERE p.merchant_id = $1 AND p.disabled_at = 0 ORDER BY p.created_at, p.id`
	numberEvents = `UPDATE events SET feed_number = v.feed_number FROM v
		WHERE events.merchant_id = v.merchant_id AND events.created_at = v.created_at AND events.id = v.id`
	lastNumber = `SELECT f.last_number FROM feed_counters f WHERE f.merchant_id = $1`
)

var eventKeyColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "id TEXT")

var feedColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "id TEXT", "feed_number BIGINT")

// FanOut implements webhook.Store. The counter's row is locked until the
// commit, so that numbers become visible in their order: a reader that has
// seen one has seen all below it, however slow an event's own transaction was.
func (s *Store) FanOut(ctx context.Context, merchantID string, limit int, plan func([]webhook.Event, []merchant.Endpoint) ([]merchant.Delivery, error)) (int, error) {
	var events []webhook.Event
	err := s.Share(ctx, func(q sqldb.Querier) error {
		events = nil
		last, err := lockCounter(ctx, q, merchantID)
		if err != nil {
			return err
		}
		if events, err = s.newEvents(ctx, q, merchantID, limit); err != nil || len(events) == 0 {
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
		deliveries, err := plan(append(events[:len(events):len(events)], batches...), targets)
		if err != nil {
			return err
		}
		numbers := make([][]any, len(events))
		for n, event := range events {
			numbers[n] = []any{event.MerchantID, sqldb.Micros(event.At), event.ID, last + int64(n) + 1}
		}
		statements := sqldb.WithValues(feedColumns, numbers, numberEvents)
		statements = append(statements, sqldb.InsertRows(insertBatchEvents, batchEventWidth, batchRows, "")...)
		statements = append(statements, deliveryRows(deliveries, s.newID)...)
		statements = append(statements, sqldb.Statement{
			SQL:  `UPDATE feed_counters SET last_number = $2 WHERE merchant_id = $1`,
			Args: []any{merchantID, last + int64(len(events))},
		})
		_, err = q.Send(ctx, statements)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("fan out: %w", err)
	}
	s.recent.forget(events)
	return len(events), nil
}

// lockCounter gives a merchant's last feed number and keeps everybody else
// from giving the next.
func lockCounter(ctx context.Context, q sqldb.Querier, merchantID string) (int64, error) {
	const begin = `INSERT INTO feed_counters (merchant_id, last_number) VALUES ($1, 0) ON CONFLICT DO NOTHING`
	var last int64
	var there bool
	look := func() error {
		return q.Query(ctx, lastNumber+q.Lock(""), []any{merchantID}, func(scan func(...any) error) error {
			there = true
			return scan(&last)
		})
	}
	if err := look(); err != nil || there {
		return last, err
	}
	if _, err := q.Exec(ctx, begin, merchantID); err != nil {
		return 0, err
	}
	err := look()
	return last, err
}

// newEvents gives a merchant's events without a number, oldest first: from
// memory where this process wrote them a moment ago.
func (s *Store) newEvents(ctx context.Context, q sqldb.Querier, merchantID string, limit int) ([]webhook.Event, error) {
	var known []*webhook.Event
	var unknown [][]any
	err := q.Query(ctx, newEvents, []any{merchantID, int64(limit)}, func(scan func(...any) error) error {
		var key rowKey
		var at int64
		if err := scan(&key.merchant, &at, &key.id); err != nil {
			return err
		}
		event := s.recent.get(key)
		if event == nil {
			unknown = append(unknown, []any{key.merchant, at, key.id})
			event = &webhook.Event{ID: key.id}
		}
		known = append(known, event)
		return nil
	})
	if err != nil || len(known) == 0 {
		return nil, err
	}
	events := make([]webhook.Event, len(known))
	for n, event := range known {
		events[n] = *event
	}
	if err := s.readEvents(ctx, q, unknown, events); err != nil {
		return nil, err
	}
	var mode merchant.Mode
	err = q.Query(ctx, `SELECT m.mode FROM merchants m WHERE m.id = $1`, []any{merchantID}, func(scan func(...any) error) error {
		return scan((*string)(&mode))
	})
	for n := range events {
		events[n].Mode = mode
	}
	return events, err
}

// readEvents fills in the events of keys.
func (s *Store) readEvents(ctx context.Context, q sqldb.Querier, keys [][]any, events []webhook.Event) error {
	var rows []eventRow
	err := sqldb.QueryValues(ctx, q, eventKeyColumns, keys, eventsByKey, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		rows = append(rows, e)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.restore(ctx, q, rows); err != nil {
		return err
	}
	read := make(map[string]webhook.Event, len(rows))
	for _, row := range rows {
		read[row.ID] = webhook.Event{
			MerchantID: row.MerchantID, ID: row.ID, Type: row.Type, At: row.At, RequestID: row.RequestID,
			Refund: row.Refund, Charge: row.Charge,
		}
	}
	for n, event := range events {
		if event.MerchantID != "" {
			continue
		}
		one, ok := read[event.ID]
		if !ok {
			return refund.Errorf(refund.KindCorrupt, "event", "event %s is not there", event.ID)
		}
		events[n] = one
	}
	return nil
}
