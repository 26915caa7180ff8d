package store

import (
	"context"
	"fmt"
	"slices"

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
)

var eventKeyColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "id TEXT")

// News implements webhook.Store. The order of the looks matters for batches:
// the refund that ended last is among the new events of a look which sees all
// the others' ends.
func (s *Store) News(ctx context.Context, merchantID string, limit int) (webhook.News, error) {
	news := webhook.News{MerchantID: merchantID}
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		if news.Events, err = s.newEvents(ctx, q, merchantID, limit); err != nil {
			return err
		}
		payments, err := s.payments(ctx, q, newPayments, merchantID, int64(limit))
		if err != nil {
			return err
		}
		batches, err := s.batchEnds(ctx, q, news.Events)
		if err != nil {
			return err
		}
		disputes, err := s.disputeNews(ctx, q, newDisputeEvents, merchantID, int64(limit))
		if err != nil {
			return err
		}
		alerts, err := alertNews(ctx, q, newAlerts, merchantID, int64(limit))
		if err != nil {
			return err
		}
		// A payment comes before the refunds of its charge.
		if len(payments)+len(batches)+len(disputes)+len(alerts) > 0 {
			news.Events = slices.Concat(payments, news.Events, batches, disputes, alerts)
		}
		if len(news.Events) == 0 {
			return nil
		}
		mode, err := modeOf(ctx, q, merchantID)
		if err != nil {
			return err
		}
		for n := range news.Events {
			news.Events[n].Mode = mode
		}
		news.Endpoints, err = endpoints(ctx, q, endpointsInUse, merchantID)
		return err
	})
	if err != nil {
		return webhook.News{}, fmt.Errorf("read new events: %w", err)
	}
	return news, nil
}

// modeOf is a merchant's mode.
func modeOf(ctx context.Context, q sqldb.Querier, merchantID string) (mode merchant.Mode, err error) {
	err = q.Query(ctx, `SELECT m.mode FROM merchants m WHERE m.id = $1`, []any{merchantID}, func(scan func(...any) error) error {
		return scan((*string)(&mode))
	})
	return mode, err
}

// newEvents returns a merchant's events without a number, oldest first: from
// memory where this process wrote them a moment ago.
func (s *Store) newEvents(ctx context.Context, q sqldb.Querier, merchantID string, limit int) ([]webhook.Event, error) {
	var found []*webhook.Event
	var unknown []int
	err := q.Query(ctx, newEvents, []any{merchantID, int64(limit)}, func(scan func(...any) error) error {
		var key rowKey
		var at int64
		if err := scan(&key.merchant, &at, &key.id); err != nil {
			return err
		}
		event := s.recent.get(key)
		if event == nil {
			unknown = append(unknown, len(found))
			event = &webhook.Event{MerchantID: merchantID, ID: key.id, At: sqldb.FromMicros(at)}
		}
		found = append(found, event)
		return nil
	})
	if err != nil {
		return nil, err
	}
	events := make([]webhook.Event, len(found))
	for n, event := range found {
		events[n] = *event
	}
	return events, s.fill(ctx, q, events, unknown)
}

// fill reads the events at the places. When that fails each is read alone, so
// that only the guilty ones have an Err.
func (s *Store) fill(ctx context.Context, q sqldb.Querier, events []webhook.Event, places []int) error {
	keys := make([][]any, len(places))
	for n, at := range places {
		keys[n] = []any{events[at].MerchantID, sqldb.Micros(events[at].At), events[at].ID}
	}
	read, err := s.readEvents(ctx, q, keys)
	switch {
	case err == nil:
		for _, at := range places {
			one, ok := read[events[at].ID]
			if !ok {
				one = events[at]
				one.Err = refund.Errorf(refund.KindCorrupt, "event", "event %s is not there", one.ID)
			}
			events[at] = one
		}
		return nil
	case ctx.Err() != nil:
		return err
	case len(places) == 1:
		events[places[0]].Err = err
		return nil
	}
	for n := range places {
		if err := s.fill(ctx, q, events, places[n:n+1]); err != nil {
			return err
		}
	}
	return nil
}

// readEvents reads events by their keys, by id.
func (s *Store) readEvents(ctx context.Context, q sqldb.Querier, keys [][]any) (map[string]webhook.Event, error) {
	var rows []eventRow
	err := sqldb.QueryValues(ctx, q, eventKeyColumns, keys, eventsByKey, func(scan func(...any) error) error {
		e, err := scanEvent(scan)
		rows = append(rows, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.restore(ctx, q, rows); err != nil {
		return nil, err
	}
	read := make(map[string]webhook.Event, len(rows))
	for _, row := range rows {
		read[row.ID] = eventOf(row.StoredEvent)
	}
	return read, nil
}

// eventOf is an event as renderers get it.
func eventOf(e refund.StoredEvent) webhook.Event {
	return webhook.Event{
		MerchantID: e.MerchantID, ID: e.ID, Type: e.Type, At: e.At, RequestID: e.RequestID,
		Refund: e.Refund, Charge: e.Charge, Together: e.Together, Pending: int(e.PendingDeliveries),
	}
}
