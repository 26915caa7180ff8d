// Package sqldb runs SQL on SQLite and PostgreSQL: one text for both, lists of
// rows, row locks, transactions that are repeated after a deadlock, and commits
// that several transactions share. It knows no tables.
package sqldb

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Querier runs statements; it is one transaction, or a connection for reads.
// The text is the same on both engines ($1 placeholders, no engine's own
// words), except for what Lock appends.
type Querier interface {
	// Exec runs one statement and returns how many rows it touched.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)
	// Query runs one statement and calls each for every row; scan fills the
	// columns. An error of each ends the query and is returned.
	Query(ctx context.Context, sql string, args []any, each func(scan func(...any) error) error) error
	// Send runs statements in order, in one round trip where the engine can,
	// and returns the rows that each touched.
	Send(ctx context.Context, statements []Statement) ([]int64, error)
	// Lock is appended to a SELECT whose rows must not change until the end
	// of the transaction: " FOR UPDATE" on PostgreSQL. SQLite has one writer,
	// so there it is empty. More words go behind it, such as Lock("SKIP LOCKED").
	Lock(more string) string
	// Sharded reports whether the tables are spread by merchant_id over several
	// servers: then lists of rows are split by merchant, and what reads across
	// merchants has a text of its own.
	Sharded() bool
	// parts makes the statements that a statement with a list of rows is on this
	// engine; one without a list is itself.
	parts(s Statement) []Statement
}

// Statement is a text with its arguments, or a list of rows of InsertRows or
// WithValues, whose text the engine makes.
type Statement struct {
	SQL  string
	Args []any
	list *list
}

// engine is SQLite or PostgreSQL.
type engine interface {
	// read runs work outside a transaction, on one connection.
	read(ctx context.Context, work func(Querier) error) error
	// write runs work in one transaction and commits it. Errors: a
	// *transientError was rolled back and may be run again; one that wraps
	// ErrCommitUnknown may or may not have happened; any other was rolled back.
	write(ctx context.Context, work func(Querier) error) error
	// share is write for the short transactions of the loops, which come in
	// crowds: the engine may have those that are waiting share one commit.
	share(ctx context.Context, work func(Querier) error) error
	// fresh runs work in one transaction on a connection that is made for it,
	// after one broke. It tries again until ctx ends. work changes nothing, and
	// waits for locks no longer than ctx either.
	fresh(ctx context.Context, work func(Querier) error) error
	// snapshot runs work, which only reads, in one transaction that sees the
	// database as it was at its first statement, whatever others write
	// meanwhile. It may last for minutes and blocks nobody.
	snapshot(ctx context.Context, work func(Querier) error) error
	// snapshots runs work on up to so many connections at the same time, which all see
	// the database as it was at one moment, like snapshot. An error ends the others.
	snapshots(ctx context.Context, connections int, work func(context.Context, Querier) error) error
	// clockOffset is how far the database's clock is ahead of ours; 0 where
	// both are the same.
	clockOffset(ctx context.Context) (time.Duration, error)
	ping(ctx context.Context) error
	// reset forgets what may be broken, such as idle connections.
	reset()
	close()
}

// Options of a database.
type Options struct {
	// Growing are the tables that grow from nothing to many rows while the
	// program runs: PostgreSQL measures them early, so that its plans suit them.
	// Default none.
	Growing []string
	// ReadOnly opens a database that is there and refuses whatever would change
	// it, also by being opened.
	ReadOnly bool
	// Refused turns the error of work that did certainly not happen, because the
	// database could not be used (down, ErrUnavailable) or the same file or rows
	// were busy again and again, into the caller's own; default as it is.
	Refused func(down bool, err error) error
	// Log is where an operator reads what went wrong without an error; default
	// slog.Default().
	Log *slog.Logger
}

// DB is an open database. It is safe for concurrent use.
type DB struct {
	engine  engine
	health  *health
	refused func(down bool, err error) error
	// failures are transactions that did not commit.
	failures failures
}

// Open opens a database by its URL: "sqlite:file.db" or "postgres://...". An
// unreachable database is one clear error with a hint.
func Open(ctx context.Context, url string, opts Options) (*DB, error) {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	scheme, rest, _ := strings.Cut(url, ":")
	db := &DB{health: newHealth(), refused: opts.Refused}
	if db.refused == nil {
		db.refused = func(_ bool, err error) error { return err }
	}
	var err error
	switch scheme {
	case "sqlite":
		var file *sqliteDB
		if file, err = openSQLite(ctx, rest, opts.ReadOnly); err == nil {
			db.engine = file
		}
	case "postgres", "postgresql":
		var server *postgresDB
		if server, err = openPostgres(ctx, url, opts); err == nil {
			db.engine = server
		}
	default:
		err = errors.New("the database's URL begins with neither sqlite: nor postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w (hint: --database takes sqlite:FILE or postgres://USER@HOST/NAME; is the server up?)", err)
	}
	db.health.down = db.engine.reset
	return db, nil
}

// told notes what became of something, and is what its caller is told.
func (db *DB) told(era int64, err error) error {
	if err == nil {
		return nil
	}
	db.health.note(era, err)
	var transient *transientError
	switch {
	case errors.Is(err, ErrCommitUnknown):
		return err
	case errors.Is(err, ErrUnavailable):
		return db.refused(true, err)
	case errors.As(err, &transient):
		return db.refused(false, err)
	}
	return err
}

// Close ends all connections.
func (db *DB) Close() { db.engine.close() }

// Ping reports whether the database answers.
func (db *DB) Ping(ctx context.Context) error { return db.told(db.health.now(), db.engine.ping(ctx)) }

// ClockOffset is how far the database's clock is ahead of this process's. 0 on
// SQLite.
func (db *DB) ClockOffset(ctx context.Context) (time.Duration, error) {
	offset, err := db.engine.clockOffset(ctx)
	return offset, db.told(db.health.now(), err)
}

// SQLite reports whether the database is one file, which one process owns.
func (db *DB) SQLite() bool {
	_, is := db.engine.(*sqliteDB)
	return is
}

// Connections is how many connections there may be at once; 0 on SQLite, where
// writes take turns whatever there are.
func (db *DB) Connections() int {
	if server, is := db.engine.(*postgresDB); is {
		return int(server.pool.Config().MaxConns)
	}
	return 0
}

// HasTable reports whether a table of that name is there. It is for the one
// table by which a database's schema is known.
func (db *DB) HasTable(ctx context.Context, name string) (has bool, err error) {
	text := "SELECT 1 WHERE to_regclass($1) IS NOT NULL"
	if db.SQLite() {
		text = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1"
	}
	err = db.Read(ctx, func(q Querier) error {
		return q.Query(ctx, text, []any{name}, func(scan func(...any) error) error {
			has = true
			return scan(new(int64))
		})
	})
	return has, err
}

// Setting is the value of one of PostgreSQL's settings, "" on SQLite.
func (db *DB) Setting(ctx context.Context, name string) (value string, err error) {
	if db.SQLite() {
		return "", nil
	}
	err = db.Read(ctx, func(q Querier) error {
		return q.Query(ctx, "SELECT current_setting($1)", []any{name}, func(scan func(...any) error) error { return scan(&value) })
	})
	return value, err
}

// Read runs work on one connection, outside a transaction.
func (db *DB) Read(ctx context.Context, work func(Querier) error) error {
	era := db.health.now()
	return db.told(era, db.engine.read(ctx, work))
}

// Write runs work in one transaction and commits it, again after a deadlock or
// a serialization failure: work must make everything anew each time. An error
// that wraps ErrCommitUnknown may or may not have happened; after any other the
// transaction was rolled back.
func (db *DB) Write(ctx context.Context, work func(Querier) error) error {
	era := db.health.now()
	err := repeat(ctx, work, db.engine.write)
	db.failures.count(err)
	return db.told(era, err)
}

// Share is Write for a loop's short transaction, which may share its commit
// with others that wait: it returns after that commit.
func (db *DB) Share(ctx context.Context, work func(Querier) error) error {
	era := db.health.now()
	err := repeat(ctx, work, db.engine.share)
	db.failures.count(err)
	return db.told(era, err)
}

// Fresh runs work, which changes nothing, in one transaction on a connection
// that is made for it, after one broke. It tries again until ctx ends.
func (db *DB) Fresh(ctx context.Context, work func(Querier) error) error {
	return db.engine.fresh(ctx, work)
}

// Snapshot runs work, which only reads, in one transaction that sees the
// database as it was at its first statement. It may last for minutes and blocks
// nobody.
func (db *DB) Snapshot(ctx context.Context, work func(Querier) error) error {
	era := db.health.now()
	return db.told(era, db.engine.snapshot(ctx, work))
}

// Snapshots runs work, which only reads, on up to so many connections at the same time,
// which all see the database as it was at one moment, like Snapshot. Each call of work
// takes what is to be done next from a list of the caller's, for nobody says how many
// there will be: one on SQLite, where tables are spread over servers, and where there
// are no more connections. An error of one ends the context of all.
func (db *DB) Snapshots(ctx context.Context, connections int, work func(context.Context, Querier) error) error {
	era := db.health.now()
	return db.told(era, db.engine.snapshots(ctx, connections, work))
}
