package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// RetryRefund makes an open refund due now and changes nothing else about it.
// A refund that is being called about is looked at when that call is over, as it
// would have been; that, and one that is due already, leaves no record.
// KindStateConflict for one at its end, or that waits for a start time.
func (s *Store) RetryRefund(ctx context.Context, merchantID, refundID string, record refund.Action, now time.Time) (refund.Refund, error) {
	const due = `UPDATE refunds SET due_at = $3 WHERE merchant_id = $1 AND id = $2`
	var r refund.Refund
	key := refund.Key{MerchantID: merchantID, ID: refundID}
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		found, err := s.refunds(ctx, q, []refund.Key{key}, true)
		if err != nil {
			return err
		}
		there := false
		if r, there = found[key]; !there {
			return refundNotFound(refundID)
		}
		var fault *refund.Error
		switch {
		case r.State.Final():
			fault = refund.Errorf(refund.KindStateConflict, "refund", "the refund is at its end: %s", r.State)
		case r.HeldReason == refund.HeldForStart:
			fault = refund.Errorf(refund.KindStateConflict, "refund", "the refund waits for the time at which it may start")
		case r.HeldReason == refund.HeldForApproval:
			fault = refund.Errorf(refund.KindStateConflict, "refund", "the refund waits for an approval")
		case r.LeaseUntil.After(now), !r.DueAt.After(now):
			return nil
		}
		if fault != nil {
			fault.Refund = refundID
			return fault
		}
		r.DueAt = now
		if _, err := q.Exec(ctx, due, merchantID, refundID, sqldb.Micros(now)); err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	if err != nil {
		return refund.Refund{}, fmt.Errorf("retry refund: %w", err)
	}
	return r, nil
}
