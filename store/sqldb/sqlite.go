package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"
)

// sqliteBusy is how long a writer waits for another process's lock, such as
// that of a command run next to serve.
const sqliteBusy = 10 * time.Second

// sqliteDB is a file with one writer and several readers. Commits are durable
// (synchronous=FULL) when they return.
type sqliteDB struct {
	path, address string
	driver        driver.Driver
	writer        *sqliteWriter
	readers       *sqlitePool
}

// openSQLite opens or makes a file. name is what stands behind "sqlite:".
func openSQLite(_ context.Context, name string, readOnly bool) (*sqliteDB, error) {
	if name == "" || strings.HasPrefix(name, ":") {
		return nil, errors.New("open sqlite: a file name is needed, such as sqlite:refundry.db")
	}
	name = strings.TrimPrefix(name, "//")
	if dir := filepath.Dir(name); dir != "." && !readOnly {
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
			fmt.Sprintf("wal_autocheckpoint(%d)", mostFrames),
		},
	}
	if readOnly {
		options = url.Values{"mode": {"ro"}, "_pragma": {fmt.Sprintf("busy_timeout(%d)", sqliteBusy.Milliseconds()), "query_only(1)"}}
		if _, err := os.Stat(name + "-wal"); errors.Is(err, os.ErrNotExist) {
			// Nobody writes to it, and no file need be made beside it.
			options.Set("immutable", "1")
		}
	}
	address := "file:" + (&url.URL{Path: name}).EscapedPath() + "?" + options.Encode()
	db := &sqliteDB{path: name, address: address, driver: &sqlite.Driver{}, readers: newSQLitePool(2 * max(2, runtime.GOMAXPROCS(0)))}
	// The log is copied into the file by another connection (sqlite_checkpoint.go).
	conn, err := db.connectWith("wal_autocheckpoint = 0")
	if err != nil {
		return nil, fmt.Errorf("open sqlite %s: %w", name, err)
	}
	db.writer = &sqliteWriter{conn: conn, most: mostFrames}
	if !readOnly {
		db.writer.copyLog = db.copyLog
	}
	return db, nil
}

// reader opens a connection that can't write.
func (db *sqliteDB) reader() (*sqliteConn, error) { return db.connect("&_pragma=query_only(1)") }

// connectWith opens a connection with settings of its own: the driver sorts those that
// stand in the address.
func (db *sqliteDB) connectWith(settings ...string) (*sqliteConn, error) {
	conn, err := db.connect("")
	if err != nil {
		return nil, err
	}
	for _, setting := range settings {
		if _, err := conn.exec(context.Background(), "PRAGMA "+setting, nil); err != nil {
			conn.close()
			return nil, err
		}
	}
	return conn, nil
}

// second opens the file once more, for work that wants a *sql.DB of its own.
func (db *sqliteDB) second() (*sql.DB, error) { return sql.Open("sqlite", db.address) }

func (db *sqliteDB) ping(ctx context.Context) error {
	return db.writer.alone(func() error {
		return db.writer.conn.query(ctx, "SELECT 1", nil, func(func(...any) error) error { return nil })
	})
}

func (db *sqliteDB) reset() {}

func (db *sqliteDB) clockOffset(context.Context) (time.Duration, error) { return 0, nil }

func (db *sqliteDB) close() {
	_ = db.writer.alone(func() error {
		db.writer.conn.close()
		db.writer.closed = true
		return nil
	})
	db.writer.copies.Wait()
	db.readers.close()
}

func (db *sqliteDB) read(_ context.Context, work func(Querier) error) error {
	return work(sqliteReader{db: db})
}

func (db *sqliteDB) write(ctx context.Context, work func(Querier) error) error {
	return db.writer.write(ctx, false, work)
}

func (db *sqliteDB) share(ctx context.Context, work func(Querier) error) error {
	return db.writer.write(ctx, true, work)
}

// fresh needs no new connection: the one writer has ended its transaction,
// rolled back if it was not committed, before anyone else may begin. But what a
// COMMIT that failed had written to the log may be found there again after a
// crash, until something is written over it: so this writes.
func (db *sqliteDB) fresh(ctx context.Context, work func(Querier) error) error {
	return db.write(ctx, func(q Querier) error {
		var version int64
		err := q.Query(ctx, "PRAGMA user_version", nil, func(scan func(...any) error) error { return scan(&version) })
		if err == nil {
			_, err = q.Exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", version))
		}
		if err != nil {
			return err
		}
		return work(q)
	})
}

// snapshot has a connection of its own: the readers sort in memory, and what
// reads all there is must sort in a file.
func (db *sqliteDB) snapshot(ctx context.Context, work func(Querier) error) error {
	c, err := db.reader()
	if err != nil {
		return fmt.Errorf("open sqlite: %w", err)
	}
	defer c.close()
	// In WAL mode a reading transaction neither waits for writers nor stops them.
	for _, text := range []string{"PRAGMA temp_store = FILE", "BEGIN"} {
		if _, err := c.exec(ctx, text, nil); err != nil {
			return fmt.Errorf("open sqlite: %w", err)
		}
	}
	return work(sqliteReader{in: c})
}

// snapshots reads on one connection: two would not see the file at the same moment.
func (db *sqliteDB) snapshots(ctx context.Context, _ int, work func(context.Context, Querier) error) error {
	return db.snapshot(ctx, func(q Querier) error { return work(ctx, q) })
}

// sqliteProblem marks what is worth another try.
func sqliteProblem(err error) error {
	switch sqliteCode(err) & 0xff {
	case lib.SQLITE_BUSY, lib.SQLITE_LOCKED:
		return &transientError{err}
	}
	return err
}

// sqliteUnusable marks what says that nobody could use the file now: no room, a
// disk that fails or is read-only, no memory or handles.
func sqliteUnusable(err error) error {
	switch sqliteCode(err) & 0xff {
	case lib.SQLITE_FULL, lib.SQLITE_IOERR, lib.SQLITE_READONLY, lib.SQLITE_CANTOPEN, lib.SQLITE_NOMEM, lib.SQLITE_PERM, lib.SQLITE_NOLFS:
		return unavailable(err)
	}
	return refusedAtRest(err)
}

// sqliteRefused reports whether a COMMIT that failed did certainly not happen:
// it was refused, or its pages could not all be written to the log. Where the
// disk failed while the log was flushed, nobody knows what is on it.
func sqliteRefused(err error) bool {
	switch code := sqliteCode(err); code & 0xff {
	case lib.SQLITE_FULL, lib.SQLITE_READONLY, lib.SQLITE_CONSTRAINT:
		return true
	default:
		return code == lib.SQLITE_IOERR_WRITE
	}
}

// sqliteCode is SQLite's extended result code, 0 for another error.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}
