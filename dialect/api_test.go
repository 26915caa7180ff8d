package dialect_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// toyCall is the call of a dialect that answers in plain text.
type toyCall struct{ *dialect.Exchange }

type toyRoute struct {
	dialect.Route
	do func(toyCall) error
}

var (
	errLost = errors.New("no answer")
	errAway = refund.Wrap(fmt.Errorf("read: %w", refund.ErrUnavailable), "show")
)

var toyRoutes = []toyRoute{
	{dialect.Get("/toy/things"), func(c toyCall) error { return c.say("things") }},
	{dialect.Post("/toy/things"), func(c toyCall) error { return c.say("made") }},
	{dialect.Post("/toy/things/many"), func(c toyCall) error { return c.say("many") }},
	{dialect.Get("/toy/things/{id}"), func(c toyCall) error { return c.say("thing <" + c.R.PathValue("id") + ">") }},
	{dialect.Get("/toy/things/{id}/parts/{part}"), func(c toyCall) error { return c.say(c.R.PathValue("id") + " has " + c.R.PathValue("part")) }},
	{dialect.Get("/toy/panic"), func(toyCall) error { panic("fault") }},
	{dialect.Post("/toy/panic"), func(toyCall) error { panic("fault") }},
	{dialect.Get("/toy/lost"), func(c toyCall) error { return c.Lost(errLost, "render") }},
	{dialect.Post("/toy/lost"), func(c toyCall) error { return c.Lost(errLost, "render") }},
	{dialect.Get("/toy/away"), func(toyCall) error { return errAway }},
	{dialect.Post("/toy/away"), func(toyCall) error { return errAway }},
	{dialect.Post("/toy/away/late"), func(c toyCall) error {
		refund.Committed(context.WithoutCancel(c.R.Context()))
		return errAway
	}},
	{dialect.Post("/toy/abort"), func(toyCall) error { panic(http.ErrAbortHandler) }},
	{dialect.Post("/toy/half"), func(c toyCall) error {
		c.W.Header().Set("Content-Length", "100")
		_ = c.say("half")
		panic("fault")
	}},
	{dialect.Post("/toy/late"), func(c toyCall) error {
		c.W.Header().Set("Content-Length", "100")
		_ = c.say("half")
		return errLost
	}},
	{dialect.Post("/toy/unsayable"), func(c toyCall) error {
		c.W.Header().Set("X-Fail", "panics")
		panic("fault")
	}},
}

func (c toyCall) say(text string) error {
	_, err := io.WriteString(c.W, text+" "+c.R.Pattern)
	return err
}

func toy(change func(*dialect.API[toyCall, toyRoute])) *dialect.API[toyCall, toyRoute] {
	api := &dialect.API[toyCall, toyRoute]{
		Dialect: "toy", Roots: []string{"/toy"}, Routes: toyRoutes, CallerHeaders: []string{"X-Key"}, RequestPrefix: "toy_",
		Open: func(x *dialect.Exchange) toyCall {
			x.W.Header().Set("Request-Id", x.RequestID)
			return toyCall{x}
		},
		Admit: func(c toyCall, _ toyRoute) error {
			if c.R.Header.Get("X-Key") == "panics" {
				panic("fault")
			}
			return nil
		},
		Handle: func(c toyCall, r toyRoute) error { return r.do(c) },
		Fail: func(c toyCall, err error) {
			if c.W.Header().Get("X-Fail") != "" {
				panic("and again")
			}
			status := map[refund.Kind]int{
				refund.KindNotFound: 404, refund.KindMethodNotAllowed: 405, refund.KindUnauthenticated: 401, refund.KindInternal: 500,
				refund.KindUnknownOutcome: 504, refund.KindUnavailable: 503,
			}[refund.KindOf(err)]
			http.Error(c.W, string(refund.KindOf(err)), status)
		},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(api)
	}
	return api
}

// askToy returns the status and the body of an answer, 0 for a closed connection.
func askToy(t *testing.T, api *dialect.API[toyCall, toyRoute], method, path string, keys ...string) (int, string, http.Header) {
	t.Helper()
	mux := http.NewServeMux()
	api.Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header["X-Key"] = keys
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return 0, "", nil
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, "", nil
	}
	return response.StatusCode, strings.TrimSpace(string(body)), response.Header
}

func TestEachRequestFindsItsRoute(t *testing.T) {
	strict := func(a *dialect.API[toyCall, toyRoute]) { a.NoEmpty, a.NoMethods = true, true }
	trimmed := func(a *dialect.API[toyCall, toyRoute]) {
		a.Path = func(escaped string) string { return strings.TrimRight(escaped, "/") }
	}
	for _, test := range []struct {
		method, path string
		change       func(*dialect.API[toyCall, toyRoute])
		status       int
		want         string
	}{
		{"GET", "/toy/things", nil, 200, "things /toy/things"},
		{"HEAD", "/toy/things", nil, 200, ""},
		{"POST", "/toy/things", nil, 200, "made /toy/things"},
		{"GET", "/toy/things/1", nil, 200, "thing <1> /toy/things/{id}"},
		{"GET", "/toy/things/a%2Fb%2525", nil, 200, "thing <a/b%25> /toy/things/{id}"},
		{"GET", "/%74oy/things/1", nil, 200, "thing <1> /toy/things/{id}"},
		{"GET", "/toy/things/", nil, 200, "thing <> /toy/things/{id}"},
		{"GET", "/toy/things/", strict, 404, "not_found"},
		{"GET", "/toy/things/", trimmed, 200, "things /toy/things"},
		{"GET", "/toy/things/1/parts/2", nil, 200, "1 has 2 /toy/things/{id}/parts/{part}"},
		{"GET", "/toy/things/1/2", nil, 404, "not_found"},
		{"GET", "/toy", nil, 404, "not_found"},
		{"GET", "/toy/", nil, 404, "not_found"},
		{"PUT", "/toy/things", nil, 405, "method_not_allowed"},
		{"PUT", "/toy/things", strict, 404, "not_found"},
		{"HEAD", "/toy/things", strict, 404, ""},
		{"GET", "/toy/things/many", nil, 405, "method_not_allowed"}, // not a thing named many
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			status, body, header := askToy(t, toy(test.change), test.method, test.path)
			if status != test.status || body != test.want || !strings.HasPrefix(header.Get("Request-Id"), "toy_") {
				t.Errorf("answered %d %q %v, want %d %q", status, body, header, test.status, test.want)
			}
			if allow := header.Get("Allow"); (allow != "") != (status == 405) || test.method == "PUT" && status == 405 && allow != "GET, POST" {
				t.Errorf("Allow is %q", allow)
			}
		})
	}
}

// A fault is internal while nothing can have been done, and unknown from the
// moment that a writing call is handled; what can't be said closes the
// connection.
func TestAFaultIsNoDenial(t *testing.T) {
	for _, test := range []struct {
		method, path, key string
		status            int
	}{
		{"POST", "/toy/things", "panics", 500},
		{"GET", "/toy/panic", "", 500},
		{"POST", "/toy/panic", "", 504},
		{"GET", "/toy/lost", "", 500},
		{"POST", "/toy/lost", "", 504},
		{"GET", "/toy/away", "", 503},
		{"POST", "/toy/away", "", 503},
		{"POST", "/toy/away/late", "", 504}, // after a commit
		{"POST", "/toy/abort", "", 0},
		{"POST", "/toy/half", "", 0},
		{"POST", "/toy/late", "", 0},
		{"POST", "/toy/unsayable", "", 0},
	} {
		if status, body, _ := askToy(t, toy(nil), test.method, test.path, test.key); status != test.status {
			t.Errorf("%s %s is answered %d %s, want %d", test.method, test.path, status, body, test.status)
		}
	}
}

func TestAHeaderThatDecidesWhoCallsStandsOnce(t *testing.T) {
	if status, _, _ := askToy(t, toy(nil), "GET", "/toy/things", "a", "a"); status != 401 {
		t.Errorf("answered %d", status)
	}
}
