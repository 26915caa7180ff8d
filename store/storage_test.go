package store_test

import (
	"slices"
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// Room in the pages, and a place of its own for what never changes, make a refund's
// life cheaper on PostgreSQL. Nothing else fails where they are missing.
func TestTablesWhoseRowsChangeHaveRoomForIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if s.SQLite() {
			return // it changes rows in place
		}
		found, err := s.Texts(t.Context(), `SELECT relname || ' ' || option FROM pg_class, unnest(reloptions) option
			WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`)
		want := []string{"charges fillfactor=75", "deliveries fillfactor=60", "deliveries toast_tuple_target=600", "events fillfactor=52"}
		if err != nil || !slices.Equal(found, want) {
			t.Errorf("storage settings are %q, %v; want %q", found, err, want)
		}
	})
}
