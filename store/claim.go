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
		AND refunds.due_at + 0 > 0 AND refunds.due_at + 0 <= v.now
		RETURNING refunds.merchant_id, refunds.id`
)

// corruptText is the alert about a refund that nobody can claim.
const corruptText = "a refund or its charge breaks an invariant, and the channel is not called about it (hint: refundry verify tells more)"

// ClaimRefunds implements engine.Store. Rows that another transaction is at
// work on are left out: they are looked at again when it is done. Those that wait for
// an approval are never claimed: their wait ends when its time is over, see EndWaits.
func (s *Store) ClaimRefunds(ctx context.Context, due []refund.Due, now, until time.Time) (claimed []refund.Claimed, corrupt []refund.Apart, err error) {
	var waiting []refund.Key
	err = s.Share(ctx, func(q sqldb.Querier) (err error) {
		claimed, corrupt, waiting, err = s.claim(ctx, q, due, now, until)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("claim refunds: %w", err)
	}
	if len(waiting) > 0 {
		_, err = s.EndWaits(ctx, waiting, now)
	}
	return claimed, corrupt, err
}

func (s *Store) claim(ctx context.Context, q sqldb.Querier, due []refund.Due, now, until time.Time) (claimed []refund.Claimed, corrupt []refund.Apart, waiting []refund.Key, err error) {
	spaced, err := s.space(ctx, q, due, now)
	if err != nil {
		return nil, nil, nil, err
	}
	rows, corrupt, err := s.claimable(ctx, q, due, now)
	if err != nil {
		return nil, nil, nil, err
	}
	keys := make([]refund.ChargeKey, len(rows))
	for n, r := range rows {
		keys[n] = refund.ChargeKey{MerchantID: r.MerchantID, ID: r.ChargeID}
	}
	charges, err := s.soundCharges(ctx, q, keys, false)
	if err != nil {
		return nil, nil, nil, err
	}
	after := make(map[refund.Key]refund.Claimed, len(rows))
	values := make([][]any, 0, len(rows))
	for n, before := range rows {
		r := refund.Claim(before, now, until)
		key := refund.Key{MerchantID: r.MerchantID, ID: r.ID}
		charge, sound := charges[keys[n]]
		if !sound {
			corrupt = append(corrupt, refund.Apart{Key: key, LeaseEpoch: before.LeaseEpoch, Text: corruptText})
			continue
		}
		if !refund.Sendable(charge, r) {
			waiting = append(waiting, key)
			continue
		}
		if r.SubmitSpacing > 0 && refund.NextStep(r) == refund.StepSubmit && !spaced[key] {
			continue // put off, or it has changed since: it is looked at again
		}
		after[key] = refund.Claimed{Refund: r, Charge: charge}
		values = append(values, []any{
			r.MerchantID, r.ID, before.LeaseEpoch, sqldb.Micros(now),
			r.LeaseEpoch, sqldb.Micros(r.LeaseUntil), sqldb.Micros(r.DueAt), doubtOf(r), sqldb.Micros(r.SubmittedAt), sqldb.Micros(r.FirstSubmittedAt),
		})
	}
	err = sqldb.QueryValues(ctx, q, claimColumns, values, claimRefunds, func(scan func(...any) error) error {
		var key refund.Key
		err := scan(&key.MerchantID, &key.ID)
		claimed = append(claimed, after[key])
		return err
	})
	return claimed, corrupt, waiting, err
}

// claimable reads, under lock, the refunds that are still as they were seen. Those
// that break an invariant are left out: one of them must not hold up the others.
func (s *Store) claimable(ctx context.Context, q sqldb.Querier, due []refund.Due, now time.Time) (found []refund.Refund, corrupt []refund.Apart, err error) {
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
	err = sqldb.QueryValues(ctx, q, claimKeyColumns, rows, claimableRefunds+q.Lock("OF r SKIP LOCKED"), func(scan func(...any) error) error {
		r, err := scanRefund(scan)
		switch {
		case err != nil && r.ID == "":
			return err
		case err != nil:
			key := rowKey{r.MerchantID, r.ID}
			corrupt = append(corrupt, refund.Apart{Key: refund.Key{MerchantID: r.MerchantID, ID: r.ID}, LeaseEpoch: epochs[key], Text: corruptText})
		case !r.DueAt.IsZero() && !r.DueAt.After(now):
			found = append(found, r)
		}
		return nil
	})
	return found, corrupt, err
}
