package migration

import (
	"io/fs"
	"regexp"
	"slices"
	"strings"
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

// An index of a large table is made beside what goes on, on PostgreSQL: writers of a
// running service would wait for all of its rows otherwise. Earlier migrations made theirs
// when the tables were young.
func TestAnIndexOfALargeTableIsMadeConcurrently(t *testing.T) {
	const first = "00038"
	index := regexp.MustCompile(`CREATE (?:UNIQUE )?INDEX (CONCURRENTLY )?(?:IF NOT EXISTS )?\w+ ON (\w+)`)
	large := []string{"refunds", "charges", "events", "deliveries", "delivery_attempts", "attempts", "transfers", "refund_numbers", "charge_aliases"}
	names, err := fs.Glob(Files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("%v, %v", names, err)
	}
	looked := 0
	for _, name := range names {
		if name < first {
			continue
		}
		text, err := fs.ReadFile(Files, name)
		if err != nil {
			t.Fatal(err)
		}
		engine := "all"
		for line := range strings.Lines(string(text)) {
			if mark, is := strings.CutPrefix(strings.TrimSpace(line), "-- +engine "); is {
				engine = mark
			}
			found := index.FindStringSubmatch(line)
			if found == nil || engine == "sqlite" || !slices.Contains(large, found[2]) {
				continue
			}
			looked++
			if found[1] == "" {
				t.Errorf("%s: %s", name, line)
			}
		}
	}
	if looked == 0 {
		t.Error("no index was looked at")
	}
}
