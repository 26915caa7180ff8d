package service

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

var (
	ann = admin.By{Actor: audit.ByCommand("ann")}
	bob = admin.By{Actor: audit.ByCommand("bob")}
)

// bulkCharges registers charges of 100.00 CNY for the demo merchant, with order
// numbers B1, B2, ...
func bulkCharges(t *testing.T, st *store.Store, n int) {
	t.Helper()
	charges := make([]refund.Charge, n)
	now := time.Now().UTC().Truncate(time.Microsecond)
	for i := range charges {
		charges[i] = refund.Charge{
			MerchantID: merchant.DemoID, ID: "ch_" + refund.NewID(now), OrderNo: fmt.Sprintf("B%d", i+1), Channel: "wx", ChannelAccount: merchant.DemoAccount,
			TransactionID: fmt.Sprintf("4200000000%010d", i+1), Currency: "CNY", Amount: 10000, PaidAt: now, CreatedAt: now,
		}
	}
	results, err := st.RegisterCharges(t.Context(), charges, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range results {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

// bulkFile is a file with a line for each charge; amount is a line's by its number.
func bulkFile(n int, amount func(int) string) string {
	var out strings.Builder
	out.WriteString("charge,amount,reason\n")
	for i := 1; i <= n; i++ {
		_, _ = fmt.Fprintf(&out, "B%d,%s,退货\n", i, amount(i))
	}
	return out.String()
}

func upload(t *testing.T, s *Service, file string) bulk.Job {
	t.Helper()
	job, _, err := s.admin.UploadBulk(t.Context(), ann, merchant.DemoID, strings.NewReader(file), admin.BulkUpload{Limits: bulk.DefaultLimits(), Options: bulk.Options{Name: "refunds.csv"}})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// awaitBulk waits until a job is in one of some states.
func awaitBulk(t *testing.T, s *Service, key bulk.Key, states ...bulk.State) bulk.Job {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		job, err := s.Store.BulkJob(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		for _, state := range states {
			if job.State == state {
				return job
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("the job is %s, not %v: %+v", job.State, states, job)
		}
	}
}

// refundedOnce holds that each line is one refund, and that the books are right.
func refundedOnce(t *testing.T, s *Service, key bulk.Key, want int) {
	t.Helper()
	lines, err := s.Store.BulkLines(t.Context(), key, bulk.Select{Limit: 10 * want})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, l := range lines {
		if l.State != bulk.Accepted || seen[l.RefundID] {
			t.Errorf("line %d is %s %q as %q", l.At, l.State, l.Problem, l.RefundID)
		}
		seen[l.RefundID] = true
	}
	refunds, _, err := s.Store.RefundList(t.Context(), refund.Filter{MerchantID: merchant.DemoID, Page: refund.Page{Limit: 10 * want}})
	if err != nil || len(refunds) != want || len(seen) != want {
		t.Errorf("%d refunds of %d lines, want %d; %v", len(refunds), len(seen), want, err)
	}
	wantClean(t, s)
}

func wantClean(t *testing.T, s *Service) {
	t.Helper()
	findings, err := Verify(t.Context(), s.Store)
	if err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

func TestAFileOfRefundsIsCheckedStartedByASecondPersonAndDoneOnce(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		s := start(t, Options{Database: database, Demo: true})
		bulkCharges(t, s.Store, 120)
		file := bulkFile(120, func(int) string { return "100" })
		job := upload(t, s, file)
		job = awaitBulk(t, s, job.Key(), bulk.Ready)
		if job.Good != 120 || job.Bad != 0 || len(job.Totals) != 1 || job.Totals[0] != (bulk.Total{Currency: "CNY", Lines: 120, Amount: 12000}) {
			t.Errorf("the dry run says %+v", job)
		}
		if refunds, _, _ := s.Store.RefundList(t.Context(), refund.Filter{MerchantID: merchant.DemoID, Page: refund.Page{Limit: 9}}); len(refunds) != 0 {
			t.Errorf("the dry run made %d refunds", len(refunds))
		}
		if _, err := s.admin.StartBulk(t.Context(), ann, job.Key(), admin.BulkStarting{}); refund.KindOf(err) != refund.KindForbidden {
			t.Errorf("its uploader starts it: %v", err)
		}
		startTogether(t, s, job.Key())
		awaitBulk(t, s, job.Key(), bulk.Finished)
		refundedOnce(t, s, job.Key(), 120)
		again, known, err := s.admin.UploadBulk(t.Context(), bob, merchant.DemoID, strings.NewReader(file), admin.BulkUpload{Limits: bulk.DefaultLimits()})
		if err != nil || !known || again.ID != job.ID {
			t.Errorf("the same file is job %s, %v, %v", again.ID, known, err)
		}
	})
}

// startTogether has two people start one job at once: one of them does.
func startTogether(t *testing.T, s *Service, key bulk.Key) {
	t.Helper()
	var both sync.WaitGroup
	errs := make([]error, 2)
	for n, by := range []string{"bob", "carol"} {
		both.Go(func() {
			_, errs[n] = s.admin.StartBulk(context.Background(), admin.By{Actor: audit.ByCommand(by)}, key, admin.BulkStarting{})
		})
	}
	both.Wait()
	started := 0
	for _, err := range errs {
		switch {
		case err == nil:
			started++
		case refund.KindOf(err) != refund.KindStateConflict:
			t.Errorf("the second is refused with %v", err)
		}
	}
	if started != 1 {
		t.Errorf("%d people started it: %v", started, errs)
	}
}

// A process is killed again and again, at every step of a job. What it had begun
// goes on in the next, and nothing is refunded twice or forgotten.
func TestAJobSurvivesThatItsProcessIsKilledAtAnyStep(t *testing.T) {
	each(t, func(t *testing.T, database string) {
		ahead := &hurriedClock{}
		data := t.TempDir()
		open := func() *Service {
			s, err := Start(t.Context(), Options{Database: database, Data: data, Demo: true, Log: quiet(), Now: ahead.now, Simulated: Simulated{Stepped: true}})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		s := open()
		bulkCharges(t, s.Store, 130)
		key := upload(t, s, bulkFile(130, func(int) string { return "100" })).Key()
		kills := 0
		for n := 0; ; n++ {
			job, err := s.Store.BulkJob(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			if job.State == bulk.Ready {
				if _, err := s.admin.StartBulk(t.Context(), bob, key, admin.BulkStarting{}); err != nil {
					t.Fatal(err)
				}
			}
			if job.State == bulk.Finished {
				break
			}
			if n > 4000 {
				t.Fatalf("it does not end: %+v", job)
			}
			steps := s.Steps()
			if _, err := steps[n%len(steps)].Take(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n%len(steps) == 0 {
				ahead.ahead.Add(int64(time.Second))
			}
			if n%17 == 5 && kills < 12 {
				kills++
				s.Abandon()
				ahead.ahead.Add(int64(2 * time.Minute)) // the leases are over
				s = open()
			}
		}
		if kills < 8 {
			t.Errorf("it was killed only %d times", kills)
		}
		refundedOnce(t, s, key, 130)
		s.Abandon()
	})
}

func TestAJobStopsItselfWhenRefundsFail(t *testing.T) {
	s := start(t, Options{Database: "sqlite:" + t.TempDir() + "/r.db", Demo: true})
	bulkCharges(t, s.Store, 200)
	// The sandbox refuses amounts that end in 51.
	for _, c := range []struct {
		name     string
		amount   func(int) string
		accepted func(int64) bool
	}{
		{"in the canary", func(n int) string { return map[bool]string{true: "51", false: "101"}[n <= 3] }, func(n int64) bool { return n == 10 }},
		{"behind it", func(n int) string { return map[bool]string{true: "151", false: "102"}[n > 20] }, func(n int64) bool { return n > 20 && n < 200 }},
	} {
		key := upload(t, s, bulkFile(200, c.amount)).Key()
		awaitBulk(t, s, key, bulk.Ready)
		if _, err := s.admin.StartBulk(t.Context(), bob, key, admin.BulkStarting{}); err != nil {
			t.Fatal(err)
		}
		job := awaitBulk(t, s, key, bulk.Paused, bulk.Finished)
		if job.State != bulk.Paused || job.ChangedBy != (audit.Actor{}) || !strings.Contains(job.Reason, "failed, more than 20 %") || !c.accepted(job.Accepted) {
			t.Errorf("%s: %s after %d lines: %s", c.name, job.State, job.Accepted, job.Reason)
		}
	}
	alerts, _, err := s.Store.Alerts(t.Context(), merchant.DemoID, false, refund.Page{Limit: 10})
	if err != nil || len(alerts) != 2 {
		t.Errorf("alerts: %+v, %v", alerts, err)
	}
	wantClean(t, s)
}

func TestVerdictsAreTheCoresAndAddUpWithinAFile(t *testing.T) {
	s := start(t, Options{Database: "sqlite:" + t.TempDir() + "/r.db", Demo: true})
	bulkCharges(t, s.Store, 3)
	file := "charge,amount,number\nB1,6000,N1\nB1,6000,N2\nB1,full,N3\nB2,10001,\nB9,1,\nB3,0,\nB3,1,N1\nB3,1,N4\n"
	key := upload(t, s, file).Key()
	job := awaitBulk(t, s, key, bulk.Ready)
	lines, err := s.Store.BulkLines(t.Context(), key, bulk.Select{Limit: 100})
	if err != nil || len(lines) != 8 || job.Good != 3 || job.Bad != 5 {
		t.Fatalf("%+v, %v: %+v", job, err, lines)
	}
	for n, want := range []string{"", "more than is still refundable: 40.00 CNY of 100.00 CNY are left", "", "more than is still refundable", "there is no such charge", "the amount must be above 0", "line 2 has the same refund number", ""} {
		if l := lines[n]; (l.State == bulk.Bad) != (want != "") || !strings.HasPrefix(l.Problem, want) {
			t.Errorf("line %d is %s: %q, want %q", l.At, l.State, l.Problem, want)
		}
	}
	if full := lines[2]; full.Minor != 4000 {
		t.Errorf("full is %d", full.Minor)
	}
	if _, err := s.admin.StartBulk(t.Context(), bob, key, admin.BulkStarting{}); refund.KindOf(err) != refund.KindStateConflict {
		t.Errorf("bad lines are skipped unsaid: %v", err)
	}
	if _, err := s.admin.StartBulk(t.Context(), bob, key, admin.BulkStarting{SkipBad: true}); err != nil {
		t.Error(err)
	}
	awaitBulk(t, s, key, bulk.Finished)
	// A number that stands for a refund by now is refused by the next file's dry run.
	next := upload(t, s, "charge,amount,number\nB3,1,N4\n").Key()
	if job := awaitBulk(t, s, next, bulk.Ready); job.Bad != 1 {
		t.Errorf("the same number again: %+v", job)
	}
	wantClean(t, s)
}
