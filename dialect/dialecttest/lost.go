package dialecttest

import (
	"database/sql"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/service"
)

// Write is a call that writes, for a service with the demo merchant. It makes
// ready what the call is about and returns what makes the request, once for
// each time that it is sent.
type Write func(t *testing.T, s *Service) func(base string) *http.Request

// lostAnswers holds that no writing call is denied once it was done: a panic
// behind its commit is answered "unknown" or by closing the connection, and the
// same once more does nothing twice.
func (f fixture) lostAnswers(t *testing.T) {
	var writing []string
	for _, route := range f.Routes {
		if route.Method != http.MethodGet {
			writing = append(writing, route.Method+" "+route.Path)
		}
	}
	slices.Sort(writing)
	if diff := cmp.Diff(writing, slices.Sorted(maps.Keys(f.Writes))); diff != "" {
		t.Fatalf("the routes that write are others than the suite's writes (-routes +writes):\n%s", diff)
	}
	s := Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	broken := s.breaking(t)
	for _, name := range writing {
		if f.Writes[name] == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			send := f.Writes[name](t, s)
			s.settled(t)
			key := "lost " + name
			f.lose(t, broken, send, key)
			s.settled(t) // what it set going has come so far
			before := s.count(t)
			if answer, body := sendKeyed(t, http.DefaultTransport, send(s.URL), key); answer.StatusCode >= http.StatusMultipleChoices {
				t.Errorf("the repeat is answered %d %s", answer.StatusCode, body)
			}
			if diff := cmp.Diff(before, s.count(t)); diff != "" {
				t.Errorf("the repeat made something more (-first +repeat):\n%s", diff)
			}
		})
	}
}

// lose sends a request whose answer breaks, and looks at what arrives.
func (f fixture) lose(t *testing.T, broken *breaking, send func(base string) *http.Request, key string) {
	t.Helper()
	// A connection of its own: the transport would repeat a request with an
	// Idempotency-Key on another one by itself.
	own := &http.Transport{DisableKeepAlives: true}
	const tries = 4
	for deadline, try := time.Now().Add(settleTimeout), 1; ; try++ {
		broken.done.Store(false)
		r := send(broken.url)
		r.Header.Set("Idempotency-Key", keyOf(key))
		answer, body, err := exchange(own, r)
		switch {
		case err != nil && answer.StatusCode == 0 && f.Unknown != nil && broken.done.Load() && try < tries:
			// What was committed was a loop's, before the handler began.
			continue
		case err != nil && answer.StatusCode == 0:
			if f.Unknown != nil || !broken.done.Load() {
				t.Errorf("the connection broke: %v", err)
			}
		case err != nil:
			t.Errorf("half an answer: %d %s, %v", answer.StatusCode, body, err)
		case broken.done.Load() && (f.Unknown == nil || !f.Unknown(answer.StatusCode, body)):
			t.Errorf("it was done, and is answered %d %s", answer.StatusCode, body)
		case !broken.done.Load() && answer.StatusCode == http.StatusConflict && time.Now().Before(deadline):
			continue // while the channel is being asked
		case !broken.done.Load():
			t.Errorf("it was not done: %d %s", answer.StatusCode, body)
		}
		return
	}
}

// keyOf makes a header of a text.
func keyOf(text string) string { return strings.ReplaceAll(text, " ", "-") }

func sendKeyed(t testing.TB, by http.RoundTripper, r *http.Request, key string) (Answer, string) {
	t.Helper()
	r.Header.Set("Idempotency-Key", keyOf(key))
	answer, body, err := exchange(by, r)
	if err != nil {
		t.Fatal(err)
	}
	return answer, body
}

// breaking is a listener of a service whose handlers panic once behind the
// commit, as they begin to answer.
type breaking struct {
	url  string
	done atomic.Bool // a handler has panicked
}

func (s *Service) breaking(t testing.TB) *breaking {
	t.Helper()
	conn, err := s.reading.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := &breaking{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Handler().ServeHTTP(&breaker{ResponseWriter: w, breaking: b, commits: commits(t, conn), look: func() int64 { return commits(t, conn) }}, r)
	}))
	server.Config.ErrorLog = nil
	b.url = server.URL
	t.Cleanup(func() {
		server.Close()
		_ = conn.Close()
	})
	return b
}

// commits changes with each commit that another connection makes.
func commits(t testing.TB, conn *sql.Conn) (version int64) {
	if err := conn.QueryRowContext(t.Context(), `PRAGMA data_version`).Scan(&version); err != nil {
		t.Error(err)
	}
	return version
}

type breaker struct {
	http.ResponseWriter
	*breaking
	commits int64
	look    func() int64
}

// Header panics the first time that it is called behind a commit.
func (b *breaker) Header() http.Header {
	if !b.done.Load() && b.look() != b.commits {
		b.done.Store(true)
		panic("a fault of ours behind the commit")
	}
	return b.ResponseWriter.Header()
}

// counted are the tables whose rows are made by calls and not by what follows
// behind them.
var counted = []string{"api_keys", "charges", "endpoints", "platform_keys", "refunds"}

// count is how many rows each of these tables has.
func (s *Service) count(t testing.TB) map[string]int {
	t.Helper()
	rows := make(map[string]int)
	for _, row := range s.rows(t) {
		if table, _, _ := strings.Cut(row, ":"); slices.Contains(counted, table) {
			rows[table]++
		}
	}
	return rows
}

// Routes are the routes of a dialect's table, for Speaker.Routes.
func Routes[R interface{ Address() dialect.Route }](table []R) []dialect.Route {
	routes := make([]dialect.Route, len(table))
	for n, r := range table {
		routes[n] = r.Address()
	}
	return routes
}
