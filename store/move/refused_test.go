package move_test

import (
	stdcmp "cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/move"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// write runs statements.
func write(t *testing.T, s *store.Store, texts ...string) {
	t.Helper()
	err := s.Share(t.Context(), func(q sqldb.Querier) error {
		for _, text := range texts {
			if _, err := q.Exec(t.Context(), text); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAWrongTargetIsRefusedAndLeftAsItIs(t *testing.T) {
	from := open(t, old(t))
	run := func(to *store.Store, o move.Options, want string) {
		t.Helper()
		_, err := move.Run(t.Context(), from.DB(), to.DB(), o)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not %q: %v", want, err)
		}
		if err := move.Standing(t.Context(), from.DB()); err != nil {
			t.Errorf("the old database: %v", err)
		}
		if _, err := move.Undo(t.Context(), from.DB()); err != nil {
			t.Error(err)
		}
	}
	_, other := empty(t)
	write(t, other, `INSERT INTO merchants (id, name, mode, created_at) VALUES ('m', 'another installation', 'test', 1)`)
	run(other, options(), "table merchants has rows")
	if err := change(t, other); err != nil { // it goes on
		t.Error(err)
	}
	_, newer := empty(t)
	write(t, newer, `ALTER TABLE charges ADD COLUMN brand_new TEXT`)
	run(newer, options(), "column brand_new TEXT key 0 is in the new database alone")
	_, more := empty(t)
	write(t, more, `CREATE TABLE brand_new (id TEXT PRIMARY KEY)`)
	run(more, options(), "table brand_new is in the new database alone")
	run(from, options(), "a move goes to PostgreSQL")
	url, _ := empty(t)
	storetest.Distribute(t, url)
	run(open(t, url), options(), "run refundry migrate --citus there")

	_, taken := empty(t)
	killAt(t, open(t, old(t)), taken, "before the rest", 1)
	run(taken, options(), "is being filled by another move")
}

func TestTwoMovesAtOnceAreOne(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	_, elsewhere := empty(t)
	asked := false
	_, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
		if now != "piece of refunds" || asked {
			return nil
		}
		asked = true
		if _, err := move.Run(t.Context(), from.DB(), to.DB(), options()); !errors.Is(err, sqldb.ErrTaken) {
			t.Errorf("the same move again: %v", err)
		}
		o := options()
		o.To = "elsewhere"
		if _, err := move.Run(t.Context(), from.DB(), elsewhere.DB(), o); err == nil || !strings.Contains(err.Error(), "is being moved, or was moved, to new, and not to elsewhere") {
			t.Errorf("a move to elsewhere: %v", err)
		}
		return nil
	}))
	if err != nil || !asked {
		t.Fatalf("asked: %v, %v", asked, err)
	}
	equal(t, from, to)
	o := options()
	o.To = "elsewhere"
	if _, err := move.Run(t.Context(), from.DB(), elsewhere.DB(), o); err == nil {
		t.Error("a database that was moved moves to elsewhere")
	}
	if _, err := move.Undo(t.Context(), from.DB()); err == nil || !strings.Contains(err.Error(), "may refund twice") {
		t.Errorf("a move that has ended is given up: %v", err)
	}
}

// A table that a later migration adds moves without a line of code, and whatever does
// not move is named here, too.
func TestEveryTableOfTheSchemaMoves(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	for _, s := range []*store.Store{from, to} {
		write(t, s, `CREATE TABLE added_later (id TEXT NOT NULL, n BIGINT NOT NULL, raw BYTEA NOT NULL, fine BOOLEAN NOT NULL, text TEXT, PRIMARY KEY (n, id))`)
	}
	write(t, from, `INSERT INTO added_later (id, n, raw, fine, text) VALUES ('a', -1, x'', TRUE, NULL), ('b', -1, x'00ff', FALSE, ''), ('名', 9223372036854775807, x'01', TRUE, '退款')`)
	report, err := move.Run(t.Context(), from.DB(), to.DB(), options())
	if err != nil {
		t.Fatal(err)
	}
	names, _, err := from.DB().Tables(t.Context())
	if err != nil || report.Tables["added_later"] != 3 {
		t.Errorf("%v, %v", report.Tables, err)
	}
	var stay []string
	for _, name := range names {
		if _, moved := report.Tables[name]; !moved {
			stay = append(stay, name)
		}
	}
	if diff := cmp.Diff([]string{"goose_db_version", "move_pieces", "moves", "probes"}, stay); diff != "" {
		t.Errorf("tables that don't move (-known +left): %s", diff)
	}
	equal(t, from, to)
}

// A run that stood still, and was given up meanwhile, neither switches nor writes.
func TestARunThatWasGivenUpChangesNothingAnyMore(t *testing.T) {
	for _, step := range []string{"piece of refunds", "ready"} {
		from := open(t, old(t))
		_, to := empty(t)
		_, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
			if now == step {
				if _, err := move.Undo(t.Context(), from.DB()); err != nil {
					t.Error(err)
				}
			}
			return nil
		}))
		if err == nil {
			t.Errorf("given up at %q, it ended well", step)
		}
		if got := strings.Join(served(t, from, to), " "); got != "old" {
			t.Errorf("given up at %q, %q may be served", step, got)
		}
	}
}

// Each kind of damage is one row of the sample.
func TestADamagedRowIsReportedAndNothingIsSwitched(t *testing.T) {
	tests := []struct{ text, want string }{
		{`UPDATE transfers SET amount = 'much' WHERE id = (SELECT MIN(id) FROM transfers)`, "column amount is no BIGINT but a string"},
		{`UPDATE refunds SET reason = CAST(x'ff41' AS TEXT) WHERE id = (SELECT MIN(id) FROM refunds)`, "column reason is text that is not UTF-8"},
		{`UPDATE attempts SET note = 'a' || char(0) || 'b' WHERE id = (SELECT MAX(id) FROM attempts)`, "column note has a NUL character"},
		{`UPDATE events SET created_at = 1.5 WHERE id = (SELECT MAX(id) FROM events)`, "column created_at is no BIGINT but a float64"},
		{`UPDATE charges SET reserved = amount + 1, excess = 0 WHERE id = (SELECT MIN(id) FROM charges)`, "charges_cap"},
	}
	from := open(t, old(t))
	_, to := empty(t)
	if err := from.DB().Maintain(t.Context(), "PRAGMA ignore_check_constraints = 1"); err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		write(t, from, test.text)
	}
	var damaged *move.DamagedError
	_, err := move.Run(t.Context(), from.DB(), to.DB(), options())
	if !errors.As(err, &damaged) || len(damaged.Rows) != len(tests) {
		t.Fatalf("%v", err)
	}
	for _, test := range tests {
		if !slices.ContainsFunc(damaged.Rows, func(d move.Damage) bool { return strings.Contains(d.Problem, test.want) && d.Key != "" }) {
			t.Errorf("not %q: %v", test.want, damaged.Rows)
		}
	}
	if got := strings.Join(served(t, from, to), " "); got != "old" {
		t.Errorf("%q may be served", got)
	}
}

func TestARowThatRefersToNoneIsReported(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	if err := from.DB().Maintain(t.Context(), "PRAGMA foreign_keys = 0"); err != nil {
		t.Fatal(err)
	}
	write(t, from, `UPDATE charge_aliases SET charge_id = 'nobody' WHERE name = (SELECT MIN(name) FROM charge_aliases)`)
	_, err := move.Run(t.Context(), from.DB(), to.DB(), options())
	if err == nil || !strings.Contains(err.Error(), "table charge_aliases: a row refers to one that the old database does not have") {
		t.Errorf("%v", err)
	}
	if got := strings.Join(served(t, from, to), " "); got != "old" {
		t.Errorf("%q may be served", got)
	}
}

// Somebody who writes to the new database past the mover, as its superuser can, is
// found out.
func TestWhatWasChangedBehindTheMoversBackIsNotServed(t *testing.T) {
	from := open(t, old(t))
	_, to := empty(t)
	_, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
		if now == "copied" {
			return to.DB().Write(context.WithoutCancel(t.Context()), func(q sqldb.Querier) error {
				if _, err := q.Exec(t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
					return err
				}
				_, err := q.Exec(t.Context(), `UPDATE transfers SET amount = amount + 1 WHERE id = (SELECT MIN(id) FROM transfers)`)
				return err
			})
		}
		return nil
	}))
	var not *move.NotProvedError
	if !errors.As(err, &not) || !strings.Contains(not.What, "transfers") {
		t.Errorf("%v", err)
	}
	if got := strings.Join(served(t, from, to), " "); got != "old" {
		t.Errorf("%q may be served", got)
	}
}

func TestAPostgreSQLDatabaseMovesToAnother(t *testing.T) {
	first := open(t, old(t))
	_, from := empty(t)
	if _, err := move.Run(t.Context(), first.DB(), from.DB(), options()); err != nil {
		t.Fatal(err)
	}
	_, to := empty(t)
	o := options()
	o.From, o.To = "new", "newer"
	if !killAt(t, from, to, "resting", 1) {
		t.Fatal("it was not killed")
	}
	if got := strings.Join(served(t, from, to), " "); got != "" {
		t.Errorf("%q may be served", got)
	}
	if _, err := move.Run(t.Context(), from.DB(), to.DB(), o); err != nil {
		t.Fatal(err)
	}
	equal(t, from, to)
	sameSchema(t, to)
	if got := strings.Join(served(t, from, to), " "); got != "new" {
		t.Errorf("%q may be served", got)
	}
}

// Somebody who reads in the new database for long, such as a backup, does not keep it from
// being opened: the old one has been left by then.
func TestAReaderOfTheNewDatabaseDoesNotKeepItFromBeingOpened(t *testing.T) {
	for name, leaves := range map[string]bool{"who leaves": true, "who stays": false} {
		t.Run(name, func(t *testing.T) {
			from := open(t, old(t))
			url, to := empty(t)
			connect := func() *pgx.Conn {
				conn, err := pgx.Connect(t.Context(), url)
				if err != nil {
					t.Fatal(err)
				}
				return conn
			}
			reader, watcher, ended := connect(), connect(), make(chan error, 1)
			running, stop := context.WithCancel(t.Context())
			defer stop()
			_, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
				if now != "switched" {
					return nil
				}
				if _, err := reader.Exec(t.Context(), "BEGIN"); err != nil {
					return err
				}
				if _, err := reader.Exec(t.Context(), "SELECT COUNT(*) FROM refunds"); err != nil {
					return err
				}
				if leaves {
					go func() { ended <- stdcmp.Or(secondWaits(running, watcher), reader.Close(t.Context())) }()
				}
				return nil
			}))
			stop()
			if err != nil {
				t.Fatal(err)
			}
			if leaves {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			}
			if err := move.Standing(t.Context(), to.DB()); err != nil {
				t.Errorf("the new database: %v", err)
			}
			write(t, to, "UPDATE charges SET updated_at = updated_at")
			_, _ = reader.Close(t.Context()), watcher.Close(t.Context())
		})
	}
}

// secondWaits returns once a second transaction waits for a lock, or ctx has ended.
func secondWaits(ctx context.Context, watcher *pgx.Conn) error {
	waited := make(map[string]bool)
	for len(waited) < 2 {
		var since string
		const text = "SELECT COALESCE(MAX(CAST(xact_start AS TEXT)), '') FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
		if err := watcher.QueryRow(ctx, text).Scan(&since); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		if since != "" {
			waited[since] = true
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// Nor does one in the old database keep that from going on after an error in the pause,
// or from being given up after a crash there.
func TestAReaderOfTheOldDatabaseDoesNotKeepItAtRest(t *testing.T) {
	for name, undone := range map[string]bool{"after an error": false, "given up": true} {
		t.Run(name, func(t *testing.T) {
			url, from := empty(t)
			_, to := empty(t)
			reader, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = reader.Close(t.Context()) }()
			read := func() error {
				if _, err := reader.Exec(t.Context(), "BEGIN"); err != nil {
					return err
				}
				_, err := reader.Exec(t.Context(), "SELECT COUNT(*) FROM refunds")
				return err
			}
			trouble := errors.New("trouble")
			if undone {
				if !killAt(t, from, to, "resting", 1) {
					t.Fatal("it was not killed")
				}
				if err := read(); err != nil {
					t.Fatal(err)
				}
				if _, err := move.Undo(t.Context(), from.DB()); err != nil {
					t.Fatal(err)
				}
			} else if _, err := move.Run(t.Context(), from.DB(), to.DB(), options().At(func(now string) error {
				if now == "resting" {
					return errors.Join(trouble, read())
				}
				return nil
			})); !errors.Is(err, trouble) {
				t.Fatal(err)
			}
			if err := move.Standing(t.Context(), from.DB()); err != nil {
				t.Errorf("the old database: %v", err)
			}
			write(t, from, "UPDATE charges SET updated_at = updated_at")
			// The next rest refuses again, whatever triggers were left.
			if err := reader.Close(t.Context()); err != nil {
				t.Error(err)
			}
			if !undone {
				if !killAt(t, from, to, "resting", 1) {
					t.Fatal("it was not killed")
				}
				err := from.DB().Write(t.Context(), func(q sqldb.Querier) error {
					_, err := q.Exec(t.Context(), "UPDATE charges SET updated_at = updated_at")
					return err
				})
				if !errors.Is(err, sqldb.ErrUnavailable) {
					t.Errorf("a database at rest answers %v", err)
				}
			}
		})
	}
}
