package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

// A condition of a statement about a list of keys is written so that no partial index has
// it ("+ 0"): to PostgreSQL such an index looks nearly empty, and it would go through all
// of it for each key. With 8,000 new events a statement about 128 of them took 0.3 s so.
const (
	numberEvents = `UPDATE events SET feed_number = v.feed_number FROM v WHERE events.merchant_id = v.merchant_id
		AND events.created_at = v.created_at AND events.id = v.id AND events.feed_number + 0 = 0`
	moveCounter  = `UPDATE feed_counters SET last_number = $2 WHERE merchant_id = $1`
	lastNumber   = `SELECT f.last_number FROM feed_counters f WHERE f.merchant_id = $1`
	beginCounter = `INSERT INTO feed_counters (merchant_id, last_number) VALUES ($1, 0) ON CONFLICT DO NOTHING`
	inUse        = `SELECT p.id FROM endpoints p WHERE p.merchant_id = $1 AND p.disabled_at = 0`
)

var feedColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "id TEXT", "feed_number BIGINT")

// errNewsOld ends a fan-out's transaction when what it was made of has changed.
var errNewsOld = errors.New("another fan-out was faster")

// FanOut implements webhook.Store. The counter's row is locked until the
// commit, so that numbers become visible in their order: a reader that has
// seen one has seen all below it, however slow an event's own transaction was.
// What the deliveries are made of was read before; here only statements that
// write stand between the lock and the commit, and one look at the endpoints.
func (s *Store) FanOut(ctx context.Context, news webhook.News, deliveries []merchant.Delivery) (bool, error) {
	err := s.Share(ctx, func(q sqldb.Querier) error {
		last, free, err := takeCounter(ctx, q, news.MerchantID)
		if err == nil && !free {
			err = errNewsOld
		}
		if err != nil {
			return err
		}
		if err := stillInUse(ctx, q, news.MerchantID, deliveries); err != nil {
			return err
		}
		claims, numbered, err := claimNews(news, last, sqldb.Micros(s.now()))
		if err != nil {
			return err
		}
		statements := append(claims, deliveryRows(deliveries)...)
		if numbered > 0 {
			statements = append(statements, sqldb.Statement{SQL: moveCounter, Args: []any{news.MerchantID, last + numbered}})
		}
		counts, err := q.Send(ctx, statements)
		if err != nil {
			return err
		}
		if sum(counts[:len(claims)]) != int64(len(news.Events)) {
			return errNewsOld
		}
		return nil
	})
	switch {
	case errors.Is(err, errNewsOld):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("fan out: %w", err)
	}
	s.recent.forget(news.Events)
	return true, nil
}

// claimNews makes the statements that take events over, each of which touches
// a row for each event that is still new. It also returns how many numbers
// they give.
func claimNews(news webhook.News, last, now int64) (statements []sqldb.Statement, numbered int64, err error) {
	var numbers, payments, batches, disputes, alerts [][]any
	for _, event := range news.Events {
		switch at := sqldb.Micros(event.At); event.Kind {
		case webhook.AboutPayment:
			payments = append(payments, []any{event.MerchantID, at, event.ID, now})
		case webhook.AboutDispute:
			disputes = append(disputes, []any{event.MerchantID, at, event.ID, now})
		case webhook.AboutAlert:
			alerts = append(alerts, []any{event.MerchantID, at, event.ID, now})
		case webhook.AboutBatch:
			row, err := batchRow(event)
			if err != nil {
				return nil, 0, err
			}
			batches = append(batches, row)
		default:
			numbered++
			numbers = append(numbers, []any{event.MerchantID, at, event.ID, last + numbered})
		}
	}
	statements = sqldb.WithValues(feedColumns, numbers, numberEvents)
	statements = append(statements, sqldb.WithValues(paymentEventColumns, payments, markPayments)...)
	statements = append(statements, sqldb.WithValues(disputeEventColumns, disputes, markDisputes)...)
	statements = append(statements, sqldb.WithValues(disputeEventColumns, alerts, markAlerts)...)
	return append(statements, sqldb.InsertRows(insertBatchEvents, batchEventWidth, batches, "ON CONFLICT DO NOTHING")...), numbered, nil
}

// takeCounter returns a merchant's last feed number and keeps everybody else
// from giving the next. It is not free while another transaction has it; then
// nobody waits for it.
func takeCounter(ctx context.Context, q sqldb.Querier, merchantID string) (last int64, free bool, err error) {
	there := false
	look := func(lock string) error {
		return q.Query(ctx, lastNumber+lock, []any{merchantID}, func(scan func(...any) error) error {
			there = true
			return scan(&last)
		})
	}
	if err := look(q.Lock("SKIP LOCKED")); err != nil || there {
		return last, there, err
	}
	// An INSERT would wait for who changes the row, also with ON CONFLICT: it
	// is only for a merchant that has none yet.
	if err := look(""); err != nil || there {
		return 0, false, err
	}
	touched, err := q.Exec(ctx, beginCounter, merchantID)
	return 0, touched > 0, err
}

// lockCounter keeps fan-outs of a merchant out until the transaction ends.
func lockCounter(ctx context.Context, q sqldb.Querier, merchantID string) error {
	if _, err := q.Exec(ctx, beginCounter, merchantID); err != nil {
		return err
	}
	return q.Query(ctx, lastNumber+q.Lock(""), []any{merchantID}, func(scan func(...any) error) error {
		var last int64
		return scan(&last)
	})
}

// stillInUse looks whether an endpoint was disabled since the deliveries were
// made: what waited for it then is dead, and so would these be.
func stillInUse(ctx context.Context, q sqldb.Querier, merchantID string, deliveries []merchant.Delivery) error {
	wanted := make(map[string]bool)
	for _, d := range deliveries {
		if d.EndpointID != "" {
			wanted[d.EndpointID] = true
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	err := q.Query(ctx, inUse, []any{merchantID}, func(scan func(...any) error) error {
		var id string
		err := scan(&id)
		delete(wanted, id)
		return err
	})
	if err == nil && len(wanted) > 0 {
		err = errNewsOld
	}
	return err
}
