package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/sqlitefile"
	"github.com/refundry/refundry/store"
)

// clockTolerance is the difference between two clocks that needs no advice.
const clockTolerance = 2 * time.Second

// doctorCommand looks at everything that an operator may have set up wrongly,
// and says what to do. It changes nothing.
type doctorCommand struct {
	databaseFlags
	dataFlags
	jsonFlag
}

// finding is the result of one check.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"` // ok, warning or problem
	Text   string `json:"text"`
	Advice string `json:"advice,omitempty"`
}

// The results.
const (
	fine    = "ok"
	warning = "warning"
	problem = "problem"
)

// examination collects findings.
type examination struct {
	found []finding
}

func (x *examination) add(check, status, advice, format string, args ...any) {
	x.found = append(x.found, finding{check, status, fmt.Sprintf(format, args...), advice})
}

func (c *doctorCommand) Run(e *environment) error {
	x := &examination{}
	c.configuration(x)
	c.dataFolder(x)
	c.owner(x)
	if s := c.database(e, x); s != nil {
		defer s.Close()
		c.masterKey(e, s, x)
		c.clock(e, s, x)
		c.conditions(e, s, x)
	}
	return c.report(e, x)
}

func (c *doctorCommand) report(e *environment, x *examination) error {
	problems := 0
	rows := make([][]string, len(x.found))
	for n, f := range x.found {
		if f.Status == problem {
			problems++
		}
		rows[n] = []string{f.Status, f.Check, f.Text}
		if f.Advice != "" {
			rows[n][2] += "; " + f.Advice
		}
	}
	var err error
	if c.JSON {
		err = e.printJSON(x.found)
	} else {
		err = e.printTable([]string{"STATUS", "CHECK", "WHAT WAS FOUND"}, rows)
	}
	if err != nil {
		return err
	}
	if problems > 0 {
		e.say("%d problems", problems)
		return errTold
	}
	return nil
}

// configuration: an unreadable file has ended the program before.
func (c *doctorCommand) configuration(x *examination) {
	if unknown := unknownVariables(os.Environ()); len(unknown) > 0 {
		x.add("configuration", warning, "correct or remove them", "there is no setting %v", unknown)
		return
	}
	x.add("configuration", fine, "", "database %s, data folder %s", withoutPassword(c.Database), c.Data)
}

func (c *doctorCommand) dataFolder(x *examination) {
	info, err := os.Stat(c.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.add("data folder", warning, "serve makes it at its first start", "%s is not there yet", c.Data)
	case err != nil:
		x.add("data folder", problem, "give this user access", "%v", err)
	case !info.IsDir():
		x.add("data folder", problem, "choose another with --data", "%s is no folder", c.Data)
	case info.Mode().Perm()&0o077 != 0:
		x.add("data folder", warning, "chmod 700 "+c.Data, "others may look into %s, where the master key is", c.Data)
	default:
		x.add("data folder", fine, "", "%s is there and for this user alone", c.Data)
	}
}

// database opens the database; nil when nothing else can be looked at.
func (c *doctorCommand) database(e *environment, x *examination) *store.Store {
	if name, sqlite := service.SQLiteFile(c.Database); sqlite {
		if _, err := os.Stat(name); err != nil {
			x.add("database", problem, "name the right file with --database, or start serve, which makes it", "there is no file %s", name)
			return nil
		}
	}
	s, err := c.openRaw(e)
	if err != nil {
		x.add("database", problem, "", "%v", err)
		return nil
	}
	current, known, err := s.Schema(e)
	switch {
	case err != nil:
		x.add("database", problem, "", "%v", err)
	case current < known:
		x.add("database", problem, "run refundry migrate, or start serve", "schema %d, but this program needs %d", current, known)
	case current > known:
		x.add("database", warning, "update this program when the other replicas are updated", "schema %d is newer than the %d of this program", current, known)
	default:
		x.add("database", fine, "", "reachable, schema %d", current)
	}
	if err != nil || current < known {
		s.Close()
		return nil
	}
	return s
}

// masterKey checks the key without making one.
func (c *doctorCommand) masterKey(ctx context.Context, s *store.Store, x *examination) {
	text := os.Getenv(secret.Environment)
	if text == "" {
		if _, err := os.Stat(filepath.Join(c.Data, "master.key")); err != nil {
			x.add("master key", problem, "set "+secret.Environment+" or restore master.key into the data folder; on a new installation start serve, which makes it",
				"there is none in %s", c.Data)
			return
		}
	}
	if err := c.useMasterKey(ctx, s); err != nil {
		x.add("master key", problem, "", "%v", err)
		return
	}
	x.add("master key", fine, "keep a copy apart from the database's backups", "it opens the database's secrets")
}

func (c *doctorCommand) clock(ctx context.Context, s *store.Store, x *examination) {
	offset, err := s.ClockOffset(ctx)
	switch {
	case err != nil:
		x.add("clock", problem, "", "%v", err)
	case offset.Abs() > clockTolerance:
		x.add("clock", warning, "have this machine's clock kept (NTP); serve goes by the database's", "the database is ahead by %s", offset)
	default:
		x.add("clock", fine, "", "within %s of the database's", clockTolerance)
	}
}

// owner says whether a serve is at work on a SQLite file. It is asked before
// the file is opened.
func (c *doctorCommand) owner(x *examination) {
	name, sqlite := service.SQLiteFile(c.Database)
	if !sqlite {
		return
	}
	switch owned, err := sqlitefile.Owned(name); {
	case errors.Is(err, fs.ErrNotExist): // the database's check says so
	case err != nil:
		x.add("service", problem, "", "%v", err)
	case owned:
		x.add("service", fine, "", "a serve owns the file")
	default:
		x.add("service", warning, "start it: refundry serve", "no serve is running on this file")
	}
}

// conditions tells what waits for an operator.
func (c *doctorCommand) conditions(ctx context.Context, s *store.Store, x *examination) {
	all, err := s.Conditions(ctx, time.Now())
	if err != nil {
		x.add("refunds", problem, "", "%v", err)
		return
	}
	quiet := true
	note := func(check, status, advice, format string, args ...any) {
		quiet = false
		x.add(check, status, advice, format, args...)
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		m := all[id]
		if m.Overdue > 0 {
			note("refunds", problem, "is a serve running? see its log", "merchant %s: %d refunds have been due for minutes and nobody looks at them", id, m.Overdue)
		}
		if n := m.Open[refund.Abnormal]; n > 0 {
			note("refunds", warning, "reroute them, or say how they ended: refundry refund reroute, refund resolve (refundry refund list --state abnormal shows them)", "merchant %s: the payer's account could not take %d refunds", id, n)
		}
		if n := m.Open[refund.Held]; n > 0 {
			note("refunds", warning, "see refundry refund list --state held; a shortage ends when funds are added", "merchant %s: %d refunds are held", id, n)
		}
		if m.OpenAlerts > 0 {
			note("alerts", warning, "see refundry alert list --merchant "+id, "merchant %s: nobody has looked at %d alerts", id, m.OpenAlerts)
		}
		if m.DeadDeliveries > 0 {
			note("webhooks", warning, "the receiver did not take them within a day; have it read the events it missed, or send them again: refundry delivery list --state dead, delivery replay", "merchant %s: %d deliveries were given up", id, m.DeadDeliveries)
		}
	}
	if quiet {
		x.add("refunds", fine, "", "none is stuck, and no webhook was given up")
	}
}
