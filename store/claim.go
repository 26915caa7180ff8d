package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

var (
	claimKeyColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "id TEXT", "lease_epoch BIGINT")
	claimColumns    = sqldb.NewColumns(
		"merchant_id TEXT",
		"id TEXT",
		"epoch_before BIGINT",
		"now BIGINT",
		"lease_epoch BIGINT",
		"lease_until BIGINT",
		"due_at BIGINT",
		"doubt BIGINT",
		"submitted_at BIGINT",
		"first_submitted_at BIGINT",
	)
)

const (
	claimableRefunds = `SELECT ` + refundColumns + ` FROM v JOIN refunds r
		ON r.merchant_id = v.merchant_id AND r.id = v.id AND r.lease_epoch = v.lease_epoch ORDER BY v.n`
	claimRefunds = `UPDATE refunds SET lease_epoch = v.lease_epoch, lease_until = v.lease_until, due_at = v.due_at,
		doubt = v.doubt, submitted_at = v.submitted_at, first_submitted_at = v.first_submitted_at FROM v
		WHERE refunds.merchant_id = v.merchant_id AND refunds.id = v.id AND refunds.lease_epoch = v.epoch_before
		AND refunds.due_at > 0 AND refunds.due_at <= v.now
		RETURNING refunds.merchant_id, refunds.id`
)

// ClaimRefunds implements engine.Store. Rows that another transaction is at
// work on are left out: they are looked at again when it is done. So are rows
// that break an invariant, which the log tells of: one of them must not hold
// up the others for ever.
func (s *Store) ClaimRefunds(ctx context.Context, due []refund.Due, now, until time.Time) ([]refund.Claimed, error) {
	claimed, err := s.claim(ctx, due, now, until)
	if refund.KindOf(err) != refund.KindCorrupt || err == nil {
		return claimed, err
	}
	for _, one := range due {
		more, err := s.claim(ctx, []refund.Due{one}, now, until)
		switch {
		case err == nil:
			claimed = append(claimed, more...)
		case refund.KindOf(err) == refund.KindCorrupt:
			s.log.Error("a due refund can't be claimed (hint: refundry verify tells more)", "merchant_id", one.MerchantID, "refund", one.ID, "error", err)
		default:
			return claimed, err
		}
	}
	return claimed, nil
}

func (s *Store) claim(ctx context.Context, due []refund.Due, now, until time.Time) ([]refund.Claimed, error) {
	var claimed []refund.Claimed
	err := s.Share(ctx, func(q sqldb.Querier) error {
		claimed = nil
		spaced, err := s.space(ctx, q, due, now)
		if err != nil {
			return err
		}
		rows, err := s.claimable(ctx, q, due, now)
		if err != nil {
			return err
		}
		after := make(map[refund.Key]refund.Refund, len(rows))
		values := make([][]any, 0, len(rows))
		for _, before := range rows {
			r := refund.Claim(before, now, until)
			key := refund.Key{MerchantID: r.MerchantID, ID: r.ID}
			if r.SubmitSpacing > 0 && refund.NextStep(r) == refund.StepSubmit && !spaced[key] {
				continue // put off, or it has changed since: it is looked at again
			}
			after[key] = r
			values = append(values, []any{
				r.MerchantID, r.ID, before.LeaseEpoch, sqldb.Micros(now),
				r.LeaseEpoch, sqldb.Micros(r.LeaseUntil), sqldb.Micros(r.DueAt), doubtOf(r), sqldb.Micros(r.SubmittedAt), sqldb.Micros(r.FirstSubmittedAt),
			})
		}
		var charges []refund.ChargeKey
		err = sqldb.QueryValues(ctx, q, claimColumns, values, claimRefunds, func(scan func(...any) error) error {
			var key refund.Key
			err := scan(&key.MerchantID, &key.ID)
			claimed = append(claimed, refund.Claimed{Refund: after[key]})
			charges = append(charges, refund.ChargeKey{MerchantID: key.MerchantID, ID: after[key].ChargeID})
			return err
		})
		if err != nil {
			return err
		}
		found, err := s.charges(ctx, q, charges, false)
		for n, key := range charges {
			claimed[n].Charge = found[key]
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("claim refunds: %w", err)
	}
	return claimed, nil
}

// claimable reads, under lock, the refunds that are still as they were seen.
func (s *Store) claimable(ctx context.Context, q sqldb.Querier, due []refund.Due, now time.Time) ([]refund.Refund, error) {
	epochs := make(map[rowKey]int64, len(due))
	keys := make([]rowKey, len(due))
	for n, d := range due {
		keys[n] = rowKey{d.MerchantID, d.ID}
		epochs[keys[n]] = d.LeaseEpoch
	}
	rows := keyRows(keys)
	for n, row := range rows {
		rows[n] = append(row, epochs[rowKey{row[1].(string), row[2].(string)}])
	}
	var found []refund.Refund
	err := sqldb.QueryValues(ctx, q, claimKeyColumns, rows, claimableRefunds+q.Lock("OF r SKIP LOCKED"), func(scan func(...any) error) error {
		r, err := scanRefund(scan)
		if err == nil && !r.DueAt.IsZero() && !r.DueAt.After(now) {
			found = append(found, r)
		}
		return err
	})
	return found, err
}
