package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// Adopt implements engine.Store. The charge's lock lets one adoption after the
// other look for what is there already.
func (s *Store) Adopt(ctx context.Context, key refund.ChargeKey, f refund.Foreign, now time.Time) (refund.Change, bool, error) {
	const known = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.channel_account = $2
		AND (r.channel_number = $3 OR r.channel_refund_id <> '' AND r.channel_refund_id = $4)`
	var change refund.Change
	adopted := false
	err := s.Share(ctx, func(q sqldb.Querier) error {
		change, adopted = refund.Change{}, false
		charge, there, err := s.lockedCharge(ctx, q, key)
		switch {
		case err != nil:
			return err
		case !there:
			return refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
		}
		same, err := queryRefunds(ctx, q, known, key.MerchantID, charge.ChannelAccount, f.ChannelNumber, f.ChannelRefundID)
		if err != nil {
			return err
		}
		if len(same) > 0 {
			change = refund.Change{Charge: charge, Refunds: same[:1]}
			return errNothingDone
		}
		open, err := queryRefunds(ctx, q, withdrawableRefunds+q.Lock("OF r"), key.MerchantID, key.ID)
		if err != nil {
			return err
		}
		var fault *refund.Error
		if change, fault = refund.Adopt(charge, open, f, now); fault != nil {
			return fault
		}
		adopted = true
		return s.saveAdopted(ctx, q, change)
	})
	if errors.Is(err, refund.ErrLocked) {
		s.findHeld(ctx, []refund.ChargeKey{key})
	}
	if err != nil {
		return refund.Change{}, false, fmt.Errorf("adopt refund of the channel: %w", err)
	}
	return change, adopted, nil
}

// withdrawableRefunds are those that an adoption may cancel, oldest first.
const withdrawableRefunds = `SELECT ` + refundColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.charge_id = $2
	AND r.state IN ('created', 'held') AND r.attempts = 0 AND r.lease_until = 0 ORDER BY r.created_at, r.id`

// saveAdopted writes an adoption: what it canceled are changes, and its last
// refund is new.
func (s *Store) saveAdopted(ctx context.Context, q sqldb.Querier, change refund.Change) error {
	last := len(change.Refunds) - 1
	of := func(id string) bool { return id == change.Refunds[last].ID }
	canceled, added := refund.Change{Charge: change.Charge, Refunds: change.Refunds[:last]}, refund.Change{Charge: change.Charge, Refunds: change.Refunds[last:]}
	for _, t := range change.Transfers {
		part := &canceled
		if of(t.RefundID) {
			part = &added
		}
		part.Transfers = append(part.Transfers, t)
	}
	for _, e := range change.Events {
		part := &canceled
		if of(e.RefundID) {
			part = &added
		}
		part.Events = append(part.Events, e)
	}
	added.Attempts, added.Alerts = change.Attempts, change.Alerts
	if last > 0 {
		if err := s.saveChanges(ctx, q, []refund.Change{canceled}, false); err != nil {
			return err
		}
	}
	return s.saveChanges(ctx, q, []refund.Change{added}, true)
}

func queryRefunds(ctx context.Context, q sqldb.Querier, text string, args ...any) ([]refund.Refund, error) {
	var list []refund.Refund
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		r, err := scanRefund(scan)
		list = append(list, r)
		return err
	})
	return list, err
}
