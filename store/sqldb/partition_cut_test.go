package sqldb

import (
	"strings"
	"testing"
)

// A migration's index of a table that is cut is made for each partition beside what
// goes on, and for the table last; all else stays as it is.
func TestIndexesOfTablesThatAreCutAreMadePartByPart(t *testing.T) {
	const text = `-- +goose Up
CREATE INDEX CONCURRENTLY IF NOT EXISTS events_type ON events (merchant_id, type, created_at);
CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_type ON refunds (merchant_id, type);
CREATE UNIQUE INDEX CONCURRENTLY events_one ON events (merchant_id, feed_number) WHERE feed_number > 0;
DROP INDEX CONCURRENTLY IF EXISTS events_old;
DROP INDEX CONCURRENTLY refunds_old;
ALTER TABLE events ADD COLUMN a TEXT;
`
	if got := string(indexesOf([]byte(text), nil)); got != text {
		t.Errorf("without partitions: %s", got)
	}
	got := string(indexesOf([]byte(text), map[string][]string{"events": {"events_before", "events_2027_01"}}))
	at := 0
	for _, want := range []string{
		"CREATE INDEX CONCURRENTLY IF NOT EXISTS events_before_type ON events_before (merchant_id, type, created_at);",
		"relname = 'events_2027_01_type'", "DROP INDEX events_2027_01_type;",
		"CREATE INDEX CONCURRENTLY IF NOT EXISTS events_2027_01_type ON events_2027_01 (merchant_id, type, created_at);",
		"CREATE INDEX IF NOT EXISTS events_type ON events (merchant_id, type, created_at);",
		"CREATE INDEX CONCURRENTLY IF NOT EXISTS refunds_type ON refunds (merchant_id, type);",
		"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS events_2027_01_one ON events_2027_01 (merchant_id, feed_number) WHERE feed_number > 0;",
		"DROP INDEX IF EXISTS events_old;", "DROP INDEX CONCURRENTLY refunds_old;", "ALTER TABLE events ADD COLUMN a TEXT;",
	} {
		n := strings.Index(got[at:], want)
		if n < 0 {
			t.Fatalf("after %d there is no %q in %s", at, want, got)
		}
		at += n
	}
	for _, wrong := range []string{"events_one ON events ", "CONCURRENTLY IF NOT EXISTS events_type ON events "} {
		if strings.Contains(got, wrong) {
			t.Errorf("%q is in %s", wrong, got)
		}
	}
}
