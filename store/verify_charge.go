package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// sentRefunds finds a refund of a charge that a channel may have.
	sentRefunds = `SELECT 1 FROM refunds r WHERE r.merchant_id = $1 AND r.charge_id = $2 AND r.submitted_at > 0
		AND r.state IN ('pending', 'abnormal', 'succeeded') LIMIT 1`
	noteVerified = `UPDATE charges SET verified_at = $3, counted = $4 WHERE merchant_id = $1 AND id = $2`
)

// VerifyCharge implements engine.Store.
func (s *Store) VerifyCharge(ctx context.Context, key refund.ChargeKey, v refund.Verified, now time.Time) (refund.Change, error) {
	var change refund.Change
	err := s.Share(ctx, func(q sqldb.Querier) error {
		change = refund.Change{}
		charge, there, err := s.lockedCharge(ctx, q, key)
		switch {
		case err != nil:
			return err
		case !there:
			return refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
		}
		if !charge.VerifiedAt.IsZero() {
			change.Charge = charge
			return errNothingDone
		}
		open, err := queryRefunds(ctx, q, withdrawableRefunds+q.Lock("OF r"), key.MerchantID, key.ID)
		if err != nil {
			return err
		}
		v.Sent = false
		err = q.Query(ctx, sentRefunds, []any{key.MerchantID, key.ID}, func(scan func(...any) error) error {
			var one int64
			v.Sent = true
			return scan(&one)
		})
		if err != nil {
			return err
		}
		var fault *refund.Error
		if change, fault = refund.Verify(charge, open, v, now); fault != nil {
			return fault
		}
		if len(change.Refunds) > 0 {
			if err := s.saveAdopted(ctx, q, change); err != nil {
				return err
			}
		} else {
			for _, a := range change.Alerts {
				one := s.alertStatement(key.MerchantID, a)
				if _, err := q.Exec(ctx, one.SQL, one.Args...); err != nil {
					return err
				}
			}
		}
		_, err = q.Exec(ctx, noteVerified, key.MerchantID, key.ID, sqldb.Micros(now), int64(change.Charge.Counted))
		return err
	})
	if errors.Is(err, refund.ErrLocked) {
		s.findHeld(ctx, []refund.ChargeKey{key})
	}
	if err != nil {
		return refund.Change{}, fmt.Errorf("verify charge: %w", err)
	}
	return change, nil
}
