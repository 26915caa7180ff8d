package store

import (
	"context"
	"fmt"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	approvalColumns = `a.merchant_id, a.id, a.refund_id, a.kind, a.state, a.digest, a.requester, a.decided_by, a.note,
	a.policy_id, a.policy_name, a.policy_version, a.why, a.start_at, a.to_state, a.proof, a.succeeded_at, a.created_at, a.expires_at, a.decided_at,
	a.requester_behind, a.decided_behind`
	insertApprovals = `INSERT INTO approvals (merchant_id, id, refund_id, kind, state, digest, requester, decided_by, note,
	policy_id, policy_name, policy_version, why, start_at, to_state, proof, succeeded_at, created_at, expires_at, decided_at,
	requester_behind, decided_behind) VALUES`
	approvalWidth  = 22
	approvalPrefix = "apr_"
)

// endApprovals ends approvals that wait, each under its refund's lock.
const endApprovals = `UPDATE approvals SET state = v.state, decided_by = v.decided_by, note = v.note, decided_at = v.decided_at,
	decided_behind = v.decided_behind, requester_behind = CASE WHEN v.requester_behind = '' THEN approvals.requester_behind ELSE v.requester_behind END
	FROM v WHERE approvals.merchant_id = v.merchant_id AND approvals.refund_id = v.refund_id AND approvals.state = 'waiting' AND v.id IN ('', approvals.id)`

var approvalEndColumns = sqldb.NewColumns(
	"merchant_id TEXT", "refund_id TEXT", "id TEXT", "state TEXT", "decided_by TEXT", "note TEXT", "decided_at BIGINT",
	"decided_behind TEXT", "requester_behind TEXT",
)

func approvalValues(a refund.Approval) []any {
	return []any{
		a.MerchantID, a.ID, a.RefundID, string(a.Kind), string(a.State), a.Digest, a.Requester.String(), a.DecidedBy.String(), a.Note,
		a.Policy.ID, a.Policy.Name, a.Policy.Version, a.Why, sqldb.Micros(a.StartAt), string(a.To), a.Proof, sqldb.Micros(a.SucceededAt),
		sqldb.Micros(a.CreatedAt), sqldb.Micros(a.ExpiresAt), sqldb.Micros(a.DecidedAt), string(a.RequesterBehind), string(a.DecidedBehind),
	}
}

// scanApproval reads a row of approvalColumns. One that its requester approved is
// KindCorrupt.
func scanApproval(scan func(...any) error) (refund.Approval, error) {
	var a refund.Approval
	var requester, decidedBy string
	var startAt, succeededAt, createdAt, expiresAt, decidedAt int64
	err := scan(&a.MerchantID, &a.ID, &a.RefundID, (*string)(&a.Kind), (*string)(&a.State), &a.Digest, &requester, &decidedBy, &a.Note,
		&a.Policy.ID, &a.Policy.Name, &a.Policy.Version, &a.Why, &startAt, (*string)(&a.To), &a.Proof, &succeededAt, &createdAt, &expiresAt, &decidedAt,
		(*string)(&a.RequesterBehind), (*string)(&a.DecidedBehind))
	if err != nil {
		return a, fmt.Errorf("read approval: %w", err)
	}
	a.Requester, a.DecidedBy = audit.ParseActor(requester), audit.ParseActor(decidedBy)
	a.StartAt, a.SucceededAt = sqldb.FromMicros(startAt), sqldb.FromMicros(succeededAt)
	a.CreatedAt, a.ExpiresAt, a.DecidedAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(expiresAt), sqldb.FromMicros(decidedAt)
	return a, a.Check()
}

// saveApprovals writes new approvals and the ends of those that waited. Of each end
// there has to be exactly one that waits: another decision came first otherwise.
func saveApprovals(ctx context.Context, q sqldb.Querier, changes []refund.Change) error {
	var rows, ends [][]any
	for _, change := range changes {
		for _, a := range change.Approvals {
			rows = append(rows, approvalValues(a))
		}
		for _, e := range change.Ended {
			ends = append(ends, []any{change.Charge.MerchantID, e.RefundID, e.ID, string(e.State), e.By.String(), e.Note, sqldb.Micros(e.At), string(e.Behind), string(e.RequesterBehind)})
		}
	}
	if len(rows)+len(ends) == 0 {
		return nil // as nearly always
	}
	ended, err := sqldb.Sent(ctx, q, sqldb.WithValues(approvalEndColumns, ends, endApprovals))
	switch {
	case err != nil:
		return fmt.Errorf("end approvals: %w", err)
	case int(ended) != len(ends):
		return refund.Errorf(refund.KindStateConflict, "refund", "the approval was decided meanwhile; nothing was changed")
	}
	if _, err := q.Send(ctx, sqldb.InsertRows(insertApprovals, approvalWidth, rows, "")); err != nil {
		return fmt.Errorf("write approvals: %w", err)
	}
	return nil
}

func queryApprovals(ctx context.Context, q sqldb.Querier, text string, args ...any) (found []refund.Approval, err error) {
	err = q.Query(ctx, text, args, func(scan func(...any) error) error {
		a, err := scanApproval(scan)
		found = append(found, a)
		return err
	})
	return found, err
}

// Approvals lists a merchant's approvals, newest first, also those that fail Check.
func (s *Store) Approvals(ctx context.Context, f refund.ApprovalFilter) (found []refund.Approval, more bool, err error) {
	l := newListing(`SELECT `+approvalColumns+` FROM approvals a WHERE a.merchant_id = $1`, "a", f.MerchantID, f.Page)
	now := s.now()
	l.equal("refund_id", f.RefundID)
	l.equal("kind", string(f.Kind))
	switch f.State {
	case refund.ApprovalWaiting:
		l.where("a.state = 'waiting' AND (a.kind = 'send' OR a.expires_at > ?)", sqldb.Micros(now))
	case refund.ApprovalExpired:
		l.where("(a.state = 'expired' OR a.state = 'waiting' AND a.kind = 'correct' AND a.expires_at <= ?)", sqldb.Micros(now))
	default:
		l.equal("state", string(f.State))
	}
	one := l.end()
	err = s.Read(ctx, func(q sqldb.Querier) error {
		rows, left, err := seeAll(ctx, q, l, one, scanApproval)
		found, more = make([]refund.Approval, len(rows)), left
		for n, row := range rows {
			found[n] = row.row.At(now)
		}
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list approvals: %w", err)
	}
	return found, more, nil
}

// latestApproval is a refund's approval that waits, else the one that was asked for
// last.
const latestApproval = `SELECT ` + approvalColumns + ` FROM approvals a WHERE a.merchant_id = $1 AND a.refund_id = $2
	ORDER BY CASE WHEN a.state = 'waiting' THEN 0 ELSE 1 END, a.created_at DESC, a.id DESC LIMIT 1`

// Approval returns a refund's approval that waits, else the one that was asked for
// last; zero where there was none.
func (s *Store) Approval(ctx context.Context, merchantID, refundID string) (refund.Approval, error) {
	var found []refund.Approval
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = queryApprovals(ctx, q, latestApproval, merchantID, refundID)
		return err
	})
	if err != nil {
		return refund.Approval{}, fmt.Errorf("find approval: %w", err)
	}
	if len(found) == 0 {
		return refund.Approval{}, nil
	}
	return found[0].At(s.now()), nil
}

// ApprovalByID finds an approval. Absent is KindNotFound.
func (s *Store) ApprovalByID(ctx context.Context, merchantID, id string) (refund.Approval, error) {
	const text = `SELECT ` + approvalColumns + ` FROM approvals a WHERE a.merchant_id = $1 AND a.id = $2`
	var found []refund.Approval
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		found, err = queryApprovals(ctx, q, text, merchantID, id)
		return err
	})
	switch {
	case err != nil:
		return refund.Approval{}, fmt.Errorf("find approval: %w", err)
	case len(found) == 0:
		return refund.Approval{}, refund.Errorf(refund.KindNotFound, "approval", "there is no such approval")
	}
	return found[0].At(s.now()), nil
}

// CountApprovals implements admin.Approvals.
func (s *Store) CountApprovals(ctx context.Context, merchantID string) (count int64, err error) {
	const text = `SELECT COUNT(*) FROM (SELECT a.id FROM approvals a WHERE a.merchant_id = $1 AND a.state = 'waiting'
		AND (a.kind = 'send' OR a.expires_at > $2) LIMIT $3) w`
	err = s.Read(ctx, func(q sqldb.Querier) error {
		args := []any{merchantID, sqldb.Micros(s.now()), int64(refund.MaxQueueCount)}
		return q.Query(ctx, text, args, func(scan func(...any) error) error { return scan(&count) })
	})
	if err != nil {
		return 0, fmt.Errorf("count approvals: %w", err)
	}
	return count, nil
}

// EndWaits makes of refunds that are due and wait for an approval what refund.Wait
// says, each in a transaction of its own, and returns those that changed. Where one
// can't be changed now it is tried again with the next look.
func (s *Store) EndWaits(ctx context.Context, keys []refund.Key, now time.Time) (posted []refund.Posted, err error) {
	for _, key := range keys {
		var change refund.Change
		failure := s.Share(ctx, func(q sqldb.Querier) error {
			charge, r, err := s.decided(ctx, q, key)
			if err != nil {
				return err
			}
			waits := false
			if change, waits = refund.Wait(charge, r, approvalPrefix+s.newID(now), now); !waits {
				return errNothingDone
			}
			return s.saveChanges(ctx, q, []refund.Change{change}, false)
		})
		if failure != nil {
			err = fmt.Errorf("end the wait of refund %s: %w", key.ID, failure)
			continue
		}
		if len(change.Refunds) > 0 {
			posted = append(posted, refund.Posted{Refund: change.Refunds[0], Charge: change.Charge})
		}
	}
	return posted, err
}

// decided reads a refund and its charge under lock, charge first.
func (s *Store) decided(ctx context.Context, q sqldb.Querier, key refund.Key) (refund.Charge, refund.Refund, error) {
	before, err := s.refunds(ctx, q, []refund.Key{key}, false)
	if err != nil {
		return refund.Charge{}, refund.Refund{}, err
	}
	if _, there := before[key]; !there {
		return refund.Charge{}, refund.Refund{}, refundNotFound(key.ID)
	}
	// The charge is locked first, and the refund read again under its lock.
	chargeKey := refund.ChargeKey{MerchantID: key.MerchantID, ID: before[key].ChargeID}
	charges, err := s.charges(ctx, q, []refund.ChargeKey{chargeKey}, true)
	if err != nil {
		return refund.Charge{}, refund.Refund{}, err
	}
	refunds, err := s.refunds(ctx, q, []refund.Key{key}, true)
	return charges[chargeKey], refunds[key], err
}

// ApprovalSubjects implements admin.Approvals. What is damaged is zero: it must not hold
// up the others.
func (s *Store) ApprovalSubjects(ctx context.Context, merchantID string, refundIDs []string) (map[string]refund.Claimed, error) {
	keys := make([]refund.Key, 0, len(refundIDs))
	seen := make(map[string]bool, len(refundIDs))
	for _, id := range refundIDs {
		if !seen[id] {
			seen[id] = true
			keys = append(keys, refund.Key{MerchantID: merchantID, ID: id})
		}
	}
	out := make(map[string]refund.Claimed, len(keys))
	err := s.Read(ctx, func(q sqldb.Querier) error {
		refunds, err := soundRefunds(ctx, q, keys)
		if err != nil {
			return err
		}
		charges := make([]refund.ChargeKey, 0, len(keys))
		for _, key := range keys {
			charges = append(charges, refund.ChargeKey{MerchantID: merchantID, ID: refunds[key].ChargeID})
		}
		found, err := s.soundCharges(ctx, q, charges, false)
		for n, key := range keys {
			out[key.ID] = refund.Claimed{Refund: refunds[key], Charge: found[charges[n]]}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read what approvals are about: %w", err)
	}
	return out, nil
}
