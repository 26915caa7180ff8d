package service

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/store/move"
	"github.com/refundry/refundry/store/storetest"
)

// hooks counts what a receiver of webhooks was sent, by event.
type hooks struct {
	mu  sync.Mutex
	got map[string]int
}

func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.got[r.Header.Get("webhook-id")]++
}

// asking asks for refunds of one charge, each with a key of its own, until it is ended.
type asking struct {
	mu       sync.Mutex
	accepted map[string]string // refund ids by their keys
	refused  []string          // keys that were answered "try again"
	end      chan struct{}
	callers  sync.WaitGroup
	t        *testing.T
}

// askPause is between two requests of a caller: enough come while a move lasts, and not
// so many that their webhooks take long.
const askPause = 15 * time.Millisecond

// ends are amounts whose refunds succeed at once, after a lost answer, and after a lost
// submit.
var ends = []int{100, 153, 154, 200}

func ask(t *testing.T, s *Service, charge string) *asking {
	a := &asking{accepted: make(map[string]string), end: make(chan struct{}), t: t}
	for caller := range 2 {
		a.callers.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-a.end:
					return
				case <-time.After(askPause):
				}
				a.once(s, charge, fmt.Sprintf("%s-%d-%d", charge, caller, n), ends[n%len(ends)])
			}
		})
	}
	return a
}

// once asks for one refund, and expects the same for the same key.
func (a *asking) once(s *Service, charge, key string, amount int) {
	r := httptest.NewRequest("POST", "/refundry/v1/refunds", strings.NewReader(fmt.Sprintf(`{"charge":%q,"amount":%d}`, charge, amount)))
	r.Header.Set("Authorization", "Bearer rk_test_demo")
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	var answer struct {
		ID string `json:"id"`
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case w.Code == http.StatusServiceUnavailable:
		a.refused = append(a.refused, key)
	case w.Code != http.StatusCreated && w.Code != http.StatusOK, json.Unmarshal(w.Body.Bytes(), &answer) != nil, answer.ID == "":
		a.t.Errorf("%s: %d %s", key, w.Code, w.Body)
	case a.accepted[key] != "" && a.accepted[key] != answer.ID:
		a.t.Errorf("%s was refund %s and is %s", key, a.accepted[key], answer.ID)
	default:
		a.accepted[key] = answer.ID
	}
}

// feed reads all events, by their ids in their order, and which of them are successes.
func feed(t *testing.T, s *Service) (ids, succeeded []string) {
	t.Helper()
	for after := ""; ; {
		status, body := call(t, s, "GET", "/refundry/v1/events?limit=100"+after, "")
		var page struct {
			Data []struct {
				ID   string `json:"id"`
				Type string `json:"type"`
			} `json:"data"`
			Next string `json:"next"`
			More bool   `json:"has_more"`
		}
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s %v", status, body, err)
		}
		for _, event := range page.Data {
			if ids = append(ids, event.ID); event.Type == "refund.succeeded" {
				succeeded = append(succeeded, event.ID)
			}
		}
		if !page.More {
			return ids, succeeded
		}
		after = "&after=" + page.Next
	}
}

// eventually waits for something that loops do.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}

func TestAServiceMovesToPostgreSQLWhileItAcceptsRefunds(t *testing.T) {
	from, to, data := storetest.EmptySQLite(t), storetest.EmptyPostgres(t), t.TempDir()
	received := &hooks{got: make(map[string]int)}
	receiver := httptest.NewServer(received)
	defer receiver.Close()
	opts := Options{Database: from, Data: data, Demo: true, EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	s := start(t, opts)
	body := `{"order_no":"MOVED","amount":100000000000,"currency":"CNY","channel":"wx","paid_at":"2026-11-22T10:00:00Z"}`
	if status, answer := call(t, s, "POST", "/refundry/v1/charges", body); status != http.StatusCreated {
		t.Fatalf("%d %s", status, answer)
	}
	if status, body := call(t, s, "POST", "/refundry/v1/endpoints", `{"url":"`+receiver.URL+`","dialect":"native","events":["refund.succeeded"]}`); status != http.StatusCreated {
		t.Fatalf("%d %s", status, body)
	}
	asked := ask(t, s, "MOVED")
	o := MoveOptions{From: from, To: to, FromName: "old", ToName: "new", Data: data, Log: quiet()}
	report, err := Move(t.Context(), o)
	close(asked.end)
	asked.callers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if len(asked.accepted) == 0 || len(asked.refused) == 0 || report.Tables["refunds"] != int64(len(asked.accepted)) {
		t.Errorf("%d accepted, %d refused, %d moved", len(asked.accepted), len(asked.refused), report.Tables["refunds"])
	}
	before, _ := feed(t, s)
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "moved") {
		t.Errorf("the old service: %v", err)
	}
	asked.once(s, "MOVED", "late", 100)
	if asked.accepted["late"] != "" {
		t.Error("the old service accepts a refund after the switch")
	}
	if err := s.Ready(); err == nil || !strings.Contains(err.Error(), "moved, to new") {
		t.Errorf("the old service: %v", err)
	}
	stop(t, s)
	if again, err := Start(t.Context(), opts); !errors.Is(err, move.ErrNotServed) {
		t.Errorf("the old database is served again: %v", err)
		if err == nil {
			stop(t, again)
		}
	}

	// Its clock is ahead, so that the leases of what was being sent have ended.
	opts.Database, opts.Now = to, func() time.Time { return time.Now().Add(time.Minute) }
	s = start(t, opts)
	known := len(asked.accepted)
	for n, key := range slices.Concat(asked.refused, slices.Collect(keysOf(asked.accepted))) {
		if n < 300 { // each is a commit
			asked.once(s, "MOVED", key, amountOf(key))
		}
	}
	if known == len(asked.accepted) {
		t.Error("no refund that was refused is accepted now")
	}
	eventually(t, "every refund ends", func() bool { return waiting(t, s) == 0 })
	eventually(t, "every success has its number and arrives", func() bool {
		_, succeeded := feed(t, s)
		received.mu.Lock()
		defer received.mu.Unlock()
		return len(succeeded) == len(asked.accepted) && !slices.ContainsFunc(succeeded, func(id string) bool { return received.got[id] == 0 })
	})
	after, _ := feed(t, s)
	if len(after) < len(before) || !slices.Equal(before, after[:len(before)]) {
		t.Errorf("the feed of %d events does not go on from the %d before", len(after), len(before))
	}
	if slices.Sort(after); len(slices.Compact(after)) != len(after) {
		t.Error("an event is in the feed twice")
	}
	if findings, err := Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

func keysOf(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// amountOf is the amount that was asked for with a key.
func amountOf(key string) int {
	n := 0
	if _, err := fmt.Sscanf(key[strings.LastIndexByte(key, '-')+1:], "%d", &n); err != nil {
		return ends[0]
	}
	return ends[n%len(ends)]
}

// waiting is how many refunds have not ended.
func waiting(t *testing.T, s *Service) (n int) {
	t.Helper()
	for _, state := range []string{"created", "pending", "held"} {
		status, body := call(t, s, "GET", "/refundry/v1/refunds?limit=100&state="+state, "")
		var page struct {
			Data []struct{} `json:"data"`
		}
		if err := json.Unmarshal(body, &page); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s %v", status, body, err)
		}
		n += len(page.Data)
	}
	return n
}

func TestAMoveIsRefusedBeforeAnythingIsCopied(t *testing.T) {
	from, data := storetest.SQLite(t), t.TempDir()
	stop(t, start(t, Options{Database: from, Data: data, Demo: true}))
	o := MoveOptions{From: from, To: storetest.EmptyPostgres(t), FromName: "old", ToName: "new", Data: data, Log: quiet()}
	refused := func(o MoveOptions, want string) {
		t.Helper()
		if _, err := Move(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("not %q: %v", want, err)
		}
	}
	otherMaster := o
	otherMaster.MasterKey = otherKey
	refused(otherMaster, "secrets move as they are")
	noKey := o
	noKey.Data = t.TempDir()
	refused(noKey, "this database was made with one")
	file := o
	file.To = storetest.EmptySQLite(t)
	refused(file, "--to names a SQLite file")
	missing := o
	missing.From = storetest.EmptySQLite(t)
	refused(missing, "there is no file")
	foreign := o
	foreign.To = storetest.Postgres(t)
	inForeign := storetest.Open(t, foreign.To)
	if err := inForeign.DB().Maintain(t.Context(), `DROP TABLE goose_db_version`); err != nil {
		t.Fatal(err)
	}
	refused(foreign, "which is not of refundry")
	newer := o
	newer.To = storetest.Postgres(t)
	if err := storetest.Open(t, newer.To).DB().Maintain(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, TRUE)`); err != nil {
		t.Fatal(err)
	}
	refused(newer, "it has schema 99999")

	older := o
	older.To = storetest.Postgres(t)
	inOlder := storetest.Open(t, older.To)
	for _, text := range []string{
		`INSERT INTO merchants (id, name, mode, created_at) VALUES ('mer_other', 'somebody', 'live', 1)`,
		`DELETE FROM goose_db_version WHERE version_id > 37`,
	} {
		if err := inOlder.DB().Maintain(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	refused(older, "it has schema 37, and its table merchants has rows")

	broken := storetest.Open(t, from)
	resting := `INSERT INTO moves (side, id, state, other, run, begun_at, changed_at) VALUES ('from', 'move_1', 'resting', 'new', 'run_1', 1, 1)`
	if err := broken.DB().Maintain(t.Context(), resting); err != nil {
		t.Fatal(err)
	}
	refused(file, "has been at rest since a run of the move was ended")
	if err := broken.DB().Maintain(t.Context(), `DELETE FROM moves`); err != nil {
		t.Fatal(err)
	}
	if err := broken.DB().Maintain(t.Context(), `UPDATE charges SET refunded = refunded + 1 WHERE id = (SELECT MIN(id) FROM charges)`); err != nil {
		t.Fatal(err)
	}
	refused(o, "1 invariants of the old database are broken")
	if err := broken.DB().Maintain(t.Context(), `UPDATE charges SET refunded = refunded - 1 WHERE id = (SELECT MIN(id) FROM charges)`); err != nil {
		t.Fatal(err)
	}
	if err := broken.DB().Maintain(t.Context(), `DELETE FROM goose_db_version WHERE version_id >= 44`); err != nil {
		t.Fatal(err)
	}
	refused(o, "upgrade its service to this version first")
}
