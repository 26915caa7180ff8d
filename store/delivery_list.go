package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// lookDeliveries is as lookRows, of rows that are twice as large.
const lookDeliveries = lookRows / 2

const recordColumns = deliveryColumns + `, d.state, d.due_at, d.lease_until, d.ended_at, d.replayed_at`

func scanRecord(scan func(...any) error) (merchant.DeliveryRecord, error) {
	var r merchant.DeliveryRecord
	var dueAt, leaseUntil, endedAt, replayedAt int64
	d, err := scanDelivery(func(columns ...any) error {
		return scan(append(columns, (*string)(&r.State), &dueAt, &leaseUntil, &endedAt, &replayedAt)...)
	})
	d.DueAt, d.LeaseUntil, r.EndedAt = sqldb.FromMicros(dueAt), sqldb.FromMicros(leaseUntil), sqldb.FromMicros(endedAt)
	r.ReplayedAt = sqldb.FromMicros(replayedAt)
	if dueAt == neverDue {
		d.DueAt = d.MakeAt
	}
	r.Delivery = d
	return r, err
}

// DeliveryList lists deliveries, newest first, and says whether there are more.
func (s *Store) DeliveryList(ctx context.Context, f merchant.DeliveryFilter, page refund.Page) (records []merchant.DeliveryRecord, more bool, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		records, more, err = readDeliveries(ctx, q, listedDeliveries(f, page))
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list deliveries: %w", err)
	}
	return records, more, nil
}

// DeliveryLook is DeliveryList for a person who waits: no index knows a delivery's
// endpoint, so that a page of one looks through lookDeliveries at most, newest
// first. It may have few rows or none though there are more. next is the delivery
// behind which the next page goes on, nil where there is none.
func (s *Store) DeliveryLook(ctx context.Context, f merchant.DeliveryFilter, page refund.Page) (records []merchant.DeliveryRecord, next *refund.Position, err error) {
	return s.lookThroughDeliveries(ctx, f, page, lookDeliveries)
}

func (s *Store) lookThroughDeliveries(ctx context.Context, f merchant.DeliveryFilter, page refund.Page, most int) (records []merchant.DeliveryRecord, next *refund.Position, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) (err error) {
		l, more := listedDeliveries(f, page), false
		next = nil
		if ofEndpointOnly(f) && page.Before == nil {
			page.Limit = 1
			end := newListing(`SELECT d.created_at, d.id FROM deliveries d WHERE d.merchant_id = $1`, "d", f.MerchantID, page)
			if next, err = positionOf(ctx, q, lastLooked(end, most)); err != nil {
				return err
			}
		}
		if next != nil {
			l.where("(d.created_at, d.id) >= (?, ?)", sqldb.Micros(next.CreatedAt), next.ID)
		}
		if records, more, err = readDeliveries(ctx, q, l); more {
			last := records[len(records)-1].Delivery
			next = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
		}
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("look for deliveries: %w", err)
	}
	return records, next, nil
}

// ofEndpointOnly reports whether no index leaves few deliveries of what the filter
// asks for: there is one for events, and one for each state but delivered.
func ofEndpointOnly(f merchant.DeliveryFilter) bool {
	return f.EndpointID != "" && f.EventID == "" && !f.Waiting && (f.State == "" || f.State == merchant.Delivered)
}

func readDeliveries(ctx context.Context, q sqldb.Querier, l *listing) (records []merchant.DeliveryRecord, more bool, err error) {
	one := l.end()
	err = q.Query(ctx, one.SQL, one.Args, func(scan func(...any) error) error {
		r, err := scanRecord(scan)
		records = append(records, r)
		return err
	})
	if err != nil {
		return nil, false, err
	}
	records, more = cut(l, records)
	return records, more, tries(ctx, q, records)
}

// listedDeliveries has the states of few deliveries as the indexes of these say them.
func listedDeliveries(f merchant.DeliveryFilter, page refund.Page) *listing {
	l := newListing(`SELECT `+recordColumns+` FROM deliveries d WHERE d.merchant_id = $1`, "d", f.MerchantID, page)
	l.equal("event_id", f.EventID)
	l.equal("endpoint_id", f.EndpointID)
	switch f.State {
	case merchant.DeliveryDead:
		l.where("d.state = 'dead'")
	case merchant.DeliveryWaiting:
		l.where("d.state = 'waiting' AND d.due_at > 0")
	default:
		l.equal("state", string(f.State))
	}
	if f.Waiting {
		l.where(deadDeliveries)
	}
	return l
}

// Delivery implements native.Deliveries.
func (s *Store) Delivery(ctx context.Context, merchantID, id string) (merchant.DeliveryRecord, error) {
	var found [1]merchant.DeliveryRecord
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		if found[0], err = delivery(ctx, q, merchantID, id); err == nil {
			err = tries(ctx, q, found[:])
		}
		return err
	})
	if err != nil {
		return merchant.DeliveryRecord{}, fmt.Errorf("find delivery: %w", err)
	}
	return found[0], nil
}

// delivery finds a delivery by its id, which holds the time of its row.
func delivery(ctx context.Context, q sqldb.Querier, merchantID, id string) (merchant.DeliveryRecord, error) {
	const text = `SELECT ` + recordColumns + ` FROM deliveries d
		WHERE d.merchant_id = $1 AND d.created_at >= $2 AND d.created_at <= $3 AND d.id = $4`
	absent := refund.Errorf(refund.KindNotFound, "delivery", "there is no such delivery")
	at, ok := refund.IDTime(id)
	if !ok {
		return merchant.DeliveryRecord{}, absent
	}
	var found merchant.DeliveryRecord
	there := false
	args := []any{merchantID, sqldb.Micros(at.Add(-idSlack)), sqldb.Micros(at.Add(idSlack)), id}
	err := q.Query(ctx, text, args, func(scan func(...any) error) (err error) {
		found, err = scanRecord(scan)
		there = true
		return err
	})
	if err == nil && !there {
		err = absent
	}
	return found, err
}

var deliveryIDColumns = sqldb.NewColumns("merchant_id TEXT", "delivery_id TEXT")

// tries fills in the tries of all records.
func tries(ctx context.Context, q sqldb.Querier, records []merchant.DeliveryRecord) error {
	const text = `SELECT a.delivery_id, a.created_at, a.status, a.error, a.duration_us FROM v JOIN delivery_attempts a
		ON a.merchant_id = v.merchant_id AND a.delivery_id = v.delivery_id ORDER BY a.created_at, a.id`
	keys := make([][]any, len(records))
	places := make(map[string]int, len(records))
	for n, r := range records {
		keys[n] = []any{r.Delivery.MerchantID, r.Delivery.ID}
		places[r.Delivery.ID] = n
	}
	return sqldb.QueryValues(ctx, q, deliveryIDColumns, keys, text, func(scan func(...any) error) error {
		var id string
		var at, status, microseconds int64
		var t merchant.DeliveryTry
		err := scan(&id, &at, &status, &t.Error, &microseconds)
		t.At, t.Status, t.Duration = sqldb.FromMicros(at), int(status), time.Duration(microseconds)*time.Microsecond
		r := &records[places[id]]
		r.Tries = append(r.Tries, t)
		return err
	})
}
