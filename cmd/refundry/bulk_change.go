package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/chargefile"
)

// bulkAdd uploads a file.
type bulkAdd struct {
	accountFlags
	File          string `arg:"" help:"CSV or NDJSON file; - for standard input."`
	Format        string `help:"csv or ndjson; default by the file's content, then its name." enum:",csv,ndjson" default:""`
	Encoding      string `help:"utf-8, gb18030 (and GBK), utf-16le or utf-16be; default by the file's content." enum:",utf-8,gb18030,utf-16le,utf-16be" default:""`
	CanaryLines   int64  `help:"Lines that go first; the others wait until these have ended." default:"10" placeholder:"N"`
	CanaryMinutes int64  `help:"How long they are waited for at most." default:"5" placeholder:"N"`
	StopPercent   int64  `help:"Stop when more of the last lines failed." default:"20" placeholder:"N"`
	StopWindow    int64  `help:"How many last lines count." default:"50" placeholder:"N"`
	DryRun        bool   `help:"Check everything and stop the job again, so that the file may be uploaded anew."`
}

// Help is shown by --help.
func (c *bulkAdd) Help() string {
	return `CSV has a header line with the names of its columns, in any order:
  ` + strings.Join(chargefile.RefundColumns, ", ") + `
An amount is a whole number of minor units (1250 for 12.50 CNY), or full for all
that is left; amount_decimal is written with decimals instead. NDJSON has the same
members. docs/bulk.md has an example, and the columns' names in Chinese.

Nothing moves: each line is given the verdict that the core would give. Bad lines
are listed, and the exit status is then 1. Another person starts the job. The same
file again changes nothing, and shows its job.`
}

func (c *bulkAdd) Run(e *environment) error {
	file, err := c.input(e)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	d, err := c.desk(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	if err := notDisabled(d.merchant); err != nil {
		return err
	}
	name := filepath.Base(c.File)
	if c.File == "-" {
		name = "standard input"
	}
	job, again, err := d.UploadBulk(e, d.by, d.merchant.ID, file, admin.BulkUpload{
		Options: bulk.Options{Name: name, Format: c.Format, Encoding: c.Encoding},
		Limits:  bulk.Limits{CanaryLines: c.CanaryLines, CanaryWait: time.Duration(c.CanaryMinutes) * time.Minute, StopPercent: c.StopPercent, StopWindow: c.StopWindow},
	})
	if err != nil {
		return asUsage(err)
	}
	if again {
		e.say("the file is there since %s as %s", when(job.CreatedAt), job.ID)
	}
	if job, err = c.check(e, d, job); err != nil {
		return err
	}
	if c.DryRun && !again {
		if job, err = d.StopBulk(e, d.by, job.Key(), "a dry run at the command line"); err != nil {
			return err
		}
	}
	return c.report(e, d, job)
}

// input opens the file; what is piped is kept in one of its own.
func (c *bulkAdd) input(e *environment) (io.ReadSeekCloser, error) {
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, fmt.Errorf("read refunds: %w", err)
		}
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return file, nil
		}
		defer func() { _ = file.Close() }()
		return spooled(file)
	}
	return spooled(e.in)
}

// spooled keeps what a pipe gives in a file that is gone with the program.
func spooled(in io.Reader) (io.ReadSeekCloser, error) {
	file, err := os.CreateTemp("", "refundry-bulk-*")
	if err != nil {
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	_ = os.Remove(file.Name())
	_, err = io.Copy(file, io.LimitReader(in, bulk.MaxBytes+1))
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("read refunds: %w", err)
	}
	return file, nil
}

// bulkPoll is how often a command looks how far a job is.
const bulkPoll = 200 * time.Millisecond

// check goes through the dry run; a serve that runs may be quicker.
func (c *bulkAdd) check(e *environment, d *desk, job bulk.Job) (bulk.Job, error) {
	runner := bulk.NewRunner(d.store, nil, bulk.RunnerOptions{Log: e.log})
	bar := e.lineBar(job.Lines, "checking")
	for job.State == bulk.Uploading || job.State == bulk.Checking {
		if !runner.StepJob(e, job.Key()) {
			if err := e.pause(bulkPoll); err != nil {
				return job, err
			}
		}
		var err error
		if job, err = d.store.BulkJob(e, job.Key()); err != nil {
			return job, err
		}
		_ = bar.Set64(job.Good + job.Bad)
	}
	return job, bar.Finish()
}

// pause waits, unless the command ends.
func (e *environment) pause(wait time.Duration) error {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-e.Done():
		return e.Err()
	}
}

// lineBar is a bar on stderr that counts lines, or nothing when that is no terminal.
func (e *environment) lineBar(lines int64, doing string) *progressbar.ProgressBar {
	file, ok := e.err.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return progressbar.DefaultSilent(lines)
	}
	return progressbar.NewOptions64(lines,
		progressbar.OptionSetWriter(e.err), progressbar.OptionShowCount(), progressbar.OptionSetWidth(30),
		progressbar.OptionSetDescription(doing), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
}

// report prints the job and its bad lines.
func (c *bulkAdd) report(e *environment, d *desk, job bulk.Job) error {
	if c.JSON {
		if err := (bulkFlags{jsonFlag: c.jsonFlag}).show(e, d, job.Key()); err != nil {
			return err
		}
	} else {
		e.say("%s: %d lines, %d can be refunded, %d can't; in all %s", job.ID, job.Lines, job.Good, job.Bad, totalsText(job.Totals))
		bad, err := d.BulkLines(e, job.Key(), bulk.Select{States: []bulk.LineState{bulk.Bad}, Limit: maxBadShown})
		if err != nil {
			return err
		}
		if len(bad) > 0 {
			if err := printBulkLines(e, false, job.ID, bad); err != nil {
				return err
			}
		}
		if int64(len(bad)) < job.Bad {
			e.say("the others: refundry bulk lines %s --state bad --after %d", job.ID, bad[len(bad)-1].At)
		}
		if job.State == bulk.Ready {
			e.say("another person starts it: refundry bulk start %s", job.ID)
		}
	}
	if job.Bad > 0 {
		return errTold
	}
	return nil
}

// maxBadShown is how many bad lines bulk add lists.
const maxBadShown = 20

type bulkStart struct {
	bulkFlags
	SkipBad bool `help:"Leave out the lines that the dry run refuses."`
	Wait    bool `help:"Wait until every line was handed over; exits 1 if the job stops before."`
}

func (c *bulkStart) Run(e *environment) error {
	return c.change(e, c.Wait, func(d *desk, key bulk.Key) (bulk.Job, error) {
		return d.StartBulk(e, d.by, key, admin.BulkStarting{SkipBad: c.SkipBad})
	})
}

type bulkResume struct {
	bulkFlags
	Wait bool `help:"Wait until every line was handed over; exits 1 if the job stops before."`
}

func (c *bulkResume) Run(e *environment) error {
	return c.change(e, c.Wait, func(d *desk, key bulk.Key) (bulk.Job, error) { return d.ResumeBulk(e, d.by, key) })
}

type bulkPause struct {
	bulkFlags
	Reason string `help:"Why; it is shown wherever the job is." placeholder:"TEXT" describes:""`
}

func (c *bulkPause) Run(e *environment) error {
	return c.change(e, false, func(d *desk, key bulk.Key) (bulk.Job, error) { return d.PauseBulk(e, d.by, key, c.Reason) })
}

type bulkStop struct {
	bulkFlags
	Reason string `help:"Why; it is shown wherever the job is." placeholder:"TEXT" describes:""`
}

func (c *bulkStop) Run(e *environment) error {
	return c.change(e, false, func(d *desk, key bulk.Key) (bulk.Job, error) { return d.StopBulk(e, d.by, key, c.Reason) })
}

// change does something to a job, and says what it is then.
func (c bulkFlags) change(e *environment, wait bool, change func(*desk, bulk.Key) (bulk.Job, error)) error {
	d, key, err := c.job(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	job, err := change(d, key)
	if err != nil {
		return asUsage(err)
	}
	if wait {
		if job, err = c.wait(e, d, job); err != nil {
			return err
		}
	}
	if c.JSON {
		err = c.show(e, d, key)
	} else {
		e.say("%s is %s%s", job.ID, job.Phase(), because(job.Reason))
	}
	if wait && job.State != bulk.Finished {
		return errors.Join(err, errTold)
	}
	return err
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// wait shows how far a job is until it rests.
func (c bulkFlags) wait(e *environment, d *desk, job bulk.Job) (bulk.Job, error) {
	bar := e.lineBar(job.Good, "refunding")
	for job.State == bulk.Running {
		if err := e.pause(bulkPoll); err != nil {
			return job, err
		}
		var err error
		if job, err = d.store.BulkJob(e, job.Key()); err != nil {
			return job, err
		}
		_ = bar.Set64(job.Handed())
	}
	return job, bar.Finish()
}
