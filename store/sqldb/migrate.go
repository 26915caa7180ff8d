package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrationLockWait is how long a migration waits for transactions that use its
// tables; behind it others wait for it.
const migrationLockWait = 10 * time.Second

// lockPause and lockTries bound how long a replica waits for another that
// migrates: two minutes.
const (
	lockPause = 500 * time.Millisecond
	lockTries = 240
)

// Migrations calls work with what applies numbered .sql files, under a lock on
// PostgreSQL; on SQLite other writers of this process wait.
func (db *DB) Migrations(files fs.FS, work func(*goose.Provider) error) error {
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithVerbose(false), goose.WithLogger(goose.NopLogger())}
	var second *sql.DB
	switch engine := db.engine.(type) {
	case *sqliteDB:
		// Other writers wait; the connection that writes is not lent out.
		engine.writer.wait(false)
		defer engine.writer.next()
		var err error
		if second, err = engine.second(); err != nil {
			return err
		}
	case *postgresDB:
		dialect = goose.DialectPostgres
		// A migration may wait for transactions that use its tables, and takes long.
		config := engine.pool.Config().ConnConfig
		config.RuntimeParams[pgLockTimeout] = milliseconds(migrationLockWait)
		config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
		second = stdlib.OpenDB(*config)
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(uint64(lockPause/time.Second)+1, lockTries))
		if err != nil {
			return fmt.Errorf("make migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	defer func() { _ = second.Close() }()
	provider, err := goose.NewProvider(dialect, second, files, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return work(provider)
}

// LeaveRoom has each page of a table keep room for new versions of its rows,
// for a table whose rows change often in columns that no index has: a version
// that fits into its page needs no new entries in the indexes. SQLite changes
// rows in place and needs none.
func (db *DB) LeaveRoom(ctx context.Context, table string) error {
	server, is := db.engine.(*postgresDB)
	if !is {
		return nil
	}
	if _, err := server.pool.Exec(ctx, "ALTER TABLE "+pgx.Identifier{table}.Sanitize()+" SET (fillfactor = 75)"); err != nil {
		return fmt.Errorf("leave room in %s: %w", table, err)
	}
	return nil
}
