package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/webhook"
)

const (
	insertPaymentEvent = `INSERT INTO payment_events (merchant_id, created_at, charge_id, type) VALUES ($1, $2, $3, $4)`
	// newPayments reads nothing but the index of payments that are new, and
	// their rows.
	newPayments = `SELECT p.created_at, p.charge_id, p.type FROM payment_events p
		WHERE p.merchant_id = $1 AND p.told_at = 0 ORDER BY p.created_at, p.charge_id LIMIT $2`
	paymentOfCharge = `SELECT p.created_at, p.charge_id, p.type FROM payment_events p
		WHERE p.merchant_id = $1 AND p.charge_id = $2`
	markPayments = `UPDATE payment_events SET told_at = v.now FROM v WHERE payment_events.merchant_id = v.merchant_id
		AND payment_events.created_at = v.created_at AND payment_events.charge_id = v.charge_id AND payment_events.told_at + 0 = 0`
)

var paymentEventColumns = sqldb.NewColumns("merchant_id TEXT", "created_at BIGINT", "charge_id TEXT", "now BIGINT")

// RegisterPaid implements payin.Orders.
func (s *Store) RegisterPaid(ctx context.Context, c refund.Charge, eventType string, w *refund.Write) (refund.Charge, bool, error) {
	if c.CreatedAt.IsZero() {
		c.CreatedAt = s.now()
	}
	c.UpdatedAt = c.CreatedAt
	c, fault := refund.AsRegistered(c)
	if fault != nil {
		return refund.Charge{}, false, fault
	}
	var result refund.Registered
	var err error
	for try := 0; ; try++ {
		err = s.writeOnce(ctx, c.MerchantID, w, func(q sqldb.Querier) (err error) {
			result, err = s.registerPaid(ctx, q, c, eventType, w)
			return err
		})
		if !errors.Is(err, errNameTaken) {
			break
		}
		var more bool
		if c, more = giveWay(c, try); !more {
			break
		}
	}
	switch {
	case err == nil:
		return result.Charge, result.Again, result.Err
	case ctx.Err() != nil:
		return refund.Charge{}, false, fmt.Errorf("register charge: %w", err)
	}
	return refund.Charge{}, false, registerProblem(err)
}

// registerPaid is its transaction. A charge that was there before leaves no
// event: it left one then.
func (s *Store) registerPaid(ctx context.Context, q sqldb.Querier, c refund.Charge, eventType string, w *refund.Write) (refund.Registered, error) {
	results := make([]refund.Registered, 1)
	r := newRegistering(s, q, []refund.Charge{c}, results, []int{0})
	if err := r.run(ctx); err != nil {
		return refund.Registered{}, err
	}
	if results[0].Err != nil {
		return results[0], errNothingDone
	}
	w.Makes(results[0].Charge.ID)
	if !r.fresh[0] {
		return results[0], nil
	}
	_, err := q.Exec(ctx, insertPaymentEvent, c.MerchantID, sqldb.Micros(c.CreatedAt), c.ID, eventType)
	return results[0], err
}

// payments reads events about payments with their charges. One whose charge
// can't be read has its Err.
func (s *Store) payments(ctx context.Context, q sqldb.Querier, text, merchantID string, args ...any) ([]webhook.Event, error) {
	var found []webhook.Event
	err := q.Query(ctx, text, append([]any{merchantID}, args...), func(scan func(...any) error) error {
		e := webhook.Event{Kind: webhook.AboutPayment, MerchantID: merchantID}
		var at int64
		err := scan(&at, &e.ID, &e.Type)
		e.At = sqldb.FromMicros(at)
		found = append(found, e)
		return err
	})
	if err != nil {
		return nil, err
	}
	for n := range found {
		key := refund.ChargeKey{MerchantID: merchantID, ID: found[n].ID}
		charges, err := s.charges(ctx, q, []refund.ChargeKey{key}, false)
		charge, there := charges[key]
		if err == nil && !there {
			err = refund.Errorf(refund.KindCorrupt, "event", "charge %s, which was paid, is not there", key.ID)
		}
		if err != nil && ctx.Err() != nil {
			return nil, err
		}
		found[n].Charge, found[n].Err = charge, err
	}
	return found, nil
}

// PaymentSummary implements payin.Deliveries.
func (s *Store) PaymentSummary(ctx context.Context, dialect string, c refund.Charge) (merchant.DeliverySummary, error) {
	const text = `SELECT ` + summaryColumns + `
		FROM deliveries d LEFT JOIN delivery_attempts a ON a.merchant_id = d.merchant_id AND a.delivery_id = d.id
		WHERE d.merchant_id = $1 AND d.event_id = $2 AND d.dialect = $3`
	return s.deliverySummary(ctx, text, c.MerchantID, c.ID, dialect)
}
