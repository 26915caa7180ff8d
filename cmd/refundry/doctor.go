package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/sqlitefile"
	"github.com/refundry/refundry/store"
)

// clockTolerance is the difference between two clocks that needs no advice.
const clockTolerance = 2 * time.Second

// doctorCommand looks at everything that serve would use, with serve's flags,
// and at what waits for an operator, and says what to do. It changes nothing.
type doctorCommand struct {
	serveFlags
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
	// same are the flags by which a command means what doctor looked at.
	same string
}

// add adds a finding. Errors of drivers have line breaks, which no table shows.
func (x *examination) add(check, status, advice, format string, args ...any) {
	for n, arg := range args {
		if err, is := arg.(error); is {
			args[n] = oneLine(err)
		}
	}
	x.found = append(x.found, finding{check, status, fmt.Sprintf(format, args...), advice})
}

// command is a command as it can be typed: with the flags that say which
// database and folder are meant.
func (x *examination) command(text string) string { return "refundry " + text + x.same }

func (c *doctorCommand) Run(e *environment) error {
	x := &examination{same: c.same(e)}
	c.configuration(x)
	c.dataFolder(x)
	c.listener(x)
	owned := c.owner(x)
	if s := c.database(e, x); s != nil {
		defer s.Close()
		c.content(e, s, x, owned)
	}
	return c.report(e, x)
}

// same are the flags that a printed command needs to mean the same: those
// that did not come from the environment, which it will find as well. A
// database's password is not shown; it has to be added.
func (c *doctorCommand) same(e *environment) string {
	if e.config != "" && e.config != os.Getenv("REFUNDRY_CONFIG") {
		return " --config " + quoted(e.config)
	}
	flags := ""
	if database := os.Getenv("REFUNDRY_DATABASE"); c.Database != database && (database != "" || c.Database != "sqlite:refundry.db") && e.config == "" {
		flags += " --database " + quoted(withoutPassword(c.Database))
	}
	return flags
}

// quoted is a word of a shell.
func quoted(word string) string {
	if strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,") == "" && word != "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\\''`) + "'"
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
	case openTo(info, 0o077):
		x.add("data folder", warning, "chmod 700 "+quoted(c.Data), "others may look into %s, where the master key is", c.Data)
	default:
		x.add("data folder", fine, "", "%s is there and for this user alone", c.Data)
	}
}

// database opens the database for reading; nil when nothing else can be looked
// at.
func (c *doctorCommand) database(e *environment, x *examination) *store.Store {
	if name, sqlite := service.SQLiteFile(c.Database); sqlite {
		switch info, err := os.Stat(name); {
		case err != nil:
			x.add("database", problem, "name the right file with --database, or start serve, which makes it", "there is no file %s", name)
			return nil
		case info.Size() == 0:
			x.add("database", warning, "start serve, which makes it", "the file %s is empty", name)
			return nil
		}
	}
	address, err := c.url()
	var s *store.Store
	if err == nil {
		s, err = service.OpenStore(e, address, store.Options{Log: e.log, ReadOnly: true})
	}
	if err != nil {
		x.add("database", problem, "", "%v", err)
		return nil
	}
	current, known, err := s.Schema(e)
	switch {
	case err != nil && s.SQLite():
		x.add("database", problem, "if the file is damaged, stop serve, and restore a backup: "+x.command("restore FILE"), "%v", err)
	case err != nil:
		x.add("database", problem, "", "%v", err)
	case current < known:
		x.add("database", problem, x.command("migrate")+", or start serve, which does it too", "schema %d, but this program needs %d", current, known)
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

// content looks at a database of this program's schema.
func (c *doctorCommand) content(e *environment, s *store.Store, x *examination, owned bool) {
	c.durable(e, s, x)
	keyed := c.masterKey(e, s, x)
	c.clock(e, s, x)
	if c.Demo && !c.DemoAnyway {
		if live, err := s.HasLiveMerchant(e); err != nil || live {
			x.add("demo", problem, "give the demo a database of its own, or say --demo-anyway", "serve --demo is refused: the database has a live merchant (%v)", err)
		}
	}
	if keyed {
		c.accounts(e, s, x)
	}
	c.conditions(e, s, x, owned)
}

// durable says whether a commit that was answered can be lost, and whether
// what is stored can be read.
func (c *doctorCommand) durable(ctx context.Context, s *store.Store, x *examination) {
	if s.SQLite() {
		if err := s.DB().Integrity(ctx); err != nil {
			x.add("integrity", problem, "stop serve, and restore a backup: "+x.command("restore FILE"), "%v", err)
			return
		}
		x.add("integrity", fine, "", "every page of the file can be read")
		return
	}
	for _, setting := range []string{"fsync", "full_page_writes", "synchronous_commit"} {
		switch value, err := s.DB().Setting(ctx, setting); {
		case err != nil:
			x.add("durability", problem, "", "%v", err)
		case value == "off":
			x.add("durability", problem, "ALTER SYSTEM SET "+setting+" = on; SELECT pg_reload_conf(); and look whether the URL, ALTER ROLE or ALTER DATABASE sets it",
				"%s is off: refunds that were accepted are lost when the server fails, and would be made again", setting)
		default:
			x.add("durability", fine, "", "%s is %s", setting, value)
		}
	}
}

// masterKey checks the key without making one, and reports whether secrets can
// be opened.
func (c *doctorCommand) masterKey(ctx context.Context, s *store.Store, x *examination) bool {
	has, err := s.HasMasterKey(ctx)
	switch {
	case err != nil:
		x.add("master key", problem, "", "%v", err)
		return false
	case !has:
		x.add("master key", warning, "start serve, which makes one if there is none", "the database was made with none yet")
		return false
	}
	if err := c.useMasterKey(ctx, s); err != nil {
		x.add("master key", problem, "", "%v", err)
		return false
	}
	counts, err := s.SealedCounts(ctx)
	next := ""
	if err == nil {
		next, err = s.NextMasterKey(ctx)
	}
	if err != nil {
		x.add("master key", problem, "", "%v", err)
		return false
	}
	var sealed []string
	for _, id := range slices.Sorted(maps.Keys(counts)) {
		sealed = append(sealed, fmt.Sprintf("%d under %s", counts[id], id))
	}
	text := cmp.Or(strings.Join(sealed, ", "), "none")
	if next != "" {
		x.add("master key", warning, "end it: run refundry key rotate --master again", "a rotation to %s was begun and not ended; sealed values: %s", next, text)
		return true
	}
	x.add("master key", fine, "keep a copy apart from the database's backups", "it opens the database's secrets; sealed values: %s", text)
	return true
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

// owner reports whether a serve is at work on a SQLite file. It is asked before
// the file is opened.
func (c *doctorCommand) owner(x *examination) bool {
	name, sqlite := service.SQLiteFile(c.Database)
	if !sqlite {
		return false
	}
	owned, err := sqlitefile.Owned(name)
	switch {
	case errors.Is(err, fs.ErrNotExist): // the database's check says so
	case err != nil:
		x.add("service", problem, "", "%v", err)
	case owned:
		x.add("service", fine, "", "a serve owns the file")
	default:
		x.add("service", warning, "start it: "+x.command("serve"), "no serve is running on this file")
	}
	return owned
}
