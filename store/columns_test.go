package store_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// writtenLater are columns that an INSERT leaves at their default, and who
// gives them a value.
var writtenLater = map[string][]string{
	"events":         {"feed_number"}, // the fan-out
	"dispute_events": {"told_at"},     // the fan-out
	// Writes that are no refunds, with a statement of their own.
	"refund_numbers": {"write_call", "write_content", "write_made", "sealed"},
	"writes":         {"namespace"},
	"batches":        {"namespace"},
}

// notRead are columns that only statements compare.
var notRead = map[string][]string{
	"charges": {"payment_key"},
}

// A migration that adds a column to one of these tables fails here until it is
// read and written, or is named above.
func TestEveryColumnOfTheSchemaIsReadAndWritten(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for table, known := range store.Columns() {
			text := `SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = $1 ORDER BY ordinal_position`
			if s.SQLite() {
				text = `SELECT name FROM pragma_table_info($1) ORDER BY cid`
			}
			schema, err := s.Texts(t.Context(), text, table)
			if err != nil || len(schema) == 0 {
				t.Fatalf("%s: %v, %v", table, schema, err)
			}
			slices.Sort(schema)
			if known.Width != len(known.Written) {
				t.Errorf("%s: rows of %d values for %d columns", table, known.Width, len(known.Written))
			}
			written := slices.Sorted(slices.Values(append(known.Written, writtenLater[table]...)))
			if diff := cmp.Diff(schema, written); diff != "" {
				t.Errorf("%s (-schema +written): %s", table, diff)
			}
			if known.Read != nil {
				if diff := cmp.Diff(schema, slices.Sorted(slices.Values(append(known.Read, notRead[table]...)))); diff != "" {
					t.Errorf("%s (-schema +read): %s", table, diff)
				}
			}
		}
	})
}
