package migration

import (
	"slices"
	"testing"
)

func TestTablesAreThoseOfAllMigrations(t *testing.T) {
	tables := Tables()
	for _, name := range []string{"merchants", "charges", "sandbox_accounts", "users", "bulk_lines", "live_audits"} {
		if !slices.Contains(tables, name) {
			t.Errorf("%s is missing in %v", name, tables)
		}
	}
	slices.Sort(tables)
	if len(slices.Compact(slices.Clone(tables))) != len(tables) {
		t.Errorf("a table is made twice: %v", tables)
	}
}
