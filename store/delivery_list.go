package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/webhook"
)

// DeliveryFilter selects deliveries; zero members select all.
type DeliveryFilter struct {
	MerchantID string
	EventID    string
	State      webhook.State
	Limit      int // default and most: mostListed
}

// Deliveries lists a merchant's deliveries with their tries, newest first.
// Those that are dead are found here.
func (s *Store) Deliveries(ctx context.Context, f DeliveryFilter) ([]webhook.Record, error) {
	const text = `SELECT ` + recordColumns + ` FROM deliveries d
		WHERE d.merchant_id = $1 AND (d.event_id = $2 OR $2 = '') AND (d.state = $3 OR $3 = '')
		ORDER BY d.created_at DESC, d.id DESC LIMIT $4`
	limit := f.Limit
	if limit <= 0 || limit > mostListed {
		limit = mostListed
	}
	var records []webhook.Record
	err := s.read(ctx, func(q querier) error {
		err := q.query(ctx, text, []any{f.MerchantID, f.EventID, string(f.State), int64(limit)}, func(scan func(...any) error) error {
			r, err := scanRecord(scan)
			records = append(records, r)
			return err
		})
		if err != nil {
			return err
		}
		return tries(ctx, q, records)
	})
	if err != nil {
		return nil, fmt.Errorf("list deliveries: %w", err)
	}
	return records, nil
}

var deliveryIDColumns = []column{{"merchant_id", "TEXT"}, {"delivery_id", "TEXT"}}

// tries fills in the tries of all records.
func tries(ctx context.Context, q querier, records []webhook.Record) error {
	const text = `SELECT a.delivery_id, a.created_at, a.status, a.error, a.duration_us FROM v JOIN delivery_attempts a
		ON a.merchant_id = v.merchant_id AND a.delivery_id = v.delivery_id ORDER BY a.created_at, a.id`
	keys := make([][]any, len(records))
	places := make(map[string]int, len(records))
	for n, r := range records {
		keys[n] = []any{r.Delivery.MerchantID, r.Delivery.ID}
		places[r.Delivery.ID] = n
	}
	return queryValues(ctx, q, deliveryIDColumns, keys, text, func(scan func(...any) error) error {
		var id string
		var at, status, microseconds int64
		var t webhook.Try
		err := scan(&id, &at, &status, &t.Error, &microseconds)
		t.At, t.Status, t.Duration = fromMicros(at), int(status), time.Duration(microseconds)*time.Microsecond
		r := &records[places[id]]
		r.Tries = append(r.Tries, t)
		return err
	})
}
