package e2e

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/store/storetest"
)

const (
	// heldFor is how long another session holds rows, as an operator's query may.
	heldFor = 40 * time.Second
	// What must be while somebody else's rows are held, or after trouble.
	maxAnswer, maxWebhook      = 3 * time.Second, 5 * time.Second
	maxStall, maxTakeOver      = 15 * time.Second, time.Minute
	stallCallers, stallCharges = 8, 16
)

// stalled is two processes on one PostgreSQL, a merchant in trouble that asks all
// the time, and another, the demo's, whose webhooks may go to this machine.
type stalled struct {
	t        *testing.T
	database string
	conn     *pgx.Conn // a session besides the service
	replicas []*Process
	key      string // of the merchant in trouble
	charges  []string
	charge   string // the other merchant's
	hooks    *receiver
	number   atomic.Int64
}

// A session holds a charge and the feed counter of one merchant for 40 s; then a
// process stands still in the middle of a transaction, and another is killed.
// Other merchants notice nothing, and what stood still goes on in its time.
func TestWhatOneSessionOrProcessHoldsStopsNobodyElse(t *testing.T) {
	s := newStalled(t)
	t.Run("rows are held", s.rowsAreHeld)
	t.Run("a process stands still", s.processStandsStill)
	t.Run("a process is killed", s.processIsKilled)
	for _, p := range s.replicas {
		p.Stop(t)
	}
	Verify(t, s.database)
}

func newStalled(t *testing.T) *stalled {
	s := &stalled{t: t, database: storetest.Postgres(t)}
	data := t.TempDir()
	for range 2 {
		s.replicas = append(s.replicas, Start(t, s.database, data, "--egress-allow", "127.0.0.0/8"))
	}
	stdout, stderr, status := Run(t, "merchant", "add", "in trouble", "--json", "--database", s.database, "--data", data)
	if status != 0 {
		t.Fatalf("merchant add exits %d: %s", status, stderr)
	}
	var made struct {
		Native struct {
			Key string `json:"key"`
		} `json:"native"`
	}
	decode(t, stdout, &made)
	s.key = made.Native.Key
	for n := range stallCharges {
		body := fmt.Sprintf(`{"order_no": "stall-%d", "amount": 1000000000, "currency": "CNY", "channel": "wx", "paid_at": "2026-11-22T10:00:00Z", "transaction_id": "tx-stall-%d"}`, n, n)
		status, text := Call(t, http.MethodPost, s.replicas[0].URL+"/refundry/v1/charges", body, "Authorization", "Bearer "+s.key)
		if status != http.StatusCreated {
			t.Fatalf("register charge: %d %s", status, text)
		}
		var charge struct {
			ID string `json:"id"`
		}
		decode(t, text, &charge)
		s.charges = append(s.charges, charge.ID)
	}
	s.charge = registerCharge(t, s.replicas[0].URL, "stall-other", 1_000_000_000)
	s.hooks = listen(t)
	(&desk{Process: s.replicas[0]}).endpoint(t, s.hooks.URL, "native", "refund.succeeded")
	var err error
	if s.conn, err = pgx.Connect(t.Context(), s.database); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.conn.Close(context.Background()) })
	return s
}

// exec runs statements in the session besides the service.
func (s *stalled) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, text := range statements {
		if _, err := s.conn.Exec(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
}

// count is the number that a query returns.
func (s *stalled) count(t *testing.T, query string) (n int) {
	t.Helper()
	if err := s.conn.QueryRow(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// trouble has the merchant in trouble ask for refunds of a charge until end is
// called. It returns how many were accepted.
func (s *stalled) trouble(charge func(n int) string, replicas ...*Process) (end func() int64) {
	var asking sync.WaitGroup
	var accepted atomic.Int64
	ended := make(chan struct{})
	for n := range stallCallers {
		asking.Go(func() {
			for {
				select {
				case <-ended:
					return
				default:
				}
				body := refundBody(charge(n), 100, fmt.Sprint("T", s.number.Add(1)))
				status, _, err := call(http.MethodPost, replicas[n%len(replicas)].URL+"/refundry/v1/refunds", body, "Authorization", "Bearer "+s.key, "Prefer", "wait=0")
				if err == nil && status == http.StatusCreated {
					accepted.Add(1)
				}
			}
		})
	}
	return func() int64 {
		close(ended)
		asking.Wait()
		return accepted.Load()
	}
}

// refunds asks for refunds of the other merchant until a time, each of the given
// replicas in turn, and returns how long the slowest answer and webhook took.
func (s *stalled) refunds(t *testing.T, until time.Time, replicas ...int) (answer, webhook time.Duration) {
	t.Helper()
	asked := 0
	for time.Now().Before(until) {
		begin := time.Now()
		number := fmt.Sprint("O", s.number.Add(1))
		refundOf(t, s.replicas[replicas[asked%len(replicas)]].URL, s.charge, 100, number, "Prefer", "wait=0")
		answer = max(answer, time.Since(begin))
		s.hooks.await(t, "the webhook", func(h hook) bool { return bytes.Contains(h.Body, []byte(`"`+number+`"`)) })
		webhook = max(webhook, time.Since(begin))
		asked++
	}
	t.Logf("%d refunds of another merchant: answered within %v, webhooks within %v", asked, answer, webhook)
	return answer, webhook
}

func (s *stalled) rowsAreHeld(t *testing.T) {
	s.exec(t, "BEGIN", "SELECT id FROM charges WHERE id = '"+s.charges[0]+"' FOR UPDATE",
		"SELECT merchant_id FROM feed_counters WHERE merchant_id = (SELECT merchant_id FROM charges WHERE id = '"+s.charges[0]+"') FOR UPDATE")
	until := time.Now().Add(heldFor)
	end := s.trouble(func(n int) string { return s.charges[n%2] }, s.replicas...)
	answer, webhook := s.refunds(t, until, 0, 1)
	if answer > maxAnswer || webhook > maxWebhook {
		t.Errorf("another merchant was answered within %v and notified within %v", answer, webhook)
	}
	t.Logf("meanwhile %d refunds of the merchant whose rows are held were accepted", end())
	s.exec(t, "ROLLBACK")
}

// processStandsStill stops the second process while one of its transactions waits
// for its next statement. The first goes on.
func (s *stalled) processStandsStill(t *testing.T) {
	end := s.trouble(func(n int) string { return s.charges[n] }, s.replicas[1])
	second := s.replicas[1].cmd.Process
	const open = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction' AND pid <> pg_backend_pid()"
	Until(t, "it stands still in the middle of a transaction", func() bool {
		if err := second.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		// Those of the first process end at once.
		if s.count(t, open+" AND state_change < clock_timestamp() - INTERVAL '300 milliseconds'") == 0 {
			time.Sleep(400 * time.Millisecond)
		}
		if s.count(t, open+" AND state_change < clock_timestamp() - INTERVAL '300 milliseconds'") > 0 {
			return true
		}
		if err := second.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(s.number.Load()%7) * time.Millisecond)
		return false
	})
	began := time.Now()
	var over sync.WaitGroup
	over.Go(func() {
		// Each charge that the stopped process may hold is refunded by the first.
		for n := range stallCharges {
			Until(t, "its refund is accepted", func() bool {
				body := refundBody(s.charges[n], 100, fmt.Sprint("T", s.number.Add(1)))
				status, _, err := call(http.MethodPost, s.replicas[0].URL+"/refundry/v1/refunds", body, "Authorization", "Bearer "+s.key, "Prefer", "wait=0")
				return err == nil && status == http.StatusCreated
			})
		}
		t.Logf("all charges can be refunded again after %v", time.Since(began))
		if time.Since(began) > maxStall {
			t.Error("the stall takes too long")
		}
	})
	answer, webhook := s.refunds(t, began.Add(maxStall), 0)
	if answer > maxAnswer || webhook > maxWebhook {
		t.Errorf("another merchant was answered within %v and notified within %v", answer, webhook)
	}
	over.Wait()
	if err := second.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	end()
}

// processIsKilled kills the second process with refunds in its memory.
func (s *stalled) processIsKilled(t *testing.T) {
	const open = "SELECT COUNT(*) FROM refunds WHERE state IN ('created', 'pending')"
	Until(t, "all refunds have ended", func() bool { return s.count(t, open) == 0 })
	end := s.trouble(func(n int) string { return s.charges[n] }, s.replicas[1])
	Until(t, "refunds are under way", func() bool { return s.count(t, open+" AND lease_until > 0") > 0 })
	s.replicas[1].Kill()
	began := time.Now()
	left := s.count(t, open)
	accepted := end()
	answer, webhook := s.refunds(t, began.Add(maxWebhook), 0)
	if answer > maxAnswer || webhook > maxWebhook {
		t.Errorf("another merchant was answered within %v and notified within %v", answer, webhook)
	}
	Until(t, "its work is taken over", func() bool { return s.count(t, open) == 0 })
	t.Logf("of %d refunds that it accepted %d were under way; all had ended after %v", accepted, left, time.Since(began))
	if left == 0 || time.Since(began) > maxTakeOver {
		t.Error("nothing was under way, or taking it over takes too long")
	}
	s.replicas = s.replicas[:1]
	if strings.Contains(s.replicas[0].log.String(), "panic") {
		t.Error("the other process panicked")
	}
}
