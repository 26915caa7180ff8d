package store_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestALookFindsWhatTheListFindsAPieceAtATime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range append(
			manyRefunds,
			`UPDATE refunds SET channel = 'rare', reason = 'A part of it' WHERE id IN ('re_7', 're_700', 're_1400')`,
			`UPDATE refunds SET channel_account = 'other' WHERE id IN ('re_9', 're_900')`,
			"ANALYZE",
		) {
			if s.SQLite() && text == "ANALYZE" {
				continue
			}
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for name, f := range map[string]refund.Filter{
			"by channel":                {Channel: "rare"},
			"by account":                {ChannelAccount: "other"},
			"by amount, which none has": {AmountMin: 1 << 40},
			"by reason":                 {Reason: "part of"},
			"by all":                    {Channel: "rare", Reason: "part", States: []refund.State{refund.Succeeded, refund.Failed}},
			"by nothing that is here":   {Channel: "none"},
		} {
			f.MerchantID, f.Page = "mer_many", refund.Page{Limit: 2}
			var whole, pieces []string
			all := f
			all.Page.Limit = 1000
			refunds, _, err := s.RefundList(t.Context(), all)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range refunds {
				whole = append(whole, r.ID)
			}
			pages := 0
			for more := true; more; pages++ {
				look, err := s.LookThrough(t.Context(), f, 100)
				if err != nil || look.More != (look.Next != nil) || len(look.Refunds) > 2 || pages > 1000 {
					t.Fatalf("%s: %+v, %v", name, look, err)
				}
				for _, r := range look.Refunds {
					pieces = append(pieces, r.ID)
				}
				more, f.Page.After = look.More, look.Next
			}
			if !slices.Equal(whole, pieces) || pages < 5 || (len(whole) == 0) != strings.Contains(name, "no") {
				t.Errorf("%s: %d pages find %v, and the list %v", name, pages, pieces, whole)
			}
			lines, err := s.LookPlans(t.Context(), f)
			plan := strings.Join(lines, "\n")
			if err != nil || !strings.Contains(plan, "refunds_created") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN r") {
				t.Errorf("%s: %v\n%s", name, err, plan)
			}
		}
	})
}

// However many refunds there are, an overview reads none but by indexes of few.
func TestAnOverviewReadsNoTableOfRefunds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range append(manyRefunds,
			`INSERT INTO channel_accounts (id, merchant_id, connector, created_at) VALUES ('sandbox_many', 'mer_many', 'sandbox', 1)`,
			"ANALYZE") {
			if s.SQLite() && text == "ANALYZE" {
				continue
			}
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		f, err := refund.NewOverviewFilter("mer_many", noon.Add(-time.Hour), noon.Add(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		lines, err := s.OverviewPlans(t.Context(), f)
		plan := strings.Join(lines, "\n")
		for _, whole := range []string{"Seq Scan on refunds", "Seq Scan on deliveries r", "SCAN r", "SCAN d", "refunds_created", "refunds_pkey", "sqlite_autoindex_refunds"} {
			if strings.Contains(plan, whole) {
				t.Errorf("%s in\n%s", whole, plan)
			}
		}
		for _, index := range []string{"refunds_state", "refunds_succeeded", "refunds_needs_person", "refunds_short"} {
			if !strings.Contains(plan, index) {
				t.Errorf("%s is not read:\n%s", index, plan)
			}
		}
		if err != nil || len(lines) < 10 {
			t.Errorf("%d lines, %v", len(lines), err)
		}
	})
}

func TestALookFindsTheDeliveriesOfAnEndpointAPieceAtATime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for _, text := range []string{
			manyDeliveries,
			`UPDATE deliveries SET endpoint_id = 'ep_rare' WHERE id IN ('d7', 'd700', 'd701', 'd1400', 'd1500')`,
			`UPDATE deliveries SET state = 'dead' WHERE id = 'd1500'`,
		} {
			if s.SQLite() { // bytes are written in another way there
				text = strings.ReplaceAll(text, "'',", "X'',")
			}
			if err := s.Exec(t.Context(), text); err != nil {
				t.Fatal(err)
			}
		}
		for name, one := range map[string]struct {
			filter merchant.DeliveryFilter
			want   string
			least  int // pages of 2 rows that looked through 100
		}{
			"all":       {merchant.DeliveryFilter{EndpointID: "ep_rare"}, "d1500 d1400 d701 d700 d7", 30},
			"delivered": {merchant.DeliveryFilter{EndpointID: "ep_rare", State: merchant.Delivered}, "d1400 d701 d700 d7", 30},
			"dead":      {merchant.DeliveryFilter{EndpointID: "ep_rare", State: merchant.DeliveryDead}, "d1500", 1}, // an index knows them
			"none":      {merchant.DeliveryFilter{EndpointID: "ep_none"}, "", 30},
		} {
			one.filter.MerchantID = "mer_many"
			var found []string
			page, pages := refund.Page{Limit: 2}, 0
			for more := true; more; pages++ {
				records, next, err := s.LookThroughDeliveries(t.Context(), one.filter, page, 100)
				if err != nil || len(records) > 2 || pages > 100 {
					t.Fatalf("%s: %d, %v", name, len(records), err)
				}
				for _, r := range records {
					found = append(found, r.Delivery.ID)
				}
				more, page.After = next != nil, next
			}
			if strings.Join(found, " ") != one.want || pages < one.least {
				t.Errorf("%s: %d pages find %v", name, pages, found)
			}
		}
	})
}
