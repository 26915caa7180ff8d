package store_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/store/storetest"
)

// Events are not numbered through the index of new ones, also where PostgreSQL takes it for
// empty, as it was when the table was measured last: to go through all of it for each key
// takes the longer the more of them wait.
func TestEventsAreNumberedWithoutTheIndexOfNewOnes(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	for _, text := range []string{
		`INSERT INTO events (merchant_id, created_at, id, type, refund_id, charge_id, snapshot, feed_number)
			SELECT 'mer_1', n, 'evt_' || n, 'refund.created', 're', 'ch', '{}', n FROM generate_series(1, 5000) n`,
		`ANALYZE events`,
	} {
		if err := s.Exec(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := s.NumberPlan(t.Context(), "mer_1", 100)
	plan := strings.Join(lines, "\n")
	if err != nil || !strings.Contains(plan, "Update on events") || strings.Contains(plan, "events_new") || strings.Contains(plan, "Join Filter") {
		t.Errorf("%v\n%s", err, plan)
	}
}
