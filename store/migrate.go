package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/refundry/refundry/store/migration"
)

// lockPause and lockTries bound how long a replica waits for another that
// migrates: two minutes.
const (
	lockPause = 500 * time.Millisecond
	lockTries = 240
)

// Migrate brings the database to the current schema, under a lock on
// PostgreSQL; a SQLite file has one owner. A schema that is newer than this
// program's is left alone: every migration lets the previous program run.
func (s *Store) Migrate(ctx context.Context) error {
	return s.withGoose(func(provider *goose.Provider) error {
		results, err := provider.Up(ctx)
		if err != nil {
			return fmt.Errorf("migrate database: %w", err)
		}
		for _, result := range results {
			s.log.Info("migrated", "version", result.Source.Version, "duration", result.Duration)
		}
		if db, is := s.db.(*postgresDB); is && len(results) > 0 {
			return db.leaveRoom(ctx)
		}
		return nil
	})
}

// Schema gives the database's schema version and the one that this program
// knows.
func (s *Store) Schema(ctx context.Context) (current, known int64, err error) {
	err = s.withGoose(func(provider *goose.Provider) error {
		current, known, err = provider.GetVersions(ctx)
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", err)
	}
	return current, known, nil
}

func (s *Store) withGoose(work func(*goose.Provider) error) error {
	var db *sql.DB
	dialect := goose.DialectSQLite3
	options := []goose.ProviderOption{goose.WithVerbose(false), goose.WithLogger(goose.NopLogger())}
	switch engine := s.db.(type) {
	case *sqliteDB:
		// Other writers wait; the connection that writes is not lent out.
		engine.writer.wait(false)
		defer engine.writer.next()
		var err error
		if db, err = engine.second(); err != nil {
			return err
		}
	case *postgresDB:
		dialect = goose.DialectPostgres
		db = stdlib.OpenDBFromPool(engine.pool)
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(uint64(lockPause/time.Second)+1, lockTries))
		if err != nil {
			return fmt.Errorf("make migration lock: %w", err)
		}
		options = append(options, goose.WithSessionLocker(locker))
	default:
		return errors.New("migrate: no such engine")
	}
	defer func() { _ = db.Close() }()
	provider, err := goose.NewProvider(dialect, db, migration.Files, options...)
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return work(provider)
}
