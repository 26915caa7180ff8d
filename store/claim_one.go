package store

import (
	"context"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ClaimAsk implements engine.Store.
func (s *Store) ClaimAsk(ctx context.Context, merchantID, refundID string, record refund.Action, now, until time.Time) (refund.Claimed, error) {
	return s.claimOne(ctx, merchantID, refundID, record, func(r refund.Refund) (refund.Refund, *refund.Error) { return refund.Ask(r, now, until) })
}

// ClaimAbnormal implements engine.Store.
func (s *Store) ClaimAbnormal(ctx context.Context, merchantID, refundID string, record refund.Action, now, until time.Time) (refund.Claimed, error) {
	return s.claimOne(ctx, merchantID, refundID, record, func(r refund.Refund) (refund.Refund, *refund.Error) {
		switch {
		case r.State != refund.Abnormal:
			return r, refund.Errorf(refund.KindStateConflict, "refund", "only an abnormal refund can be rerouted; it is %s", r.State)
		case r.LeaseUntil.After(now):
			return r, refund.Errorf(refund.KindStateConflict, "refund", "the channel is being asked about the refund; try again")
		}
		return refund.Claim(r, now, until), nil
	})
}

// claimOne takes the lease of one refund as claim says, for a call that somebody
// wants now, and writes the record of who wants it.
func (s *Store) claimOne(ctx context.Context, merchantID, refundID string, record refund.Action, claim func(refund.Refund) (refund.Refund, *refund.Error)) (refund.Claimed, error) {
	const text = `UPDATE refunds SET lease_epoch = $3, lease_until = $4, due_at = $5, doubt = $6, submitted_at = $7, first_submitted_at = $8, watch_at = $9
		WHERE merchant_id = $1 AND id = $2`
	var claimed refund.Claimed
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		key := refund.Key{MerchantID: merchantID, ID: refundID}
		found, err := s.refunds(ctx, q, []refund.Key{key}, true)
		if err != nil {
			return err
		}
		r, there := found[key]
		if !there {
			return refundNotFound(refundID)
		}
		r, fault := claim(r)
		if fault != nil {
			fault.Refund = refundID
			return fault
		}
		_, err = q.Exec(ctx, text, merchantID, refundID, r.LeaseEpoch, sqldb.Micros(r.LeaseUntil), sqldb.Micros(r.DueAt), doubtOf(r),
			sqldb.Micros(r.SubmittedAt), sqldb.Micros(r.FirstSubmittedAt), sqldb.Micros(r.WatchAt))
		if err != nil {
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
	return refund.Claimed{}, refund.Wrap(err, "claim refund")
}
