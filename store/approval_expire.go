package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// dueColumn is a refund's due_at as its row has it. That of a refund that waits for an
// approval is out of reach: a program from before approvals claims all that is due in
// one statement, which the database would refuse as a whole. The end of its time is the
// approval's expires_at.
func dueColumn(r refund.Refund) int64 {
	if r.HeldReason == refund.HeldForApproval {
		return neverDue
	}
	return sqldb.Micros(r.DueAt)
}

// takeDue reads what dueColumn wrote.
func takeDue(r *refund.Refund, dueAt int64) {
	r.DueAt = sqldb.FromMicros(dueAt)
	if r.HeldReason == refund.HeldForApproval && dueAt >= neverDue {
		r.DueAt = r.HoldUntil
	}
}

// overdueApprovals are those to send whose time is over, in the order of the index
// approvals_expires.
const overdueApprovals = `SELECT a.merchant_id, a.refund_id, a.id, a.expires_at FROM approvals a
	WHERE a.state = 'waiting' AND a.kind = 'send' AND a.expires_at <= $1
	AND (a.expires_at, a.merchant_id, a.refund_id) > ($2, $3, $4) ORDER BY a.expires_at, a.merchant_id, a.refund_id LIMIT $5`

type overdue struct {
	refund.Expiry
	approval string
}

// ExpireApprovals implements engine.Store.
func (s *Store) ExpireApprovals(ctx context.Context, now time.Time, after refund.Expiry, limit int) (ended int, next refund.Expiry, err error) {
	var found []overdue
	err = s.Read(ctx, func(q sqldb.Querier) error {
		args := []any{sqldb.Micros(now), sqldb.Micros(after.At), after.MerchantID, after.ID, int64(limit)}
		return q.Query(ctx, overdueApprovals, args, func(scan func(...any) error) error {
			var o overdue
			var at int64
			err := scan(&o.MerchantID, &o.ID, &o.approval, &at)
			o.At = sqldb.FromMicros(at)
			found = append(found, o)
			return err
		})
	})
	if err != nil {
		return 0, refund.Expiry{}, fmt.Errorf("look for approvals whose time is over: %w", err)
	}
	if len(found) == limit {
		next = found[limit-1].Expiry
	}
	var failures []error
	for _, o := range found {
		if ctx.Err() != nil {
			failures = append(failures, ctx.Err())
			break
		}
		switch failure := s.expire(ctx, o, now); {
		case failure == nil:
			ended++
		case !errors.Is(failure, errNothingDone):
			failures = append(failures, fmt.Errorf("end the wait of refund %s of merchant %s: %w", o.ID, o.MerchantID, failure))
		}
	}
	return ended, next, errors.Join(failures...)
}

// expire cancels the refund of an approval whose time is over. Where the refund does not
// wait any more, because an older program canceled it, the approval ends alone.
func (s *Store) expire(ctx context.Context, o overdue, now time.Time) error {
	return s.Share(ctx, func(q sqldb.Querier) error {
		charge, r, err := s.decided(ctx, q, o.Key)
		if err != nil {
			return err
		}
		change, waits := refund.Wait(charge, r, approvalPrefix+s.newID(now), now)
		switch {
		case r.HeldReason != refund.HeldForApproval:
			change = refund.Change{Charge: charge, Ended: []refund.ApprovalEnd{{
				RefundID: r.ID, ID: o.approval, State: refund.ApprovalOvertaken, At: now, Note: "the refund does not wait for it",
			}}}
		case !waits:
			return errNothingDone
		}
		return s.saveChanges(ctx, q, []refund.Change{change}, false)
	})
}
