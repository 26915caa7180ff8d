package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

const (
	// sqliteBusy is how long a writer waits for another process's lock, such
	// as that of a command run next to serve.
	sqliteBusy = 10 * time.Second
	// mostStatements bounds the writer's cache of prepared statements; those
	// with lists have a text per size class, a few hundred in all.
	mostStatements = 512
)

// sqliteDB is a file with one writer and several readers. Commits are durable
// (synchronous=FULL) when they return.
type sqliteDB struct {
	writer, readers *sql.DB
	path, address   string

	mu       sync.Mutex // held by the one transaction
	conn     *sql.Conn  // that writes
	prepared map[string]*sql.Stmt
}

// openSQLite opens or makes a file. name is what stands behind "sqlite:".
func openSQLite(ctx context.Context, name string) (*sqliteDB, error) {
	if name == "" || strings.HasPrefix(name, ":") {
		return nil, errors.New("open sqlite: a file name is needed, such as sqlite:refundry.db")
	}
	name = strings.TrimPrefix(name, "//")
	if dir := filepath.Dir(name); dir != "." {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("open sqlite: %w", err)
		}
	}
	options := url.Values{
		"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", sqliteBusy.Milliseconds()),
			"journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
			"cache_size(-16000)", "journal_size_limit(67108864)",
			// Each statement of many rows keeps a journal of its own, to be undone
			// alone; it need not survive us, so it is no file.
			"temp_store(MEMORY)",
			// 64 MB of WAL between checkpoints: pages that change often, such as
			// an index's end or a busy charge's, are written to the file once in a
			// while only.
			"wal_autocheckpoint(16000)",
		},
	}
	address := "file:" + (&url.URL{Path: name}).EscapedPath() + "?" + options.Encode()
	db := &sqliteDB{path: name, address: address, prepared: make(map[string]*sql.Stmt)}
	var err error
	if db.writer, err = sql.Open("sqlite", address); err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	db.writer.SetMaxOpenConns(1)
	db.writer.SetMaxIdleConns(1)
	if db.readers, err = sql.Open("sqlite", address+"&_pragma=query_only(1)"); err != nil {
		return nil, fmt.Errorf("open sqlite: %w", err)
	}
	readers := 2 * max(2, runtime.GOMAXPROCS(0))
	db.readers.SetMaxOpenConns(readers)
	db.readers.SetMaxIdleConns(readers)
	if db.conn, err = db.writer.Conn(ctx); err != nil {
		db.close()
		return nil, fmt.Errorf("open sqlite %s: %w", name, err)
	}
	return db, nil
}

// second opens the file once more, for work that wants a *sql.DB of its own.
func (db *sqliteDB) second() (*sql.DB, error) { return sql.Open("sqlite", db.address) }

func (db *sqliteDB) ping(ctx context.Context) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return db.conn.PingContext(ctx)
}

func (db *sqliteDB) clockOffset(context.Context) (time.Duration, error) { return 0, nil }

func (db *sqliteDB) close() {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, statement := range db.prepared {
		_ = statement.Close()
	}
	clear(db.prepared)
	if db.conn != nil {
		_ = db.conn.Close()
	}
	_ = db.readers.Close()
	_ = db.writer.Close()
}

func (db *sqliteDB) read(ctx context.Context, work func(querier) error) error {
	return work(sqliteReader{db.readers})
}

func (db *sqliteDB) write(ctx context.Context, work func(querier) error) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	// A deadline is looked at between statements and never ends a commit, so
	// that its result is always known.
	if err := ctx.Err(); err != nil {
		return err
	}
	steady := context.WithoutCancel(ctx)
	q := &sqliteTx{db: db}
	if _, err := q.exec(steady, "BEGIN IMMEDIATE"); err != nil {
		return sqliteProblem(err)
	}
	committed := false
	defer func() {
		if !committed { // also when work panics
			_, _ = q.exec(steady, "ROLLBACK")
		}
	}()
	if err := work(q); err != nil {
		return sqliteProblem(err)
	}
	if _, err := q.exec(steady, "COMMIT"); err != nil {
		var problem *transientError
		if err = sqliteProblem(err); errors.As(err, &problem) {
			return err
		}
		return commitUnknown(err)
	}
	committed = true
	return nil
}

// fresh needs no new connection: the one writer has ended its transaction,
// rolled back if it was not committed, before anyone else may begin.
func (db *sqliteDB) fresh(ctx context.Context, work func(querier) error) error {
	return db.write(ctx, work)
}

// snapshot has a connection of its own: the readers sort in memory, and what
// reads all there is must sort in a file.
func (db *sqliteDB) snapshot(ctx context.Context, work func(querier) error) error {
	file, err := sql.Open("sqlite", db.address+"&_pragma=query_only(1)")
	if err != nil {
		return fmt.Errorf("open sqlite: %w", err)
	}
	defer func() { _ = file.Close() }()
	file.SetMaxOpenConns(1)
	if _, err := file.ExecContext(ctx, "PRAGMA temp_store = FILE"); err != nil {
		return fmt.Errorf("open sqlite: %w", err)
	}
	// In WAL mode a reading transaction neither waits for writers nor stops them.
	tx, err := file.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return work(sqliteReader{tx})
}

// sqliteProblem marks what is worth another try.
func sqliteProblem(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() & 0xff {
		case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
			return &transientError{err}
		}
	}
	return err
}

// sqliteTx is the one write transaction, on the connection that writes.
type sqliteTx struct{ db *sqliteDB }

// statement prepares a text once; parsing costs more than running it.
func (q *sqliteTx) statement(ctx context.Context, text string) (*sql.Stmt, error) {
	if prepared := q.db.prepared[text]; prepared != nil {
		return prepared, nil
	}
	if len(q.db.prepared) >= mostStatements {
		for key, old := range q.db.prepared {
			_ = old.Close()
			delete(q.db.prepared, key)
		}
	}
	prepared, err := q.db.conn.PrepareContext(ctx, nameless(text))
	if err != nil {
		return nil, err
	}
	q.db.prepared[text] = prepared
	return prepared, nil
}

// nameless writes $1, $2, $3 as ?, ?, ? where they come once each and in
// order, as in all long lists. To SQLite $1 is a name, and binding looks each
// name up in a list of all: for 64 rows of 30 columns that was most of the
// time that a statement took.
func nameless(text string) string {
	var b strings.Builder
	next := 1
	for rest := text; ; next++ {
		before, behind, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		number := strconv.Itoa(next)
		if !strings.HasPrefix(behind, number) {
			return text
		}
		rest = behind[len(number):]
		if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return text
		}
		b.WriteByte('?')
	}
}

func (q *sqliteTx) exec(ctx context.Context, text string, args ...any) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	ctx = context.WithoutCancel(ctx)
	prepared, err := q.statement(ctx, text) //nolint:sqlclosecheck // kept for the next time, closed with the file
	if err != nil {
		return 0, err
	}
	result, err := prepared.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (q *sqliteTx) query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	prepared, err := q.statement(ctx, text) //nolint:sqlclosecheck // kept for the next time, closed with the file
	if err != nil {
		return err
	}
	rows, err := prepared.QueryContext(ctx, args...)
	return scanAll(rows, err, each)
}

func (q *sqliteTx) send(ctx context.Context, statements []statement) ([]int64, error) {
	return sendEach(ctx, q, statements)
}

func (q *sqliteTx) lock(string) string { return "" }

// sqliteReader reads on any of the readers' connections, or in one transaction.
type sqliteReader struct {
	db interface {
		QueryContext(ctx context.Context, text string, args ...any) (*sql.Rows, error)
	}
}

func (q sqliteReader) exec(context.Context, string, ...any) (int64, error) {
	return 0, errors.New("a statement that writes was run outside a transaction")
}

func (q sqliteReader) query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	rows, err := q.db.QueryContext(ctx, text, args...)
	return scanAll(rows, err, each)
}

func (q sqliteReader) send(ctx context.Context, statements []statement) ([]int64, error) {
	return sendEach(ctx, q, statements)
}

func (q sqliteReader) lock(string) string { return "" }

func scanAll(rows *sql.Rows, err error, each func(func(...any) error) error) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func sendEach(ctx context.Context, q querier, statements []statement) ([]int64, error) {
	touched := make([]int64, len(statements))
	for n, one := range statements {
		var err error
		if touched[n], err = q.exec(ctx, one.sql, one.args...); err != nil {
			return nil, err
		}
	}
	return touched, nil
}
