package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

// unmadeRow is a delivery that nobody has changed since it was read.
const unmadeRow = ` WHERE merchant_id = $1 AND created_at = $2 AND id = $3 AND make_at = $4 AND state = 'waiting'`

// Subject implements webhook.Store.
func (s *Store) Subject(ctx context.Context, d merchant.Delivery) (webhook.Event, merchant.Endpoint, error) {
	event, err := s.subject(ctx, d)
	var endpoint merchant.Endpoint
	if err == nil && d.EndpointID != "" {
		endpoint, err = s.endpointInUse(ctx, d.MerchantID, d.EndpointID)
	}
	if err == nil {
		err = s.Read(ctx, func(q sqldb.Querier) (err error) {
			event.Mode, err = modeOf(ctx, q, d.MerchantID)
			return err
		})
	}
	if err != nil {
		return webhook.Event{}, merchant.Endpoint{}, fmt.Errorf("find what a delivery is about: %w", err)
	}
	return event, endpoint, nil
}

// subject is the event of a delivery: of a refund, a batch, or a charge, whose
// id an event about its payment has.
func (s *Store) subject(ctx context.Context, d merchant.Delivery) (webhook.Event, error) {
	gone := refund.Errorf(refund.KindNotFound, "event", "its event is not there any more")
	if strings.HasPrefix(d.EventID, alertPrefix) {
		return s.alertSubject(ctx, d, gone)
	}
	if !strings.HasPrefix(d.EventID, eventPrefix) {
		var found []webhook.Event
		err := s.Read(ctx, func(q sqldb.Querier) (err error) {
			found, err = s.payments(ctx, q, paymentOfCharge, d.MerchantID, d.EventID)
			return err
		})
		switch {
		case err != nil:
			return webhook.Event{}, err
		case len(found) == 0:
			return webhook.Event{}, gone
		}
		return found[0], found[0].Err
	}
	stored, err := s.Event(ctx, d.MerchantID, d.EventID)
	if refund.KindOf(err) != refund.KindEventNotFound {
		return eventOf(stored), err
	}
	stored, ok, err := s.BatchEvent(ctx, d.MerchantID, d.EventID)
	if err == nil && !ok {
		return s.disputeSubject(ctx, d, gone)
	}
	event := eventOf(stored)
	event.Kind = webhook.AboutBatch
	return event, err
}

// disputeSubject is the event about a dispute that a delivery is of.
func (s *Store) disputeSubject(ctx context.Context, d merchant.Delivery, gone error) (webhook.Event, error) {
	at, ok := refund.IDTime(strings.TrimPrefix(d.EventID, eventPrefix))
	if !ok {
		return webhook.Event{}, gone
	}
	var found []webhook.Event
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = s.disputeNews(ctx, q, oneDisputeEvent, d.MerchantID, sqldb.Micros(at.Add(-eventSlack)), sqldb.Micros(at.Add(eventSlack)), d.EventID)
		return err
	})
	switch {
	case err != nil:
		return webhook.Event{}, err
	case len(found) == 0:
		return webhook.Event{}, gone
	}
	return found[0], found[0].Err
}

func (s *Store) endpointInUse(ctx context.Context, merchantID, id string) (merchant.Endpoint, error) {
	const text = `SELECT ` + endpointColumns + ` FROM endpoints p WHERE p.merchant_id = $1 AND p.id = $2 AND p.disabled_at = 0`
	var found []merchant.Endpoint
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = endpoints(ctx, q, text, merchantID, id)
		return err
	})
	switch {
	case err != nil:
		return merchant.Endpoint{}, err
	case len(found) == 0:
		return merchant.Endpoint{}, refund.Errorf(refund.KindNotFound, "endpoint", "its endpoint is not in use any more")
	}
	return found[0], nil
}

// SaveMakings implements webhook.Store. There are few, and their bytes can't
// be in a list of values: each has its statement.
func (s *Store) SaveMakings(ctx context.Context, makings []webhook.Making) error {
	const (
		save = `UPDATE deliveries SET state = $5, url = $6, host = $7, key_id = $8, body = $9, due_at = $10, ended_at = $11,
			problem = $12, make_at = $13` + unmadeRow
		withdraw = `DELETE FROM deliveries` + unmadeRow
	)
	statements := make([]sqldb.Statement, len(makings))
	for n, m := range makings {
		d := m.Delivery
		row := []any{d.MerchantID, sqldb.Micros(d.CreatedAt), d.ID, sqldb.Micros(m.Before)}
		if m.Withdrawn {
			statements[n] = sqldb.Statement{SQL: withdraw, Args: row}
			continue
		}
		state, dueAt, endedAt := merchant.DeliveryWaiting, sqldb.Micros(d.DueAt), int64(0)
		switch {
		case d.Problem != "" && d.MakeAt.IsZero():
			state, dueAt, endedAt = merchant.DeliveryDead, 0, sqldb.Micros(m.At)
		case d.Problem != "":
			dueAt = neverDue
		}
		statements[n] = sqldb.Statement{SQL: save, Args: append(row, string(state), d.URL, d.Host, d.KeyID, d.Body, dueAt, endedAt, d.Problem, sqldb.Micros(d.MakeAt))}
	}
	err := s.Share(ctx, func(q sqldb.Querier) error {
		_, err := q.Send(ctx, statements)
		return err
	})
	if err != nil {
		return fmt.Errorf("record deliveries that were made: %w", err)
	}
	return nil
}
