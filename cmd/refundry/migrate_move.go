package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/move"
)

const (
	// moveSaid is how often a move says how far it is where stderr is no terminal.
	moveSaid = 10 * time.Second
	// moveShown is how often a terminal's line changes.
	moveShown = 200 * time.Millisecond
)

// options are a move's, with the passwords of files in the URLs.
func (c *migrateCommand) options(e *environment) (service.MoveOptions, error) {
	from := databaseFlags{Database: c.From, DatabasePasswordFile: c.FromPasswordFile}
	to := databaseFlags{Database: c.To, DatabasePasswordFile: c.ToPasswordFile}
	o := service.MoveOptions{
		FromName: withoutPassword(service.MoveName(c.From)), ToName: withoutPassword(service.MoveName(c.To)), Data: c.Data, Log: e.log,
	}
	var errs [3]error
	o.From, errs[0] = from.url()
	o.To, errs[1] = to.url()
	o.MasterKey, errs[2] = c.masterKey()
	return o, errors.Join(errs[:]...)
}

// move moves the database.
func (c *migrateCommand) move(e *environment) error {
	o, err := c.options(e)
	if err != nil {
		return err
	}
	shown := newMoveProgress(e)
	o.Progress = shown.tell
	began := time.Now()
	report, err := service.Move(e, o)
	shown.end()
	var damaged *move.DamagedError
	var broken *service.BrokenError
	switch {
	case errors.As(err, &damaged):
		for _, row := range damaged.Rows {
			e.say("damaged: %s", harmless(row.String()))
		}
	case errors.As(err, &broken):
		for _, finding := range broken.Findings {
			e.say("broken: %s", harmless(finding.String()))
		}
	}
	if err != nil {
		return fmt.Errorf("move %s to %s: %w", o.FromName, o.ToName, err)
	}
	if c.JSON {
		return e.printJSON(struct {
			move.Report
			From     string `json:"from"`
			To       string `json:"to"`
			PauseMS  int64  `json:"pause_ms"`
			AllTakes int64  `json:"took_ms"`
		}{report, o.FromName, o.ToName, report.Pause.Milliseconds(), time.Since(began).Milliseconds()})
	}
	if report.Before {
		e.say("an earlier run has switched: %s is the database", o.ToName)
	} else {
		c.sayMoved(e, report, time.Since(began))
	}
	e.say("%s takes no changes any more. Stop its service, and start it with --database %s and the same master key (hint: refundry doctor and refundry verify with that --database first)", o.FromName, o.ToName)
	return nil
}

func (c *migrateCommand) sayMoved(e *environment, report move.Report, took time.Duration) {
	e.say("moved and proved equal: %d rows of %d tables, with %d charges and %d refunds: each row's hash, all counts and %d sums of money", report.Rows, len(report.Tables), report.Tables["charges"], report.Tables["refunds"], len(report.Sums))
	e.say("it took %v; for %v of them nothing was accepted", took.Round(100*time.Millisecond), report.Pause.Round(100*time.Millisecond))
}

// undo gives a move up.
func (c *migrateCommand) undo(e *environment) error {
	o, err := c.options(e)
	if err != nil {
		return err
	}
	was, err := service.UndoMove(e, o)
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(struct {
			From   string `json:"from"`
			State  string `json:"was"`
			GaveUp string `json:"gave_up"`
		}{o.FromName, was.State, was.Other})
	}
	if was.State == "" {
		e.say("no move of %s is known: nothing was to be given up", o.FromName)
		return nil
	}
	e.say("the move to %s is given up, and %s goes on. What was copied is of no use any more: drop that database", was.Other, o.FromName)
	return nil
}

// moveProgress shows how far a move is: a line that changes on a terminal, and else a
// line now and then.
type moveProgress struct {
	e     *environment
	bar   *progressbar.ProgressBar
	phase string
	pass  int
	began time.Time // of the pass
	said  time.Time
}

func newMoveProgress(e *environment) *moveProgress {
	p := &moveProgress{e: e, began: time.Now()}
	if file, ok := e.err.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(e.err), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("rows"), progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(moveShown))
	}
	return p
}

// tell takes news.
func (p *moveProgress) tell(now move.Progress) {
	if now.Phase != p.phase || now.Pass != p.pass {
		if now.Pass != p.pass {
			p.began = time.Now()
		}
		if p.bar == nil && now.Phase != p.phase {
			p.e.say("%s", now.Phase)
		}
		p.phase, p.pass, p.said = now.Phase, now.Pass, time.Now()
	}
	if now.Total == 0 || now.Done == 0 {
		return
	}
	if p.bar != nil {
		p.bar.ChangeMax64(max(now.Total, now.Done))
		p.bar.Describe(fmt.Sprintf("%s, pass %d, %s", now.Phase, now.Pass, now.Table))
		_ = p.bar.Set64(now.Done)
		return
	}
	if time.Since(p.said) < moveSaid {
		return
	}
	p.said = time.Now()
	rate := float64(now.Done) / time.Since(p.began).Seconds()
	left := time.Duration(float64(max(now.Total-now.Done, 0)) / rate * float64(time.Second))
	p.e.say("%s, pass %d: %d of %d rows, %.0f rows a second, about %v left (%s)", now.Phase, now.Pass, now.Done, now.Total, rate, left.Round(time.Second), now.Table)
}

func (p *moveProgress) end() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
