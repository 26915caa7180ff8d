package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	dueColumns = `r.merchant_id, r.id, r.lease_epoch, r.charge_id, r.channel_account, r.submit_spacing, r.state, r.held_reason,
	r.doubt, r.submitted_at, r.lease_until, r.created_at, r.due_at`
	// dueSubmits is refund.NextStep as the index refunds_due_account has it: 1 where
	// the next step is a submit. A lease that was not given back is asked about first.
	dueSubmits = `(CASE WHEN (doubt & 7) = 0 AND held_reason <> 'cancel' AND lease_until = 0
        AND (state IN ('created', 'held') OR state = 'pending' AND submitted_at = 0) THEN 1 ELSE 0 END)`
	dueOf = `SELECT ` + dueColumns + ` FROM refunds r WHERE r.merchant_id = $1 AND r.channel_account = $2 AND ` + dueSubmits + ` = `
)

// dueOfSteps are the statements for what is asked about, and for submits.
var dueOfSteps = map[bool]string{
	false: dueOf + `0 AND r.due_at > 0 AND r.due_at <= $3 ORDER BY r.due_at LIMIT $4`,
	true:  dueOf + `1 AND r.due_at > 0 AND r.due_at <= $3 ORDER BY r.due_at LIMIT $4`,
}

func scanDue(scan func(...any) error) (refund.Due, error) {
	var d refund.Due
	var r refund.Refund
	var spacing, doubt, submittedAt, leaseUntil, createdAt, dueAt int64
	err := scan(&d.MerchantID, &d.ID, &d.LeaseEpoch, &d.ChargeID, &d.Account, &spacing, (*string)(&r.State), &r.HeldReason, &doubt, &submittedAt, &leaseUntil, &createdAt, &dueAt)
	r.SubmittedAt = sqldb.FromMicros(submittedAt)
	takeDoubt(&r, doubt)
	d.SubmitSpacing, d.State, d.CreatedAt, d.DueAt = time.Duration(spacing)*time.Microsecond, r.State, sqldb.FromMicros(createdAt), sqldb.FromMicros(dueAt)
	d.Submits = refund.NextStep(r) == refund.StepSubmit && leaseUntil == 0
	return d, err
}

// DueOf implements engine.Store.
func (s *Store) DueOf(ctx context.Context, now time.Time, asks []refund.DueAsk) ([]refund.Due, error) {
	var due []refund.Due
	err := s.Read(ctx, func(q sqldb.Querier) error {
		for _, ask := range asks {
			args := []any{ask.MerchantID, ask.ID, sqldb.Micros(now), int64(ask.Limit)}
			err := q.Query(ctx, dueOfSteps[ask.Submits], args, func(scan func(...any) error) error {
				d, err := scanDue(scan)
				due = append(due, d)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find due refunds of accounts: %w", err)
	}
	return due, nil
}

// DueAccounts implements engine.Store. It goes from one account's refunds to the
// next account's through the index, so that a long list costs no more than a short
// one.
func (s *Store) DueAccounts(ctx context.Context, now time.Time, after refund.AccountKey, limit int) ([]refund.AccountKey, error) {
	const (
		next = ` FROM refunds r WHERE r.due_at > 0 AND (r.merchant_id, r.channel_account) > (a.merchant_id, a.account)
			ORDER BY r.merchant_id, r.channel_account LIMIT 1)`
		isDue = `EXISTS (SELECT 1 FROM refunds r WHERE r.merchant_id = a.merchant_id AND r.channel_account = a.account
			AND r.due_at > 0 AND r.due_at <= $3 AND ` + dueSubmits + ` = `
		text = `WITH RECURSIVE a (merchant_id, account) AS (
				SELECT CAST($1 AS TEXT), CAST($2 AS TEXT) UNION ALL
				SELECT (SELECT r.merchant_id` + next + `, (SELECT r.channel_account` + next + ` FROM a WHERE a.merchant_id IS NOT NULL
			)
			SELECT a.merchant_id, a.account FROM a WHERE a.merchant_id IS NOT NULL AND (a.merchant_id, a.account) <> ($1, $2)
			AND (` + isDue + `0) OR ` + isDue + `1)) LIMIT $4`
	)
	var accounts []refund.AccountKey
	err := s.Read(ctx, func(q sqldb.Querier) error {
		args := []any{after.MerchantID, after.ID, sqldb.Micros(now), int64(limit)}
		return q.Query(ctx, s.either(text, shardedAccounts), args, func(scan func(...any) error) error {
			var key refund.AccountKey
			err := scan(&key.MerchantID, &key.ID)
			accounts = append(accounts, key)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find accounts with due refunds: %w", err)
	}
	return accounts, nil
}
