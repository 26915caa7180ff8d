package store

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3"

	"github.com/refundry/refundry/store/migration"
	"github.com/refundry/refundry/store/move"
	"github.com/refundry/refundry/store/sqldb"
)

// storage is how PostgreSQL stores tables whose rows change after they were
// inserted. A new version of a row that fits into the row's page is cheaper: the log
// has only what changed, and where no index has a changed column, the indexes need no
// new entries.
var storage = []struct{ table, settings string }{
	// None of what changes in a charge is in an index.
	{"charges", "fillfactor = 75"},
	// Each event changes once, when it gets its number.
	{"events", "fillfactor = 52"},
	// A delivery changes once or twice, and its body never: that has a place of its
	// own, so that no change writes it again.
	{"deliveries", "fillfactor = 60, toast_tuple_target = 600"},
}

// Migrate brings the database to the current schema, under a lock on
// PostgreSQL; a SQLite file has one owner. A schema that is newer than this
// program's is left alone: every migration lets the previous program run. A database
// that takes no changes because of a move is refused: move.ErrNotServed.
func (s *Store) Migrate(ctx context.Context) error {
	if err := move.Standing(ctx, s.db); err != nil {
		return err
	}
	err := s.db.Migrations(ctx, migration.Files, func(provider *goose.Provider) error {
		results, err := provider.Up(ctx)
		if err != nil {
			return fmt.Errorf("migrate database: %w", err)
		}
		for _, result := range results {
			s.log.Info("migrated", "version", result.Source.Version, "duration", result.Duration)
		}
		if len(results) == 0 {
			return nil
		}
		return s.store(ctx)
	})
	if err != nil {
		return err
	}
	if s.db.Sharded() {
		if err := s.spread(ctx, nil); err != nil { // tables that are new
			return err
		}
	}
	return s.enterOlderBatches(ctx)
}

// enterOlderBatches enters batches that versions before schema 14 accepted: all
// of them at the migration, and later those that a replica of such a version
// accepted beside newer ones.
func (s *Store) enterOlderBatches(ctx context.Context) error {
	err := s.db.Write(ctx, func(q sqldb.Querier) error {
		_, err := q.Exec(ctx, enterOlder)
		return err
	})
	if err != nil {
		return fmt.Errorf("enter batches of older versions: %w", err)
	}
	return nil
}

// Schema returns the database's schema version, 0 for an empty database, and
// the one that this program knows. It changes nothing.
func (s *Store) Schema(ctx context.Context) (current, known int64, err error) {
	err = s.db.Migrations(ctx, migration.Files, func(provider *goose.Provider) error {
		for _, source := range provider.ListSources() {
			known = max(known, source.Version)
		}
		return nil
	})
	has := false
	if err == nil {
		has, err = s.db.HasTable(ctx, goose.DefaultTablename)
	}
	if err == nil && has {
		err = s.Read(ctx, func(q sqldb.Querier) error {
			const text = `SELECT COALESCE(MAX(version_id), 0) FROM goose_db_version WHERE is_applied`
			return q.Query(ctx, text, nil, func(scan func(...any) error) error { return scan(&current) })
		})
	}
	if err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", err)
	}
	return current, known, nil
}
