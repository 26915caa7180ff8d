package verify_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/store/verify"
)

// allSlices reads all charges, some at a time.
func allSlices(t *testing.T, s *store.Store, limit int) verify.Part {
	t.Helper()
	var all verify.Part
	for after := (verify.Position{}); ; {
		part, err := verify.Slice(t.Context(), s.DB(), after, limit)
		if err != nil {
			t.Fatal(err)
		}
		all.Findings = append(all.Findings, part.Findings...)
		all.Charges += part.Charges
		all.Passed += part.Passed
		if after = part.Last; after == (verify.Position{}) {
			return all
		}
	}
}

// slicesHold: slices of whatever size read each charge once and find nothing.
func slicesHold(t *testing.T, s *store.Store) {
	var charges int
	err := s.DB().Read(t.Context(), func(q sqldb.Querier) error {
		return q.Query(t.Context(), "SELECT COUNT(*) FROM charges", nil, func(scan func(...any) error) error { return scan(&charges) })
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{1, 7, 1000} {
		if all := allSlices(t, s, limit); len(all.Findings) > 0 || all.Charges != charges || all.Passed > 0 {
			t.Errorf("%d at a time: %d of %d charges, %d passed over, %v", limit, all.Charges, charges, all.Passed, all.Findings)
		}
	}
}

// unreadableRow: of a slice with a row that can't be read the rest is read.
func unreadableRow(t *testing.T, s *store.Store) {
	if !s.SQLite() {
		return // a column of PostgreSQL holds what its type says
	}
	var id string
	err := s.DB().Write(t.Context(), func(q sqldb.Querier) error {
		if err := q.Query(t.Context(), aSuccess, nil, func(scan func(...any) error) error { return scan(&id) }); err != nil {
			return err
		}
		_, err := q.Exec(t.Context(), `UPDATE refunds SET sequence = 'x' || sequence WHERE id = $1`, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	whole := allSlices(t, s, 1000)
	if len(whole.Findings) != 1 || !strings.Contains(whole.Findings[0].Text, "can't be read") || whole.Charges != allSlices(t, s, 5).Charges {
		t.Errorf("%d charges, %v", whole.Charges, whole.Findings)
	}
	err = s.DB().Write(t.Context(), func(q sqldb.Querier) error {
		_, err := q.Exec(t.Context(), `UPDATE refunds SET sequence = CAST(SUBSTR(sequence, 2) AS BIGINT) WHERE id = $1`, id)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A slice costs the same in a large database: without statistics, too, no step reads all
// rows of a table or of a merchant; disputes are few.
func TestASliceReadsNoMerchantToItsEnd(t *testing.T) {
	lines, err := verify.SlicePlan(t.Context(), storetest.Open(t, storetest.SQLite(t)).DB())
	if err != nil {
		t.Fatal(err)
	}
	looks := 0
	for _, line := range lines {
		if strings.Contains(line, "SCAN e") || strings.Contains(line, "SCAN t") || strings.Contains(line, "SCAN a") || strings.HasSuffix(line, "(merchant_id=?)") && !strings.HasPrefix(line, "SEARCH d ") {
			t.Errorf("reads too much: %s", line)
		}
		if strings.HasPrefix(line, "SEARCH ") {
			looks++
		}
	}
	if looks < 15 {
		t.Errorf("%d looks into an index:\n%s", looks, strings.Join(lines, "\n"))
	}
}
