package storetest

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
)

// A copy of the template has what the migrations make, and shares nothing with the
// next one.
func TestFreshDatabasesHaveTheSchemaAndNoRows(t *testing.T) {
	for name, one := range map[string]struct{ fresh, empty func(testing.TB) string }{
		"SQLite": {SQLite, EmptySQLite}, "PostgreSQL": {Postgres, EmptyPostgres},
	} {
		t.Run(name, func(t *testing.T) {
			first, second, migrated := Open(t, one.fresh(t)), Open(t, one.fresh(t)), Open(t, one.empty(t))
			ctx := t.Context()
			read := func(text string, from *store.Store) (all []string) {
				t.Helper()
				err := from.DB().Read(ctx, func(q sqldb.Querier) error {
					return q.Query(ctx, text, nil, func(scan func(...any) error) error {
						var row string
						err := scan(&row)
						all = append(all, row)
						return err
					})
				})
				if err != nil {
					t.Fatal(err)
				}
				return all
			}
			schema := `SELECT COALESCE(sql, name) FROM sqlite_schema ORDER BY name`
			if name == "PostgreSQL" {
				schema = `SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
					UNION ALL SELECT table_name || ' ' || column_name || ' ' || data_type || ' ' || is_nullable || ' ' || COALESCE(column_default, '') FROM information_schema.columns WHERE table_schema = 'public'
					UNION ALL SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
					UNION ALL SELECT relname || ' ' || COALESCE(array_to_string(reloptions, ','), '') FROM pg_class WHERE relnamespace = 'public'::regnamespace
					ORDER BY 1`
			}
			if got, want := read(schema, first), read(schema, migrated); !slices.Equal(got, want) || len(want) < 100 {
				t.Errorf("a copy has a schema of %d lines, and a migrated database of %d", len(got), len(want))
			}
			err := first.DB().Maintain(ctx, `INSERT INTO merchants (id, name, mode, created_at) VALUES ('mer_1', 'shop', 'test', 1)`)
			if err != nil {
				t.Fatal(err)
			}
			if rows := read(`SELECT id FROM merchants`, second); len(rows) != 0 {
				t.Errorf("another database has the merchants %v", rows)
			}
		})
	}
}
