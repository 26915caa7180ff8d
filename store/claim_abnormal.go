package store

import (
	"context"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ClaimAbnormal implements engine.Store.
func (s *Store) ClaimAbnormal(ctx context.Context, merchantID, refundID string, record refund.Action, now, until time.Time) (refund.Claimed, error) {
	const text = `UPDATE refunds SET lease_epoch = $3, lease_until = $4, due_at = $5, doubt = $6, submitted_at = $7, first_submitted_at = $8
		WHERE merchant_id = $1 AND id = $2`
	var claimed refund.Claimed
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		key := refund.Key{MerchantID: merchantID, ID: refundID}
		found, err := s.refunds(ctx, q, []refund.Key{key}, true)
		if err != nil {
			return err
		}
		r, there := found[key]
		var fault *refund.Error
		switch {
		case !there:
			fault = refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
		case r.State != refund.Abnormal:
			fault = refund.Errorf(refund.KindStateConflict, "refund", "only an abnormal refund can be rerouted; it is %s", r.State)
		case r.LeaseUntil.After(now):
			fault = refund.Errorf(refund.KindStateConflict, "refund", "the channel is being asked about the refund; try again")
		}
		if fault != nil {
			fault.Refund = refundID
			return fault
		}
		r = refund.Claim(r, now, until)
		if _, err := q.Exec(ctx, text, merchantID, refundID, r.LeaseEpoch, sqldb.Micros(r.LeaseUntil), sqldb.Micros(r.DueAt), doubtOf(r), sqldb.Micros(r.SubmittedAt), sqldb.Micros(r.FirstSubmittedAt)); err != nil {
			return err
		}
		if err := s.appendAudit(ctx, q, record.Record); err != nil {
			return err
		}
		charge := refund.ChargeKey{MerchantID: merchantID, ID: r.ChargeID}
		charges, err := s.charges(ctx, q, []refund.ChargeKey{charge}, false)
		claimed = refund.Claimed{Refund: r, Charge: charges[charge]}
		return err
	})
	if err == nil {
		return claimed, nil
	}
	if fault := refund.As(err); fault != nil {
		return refund.Claimed{}, fault
	}
	return refund.Claimed{}, refund.Wrap(err, "claim abnormal refund")
}
