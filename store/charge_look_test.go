package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestALookForChargesFindsWhatTheListFindsAPieceAtATime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range append(
			manyRefunds,
			`UPDATE charges SET channel = 'rare' WHERE id IN ('ch_7', 'ch_700', 'ch_1400')`,
			`UPDATE charges SET amount = 1000000, paid_at = 5 WHERE id IN ('ch_9', 'ch_900')`,
			`UPDATE charges SET customer = 'M-7' WHERE id = 'ch_7'`,
			"ANALYZE",
		) {
			if s.SQLite() && text == "ANALYZE" {
				continue // nobody measures a SQLite database: the plan must be right without
			}
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for name, f := range map[string]refund.ChargeFilter{
			"by channel":              {Channel: "rare"},
			"by amount":               {AmountMin: 1_000_000},
			"by the time of payment":  {PaidFrom: time.UnixMicro(5), PaidTo: time.UnixMicro(6)},
			"by nothing that is here": {Channel: "none"},
			"by channel and customer": {Channel: "rare", Customer: "M-7"},
		} {
			f.MerchantID, f.Page = "mer_many", refund.Page{Limit: 2}
			var whole, pieces []string
			all := f
			all.Page.Limit = 1000
			charges, _, err := s.ChargeList(t.Context(), all)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range charges {
				whole = append(whole, c.ID)
			}
			pages := 0
			for more := true; more; pages++ {
				look, err := s.LookThroughCharges(t.Context(), f, 100)
				if err != nil || len(look.Charges) > 2 || pages > 1000 {
					t.Fatalf("%s: %+v, %v", name, look, err)
				}
				for _, c := range look.Charges {
					pieces = append(pieces, c.ID)
				}
				more, f.Page.After = look.Next != nil, look.Next
			}
			if !slices.Equal(whole, pieces) || (pages < 5) != (f.Customer != "") || (len(whole) == 0) != strings.Contains(name, "no") {
				t.Errorf("%s: %d pages find %v, and the list %v", name, pages, pieces, whole)
			}
			if f.Customer != "" {
				continue
			}
			lines, err := s.ChargeLookPlans(t.Context(), f)
			plan := strings.Join(lines, "\n")
			if err != nil || !strings.Contains(plan, "charges_created") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN c") {
				t.Errorf("%s: %v\n%s", name, err, plan)
			}
		}
	})
}
