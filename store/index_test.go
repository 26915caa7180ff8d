package store_test

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

const (
	indexesOfSQLite = `SELECT name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%' ORDER BY name`
	// validIndexes are those that no constraint made.
	validIndexes = `SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = 'public' AND i.indisvalid AND c.relname NOT LIKE 'goose%'
		AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u')) ORDER BY c.relname`
	notValid = `SELECT k.conname FROM pg_constraint k WHERE NOT k.convalidated`
)

// Migrations that make indexes otherwise on PostgreSQL make the same ones, also where
// one of them broke off before and is run again.
func TestBothEnginesHaveTheSameIndexes(t *testing.T) {
	ctx := t.Context()
	texts := func(s *store.Store, text string) []string {
		t.Helper()
		found, err := s.Texts(ctx, text)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(found)
		return found
	}
	small, large := storetest.Open(t, storetest.SQLite(t)), storetest.Open(t, storetest.Postgres(t))
	want := texts(small, indexesOfSQLite)
	check := func() {
		t.Helper()
		if got := texts(large, validIndexes); !slices.Equal(got, want) || len(got) < 50 {
			t.Errorf("PostgreSQL has\n%v\nSQLite\n%v", got, want)
		}
		if left := texts(large, notValid); len(left) > 0 {
			t.Errorf("constraints that are not valid: %v", left)
		}
	}
	check()
	if err := large.MigrateDownTo(ctx, 38); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		`DROP INDEX refunds_watch`,
		`ALTER TABLE refunds DROP CONSTRAINT refunds_approved_check`,
		`UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'refunds_short'::regclass`, // as what broke off leaves it
	} {
		if err := large.Exec(ctx, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := large.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	check()
}
