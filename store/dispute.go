package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	disputeColumns = `d.merchant_id, d.id, d.charge_id, d.channel_account, d.channel_dispute_id, d.amount, d.currency, d.held, d.state, d.reason,
	d.channel_at, d.created_at, d.updated_at, d.closed_at`
	insertDispute = `INSERT INTO disputes (merchant_id, id, charge_id, channel_account, channel_dispute_id, amount, currency, held, state, reason,
	channel_at, created_at, updated_at, closed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
	ON CONFLICT (merchant_id, id) DO UPDATE SET amount = excluded.amount, currency = excluded.currency, held = excluded.held, state = excluded.state,
	reason = excluded.reason, channel_at = excluded.channel_at, updated_at = excluded.updated_at, closed_at = excluded.closed_at`
	disputePrefix = "dp_"
)

func disputeValues(d refund.Dispute) []any {
	return []any{
		d.MerchantID, d.ID, d.ChargeID, d.ChannelAccount, d.ChannelDisputeID, int64(d.Amount.Minor), string(d.Amount.Currency), int64(d.Held), string(d.State), d.Reason,
		sqldb.Micros(d.ChannelAt), sqldb.Micros(d.CreatedAt), sqldb.Micros(d.UpdatedAt), sqldb.Micros(d.ClosedAt),
	}
}

func scanDispute(scan func(...any) error) (refund.Dispute, error) {
	var d refund.Dispute
	var channelAt, createdAt, updatedAt, closedAt int64
	err := scan(&d.MerchantID, &d.ID, &d.ChargeID, &d.ChannelAccount, &d.ChannelDisputeID, (*int64)(&d.Amount.Minor), (*string)(&d.Amount.Currency),
		(*int64)(&d.Held), (*string)(&d.State), &d.Reason, &channelAt, &createdAt, &updatedAt, &closedAt)
	if err != nil {
		return d, fmt.Errorf("read dispute: %w", err)
	}
	d.ChannelAt, d.CreatedAt = sqldb.FromMicros(channelAt), sqldb.FromMicros(createdAt)
	d.UpdatedAt, d.ClosedAt = sqldb.FromMicros(updatedAt), sqldb.FromMicros(closedAt)
	if !d.State.Valid() || d.Held < 0 || (d.Held > 0) != d.State.Holds() {
		return d, refund.Errorf(refund.KindCorrupt, "dispute", "dispute %s is %s and holds %d", d.ID, d.State, d.Held)
	}
	return d, nil
}

func queryDisputes(ctx context.Context, q sqldb.Querier, text string, args ...any) (disputes []refund.Dispute, err error) {
	err = q.Query(ctx, text, args, func(scan func(...any) error) error {
		d, err := scanDispute(scan)
		disputes = append(disputes, d)
		return err
	})
	return disputes, err
}

// Disputes lists the disputes of a charge, oldest first. One that is damaged says so.
func (s *Store) Disputes(ctx context.Context, merchantID, chargeID string) ([]refund.Dispute, error) {
	const text = `SELECT ` + disputeColumns + ` FROM disputes d WHERE d.merchant_id = $1 AND d.charge_id = $2 ORDER BY d.created_at, d.id`
	var disputes []refund.Dispute
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		disputes, err = markRows(ctx, q, text, []any{merchantID, chargeID}, scanDispute, func(d *refund.Dispute) { d.Unreadable = true })
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list disputes: %w", err)
	}
	return disputes, nil
}

// Dispute implements engine.Store. The charge's lock lets one notice after the other
// look at what is recorded already.
func (s *Store) Dispute(ctx context.Context, key refund.ChargeKey, told refund.Dispute, now time.Time) (refund.Change, error) {
	const known = `SELECT ` + disputeColumns + ` FROM disputes d WHERE d.merchant_id = $1 AND d.channel_account = $2 AND d.channel_dispute_id = $3`
	var change refund.Change
	err := s.Share(ctx, func(q sqldb.Querier) error {
		change = refund.Change{}
		charges, err := s.charges(ctx, q, []refund.ChargeKey{key}, true)
		if err != nil {
			return err
		}
		charge, there := charges[key]
		if !there {
			return refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
		}
		same, err := queryDisputes(ctx, q, known, key.MerchantID, charge.ChannelAccount, told.ChannelDisputeID)
		if err != nil {
			return err
		}
		var before refund.Dispute
		if len(same) > 0 {
			before = same[0]
		}
		if before.ID != "" && before.ChargeID != key.ID {
			return refund.Errorf(refund.KindChargeConflict, "dispute", "the dispute is known, of another charge: %s", before.ChargeID)
		}
		open, err := queryRefunds(ctx, q, withdrawableRefunds+q.Lock("OF r"), key.MerchantID, key.ID)
		if err != nil {
			return err
		}
		var fault *refund.Error
		if change, fault = charge.Dispute(before, open, told, disputePrefix+s.newID(now), now); fault != nil {
			return fault
		}
		if change.Dispute == nil && len(change.Alerts) == 0 {
			return errNothingDone
		}
		return s.saveDispute(ctx, q, change)
	})
	if err != nil {
		return refund.Change{}, fmt.Errorf("record dispute: %w", err)
	}
	return change, nil
}

// saveDispute writes a dispute with what hangs on it.
func (s *Store) saveDispute(ctx context.Context, q sqldb.Querier, change refund.Change) error {
	if err := s.saveChanges(ctx, q, []refund.Change{change}, false); err != nil {
		return err
	}
	if change.Dispute == nil {
		return nil
	}
	if _, err := q.Exec(ctx, insertDispute, disputeValues(*change.Dispute)...); err != nil {
		return fmt.Errorf("write dispute: %w", err)
	}
	for _, e := range change.DisputeEvents {
		if err := s.addDisputeEvent(ctx, q, e); err != nil {
			return err
		}
	}
	return nil
}

// disputeSnapshot is what an event about a dispute keeps of it and its charge.
type disputeSnapshot struct {
	State          refund.DisputeState `json:"state"`
	Amount         money.Minor         `json:"amount"`
	Currency       money.Currency      `json:"currency"`
	Held           money.Minor         `json:"held"`
	Reason         string              `json:"reason,omitempty"`
	ChannelAt      time.Time           `json:"channel_at,omitzero"`
	UpdatedAt      time.Time           `json:"updated_at"`
	ClosedAt       time.Time           `json:"closed_at,omitzero"`
	ChargeReserved money.Minor         `json:"charge_reserved"`
	ChargeRefunded money.Minor         `json:"charge_refunded"`
	ChargeBlocked  money.Minor         `json:"charge_blocked"`
	ChargeExcess   money.Minor         `json:"charge_excess"`
}

func disputeSnapshotOf(e refund.DisputeEvent) disputeSnapshot {
	d, c := e.Dispute, e.Charge
	return disputeSnapshot{
		d.State, d.Amount.Minor, d.Amount.Currency, d.Held, d.Reason, d.ChannelAt, d.UpdatedAt, d.ClosedAt,
		c.ChargeReserved, c.ChargeRefunded, c.ChargeBlocked, c.ChargeExcess,
	}
}

// restore returns a dispute and its charge as they were then.
func (s disputeSnapshot) restore(d refund.Dispute, c refund.Charge) (refund.Dispute, refund.Charge) {
	d.State, d.Amount, d.Held, d.Reason = s.State, money.Amount{Minor: s.Amount, Currency: s.Currency}, s.Held, s.Reason
	d.ChannelAt, d.UpdatedAt, d.ClosedAt = s.ChannelAt, s.UpdatedAt, s.ClosedAt
	c.Reserved, c.Refunded, c.Blocked, c.Excess = s.ChargeReserved, s.ChargeRefunded, s.ChargeBlocked, s.ChargeExcess
	return d, c
}
