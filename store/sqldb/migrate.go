package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"time"

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
func (db *DB) Migrations(ctx context.Context, files fs.FS, work func(*goose.Provider) error) error {
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithVerbose(false), goose.WithLogger(goose.NopLogger())}
	var second *sql.DB
	var leaves map[string][]string
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
		var err error
		if leaves, err = engine.leaves(ctx); err != nil {
			return err
		}
		second = stdlib.OpenDB(*config)
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(uint64(lockPause/time.Second)+1, lockTries))
		if err != nil {
			return fmt.Errorf("make migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	defer func() { _ = second.Close() }()
	provider, err := goose.NewProvider(dialect, second, engineFiles{files, engineNames[dialect], leaves}, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return work(provider)
}

// leaves are the partitions of each table that has some.
func (db *postgresDB) leaves(ctx context.Context) (map[string][]string, error) {
	const text = `SELECT p.relname, c.relname FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhparent JOIN pg_class c ON c.oid = i.inhrelid
		WHERE p.relkind = 'p' AND pg_table_is_visible(p.oid) ORDER BY 1, 2`
	var found map[string][]string
	err := pgPooled{db}.Query(ctx, text, nil, func(scan func(...any) error) error {
		var table, leaf string
		err := scan(&table, &leaf)
		if found == nil {
			found = make(map[string][]string)
		}
		found[table] = append(found[table], leaf)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("look for partitions: %w", err)
	}
	return found, nil
}

// Storage sets how PostgreSQL stores a table and its partitions, such as
// "fillfactor = 75". SQLite has no such settings, and does nothing.
func (db *DB) Storage(ctx context.Context, table, settings string) error {
	server, is := db.engine.(*postgresDB)
	if !is {
		return nil
	}
	const leaves = `SELECT CAST(CAST(c.oid AS regclass) AS TEXT) FROM pg_class c WHERE c.relkind = 'r'
		AND (c.oid = CAST($1 AS regclass) OR c.oid IN (SELECT p.relid FROM pg_partition_tree(CAST($1 AS regclass)) p))`
	var tables []string
	err := pgPooled{server}.Query(ctx, leaves, []any{table}, func(scan func(...any) error) error {
		var one string
		err := scan(&one)
		tables = append(tables, one)
		return err
	})
	for _, one := range tables { // quoted by regclass where it has to be
		if err == nil {
			_, err = server.pool.Exec(ctx, "ALTER TABLE "+one+" SET ("+settings+")")
		}
	}
	if err != nil {
		return fmt.Errorf("set how %s is stored: %w", table, err)
	}
	return nil
}
