package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// CancelRefund withdraws a refund before the channel is called and returns it with
// its charge as they are afterwards. One that is canceled already stays as it
// is, and leaves no record. Errors: KindRefundNotFound; KindStateConflict when the
// channel may have been told.
func (s *Store) CancelRefund(ctx context.Context, merchantID, refundID string, record refund.Action, now time.Time) (refund.Refund, refund.Charge, error) {
	var change refund.Change
	key := refund.Key{MerchantID: merchantID, ID: refundID}
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		before, err := s.refunds(ctx, q, []refund.Key{key}, false)
		if err != nil {
			return err
		}
		if _, there := before[key]; !there {
			return refundNotFound(refundID)
		}
		// The charge is locked first, and the refund read again under its lock.
		chargeKey := refund.ChargeKey{MerchantID: merchantID, ID: before[key].ChargeID}
		charges, err := s.charges(ctx, q, []refund.ChargeKey{chargeKey}, true)
		if err != nil {
			return err
		}
		refunds, err := s.refunds(ctx, q, []refund.Key{key}, true)
		if err != nil {
			return err
		}
		var refusal *refund.Error
		cause := refund.Cause{Actor: record.Actor, RequestID: record.RequestID}
		if change, refusal = refund.Cancel(charges[chargeKey], refunds[key], cause, now); refusal != nil {
			return refusal
		}
		if after := change.Refunds[0]; after.State != refunds[key].State || after.HeldReason != refunds[key].HeldReason {
			change.Actions = []refund.Action{{Record: record.Record}} // its write ends the transaction
		}
		return s.saveChanges(ctx, q, []refund.Change{change}, false)
	})
	if err != nil {
		return refund.Refund{}, refund.Charge{}, fmt.Errorf("cancel refund: %w", err)
	}
	return change.Refunds[0], change.Charge, nil
}
