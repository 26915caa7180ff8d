package sample

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

var until = time.Date(2026, 11, 30, 10, 17, 0, 0, time.UTC)

func load(t *testing.T, database, data string, seed uint64) Report {
	t.Helper()
	report, err := Load(t.Context(), Options{Database: database, Data: data, Days: 5, Seed: seed, Now: func() time.Time { return until }})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// shown is what a person sees of the refunds, without ids.
func shown(t *testing.T, s *store.Store, merchantID string) (all []string) {
	t.Helper()
	refunds, _, err := s.RefundList(t.Context(), refund.Filter{MerchantID: merchantID, Page: refund.Page{Limit: 10_000}})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range refunds {
		all = append(all, strings.Join([]string{
			r.CreatedAt.Format(time.RFC3339Nano), string(r.State), r.Channel, string(r.Currency), money.Format(r.Amount, r.Currency), r.Reason, r.Customer, r.By.Dialect, r.FailureCode, r.HeldReason,
		}, " "))
	}
	slices.Sort(all)
	return all
}

func TestASampleShowsEverythingAndIsTheSameForItsSeed(t *testing.T) {
	var first []string
	for _, seed := range []uint64{1, 1, 2} {
		database, data := storetest.EmptySQLite(t), t.TempDir()
		report := load(t, database, data, seed)
		s := storetest.Open(t, database)
		if findings, err := service.Verify(t.Context(), s); err != nil || len(findings) > 0 {
			t.Errorf("verify: %v, %v", findings, err)
		}
		refunds := shown(t, s, report.MerchantID)
		switch {
		case first == nil:
			first = refunds
			everything(t, s, report)
			if again := load(t, database, data, 1); !again.There || again.MerchantID != report.MerchantID {
				t.Errorf("the second run says %+v", again)
			}
		case seed == 1 && cmp.Diff(first, refunds) != "":
			t.Errorf("the same seed (-first +second): %s", cmp.Diff(first, refunds))
		case seed == 2 && cmp.Equal(first, refunds):
			t.Error("another seed makes the same")
		}
	}
}

// everything holds that there is something on each page.
func everything(t *testing.T, s *store.Store, report Report) {
	t.Helper()
	for _, state := range refund.States() {
		refunds, _, err := s.RefundList(t.Context(), refund.Filter{MerchantID: report.MerchantID, States: []refund.State{state}, Page: refund.Page{Limit: 1}})
		if err != nil || len(refunds) == 0 && state != refund.Created {
			t.Errorf("no refund is %s, %v", state, err)
		}
	}
	held, _, err := s.RefundList(t.Context(), refund.Filter{MerchantID: report.MerchantID, States: []refund.State{refund.Held}, Page: refund.Page{Limit: 50}})
	reasons := make(map[string]bool)
	for _, r := range held {
		reasons[r.HeldReason] = true
	}
	if err != nil || !reasons[refund.HeldForApproval] || !reasons[refund.HeldForFunds] {
		t.Errorf("held refunds wait for %v, %v", reasons, err)
	}
	jobs, _, err := s.BulkJobs(t.Context(), report.MerchantID, refund.Page{Limit: 5})
	if err != nil || len(jobs) != 2 || jobs[0].State != "ready" || jobs[0].Bad != 2 || jobs[1].State != "finished" {
		t.Errorf("files of refunds: %+v, %v", jobs, err)
	}
	dead, _, err := s.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: report.MerchantID, State: merchant.DeliveryDead}, refund.Page{Limit: 5})
	if err != nil || len(dead) == 0 {
		t.Errorf("no delivery is dead, %v", err)
	}
	alerts, _, err := s.Alerts(t.Context(), report.MerchantID, false, refund.Page{Limit: 5})
	if err != nil || len(alerts) == 0 {
		t.Errorf("there is no alert, %v", err)
	}
}
