package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	bulkJobColumns = `j.merchant_id, j.id, j.name, j.digest, j.bytes, j.state, j.canary_lines, j.canary_wait, j.stop_percent, j.stop_window,
	j.uploaded_by, j.started_by, j.resumed_by, j.changed_by, j.reason, j.created_at, j.updated_at, j.started_at, j.ended_at,
	j.lines, j.good, j.bad, j.accepted, j.refused, j.cursor_line, j.judge_from, j.canary_at, j.canary_passed_at, j.totals,
	j.due_at, j.lease_until, j.lease_epoch, j.problem, j.uploaded_behind, j.started_behind, j.resumed_behind`
	insertBulkJob = `INSERT INTO bulk_jobs (merchant_id, id, name, digest, bytes, state, canary_lines, canary_wait, stop_percent, stop_window,
	uploaded_by, started_by, resumed_by, changed_by, reason, created_at, updated_at, started_at, ended_at,
	lines, good, bad, accepted, refused, cursor_line, judge_from, canary_at, canary_passed_at, totals,
	due_at, lease_until, lease_epoch, problem, uploaded_behind, started_behind, resumed_behind) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
	$21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36) ON CONFLICT DO NOTHING`
	updateBulkJob = `UPDATE bulk_jobs SET state = $3, started_by = $4, resumed_by = $5, changed_by = $6, reason = $7, updated_at = $8,
	started_at = $9, ended_at = $10, lines = $11, good = $12, bad = $13, accepted = $14, refused = $15, cursor_line = $16, judge_from = $17,
	canary_at = $18, canary_passed_at = $19, totals = $20, due_at = $21, lease_until = $22, lease_epoch = $23, problem = $24,
	started_behind = $25, resumed_behind = $26
	WHERE merchant_id = $1 AND id = $2`
	bulkJobByID     = `SELECT ` + bulkJobColumns + ` FROM bulk_jobs j WHERE j.merchant_id = $1 AND j.id = $2`
	bulkJobByDigest = `SELECT ` + bulkJobColumns + ` FROM bulk_jobs j WHERE j.merchant_id = $1 AND j.digest = $2
		AND (j.state <> 'stopped' OR j.started_at > 0)`
	bulkJobWidth = 36
	bulkPrefix   = "bulk_"
)

func bulkJobValues(j bulk.Job) ([]any, error) {
	totals, err := jsonText(nonNil(j.Totals))
	if err != nil {
		return nil, fmt.Errorf("encode bulk job: %w", err)
	}
	l := j.Limits
	return []any{
		j.MerchantID, j.ID, j.Name, j.Digest, j.Bytes, string(j.State), l.CanaryLines, l.CanaryWait.Microseconds(), l.StopPercent, l.StopWindow,
		j.UploadedBy.String(), j.StartedBy.String(), j.ResumedBy.String(), j.ChangedBy.String(), j.Reason,
		sqldb.Micros(j.CreatedAt), sqldb.Micros(j.UpdatedAt), sqldb.Micros(j.StartedAt), sqldb.Micros(j.EndedAt),
		j.Lines, j.Good, j.Bad, j.Accepted, j.Refused, j.Cursor, j.JudgeFrom, sqldb.Micros(j.CanaryAt), sqldb.Micros(j.CanaryPassedAt), totals,
		sqldb.Micros(j.DueAt), sqldb.Micros(j.LeaseUntil), j.LeaseEpoch, j.Problem,
		string(j.UploadedBehind), string(j.StartedBehind), string(j.ResumedBehind),
	}, nil
}

func scanBulkJob(scan func(...any) error) (bulk.Job, error) {
	var j bulk.Job
	var wait, created, updated, started, ended, canary, passed, due, lease int64
	var uploadedBy, startedBy, resumedBy, changedBy, totals string
	err := scan(&j.MerchantID, &j.ID, &j.Name, &j.Digest, &j.Bytes, (*string)(&j.State), &j.Limits.CanaryLines, &wait, &j.Limits.StopPercent, &j.Limits.StopWindow,
		&uploadedBy, &startedBy, &resumedBy, &changedBy, &j.Reason, &created, &updated, &started, &ended,
		&j.Lines, &j.Good, &j.Bad, &j.Accepted, &j.Refused, &j.Cursor, &j.JudgeFrom, &canary, &passed, &totals, &due, &lease, &j.LeaseEpoch, &j.Problem,
		(*string)(&j.UploadedBehind), (*string)(&j.StartedBehind), (*string)(&j.ResumedBehind))
	if err != nil {
		return j, fmt.Errorf("read bulk job: %w", err)
	}
	j.Limits.CanaryWait = time.Duration(wait) * time.Microsecond
	j.UploadedBy, j.StartedBy = audit.ParseActor(uploadedBy), audit.ParseActor(startedBy)
	j.ResumedBy, j.ChangedBy = audit.ParseActor(resumedBy), audit.ParseActor(changedBy)
	j.CreatedAt, j.UpdatedAt = sqldb.FromMicros(created), sqldb.FromMicros(updated)
	j.StartedAt, j.EndedAt = sqldb.FromMicros(started), sqldb.FromMicros(ended)
	j.CanaryAt, j.CanaryPassedAt = sqldb.FromMicros(canary), sqldb.FromMicros(passed)
	j.DueAt, j.LeaseUntil = sqldb.FromMicros(due), sqldb.FromMicros(lease)
	if err := fromJSON(totals, &j.Totals); err != nil {
		return j, unreadable("job", j.ID, err)
	}
	if j.OnePerson() {
		return j, refund.Errorf(refund.KindCorrupt, "job", "bulk job %s was started by who uploaded it", j.ID)
	}
	return j, nil
}

// oneBulkJob reads a job; there is false where there is none.
func oneBulkJob(ctx context.Context, q sqldb.Querier, text string, args ...any) (j bulk.Job, there bool, err error) {
	err = q.Query(ctx, text, args, func(scan func(...any) error) (err error) {
		j, err = scanBulkJob(scan)
		there = true
		return err
	})
	return j, there, err
}

// AddBulkJob implements admin.BulkJobs.
func (s *Store) AddBulkJob(ctx context.Context, job bulk.Job, record refund.Action) (made bulk.Job, again bool, err error) {
	const giveUp = `UPDATE bulk_jobs SET state = 'stopped', reason = $4, ended_at = $3, due_at = 0
		WHERE merchant_id = $1 AND digest = $2 AND state = 'uploading' AND due_at <= $3`
	job.ID = bulkPrefix + s.newID(job.CreatedAt)
	record.Object = job.ID
	values, err := bulkJobValues(job)
	if err != nil {
		return bulk.Job{}, false, err
	}
	err = s.writeOnce(ctx, job.MerchantID, record.Write, func(q sqldb.Querier) error {
		made, again = job, false
		if _, err := q.Exec(ctx, giveUp, job.MerchantID, job.Digest, sqldb.Micros(job.CreatedAt), bulk.BrokeOff); err != nil {
			return err
		}
		inserted, err := q.Exec(ctx, insertBulkJob, values...)
		if err == nil && inserted == 0 {
			again = true
			if made, _, err = oneBulkJob(ctx, q, bulkJobByDigest, job.MerchantID, job.Digest); err == nil && made.ID == "" {
				err = sqldb.Again(errors.New("the job of the same file was given up meanwhile"))
			}
		}
		record.Write.Makes(made.ID)
		if err != nil || again {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
	if err != nil {
		return bulk.Job{}, false, fmt.Errorf("add bulk job: %w", err)
	}
	return made, again, nil
}

// ChangeBulkJob implements bulk.Store.
func (s *Store) ChangeBulkJob(ctx context.Context, key bulk.Key, record *refund.Action, change func(bulk.Job) (bulk.Changed, error)) (bulk.Job, error) {
	var after bulk.Job
	work := func(q sqldb.Querier) error {
		before, there, err := oneBulkJob(ctx, q, bulkJobByID+q.Lock(""), key.MerchantID, key.ID)
		if err == nil && !there {
			err = bulkNotFound()
		}
		if err != nil {
			return err
		}
		after = before
		changed, err := change(before)
		if errors.Is(err, bulk.ErrUnchanged) {
			return errNothingDone
		}
		if err != nil {
			return err
		}
		after = changed.Job
		after.UpdatedAt = s.now().UTC().Truncate(time.Microsecond)
		return s.saveBulk(ctx, q, after, changed, record)
	}
	var err error
	if record == nil {
		err = s.Share(ctx, work)
	} else {
		err = s.writeOnce(ctx, key.MerchantID, record.Write, work)
	}
	if err != nil {
		return bulk.Job{}, fmt.Errorf("change bulk job: %w", err)
	}
	return after, nil
}

func bulkNotFound() *refund.Error {
	return refund.Errorf(refund.KindNotFound, "id", "there is no such bulk job")
}

func (s *Store) saveBulk(ctx context.Context, q sqldb.Querier, j bulk.Job, changed bulk.Changed, record *refund.Action) error {
	all, err := bulkJobValues(j)
	if err != nil {
		return err
	}
	// Its name, its file, its limits and who uploaded it never change.
	args := append([]any{j.MerchantID, j.ID, all[5]}, all[11:15]...)
	args = append(append(args, all[16:33]...), all[34:]...)
	statements := []sqldb.Statement{{SQL: updateBulkJob, Args: args}}
	rows := make([][]any, len(changed.Lines))
	for n, l := range changed.Lines {
		rows[n] = []any{j.MerchantID, j.ID, l.At, string(l.State), string(l.Kind), l.Problem, l.ChargeID, int64(l.Minor), string(l.Currency), l.RefundID}
	}
	statements = append(statements, sqldb.WithValues(bulkLineChange, rows, changeBulkLines)...)
	if changed.Alert != "" {
		statements = append(statements, s.alertStatement(j.MerchantID, refund.Alert{Text: changed.Alert}))
	}
	if _, err := q.Send(ctx, statements); err != nil {
		return err
	}
	if record == nil {
		return nil
	}
	return s.appendAudit(ctx, q, record.Record)
}

// BulkJob implements admin.BulkJobs.
func (s *Store) BulkJob(ctx context.Context, key bulk.Key) (job bulk.Job, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		there := false
		if job, there, err = oneBulkJob(ctx, q, bulkJobByID, key.MerchantID, key.ID); err == nil && !there {
			err = bulkNotFound()
		}
		return err
	})
	if err != nil {
		return bulk.Job{}, fmt.Errorf("find bulk job: %w", err)
	}
	return job, nil
}

// BulkJobs implements admin.BulkJobs. One that is damaged says so.
func (s *Store) BulkJobs(ctx context.Context, merchantID string, page refund.Page) (jobs []bulk.Job, more bool, err error) {
	l := newListing(`SELECT `+bulkJobColumns+` FROM bulk_jobs j WHERE j.merchant_id = $1`, "j", merchantID, page)
	one := l.end()
	err = s.Read(ctx, func(q sqldb.Querier) error {
		rows, left, err := seeAll(ctx, q, l, one, scanBulkJob)
		jobs, more = make([]bulk.Job, len(rows)), left
		for n, row := range rows {
			jobs[n] = row.row
			jobs[n].Unreadable = row.unreadable()
		}
		return err
	})
	if err != nil {
		return nil, false, fmt.Errorf("list bulk jobs: %w", err)
	}
	return jobs, more, nil
}
