package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// bulkCommand is refundry bulk.
type bulkCommand struct {
	Add    bulkAdd    `cmd:"" help:"Upload a file of refunds and check each line; nothing moves."`
	List   bulkList   `cmd:"" help:"List files of refunds, newest first."`
	Show   bulkShow   `cmd:"" help:"Show a file of refunds and how far it is."`
	Lines  bulkLines  `cmd:"" help:"List lines with their verdicts and refunds."`
	Start  bulkStart  `cmd:"" help:"Start a checked file; another person than who uploaded it."`
	Pause  bulkPause  `cmd:"" help:"Hand over no more lines for now; what was handed over goes on."`
	Resume bulkResume `cmd:"" help:"Let a paused file go on; another person than who uploaded it."`
	Stop   bulkStop   `cmd:"" help:"End a file for good; what was handed over goes on."`
	Result bulkResult `cmd:"" help:"Write what became of each line as CSV."`
}

// bulkFlags are for commands on one job.
type bulkFlags struct {
	databaseFlags
	merchantFlags
	jsonFlag
	ID string `arg:"" help:"The job's id, as bulk list shows it."`
}

// job opens the database and finds the job.
func (c bulkFlags) job(e *environment) (*desk, bulk.Key, error) {
	s, m, err := openFor(e, c.databaseFlags, c.merchantFlags)
	if err != nil {
		return nil, bulk.Key{}, err
	}
	d := &desk{store: s, merchant: m}
	key := bulk.Key{MerchantID: m.ID, ID: c.ID}
	if d.Admin, d.by, err = e.admin(s); err == nil {
		_, err = s.BulkJob(e, key)
	}
	if err != nil {
		s.Close()
		return nil, key, err
	}
	return d, key, nil
}

// show prints a job.
func (c bulkFlags) show(e *environment, d *desk, key bulk.Key) error {
	j, outcomes, err := d.BulkJob(e, key)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(native.BulkJSON(j, outcomes))
	}
	rows := [][]string{
		{"id", j.ID},
		{"file", j.Name},
		{"sha256", j.Digest},
		{"state", j.Phase()},
		{"reason", j.Reason},
		{"problem", j.Problem},
		{"lines", fmt.Sprintf("%d: %d good, %d bad", j.Lines, j.Good, j.Bad)},
		{"handed over", fmt.Sprintf("%d of %d: %d accepted, %d refused", j.Handed(), j.Good, j.Accepted, j.Refused)},
	}
	for _, t := range j.Totals {
		rows = append(rows, []string{"total", fmt.Sprintf("%s in %d lines", amountText(t.Amount, t.Currency), t.Lines)})
	}
	for _, state := range refund.States() {
		if n := outcomes[state]; n > 0 {
			rows = append(rows, []string{"refunds " + string(state), strconv.FormatInt(n, 10)})
		}
	}
	l := j.Limits
	rows = append(rows, [][]string{
		{"canary", fmt.Sprintf("%d lines, for at most %s", l.CanaryLines, l.CanaryWait)},
		{"stops itself", fmt.Sprintf("when more than %d %% of the last %d lines failed", l.StopPercent, l.StopWindow)},
		{"uploaded", when(j.CreatedAt) + " by " + j.UploadedBy.String()},
		{"started", strings.TrimSpace(when(j.StartedAt) + " " + j.StartedBy.String())},
		{"resumed by", j.ResumedBy.String()},
		{"paused or stopped by", j.ChangedBy.String()},
		{"ended", when(j.EndedAt)},
	}...)
	return e.printTable([]string{"WHAT", "VALUE"}, rows)
}

type bulkList struct{ pageFlags }

func (c *bulkList) Run(e *environment) error {
	return printPage(e, c.pageFlags, func(s *store.Store) listing[bulk.Job] {
		return listing[bulk.Job]{
			find: func(ctx context.Context, merchantID, id string) (bulk.Job, error) {
				return s.BulkJob(ctx, bulk.Key{MerchantID: merchantID, ID: id})
			},
			read:   s.BulkJobs,
			at:     func(j bulk.Job) refund.Position { return refund.Position{CreatedAt: j.CreatedAt, ID: j.ID} },
			object: func(j bulk.Job) any { return native.BulkJSON(j, nil) },
			header: []string{"ID", "UPLOADED", "BY", "FILE", "STATE", "LINES", "BAD", "HANDED OVER", "TOTAL"},
			row: func(j bulk.Job) []string {
				return []string{
					j.ID, when(j.CreatedAt), j.UploadedBy.String(), j.Name, j.Phase(), strconv.FormatInt(j.Lines, 10), strconv.FormatInt(j.Bad, 10),
					strconv.FormatInt(j.Handed(), 10), totalsText(j.Totals),
				}
			},
		}
	})
}

func totalsText(totals []bulk.Total) string {
	texts := make([]string, len(totals))
	for n, t := range totals {
		texts[n] = amountText(t.Amount, t.Currency)
	}
	return strings.Join(texts, ", ")
}

type bulkShow struct{ bulkFlags }

func (c *bulkShow) Run(e *environment) error {
	d, key, err := c.job(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	return c.show(e, d, key)
}

type bulkLines struct {
	bulkFlags
	State string `help:"Only lines in this state: new, bad, good, accepted or refused." enum:",new,bad,good,accepted,refused" default:""`
	Limit int    `help:"Most lines to list." default:"50" placeholder:"N"`
	After int64  `help:"Only lines behind this one, by its number." placeholder:"LINE"`
}

func (c *bulkLines) Run(e *environment) error {
	if err := (limitFlag{c.Limit}).check(); err != nil {
		return err
	}
	d, key, err := c.job(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	chosen := bulk.Select{After: c.After, Limit: c.Limit + 1}
	if c.State != "" {
		chosen.States = []bulk.LineState{bulk.LineState(c.State)}
	}
	lines, err := d.BulkLines(e, key, chosen)
	if err != nil {
		return err
	}
	if len(lines) > c.Limit {
		lines = lines[:c.Limit]
		e.more(strconv.FormatInt(lines[c.Limit-1].At, 10))
	}
	return printBulkLines(e, c.JSON, key.ID, lines)
}

func printBulkLines(e *environment, asJSON bool, jobID string, lines []bulk.Line) error {
	return printList(e, asJSON, lines, func(l bulk.Line) any { return native.BulkLineJSON(jobID, l) },
		[]string{"LINE", "STATE", "CHARGE", "AMOUNT", "REFUND", "IS", "WHY"}, func(l bulk.Line) []string {
			amount := l.Amount
			if l.Minor > 0 {
				amount = money.Amount{Minor: l.Minor, Currency: l.Currency}.String()
			}
			why := l.Problem
			if why == "" {
				why = l.Refund.FailureMessage
			}
			return []string{strconv.FormatInt(l.At, 10), string(l.State), l.Charge, amount, l.RefundID, string(l.Refund.State), why}
		})
}

type bulkResult struct {
	bulkFlags
	Output string `help:"Write to this file, which must not be there; - is standard output." default:"-" placeholder:"FILE"`
}

func (c *bulkResult) Run(e *environment) (err error) {
	d, key, err := c.job(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	if c.JSON {
		return c.json(e, d, key)
	}
	to := e.out
	if c.Output != "-" {
		file, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return fmt.Errorf("write the result: %w", err)
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		to = file
	}
	return native.WriteBulkResult(e, to, d.store, key, nil)
}

// json writes a line of JSON for each line, so that no list is in memory.
func (c *bulkResult) json(e *environment, d *desk, key bulk.Key) error {
	if c.Output != "-" {
		return usageError{"--json goes to standard output, and --output is for CSV"}
	}
	for after := int64(0); ; {
		lines, err := d.BulkLines(e, key, bulk.Select{After: after, Limit: bulk.ChunkLines})
		if err != nil || len(lines) == 0 {
			return err
		}
		for _, l := range lines {
			if err := e.printJSON(native.BulkLineJSON(key.ID, l)); err != nil {
				return err
			}
			after = l.At
		}
	}
}
