package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// RegisterTold implements payin.Orders: what tells of the payment is in the
// charge's own commit, so that neither is there without the other.
func (s *Store) RegisterTold(ctx context.Context, c refund.Charge, tell func([]merchant.Endpoint) ([]merchant.Delivery, error)) (refund.Charge, bool, error) {
	if c.CreatedAt.IsZero() {
		c.CreatedAt = s.now()
	}
	c.UpdatedAt = c.CreatedAt
	c, fault := refund.Register(c)
	if fault != nil {
		return refund.Charge{}, false, fault
	}
	var result refund.Registered
	var err error
	for try := 0; ; try++ {
		err = s.write(ctx, func(q sqldb.Querier) (err error) {
			result, err = s.registerTold(ctx, q, c, tell)
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

// registerTold is its transaction. A charge that was there before is told to
// nobody: it was told then.
func (s *Store) registerTold(ctx context.Context, q sqldb.Querier, c refund.Charge, tell func([]merchant.Endpoint) ([]merchant.Delivery, error)) (refund.Registered, error) {
	results := make([]refund.Registered, 1)
	r := newRegistering(s, q, []refund.Charge{c}, results, []int{0})
	if err := r.run(ctx); err != nil {
		return refund.Registered{}, err
	}
	if results[0].Err != nil {
		return results[0], errNothingDone
	}
	merchant.WriteMade(ctx, results[0].Charge.ID)
	if !r.fresh[0] {
		return results[0], nil
	}
	targets, err := endpoints(ctx, q, endpointsInUse, c.MerchantID)
	if err != nil {
		return refund.Registered{}, err
	}
	deliveries, err := tell(targets)
	if err != nil {
		return refund.Registered{}, fmt.Errorf("tell of a payment: %w", err)
	}
	_, err = q.Send(ctx, deliveryRows(deliveries, s.newID))
	return results[0], err
}

// PaymentSummary implements payin.Deliveries: a payment has no event, and its
// deliveries name the charge instead.
func (s *Store) PaymentSummary(ctx context.Context, dialect string, c refund.Charge) (merchant.DeliverySummary, error) {
	const text = `SELECT ` + summaryColumns + `
		FROM deliveries d LEFT JOIN delivery_attempts a ON a.merchant_id = d.merchant_id AND a.delivery_id = d.id
		WHERE d.merchant_id = $1 AND d.event_id = $2 AND d.dialect = $3`
	return s.deliverySummary(ctx, text, c.MerchantID, c.ID, dialect)
}
