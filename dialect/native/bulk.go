package native

import (
	"context"
	"net/http"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// bulkMark begins the cursors of a bulk job's lines.
const bulkMark = "bulk."

// bulkAnswer is a file of refunds and how far it is.
type bulkAnswer struct {
	ID     string     `json:"id"`
	Name   string     `json:"name"`
	SHA256 string     `json:"sha256"`
	Bytes  int64      `json:"bytes"`
	State  bulk.State `json:"state"`
	// Canary says that its first lines are waited for.
	Canary bool `json:"canary"`
	// Lines are all; Left are the good ones that were not handed over.
	Lines    int64 `json:"lines"`
	Good     int64 `json:"good"`
	Bad      int64 `json:"bad"`
	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"`
	Left     int64 `json:"left"`
	// Totals are what may be refunded by the dry run.
	Totals []bulk.Total `json:"totals"`
	// Refunds counts its refunds by their states now; null in lists.
	Refunds    map[refund.State]int64 `json:"refunds"`
	Limits     bulkLimits             `json:"limits"`
	UploadedBy *actorAnswer           `json:"uploaded_by"`
	StartedBy  *actorAnswer           `json:"started_by"`
	ResumedBy  *actorAnswer           `json:"resumed_by"`
	// ChangedBy paused or stopped it; null where it stopped itself.
	ChangedBy *actorAnswer `json:"changed_by"`
	Reason    string       `json:"reason"`
	Problem   string       `json:"problem"`
	CreatedAt moment       `json:"created_at"`
	UpdatedAt moment       `json:"updated_at"`
	StartedAt moment       `json:"started_at"`
	EndedAt   moment       `json:"ended_at"`
	// Unreadable says, in lists, that the job's row is damaged.
	Unreadable bool `json:"unreadable,omitempty"`
}

type bulkLimits struct {
	CanaryLines   int64 `json:"canary_lines"`
	CanaryMinutes int64 `json:"canary_minutes"`
	StopPercent   int64 `json:"stop_percent"`
	StopWindow    int64 `json:"stop_window"`
}

func answerBulk(j bulk.Job, outcomes map[refund.State]int64) bulkAnswer {
	totals := j.Totals
	if totals == nil {
		totals = []bulk.Total{}
	}
	return bulkAnswer{
		ID: j.ID, Name: j.Name, SHA256: j.Digest, Bytes: j.Bytes, State: j.State, Canary: j.Phase() == bulk.Canary,
		Lines: j.Lines, Good: j.Good, Bad: j.Bad, Accepted: j.Accepted, Refused: j.Refused, Left: max(0, j.Good-j.Handed()), Totals: totals, Refunds: outcomes,
		Limits:     bulkLimits{j.Limits.CanaryLines, int64(j.Limits.CanaryWait / time.Minute), j.Limits.StopPercent, j.Limits.StopWindow},
		UploadedBy: answerActor(j.UploadedBy), StartedBy: answerActor(j.StartedBy), ResumedBy: answerActor(j.ResumedBy), ChangedBy: answerActor(j.ChangedBy),
		Reason: j.Reason, Problem: j.Problem, CreatedAt: moment(j.CreatedAt), UpdatedAt: moment(j.UpdatedAt), StartedAt: moment(j.StartedAt), EndedAt: moment(j.EndedAt), Unreadable: j.Unreadable,
	}
}

// BulkJSON is a bulk job as the API shows it.
func BulkJSON(j bulk.Job, outcomes map[refund.State]int64) any { return answerBulk(j, outcomes) }

// bulkLineAnswer is a line of a file, and what became of it.
type bulkLineAnswer struct {
	Line          int64          `json:"line"`
	State         bulk.LineState `json:"state"`
	ChargeWritten string         `json:"charge_written"`
	AmountWritten string         `json:"amount_written"`
	Charge        *string        `json:"charge"`
	Amount        *money.Minor   `json:"amount"`
	Currency      *string        `json:"currency"`
	Reason        string         `json:"reason"`
	Number        string         `json:"number"`
	Kind          *string        `json:"kind"`
	Problem       *string        `json:"problem"`
	Refund        *string        `json:"refund"`
	RefundState   *string        `json:"refund_state"`
	FailureCode   *string        `json:"failure_code"`
	FailureText   *string        `json:"failure_message"`
}

func answerBulkLine(jobID string, l bulk.Line) bulkLineAnswer {
	out := bulkLineAnswer{
		Line: l.At, State: l.State, ChargeWritten: l.Charge, AmountWritten: l.Amount, Charge: orNull(l.ChargeID), Currency: orNull(string(l.Currency)),
		Reason: l.Reason, Number: l.RefundNumber(jobID), Kind: orNull(string(l.Kind)), Problem: orNull(l.Problem), Refund: orNull(l.RefundID),
		RefundState: orNull(string(l.Refund.State)), FailureCode: orNull(l.Refund.FailureCode), FailureText: orNull(l.Refund.FailureMessage),
	}
	if l.Minor > 0 {
		out.Amount = &l.Minor
	}
	return out
}

// BulkLineJSON is a line of a bulk job as the API shows it.
func BulkLineJSON(jobID string, l bulk.Line) any { return answerBulkLine(jobID, l) }

// bulkKey names the job of the address.
func (c *call) bulkKey() (bulk.Key, error) {
	id, err := c.id(refund.KindNotFound)
	return bulk.Key{MerchantID: c.merchantID(), ID: id}, err
}

// listBulk lists the merchant's files of refunds, newest first: GET /bulk.
func (d *Dialect) listBulk(c *call) error {
	q, err := c.query("limit", "cursor")
	if err != nil {
		return err
	}
	page, err := q.page()
	if err != nil {
		return err
	}
	jobs, more, err := d.s.Admin.BulkJobs(c.ctx, c.merchantID(), page)
	if err != nil {
		return err
	}
	out := list[bulkAnswer]{Data: []bulkAnswer{}, HasMore: more}
	for _, j := range jobs {
		out.Data = append(out.Data, answerBulk(j, nil))
	}
	if more {
		last := jobs[len(jobs)-1]
		out.Next = writeCursor(last.CreatedAt, last.ID)
	}
	return c.json(http.StatusOK, out)
}

// getBulk shows a job: GET /bulk/{id}.
func (d *Dialect) getBulk(c *call) error {
	key, err := c.bulkKey()
	if err != nil {
		return err
	}
	return d.answerBulk(c, http.StatusOK, key)
}

func (d *Dialect) answerBulk(c *call, status int, key bulk.Key) error {
	job, outcomes, err := d.s.Admin.BulkJob(c.ctx, key)
	if err != nil {
		return err
	}
	return c.json(status, answerBulk(job, outcomes))
}

// againBulk answers a repeat of a change with the job as it is now.
func (d *Dialect) againBulk(c *call, _ refund.Write) error { return d.getBulk(c) }

// listBulkLines lists the lines of a job in their order: GET /bulk/{id}/lines.
func (d *Dialect) listBulkLines(c *call) error {
	key, err := c.bulkKey()
	if err != nil {
		return err
	}
	q, err := c.query("state", "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := q.number("limit", defaultLimit, 1, maxLimit)
	if err != nil {
		return err
	}
	chosen := bulk.Select{Limit: limit + 1} // one more says whether there are more
	if cursor := q.values.Get("cursor"); cursor != "" {
		var ok bool
		if chosen.After, ok = readNumberCursor(bulkMark, cursor); !ok {
			return refuse(refund.KindInvalid, "cursor", "is none that a list of lines gave")
		}
	}
	if state := q.values.Get("state"); state != "" {
		one, err := bulk.ParseLineState(state)
		if err != nil {
			return refuse(refund.KindInvalid, "state", "%v", err)
		}
		chosen.States = []bulk.LineState{one}
	}
	if _, _, err := d.s.Admin.BulkJob(c.ctx, key); err != nil {
		return err
	}
	lines, err := d.s.Admin.BulkLines(c.ctx, key, chosen)
	if err != nil {
		return err
	}
	out := list[bulkLineAnswer]{Data: []bulkLineAnswer{}, HasMore: len(lines) > limit}
	for _, l := range lines[:min(len(lines), limit)] {
		out.Data = append(out.Data, answerBulkLine(key.ID, l))
		if out.HasMore {
			out.Next = writeNumberCursor(bulkMark, l.At)
		}
	}
	return c.json(http.StatusOK, out)
}

// startBulk lets a checked job run: POST /bulk/{id}/start.
func (d *Dialect) startBulk(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var starting admin.BulkStarting
	if err := body.read(optional("skip_bad", body.truth(&starting.SkipBad))); err != nil {
		return err
	}
	return d.changedBulk(c, func(key bulk.Key) (bulk.Job, error) { return d.s.Admin.StartBulk(c.ctx, c.by(), key, starting) })
}

// resumeBulk lets a paused job go on: POST /bulk/{id}/resume.
func (d *Dialect) resumeBulk(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	return d.changedBulk(c, func(key bulk.Key) (bulk.Job, error) { return d.s.Admin.ResumeBulk(c.ctx, c.by(), key) })
}

// pauseBulk has a job hand over no more lines: POST /bulk/{id}/pause.
func (d *Dialect) pauseBulk(c *call) error { return d.haltBulk(c, d.s.Admin.PauseBulk) }

// stopBulk ends a job for good: POST /bulk/{id}/stop.
func (d *Dialect) stopBulk(c *call) error { return d.haltBulk(c, d.s.Admin.StopBulk) }

func (d *Dialect) haltBulk(c *call, halt func(context.Context, admin.By, bulk.Key, string) (bulk.Job, error)) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	reason := ""
	if err := body.read(optional("reason", body.text(&reason, admin.MaxPauseReason))); err != nil {
		return err
	}
	return d.changedBulk(c, func(key bulk.Key) (bulk.Job, error) { return halt(c.ctx, c.by(), key, reason) })
}

// changedBulk changes the address's job, and answers with it as the change left it.
func (d *Dialect) changedBulk(c *call, change func(bulk.Key) (bulk.Job, error)) error {
	key, err := c.bulkKey()
	if err != nil {
		return err
	}
	_, outcomes, err := d.s.Admin.BulkJob(c.ctx, key)
	if err != nil {
		return err
	}
	job, err := change(key)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerBulk(job, outcomes))
}
