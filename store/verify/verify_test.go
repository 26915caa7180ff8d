package verify_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/store/verify"
)

func TestMain(m *testing.M) { storetest.Main(m) }

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
		states := 0
		err := s.DB().Read(t.Context(), func(q sqldb.Querier) error {
			return q.Query(t.Context(), "SELECT COUNT(DISTINCT state) FROM refunds", nil, func(scan func(...any) error) error { return scan(&states) })
		})
		if err != nil || states < 4 {
			t.Fatalf("the load left only %d states, %v", states, err)
		}
		t.Run("finds nothing after random load but recorded truth", func(t *testing.T) { onlyExcess(t, s) })
		t.Run("and nothing slice by slice", func(t *testing.T) { slicesHold(t, s) })
		breakEach(t, s)
		t.Run("reads on where a row can't be read", func(t *testing.T) { unreadableRow(t, s) })
		t.Run("and nothing again when each is undone", func(t *testing.T) { onlyExcess(t, s) })
	})
}

// onlyExcess: the one charge that a channel gave more back of than was paid is
// listed with its evidence, and is no fault of ours.
func onlyExcess(t *testing.T, s *store.Store) {
	findings, err := service.Verify(t.Context(), s)
	if err != nil || len(findings) != 1 {
		t.Fatalf("%v, %v", findings, err)
	}
	f := findings[0]
	if f.Invariant != verify.Excess || !f.Note || !strings.Contains(f.Row, "ch_late") ||
		!strings.Contains(f.Text, "150") || !strings.Contains(f.Text, "re_corrected") || !strings.Contains(f.Text, "re_foreign") {
		t.Errorf("%+v", f)
	}
}
