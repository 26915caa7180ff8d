package service

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// logged is a log that a test reads.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// loud are the lines of warnings and errors.
func (l *logged) loud() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var lines []string
	for line := range strings.Lines(l.text.String()) {
		if strings.Contains(line, "level=WARN") || strings.Contains(line, "level=ERROR") {
			lines = append(lines, line)
		}
	}
	return lines
}

// startLogged starts a service with the demo merchant whose log is read.
func startLogged(t *testing.T, database string) (*Service, *logged) {
	t.Helper()
	log := &logged{}
	s, err := Start(t.Context(), Options{Database: database, Data: t.TempDir(), Demo: true, Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s, log
}

func waitReady(t *testing.T, s *Service) {
	t.Helper()
	for deadline := time.Now().Add(patience); s.Ready() != nil; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not ready again: %v", s.Ready())
		}
	}
}

// saidTwice checks that an outage left one line when it began and one when it
// ended, whatever failed meanwhile.
func saidTwice(t *testing.T, log *logged) {
	t.Helper()
	lines := log.loud()
	if len(lines) != 2 || !strings.Contains(lines[0], "the database can't be used") || !strings.Contains(lines[1], "the database is back") {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, ""))
	}
}

func newCharge(t *testing.T, s *Service, order string) {
	t.Helper()
	body := `{"order_no":"` + order + `","amount":100000,"currency":"CNY","channel":"wx","paid_at":"2026-11-22T10:00:00Z"}`
	if status, answer := call(t, s, "POST", "/refundry/v1/charges", body); status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
}

// outageLasts is how long a test leaves a database away: every loop meets it
// several times.
const outageLasts = 6 * time.Second

func TestADatabaseThatIsAwayIsSaidOnceAndOnceWhenItIsBack(t *testing.T) {
	cluster := storetest.PostgresControl(t)
	s, log := startLogged(t, cluster.Postgres(t))
	newCharge(t, s, "AWAY")
	cluster.Stop(t)
	for until, n := time.Now().Add(outageLasts), 0; time.Now().Before(until); n++ {
		if status, answer := call(t, s, "POST", "/refundry/v1/refunds", fmt.Sprintf(`{"charge":"AWAY","amount":1,"number":"N%d"}`, n)); status != http.StatusServiceUnavailable {
			t.Errorf("%d %s", status, answer)
		}
		if status, answer := call(t, s, "GET", "/refundry/v1/charges/AWAY", ""); status != http.StatusServiceUnavailable || !strings.Contains(string(answer), `"kind":"unavailable"`) {
			t.Errorf("%d %s", status, answer)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if status, _ := call(t, s, "GET", "/readyz", ""); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz is %d", status)
	}
	if status, _ := call(t, s, "GET", "/healthz", ""); status != http.StatusOK {
		t.Errorf("/healthz is %d", status)
	}
	cluster.Start(t)
	waitReady(t, s)
	if status, answer := call(t, s, "POST", "/refundry/v1/refunds", `{"charge":"AWAY","amount":1,"number":"N0"}`); status != http.StatusCreated {
		t.Errorf("%d %s", status, answer)
	}
	saidTwice(t, log)
}

// A fail-over may leave a standby, which takes no writes.
func TestAServerThatTakesNoWritesIsAnOutage(t *testing.T) {
	database := storetest.Postgres(t)
	s, log := startLogged(t, database)
	newCharge(t, s, "STANDBY")
	operator, err := sqldb.Open(t.Context(), database+"&options=-c%20default_transaction_read_only%3Doff", sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer operator.Close()
	// Sessions begun before keep what they are: they end, as at a fail-over.
	failOver := func(setting string) {
		t.Helper()
		err := operator.Read(t.Context(), func(q sqldb.Querier) error {
			name := ""
			err := q.Query(t.Context(), "SELECT current_database()", nil, func(scan func(...any) error) error { return scan(&name) })
			for _, text := range []string{
				`ALTER DATABASE "` + name + `" SET default_transaction_read_only = ` + setting,
				`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`,
			} {
				if err == nil {
					_, err = q.Exec(t.Context(), text)
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	failOver("on")
	for until, n := time.Now().Add(outageLasts), 0; time.Now().Before(until); n++ {
		status, answer := call(t, s, "POST", "/refundry/v1/refunds", fmt.Sprintf(`{"charge":"STANDBY","amount":1,"number":"N%d"}`, n))
		if status != http.StatusServiceUnavailable {
			t.Fatalf("%d %s", status, answer)
		}
	}
	if status, answer := call(t, s, "GET", "/refundry/v1/charges/STANDBY", ""); status != http.StatusOK {
		t.Errorf("a read: %d %s", status, answer)
	}
	if s.Ready() == nil {
		t.Error("it is ready, but takes no writes")
	}
	failOver("off")
	waitReady(t, s)
	if status, answer := call(t, s, "POST", "/refundry/v1/refunds", `{"charge":"STANDBY","amount":1,"number":"N0"}`); status != http.StatusCreated {
		t.Errorf("%d %s", status, answer)
	}
	saidTwice(t, log)
}

func TestAFullDiskIsSaidOnceAndNothingWasAccepted(t *testing.T) {
	s, log := startLogged(t, storetest.SQLite(t))
	newCharge(t, s, "FULL")
	pages := func(most string) {
		t.Helper()
		err := s.Store.DB().Write(t.Context(), func(q sqldb.Querier) error {
			return q.Query(t.Context(), "PRAGMA max_page_count = "+most, nil, func(scan func(...any) error) error { return scan(new(int64)) })
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	pages("1") // is as many as there are
	accepted, refusedAt := 0, ""
	for n := 0; refusedAt == ""; n++ {
		number := fmt.Sprintf("N%d", n)
		switch status, answer := call(t, s, "POST", "/refundry/v1/refunds", `{"charge":"FULL","amount":1,"number":"`+number+`","reason":"`+strings.Repeat("r", 200)+`"}`); {
		case status == http.StatusCreated && n < 5000:
			accepted++
		case status == http.StatusServiceUnavailable && strings.Contains(string(answer), `"kind":"unavailable"`):
			refusedAt = number
		default:
			t.Fatalf("%d %s", status, answer)
		}
	}
	if s.Ready() == nil {
		t.Error("it is ready")
	}
	if status, answer := call(t, s, "GET", "/refundry/v1/charges/FULL", ""); status != http.StatusOK {
		t.Errorf("a read: %d %s", status, answer)
	}
	time.Sleep(outageLasts)
	pages("1000000")
	waitReady(t, s)
	if _, answer := call(t, s, "GET", "/refundry/v1/refunds?charge=FULL&number="+refusedAt, ""); strings.Contains(string(answer), refusedAt) {
		t.Errorf("it was accepted: %s", answer)
	}
	if status, answer := call(t, s, "POST", "/refundry/v1/refunds", `{"charge":"FULL","amount":1,"number":"`+refusedAt+`"}`); status != http.StatusCreated {
		t.Errorf("afterwards: %d %s", status, answer)
	}
	saidTwice(t, log)
	if findings, err := Verify(context.Background(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("%v, %v", findings, err)
	}
}
