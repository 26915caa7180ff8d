// Package move moves a database that is served to another one: it copies every row
// while the old database goes on, then lays that to rest for a moment, copies what has
// changed, proves that both are equal, and switches.
//
// The switch is one durable mark in the old database, Moved, which is set after the new
// one was proved equal and before that may be served. While the old one rests, and ever
// after the switch, triggers in it refuse each change, whichever program asks; the
// same triggers hold everybody but the mover from the new one until it is complete. So
// the two can never both accept, claim or send. Whatever was claimed before the rest is
// in the new database with its lease, and whoever takes it over there asks first.
//
// The package knows no table but by the schema, so that none can be forgotten.
package move

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/refundry/refundry/store/sqldb"
)

const (
	// maxPasses bounds the passes before the rest; each later one finds less to do.
	maxPasses = 6
	// settledRows is how many changed rows the last pass before the rest may have found:
	// so many are copied in a moment.
	settledRows = 5000
	// lockNumber is that of the lock in the new database which a run holds.
	lockNumber = 0x7265_66_6d_6f_76
	// restName and guardName are of the triggers in the old and the new database.
	restName, guardName = "move_rest", "move_guard"
	// lockTries is how often the old database is asked to rest where transactions hold
	// its tables.
	lockTries = 20
	// endTries is how often the triggers of a rest are taken away, before they are left.
	endTries = 2
	// endTimeout bounds what is done after the command was told to end.
	endTimeout = time.Minute
)

// Progress is how far a run is.
type Progress struct {
	// Phase says what is being done: "copy", "rest", "prove", ...
	Phase string
	// Table is what it is at: a table, an index, a foreign key.
	Table string
	// Pass counts from 1. Done of about Total rows have been read in it.
	Pass        int
	Done, Total int64
	// Changed is how many rows were written or removed so far.
	Changed int64
}

// Options of a move.
type Options struct {
	// From and To are the databases' addresses without passwords, as they are shown.
	From, To string
	// ID makes ids; it must be given.
	ID func() string
	// Now is the clock; default time.Now.
	Now func() time.Time
	// Progress is called often, by one goroutine; default nobody.
	Progress func(Progress)
	Log      *slog.Logger // default slog.Default()
	// at is called between steps; a test ends the run there.
	at func(step string) error
}

// Report is what a move did.
type Report struct {
	ID     string           `json:"id"`
	Rows   int64            `json:"rows"`
	Tables map[string]int64 `json:"tables"`
	Sums   []Sum            `json:"sums"`
	Passes int              `json:"passes"`
	// Pause is for how long neither database took changes; 0 where an earlier run made
	// the switch.
	Pause time.Duration `json:"-"`
	// Before says that an earlier run had made the switch, or everything.
	Before bool `json:"before"`
}

type mover struct {
	from, to *sqldb.DB
	options  Options
	id, run  string
	tables   []*table
	kept     []made
	pieces   map[string]map[string]piece
	again    map[string]error // what was in the way of a table's piece
	damaged  []Damage
	progress Progress
	report   Report
}

// Run moves one database to another one, or goes on with a move that was begun, and
// returns when the new one is complete. Both must have the schema of this program, and
// the new one must be empty or that of the same move. After an error before the switch
// the old database goes on, and Run may be called again; ended by force at any point, it
// may be called again, too, and the old database rests meanwhile if it did. Errors:
// *DamagedError, *NotProvedError, sqldb.ErrTaken while another run is at work.
func Run(ctx context.Context, from, to *sqldb.DB, o Options) (Report, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	m := &mover{from: from, to: to, options: o, run: o.ID(), again: make(map[string]error)}
	if to.SQLite() {
		return m.report, errors.New("a move goes to PostgreSQL: a SQLite file is left as it is, and is no target (hint: a copy of a SQLite file is made by refundry backup)")
	}
	if from.Sharded() || to.Sharded() {
		return m.report, errors.New("a move goes from and to tables that Citus does not distribute: those can't have triggers, which hold others off (hint: move to a plain PostgreSQL database, and run refundry migrate --citus there)")
	}
	release, err := to.Only(ctx, lockNumber)
	if errors.Is(err, sqldb.ErrTaken) {
		return m.report, fmt.Errorf("another run of this move is at work: %w (hint: wait for its end)", err)
	}
	if err != nil {
		return m.report, err
	}
	defer release()
	if m.tables, err = readTables(ctx, from, to); err != nil {
		return m.report, err
	}
	switched, err := m.begin(ctx)
	if err == nil && !switched {
		err = m.copyAndSwitch(ctx)
	}
	m.report.ID, m.report.Passes = m.id, m.progress.Pass
	if err != nil {
		return m.report, err
	}
	m.report.Before = switched
	return m.report, m.complete(ctx)
}

// copyAndSwitch does everything up to the switch. After an error the old database
// goes on.
func (m *mover) copyAndSwitch(ctx context.Context) error {
	err := m.copyLive(ctx)
	if err == nil {
		err = m.switchOver(ctx)
	}
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	if problem := m.wake(ctx); problem != nil {
		err = errors.Join(err, fmt.Errorf("the old database may rest still (hint: run this again, or with --undo): %w", problem))
	}
	return err
}

// copyLive copies while the old database goes on, until little changes between two
// passes.
func (m *mover) copyLive(ctx context.Context) error {
	for m.progress.Pass < maxPasses {
		m.phase("copy")
		if err := m.total(ctx); err != nil {
			return err
		}
		changed, err := m.pass(ctx)
		if err != nil {
			return err
		}
		if m.progress.Pass == 1 {
			if err := m.step("indexes"); err != nil {
				return err
			}
			if err := m.makeIndexes(ctx, false); err != nil {
				return err
			}
			if err := m.to.Maintain(ctx, "ANALYZE"); err != nil {
				return fmt.Errorf("measure the new database: %w", err)
			}
		} else if changed <= settledRows {
			break
		}
	}
	return nil
}

// switchOver lays the old database to rest, copies what is left, proves, and switches.
func (m *mover) switchOver(ctx context.Context) error {
	if err := m.step("before the rest"); err != nil {
		return err
	}
	began := time.Now()
	if err := m.rest(ctx); err != nil {
		return fmt.Errorf("lay the old database to rest: %w", err)
	}
	if err := m.step("resting"); err != nil {
		return err
	}
	m.phase("copy what is left")
	if _, err := m.pass(ctx); err != nil {
		return err
	}
	if err := m.step("copied"); err != nil {
		return err
	}
	if err := m.makeIndexes(ctx, true); err != nil {
		return err
	}
	if err := m.makeKeys(ctx); err != nil {
		return err
	}
	if err := m.prove(ctx); err != nil {
		return err
	}
	if err := m.step("proved"); err != nil {
		return err
	}
	if err := m.to.Write(ctx, func(q sqldb.Querier) error {
		if err := durable(ctx, q); err != nil {
			return err
		}
		return m.set(ctx, q, To, Filling, Ready)
	}); err != nil {
		return err
	}
	if err := m.step("ready"); err != nil {
		return err
	}
	err := m.from.Write(ctx, func(q sqldb.Querier) error {
		if !m.from.SQLite() {
			if err := durable(ctx, q); err != nil {
				return err
			}
		}
		return m.set(ctx, q, From, Resting, Moved)
	})
	if errors.Is(err, sqldb.ErrCommitUnknown) {
		// The answer was lost. Where the switch was made, the new database must be opened.
		if marks, problem := Marks(ctx, m.from); problem == nil && marks[From].ID == m.id && marks[From].State == Moved {
			err = nil
		}
	}
	if err != nil {
		return fmt.Errorf("switch: %w", err)
	}
	m.report.Pause = time.Since(began)
	return m.stepped("switched")
}

// durable has a transaction of PostgreSQL, and all before it, on disk once it is committed,
// also where a server commits without waiting: the switch must not be there without them.
func durable(ctx context.Context, q sqldb.Querier) error {
	const text = `SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'`
	return q.Query(ctx, text, nil, func(scan func(...any) error) error { return scan(new(string)) })
}

// complete opens the new database. The switch has been made, so that nothing ends it
// half-way but a crash, after which it is done again.
func (m *mover) complete(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTimeout)
	defer cancel()
	err := ending(m.to, func(end end) error { return m.to.Write(ctx, m.opened(ctx, end)) })
	if err != nil {
		return fmt.Errorf("open the new database: %w (hint: the old one has been left for good; run this again)", err)
	}
	return nil
}

// opened is complete's transaction.
func (m *mover) opened(ctx context.Context, end end) func(sqldb.Querier) error {
	return func(q sqldb.Querier) error {
		marks := make(map[string]Mark)
		if err := readMarks(ctx, q, q.Lock(""), marks); err != nil {
			return err
		}
		switch mark := marks[To]; {
		case mark.ID == m.id && mark.State == Complete:
			return nil
		case mark.ID != m.id || mark.State != Ready:
			return fmt.Errorf("it is %q of move %s", mark.State, mark.ID)
		}
		if err := end(ctx, q, guardName, m.guardedTables()); err != nil {
			return err
		}
		if _, err := q.Exec(ctx, `DELETE FROM move_pieces`); err != nil {
			return err
		}
		const text = `UPDATE moves SET state = $1, kept = '[]', changed_at = $2 WHERE side = 'to' AND id = $3`
		_, err := q.Exec(ctx, text, Complete, m.options.Now().UnixMicro(), m.id)
		return err
	}
}

func (m *mover) isCopied(name string) bool {
	return slices.ContainsFunc(m.tables, func(t *table) bool { return t.name == name })
}

// guardedTables are those that take no changes while a database rests.
func (m *mover) guardedTables() []string {
	names := slices.Clone(guarded)
	for _, t := range m.tables {
		names = append(names, t.name)
	}
	return names
}

// phase reports what is being done.
func (m *mover) phase(name string) { m.part(name, "") }

// part is phase with what it is at.
func (m *mover) part(name, at string) {
	m.progress.Phase, m.progress.Table = name, at
	m.tell()
}

// counted reports rows of a table that were read.
func (m *mover) counted(t *table, rows int64) {
	m.progress.Table = t.name
	m.progress.Done += rows
	m.tell()
}

func (m *mover) tell() {
	if m.options.Progress != nil {
		m.options.Progress(m.progress)
	}
}

// total counts the rows that a pass will read.
func (m *mover) total(ctx context.Context) error {
	m.progress.Total = 0
	for _, t := range m.tables {
		rows, err := count(ctx, m.from, t.name)
		if err != nil {
			return err
		}
		m.progress.Total += rows
	}
	return nil
}

// step is where a test ends the run.
func (m *mover) step(name string) error {
	if m.options.at == nil {
		return nil
	}
	return m.options.at(name)
}

// stepped is step after what can't be taken back: no error goes on from it.
func (m *mover) stepped(name string) error {
	_ = m.step(name)
	return nil
}

// readKept reads how indexes and foreign keys are made again.
func (m *mover) readKept(mark Mark) error {
	if err := json.Unmarshal([]byte(mark.kept), &m.kept); err != nil {
		return fmt.Errorf("read which indexes are made again: %w", err)
	}
	return nil
}
