package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// An import of 50,000 charges took PostgreSQL minutes, because each look for a
// payment read all the charges that were there.
func TestRegisteringAChargeReadsNoTableToItsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		// Without ANALYZE, as a database is in the middle of an import.
		for _, text := range manyRefunds {
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		c := refund.Charge{
			MerchantID: "mer_many", ID: "ch_new", OrderNo: "T7", Channel: "wx", TransactionID: "tx_new", Currency: "CNY", Amount: 100,
			PaidAt: noon, CreatedAt: noon, UpdatedAt: noon, Aliases: []refund.Alias{{Dialect: "pingpp", Identity: "app", Name: "new"}},
		}
		lines, err := s.RegisterPlan(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		looksIntoIndexes(t, lines, 3)
	})
}

// A batch finds its charges by names and ids where it locks them.
func TestFindingNamedChargesReadsNoTableToItsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range manyRefunds {
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		var names []refund.ChargeName
		for n := range 64 {
			names = append(names, refund.ChargeName{MerchantID: "mer_many", Dialect: "pingpp", Name: fmt.Sprint("name", n)},
				refund.ChargeName{MerchantID: "mer_many", Name: fmt.Sprint("ch_", n)})
		}
		for _, when := range []string{"before ANALYZE", "after ANALYZE"} {
			lines, err := s.NamedPlans(t.Context(), names)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(when)
			looksIntoIndexes(t, lines, 4)
			if err := s.Exec(t.Context(), "ANALYZE"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// looksIntoIndexes fails where a plan about charges looks into fewer indexes than least,
// or reads all of a table.
func looksIntoIndexes(t *testing.T, lines []string, least int) {
	t.Helper()
	looks := 0
	for _, line := range lines {
		if strings.Contains(line, "Index Cond:") || strings.HasPrefix(line, "SEARCH ") {
			looks++
		}
		for _, whole := range []string{"Seq Scan on charges", "Seq Scan on charge_aliases", "SCAN c", "SCAN a"} {
			if strings.Contains(line, whole) {
				t.Errorf("reads all of a table: %s", line)
			}
		}
	}
	if looks < least || t.Failed() {
		t.Errorf("%d looks into an index:\n%s", looks, strings.Join(lines, "\n"))
	}
}
