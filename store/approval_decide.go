package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// ApproveRefund implements admin.Approvals.
func (s *Store) ApproveRefund(ctx context.Context, merchantID, refundID string, by refund.Decision, record refund.Action, now time.Time) (refund.Refund, refund.Charge, error) {
	var renewed *refund.Error
	r, c, err := s.decideApproval(ctx, merchantID, refundID, record, func(c refund.Charge, r refund.Refund, a refund.Approval) (refund.Change, *refund.Error) {
		change, fault := refund.Approve(c, r, a, by, approvalPrefix+s.newID(now), now)
		if renewed = nil; fault != nil && len(change.Approvals) > 0 {
			renewed = fault // what was renewed is written all the same
			return change, nil
		}
		return change, fault
	})
	if err == nil && renewed != nil {
		err = renewed
	}
	return r, c, err
}

// RefuseRefund implements admin.Approvals.
func (s *Store) RefuseRefund(ctx context.Context, merchantID, refundID string, by refund.Decision, record refund.Action, now time.Time) (refund.Refund, refund.Charge, error) {
	return s.decideApproval(ctx, merchantID, refundID, record, func(c refund.Charge, r refund.Refund, a refund.Approval) (refund.Change, *refund.Error) {
		return refund.Refuse(c, r, a.At(now), by, now)
	})
}

// decideApproval takes a decision about a refund's approval, under the locks of
// charge and refund, so that of two decisions at the same moment the second sees
// what the first has done.
func (s *Store) decideApproval(ctx context.Context, merchantID, refundID string, record refund.Action, decide func(refund.Charge, refund.Refund, refund.Approval) (refund.Change, *refund.Error)) (refund.Refund, refund.Charge, error) {
	var charge refund.Charge
	var r refund.Refund
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) (err error) {
		if charge, r, err = s.decided(ctx, q, refund.Key{MerchantID: merchantID, ID: refundID}); err != nil {
			return err
		}
		found, err := queryApprovals(ctx, q, latestApproval, merchantID, refundID)
		if err != nil {
			return err
		}
		var a refund.Approval
		if len(found) > 0 {
			a = found[0]
		}
		change, fault := decide(charge, r, a)
		if fault != nil {
			return fault
		}
		record := record.With("approval", a.ID).With("digest", a.Digest)
		if len(change.Approvals) > 0 { // nobody approved anything: it is asked for anew
			record.Action = "approval.renew"
			record = record.With("renewed", change.Approvals[0].ID).With("renewed_digest", change.Approvals[0].Digest)
		}
		change.Actions = []refund.Action{{Record: record.Record}} // its write ends the transaction
		if len(change.Refunds) > 0 {
			charge, r = change.Charge, change.Refunds[0]
		}
		return s.saveChanges(ctx, q, []refund.Change{change}, false)
	})
	if err != nil {
		return refund.Refund{}, refund.Charge{}, fmt.Errorf("decide approval: %w", err)
	}
	return r, charge, nil
}

// AskCorrection implements admin.Approvals. A correction whose time is over makes room
// for the new one.
func (s *Store) AskCorrection(ctx context.Context, merchantID, refundID string, ask refund.Approval, record refund.Action, now time.Time) (refund.Approval, error) {
	const expire = `UPDATE approvals SET state = 'expired', decided_at = $3
		WHERE merchant_id = $1 AND refund_id = $2 AND state = 'waiting' AND kind = 'correct' AND expires_at <= $3`
	err := s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		charge, r, err := s.decided(ctx, q, refund.Key{MerchantID: merchantID, ID: refundID})
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, expire, merchantID, refundID, sqldb.Micros(now)); err != nil {
			return err
		}
		waiting, err := queryApprovals(ctx, q, latestApproval, merchantID, refundID)
		if err != nil {
			return err
		}
		ask.ID = approvalPrefix + s.newID(now)
		asked, fault := refund.AskCorrection(r, ask, refund.Cause{Actor: record.Actor, RequestID: record.RequestID}, now)
		if fault == nil && len(waiting) > 0 && waiting[0].State == refund.ApprovalWaiting {
			fault = refund.Errorf(refund.KindStateConflict, "refund", "a correction of the refund, to %s, waits already for a second person", waiting[0].To)
			fault.Refund = refundID
		}
		if fault != nil {
			return fault
		}
		ask = asked
		change := refund.Change{Charge: charge, Approvals: []refund.Approval{ask}}
		change.Actions = []refund.Action{{Record: record.With("approval", ask.ID).With("digest", ask.Digest).Record}}
		return s.saveChanges(ctx, q, []refund.Change{change}, false)
	})
	if err != nil {
		return refund.Approval{}, fmt.Errorf("ask for a correction: %w", err)
	}
	return ask, nil
}
