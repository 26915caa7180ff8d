package store_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func eachDatabase(t *testing.T, test func(t *testing.T, database string)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); test(t, storetest.SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { t.Parallel(); test(t, storetest.Postgres(t)) })
}

// TestVerify loads each engine once, finds nothing, and then finds each row
// that is broken.
func TestVerify(t *testing.T) {
	eachDatabase(t, func(t *testing.T, database string) {
		s := load(t, database)
		// A load that leaves a state out would prove less than it says.
		states, err := s.Texts(t.Context(), "SELECT state FROM refunds GROUP BY state")
		if err != nil || len(states) < 4 {
			t.Fatalf("the load left only %v, %v", states, err)
		}
		t.Run("finds nothing after random load but recorded truth", func(t *testing.T) { onlyExcess(t, s) })
		breakEach(t, s)
		t.Run("and nothing again when each is undone", func(t *testing.T) { onlyExcess(t, s) })
	})
}

// onlyExcess: the one charge that a channel gave more back of than was paid is
// listed with its evidence, and is no fault of ours.
func onlyExcess(t *testing.T, s *store.Store) {
	findings, err := s.Verify(t.Context())
	if err != nil || len(findings) != 1 {
		t.Fatalf("%v, %v", findings, err)
	}
	f := findings[0]
	if f.Invariant != store.VerifyExcess || !f.Note || !strings.Contains(f.Row, "ch_late") ||
		!strings.Contains(f.Text, "150") || !strings.Contains(f.Text, "re_corrected") || !strings.Contains(f.Text, "re_foreign") {
		t.Errorf("%+v", f)
	}
}
