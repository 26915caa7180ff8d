package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/refund"
)

func (f *fixture) bulkJob(digest string) bulk.Job {
	return bulk.Job{
		MerchantID: f.merchant, Name: "a.csv", Digest: digest, Bytes: 9, State: bulk.Uploading, Limits: bulk.DefaultLimits(),
		UploadedBy: audit.ByUser("a@example.com"), CreatedAt: at(1), UpdatedAt: at(1), DueAt: at(10),
	}
}

// bulkJobIsKept: a job and its lines are read as they were written, and its file
// is known by its digest until an upload breaks off or it is stopped unstarted.
func bulkJobIsKept(t *testing.T, f *fixture) {
	record := f.record("bulk.upload", "")
	job, again, err := f.AddBulkJob(t.Context(), f.bulkJob("d1"), record)
	if err != nil || again {
		t.Fatal(err)
	}
	c := f.registered(t, f.charge(100))
	lines := []bulk.Line{
		{At: 2, State: bulk.New, Charge: c.OrderNo, Amount: "12,50", Decimal: true, SaysCurrency: "CNY", Reason: "r", ReasonCode: "code", Customer: "c", Number: "N1"},
		{At: 3, State: bulk.Bad, Kind: refund.KindInvalid, Problem: "why"},
		{At: 5, State: bulk.New, Charge: "x", Amount: bulk.Full},
	}
	if err := f.AddBulkLines(t.Context(), job.Key(), lines, at(20)); err != nil {
		t.Fatal(err)
	}
	got, err := f.BulkLines(t.Context(), job.Key(), bulk.Select{Limit: 9})
	if diff := cmp.Diff(lines, got); err != nil || diff != "" {
		t.Errorf("lines (-written +read): %s%v", diff, err)
	}
	changed, err := f.ChangeBulkJob(t.Context(), job.Key(), nil, func(j bulk.Job) (bulk.Changed, error) {
		j.State, j.Good, j.Bad, j.Cursor, j.DueAt = bulk.Ready, 1, 1, 5, time.Time{}
		j.Totals = []bulk.Total{{Currency: "CNY", Lines: 1, Amount: 1250}}
		lines[0].State, lines[0].ChargeID, lines[0].Minor, lines[0].Currency = bulk.Good, c.ID, 1250, "CNY"
		return bulk.Changed{Job: j, Lines: lines[:1], Alert: "look"}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	read, err := f.BulkJob(t.Context(), job.Key())
	if diff := cmp.Diff(changed, read); err != nil || diff != "" {
		t.Errorf("job (-written +read): %s%v", diff, err)
	}
	if earlier, err := f.BulkEarlier(t.Context(), job.Key(), 5, []string{c.ID, "ch_x"}); err != nil || earlier[c.ID] != (bulk.Earlier{Lines: 1, Amount: 1250}) {
		t.Errorf("earlier lines: %v, %v", earlier, err)
	}
	if taken, before, err := f.BulkNumbers(t.Context(), job.Key(), 5, []string{"N1", "N2"}); err != nil || len(taken) != 0 || before["N1"] != 2 {
		t.Errorf("numbers: %v, %v, %v", taken, before, err)
	}
	if n, err := f.BulkGoodAfter(t.Context(), job.Key(), 1, 9); err != nil || n != 1 {
		t.Errorf("%d good lines, %v", n, err)
	}
	if alerts, _, err := f.Alerts(t.Context(), f.merchant, false, refund.Page{Limit: 5}); err != nil || len(alerts) != 1 {
		t.Errorf("alerts: %v, %v", alerts, err)
	}
	if same, again, err := f.AddBulkJob(t.Context(), f.bulkJob("d1"), record); err != nil || !again || same.ID != job.ID {
		t.Errorf("the same file is %v, %v, %v", same.ID, again, err)
	}
	f.must(t, `UPDATE bulk_jobs SET state = 'stopped' WHERE merchant_id = $1 AND id = $2`, f.merchant, job.ID)
	if other, again, err := f.AddBulkJob(t.Context(), f.bulkJob("d1"), record); err != nil || again || other.ID == job.ID {
		t.Errorf("the file of a job that was stopped unstarted is %v, %v, %v", other.ID, again, err)
	}
	late := f.bulkJob("d1") // ten seconds later the second upload stands still
	late.CreatedAt, late.DueAt = at(11), at(30)
	if other, again, err := f.AddBulkJob(t.Context(), late, record); err != nil || again {
		t.Errorf("an upload that broke off keeps its file: %v, %v, %v", other.ID, again, err)
	}
	jobs, more, err := f.BulkJobs(t.Context(), f.merchant, refund.Page{Limit: 2})
	if err != nil || !more || len(jobs) != 2 {
		t.Errorf("%d jobs, more %v, %v", len(jobs), more, err)
	}
}

// databaseHoldsSecondPerson: no statement, whoever sends it, has a job started or
// resumed by who uploaded it, or running without anybody.
func databaseHoldsSecondPerson(t *testing.T, f *fixture) {
	job, _, err := f.AddBulkJob(t.Context(), f.bulkJob("d2"), f.record("bulk.upload", ""))
	if err != nil {
		t.Fatal(err)
	}
	for _, set := range []string{
		`started_by = uploaded_by, started_at = 1, state = 'running'`,
		`started_by = 'user b', started_at = 1, state = 'running', resumed_by = uploaded_by`,
		`started_by = 'user b', started_at = 1, state = 'running', started_behind = uploaded_by`,
		`started_by = 'user b', started_at = 1, state = 'running', uploaded_behind = 'key key_9, user b'`,
		`started_by = 'user b', started_at = 1, state = 'running', resumed_by = 'user c', uploaded_behind = 'user c'`,
		`started_by = 'user b', started_at = 1, state = 'running', resumed_by = 'user c', resumed_behind = 'user d, ' || uploaded_by`,
		`state = 'running'`,
		`state = 'finished', due_at = 0`,
		`state = 'ready'`, // and due
		`state = 'gone'`,
	} {
		if touched, err := f.exec(t, `UPDATE bulk_jobs SET `+set+` WHERE merchant_id = $1 AND id = $2`, f.merchant, job.ID); err == nil {
			t.Errorf("%s changed %d rows", set, touched)
		}
	}
	f.must(t, `UPDATE bulk_jobs SET started_by = 'user b', started_at = 1, state = 'running' WHERE merchant_id = $1 AND id = $2`, f.merchant, job.ID)
	_, err = f.ChangeBulkJob(t.Context(), job.Key(), nil, func(j bulk.Job) (bulk.Changed, error) {
		j.ResumedBy = j.UploadedBy
		return bulk.Changed{Job: j}, nil
	})
	if err == nil {
		t.Error("the store writes what the database should refuse")
	}
	if _, err := f.ChangeBulkJob(t.Context(), bulk.Key{MerchantID: "mer_other", ID: job.ID}, nil, func(j bulk.Job) (bulk.Changed, error) {
		return bulk.Changed{}, errors.New("called")
	}); refund.KindOf(err) != refund.KindNotFound {
		t.Errorf("another merchant's job: %v", err)
	}
}
