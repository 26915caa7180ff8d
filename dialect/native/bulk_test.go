package native_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// bulkSteps are a file's life: who uploads it has a key that the demo's key did not
// make, because that starts it.
func bulkSteps(uploader string) []dialecttest.Step {
	const file = "charge,amount,reason,number\nBK1,100,=1+1,BN-1\nBK1,full,rest,\nBK2,12.50,,\nnone,1,,\n"
	by := []string{"Authorization", "Bearer " + uploader, "Content-Type", "text/csv"}
	return []dialecttest.Step{
		{Title: "", Method: "POST", Path: "/charges", Body: `{"order_no": "BK1", "amount": 1000, "currency": "CNY", "channel": "wx"}`, Quiet: true},
		{Title: "", Method: "POST", Path: "/charges", Body: `{"order_no": "BK2", "amount": 1000, "currency": "CNY", "channel": "wx"}`, Quiet: true},
		{Title: "a file of refunds", Method: "POST", Path: "/bulk?name=refunds.csv&stop_percent=50", Body: file, Header: by, Keep: map[string]string{"job": "id"}},
		{Title: "the same file again", Method: "POST", Path: "/bulk?name=other.csv", Body: file, Header: by, Until: `"state":"ready"`},
		{Title: "a file of something else", Method: "POST", Path: "/bulk", Body: "colour,size\nred,1\n", Header: by},
		{Title: "what the core says of each line", Method: "GET", Path: "/bulk/{job}/lines"},
		{Title: "the first that can't be refunded", Method: "GET", Path: "/bulk/{job}/lines?state=bad&limit=1"},
		{Title: "it does not start while lines are bad", Method: "POST", Path: "/bulk/{job}/start", Body: `{}`},
		{Title: "a second person starts the others", Method: "POST", Path: "/bulk/{job}/start", Body: `{"skip_bad": true}`},
		{Title: "", Method: "GET", Path: "/bulk/{job}", Until: `"state":"finished"`, Quiet: true},
		{Title: "every line has its answer", Method: "GET", Path: "/bulk/{job}", Until: `"refunds":{"succeeded":2}`},
		{Title: "what became of it, as a file", Method: "GET", Path: "/bulk/{job}/result.csv"},
		{Title: "what has ended is not paused", Method: "POST", Path: "/bulk/{job}/pause", Body: `{"reason": "lunch"}`},
		{Title: "nor resumed", Method: "POST", Path: "/bulk/{job}/resume"},
		{Title: "nor stopped", Method: "POST", Path: "/bulk/{job}/stop"},
		{Title: "", Method: "POST", Path: "/charges", Body: `{"order_no": "BK3", "amount": 1000, "currency": "CNY", "channel": "wx"}`, Quiet: true},
		{Title: "", Method: "POST", Path: "/bulk?name=b.ndjson", Body: `{"charge":"BK3","amount":58}`, Header: by, Keep: map[string]string{"second": "id"}, Quiet: true},
		{Title: "", Method: "GET", Path: "/bulk/{second}", Until: `"state":"ready"`, Quiet: true},
		{Title: "who uploaded it lacks the right, too", Method: "POST", Path: "/bulk/{second}/start", Header: by},
		{Title: "", Method: "POST", Path: "/bulk/{second}/start", Quiet: true},
		{Title: "", Method: "GET", Path: "/bulk/{second}", Until: `"refunds":{"pending":1}`, Quiet: true},
		{Title: "one that waits for its canary is paused", Method: "POST", Path: "/bulk/{second}/pause", Body: `{"reason": "lunch"}`},
		{Title: "it goes on", Method: "POST", Path: "/bulk/{second}/resume"},
		{Title: "", Method: "POST", Path: "/bulk?name=c.csv", Body: "charge,amount\nBK3,1\n", Header: by, Keep: map[string]string{"third": "id"}, Quiet: true},
		{Title: "", Method: "GET", Path: "/bulk/{third}", Until: `"state":"ready"`, Quiet: true},
		{Title: "one that nobody started ends", Method: "POST", Path: "/bulk/{third}/stop", Body: `{"reason": "wrong file"}`},
		{Title: "all files", Method: "GET", Path: "/bulk?limit=1"},
		{Title: "one that is nobody's", Method: "GET", Path: "/bulk/bulk_000000000000000000000000"},
	}
}

var bulkFiles atomic.Int64

// bulkAt makes a job that somebody else uploaded, has it in a state, and returns
// the address of what is done to it. Its refunds are pending until they are settled.
func bulkAt(state bulk.State, path string) func(*testing.T, *dialecttest.Service) string {
	return func(t *testing.T, s *dialecttest.Service) string {
		t.Helper()
		desk, err := service.NewAdmin(t.Context(), s.Store, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		order := fmt.Sprintf("BULK-%d", bulkFiles.Add(1))
		send(t, s, demo, "POST", "/charges", fmt.Sprintf(`{"order_no": %q, "amount": 1000, "currency": "CNY", "channel": "wx"}`, order), http.StatusCreated)
		file := strings.NewReader("charge,amount\n" + order + ",58\n")
		job, _, err := desk.UploadBulk(t.Context(), byCommand("ann"), merchant.DemoID, file, admin.BulkUpload{Limits: bulk.DefaultLimits()})
		if err != nil {
			t.Fatal(err)
		}
		for deadline := time.Now().Add(awaitTime); job.State != bulk.Ready; job, err = s.Store.BulkJob(t.Context(), job.Key()) {
			if err != nil || time.Now().After(deadline) {
				t.Fatalf("its dry run: %+v, %v", job, err)
			}
		}
		if state == bulk.Running || state == bulk.Paused {
			_, err = desk.StartBulk(t.Context(), byCommand("bob"), job.Key(), admin.BulkStarting{})
		}
		if state == bulk.Paused && err == nil {
			_, err = desk.PauseBulk(t.Context(), byCommand("bob"), job.Key(), "")
		}
		if err != nil {
			t.Fatal(err)
		}
		return "/bulk/" + job.ID + path
	}
}

// bulkRests waits until nothing more becomes of a job by itself: its refund is
// settled at the sandbox.
func bulkRests(t *testing.T, s *dialecttest.Service, path string) {
	t.Helper()
	key := bulk.Key{MerchantID: merchant.DemoID, ID: strings.Split(path, "/")[2]}
	for deadline := time.Now().Add(awaitTime); ; {
		job, err := s.Store.BulkJob(t.Context(), key)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("%+v, %v", job, err)
		}
		lines, err := s.Store.BulkLines(t.Context(), key, bulk.Select{Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case lines[0].Refund.State == refund.Pending:
			sendUntil(t, s, "POST", "/sandbox/refunds/"+lines[0].RefundID+"/settle", "", http.StatusOK)
			await(t, s, demo, lines[0].RefundID, refund.Succeeded)
		case (lines[0].State == bulk.Good || lines[0].Refund.State.Final()) && (job.State.Ended() || job.State == bulk.Paused):
			return
		}
	}
}

func byCommand(name string) admin.By { return admin.By{Actor: audit.ByCommand(name)} }

// The key that uploads may not start.
func TestWhoUploadsAFileDoesNotStartIt(t *testing.T) {
	s := dialecttest.Start(t)
	send(t, s, demo, "POST", "/charges", `{"order_no": "SELF", "amount": 1000, "currency": "CNY", "channel": "wx"}`, http.StatusCreated)
	job := send(t, s, demo, "POST", "/bulk", "charge,amount\nSELF,1\n", http.StatusCreated)
	path := "/bulk/" + text(job, "id")
	for deadline := time.Now().Add(awaitTime); text(send(t, s, demo, "GET", path, "", http.StatusOK), "state") != "ready"; {
		if time.Now().After(deadline) {
			t.Fatal("its dry run does not end")
		}
	}
	if refused := send(t, s, demo, "POST", path+"/start", `{}`, http.StatusForbidden); !strings.Contains(refused, "somebody else with the right refunds:approve") || strings.Contains(refused, "nobody else") {
		t.Errorf("with the demo's users to approve it is answered %s", refused)
	}
	own := text(send(t, s, demo, "POST", "/keys", `{"dialect": "native", "scopes": ["refunds:approve"]}`, http.StatusCreated), "secret")
	if refused := send(t, s, own, "POST", path+"/start", `{}`, http.StatusForbidden); !strings.Contains(refused, "count as one person") {
		t.Errorf("a key that the uploader made is answered %s", refused)
	}
	if refunds := send(t, s, demo, "GET", "/refunds", "", http.StatusOK); !strings.Contains(refunds, `"data":[]`) {
		t.Errorf("refunds were made: %s", refunds)
	}
}

// The demo's reset takes a file of refunds along, whose refunds it deletes.
func TestTheDemosResetTakesFilesOfItsRefundsAlong(t *testing.T) {
	s := dialecttest.Start(t)
	desk, err := service.NewAdmin(t.Context(), s.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	job, _, err := desk.UploadBulk(t.Context(), byCommand("ann"), merchant.DemoID, strings.NewReader("charge,amount\n123456789,1\n"), admin.BulkUpload{Limits: bulk.DefaultLimits()})
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(awaitTime); job.State != bulk.Ready; job, err = s.Store.BulkJob(t.Context(), job.Key()) {
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("its dry run: %+v, %v", job, err)
		}
	}
	if _, err := desk.StartBulk(t.Context(), byCommand("bob"), job.Key(), admin.BulkStarting{}); err != nil {
		t.Fatal(err)
	}
	bulkRests(t, s, "/bulk/"+job.ID)
	sendUntil(t, s, "POST", "/sandbox/reset", "", http.StatusOK)
	if _, err := s.Store.BulkJob(t.Context(), job.Key()); refund.KindOf(err) != refund.KindNotFound {
		t.Errorf("the job is %v", err)
	}
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("%v, %v", findings, err)
	}
}

func TestAFileOf100MBIsAnsweredByItsLimit(t *testing.T) {
	s := dialecttest.Start(t)
	line := strings.Repeat("x", 1000) + ",1\n"
	body := &repeated{text: line, left: 100 << 20}
	r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+base+"/bulk", body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+demo)
	response, answer := dialecttest.Do(t, r) // its length is not known beforehand
	if response.StatusCode != http.StatusRequestEntityTooLarge || text(answer, "kind") != string(refund.KindTooLarge) {
		t.Errorf("answered %d %s", response.StatusCode, answer)
	}
	r, err = http.NewRequestWithContext(t.Context(), "POST", s.URL+base+"/bulk", &repeated{text: line, left: 100 << 20})
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 100 << 20
	r.Header.Set("Authorization", "Bearer "+demo)
	r.Header.Set("Expect", "100-continue")
	response, answer = dialecttest.Do(t, r)
	if response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(answer, "64 MiB") {
		t.Errorf("answered %d %s", response.StatusCode, answer)
	}
}

// repeated is a text again and again.
type repeated struct {
	text string
	left int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.text)
	n = min(n, r.left)
	r.left -= n
	return n, nil
}
