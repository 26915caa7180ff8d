package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAKeptConnectionReadsEveryFormOfAnswer(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/chunks":
			_, _ = io.WriteString(w, long)
			w.(http.Flusher).Flush()
			_, _ = w.Write(body)
		case "/close":
			w.Header().Set("Connection", "close")
			w.WriteHeader(http.StatusTeapot)
		case "/empty":
			w.WriteHeader(http.StatusNoContent)
		default:
			_, _ = fmt.Fprintf(w, "%s %s", r.Header.Get("X-Test"), body)
		}
	}))
	defer s.Close()
	c, err := newConn(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, test := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"/", "one", 200, "yes one"},
		{"/chunks", "two", 200, long + "two"},
		{"/empty", "", 204, ""},
		{"/close", "", 418, ""},
		{"/", "after a closed one", 200, "yes after a closed one"},
	} {
		status, body, err := c.do(t.Context(), call{"POST", test.path, test.body, [][2]string{{"X-Test", "yes"}}}.text(c.address))
		if err != nil || status != test.status || string(body) != test.want {
			t.Errorf("%s: %d, %d bytes, %v", test.path, status, len(body), err)
		}
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close() //nolint:errcheck // nothing is lost
	c, err := newConn("http://" + silent.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	ctx, cancel := context.WithCancel(t.Context())
	defer context.AfterFunc(ctx, c.abort)()
	go func() {
		if peer, err := silent.Accept(); err == nil {
			_, _ = peer.Read(make([]byte, 1)) // the request has come
			cancel()
			_, _ = io.Copy(io.Discard, peer)
		}
	}()
	if _, _, err := c.do(ctx, call{method: "GET", path: "/"}.text("x")); err == nil {
		t.Error("a call that was ended was answered")
	}
}

func TestATargetIsAnAddress(t *testing.T) {
	for _, target := range []string{"", "127.0.0.1:1", "ftp://127.0.0.1", "http://"} {
		if _, err := newConn(target); err == nil {
			t.Errorf("%q is taken", target)
		}
	}
}

func TestAMemberIsFoundInAnyLayout(t *testing.T) {
	for text, want := range map[string]string{
		`{"id":"re_1","x":"y"}`: "re_1", "{\n  \"id\": \"re_2\"\n}": "re_2", `{"id":7}`: "", `{"other":"x"}`: "", `{"id":"open`: "",
	} {
		if got := member([]byte(text), "id"); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestTheSinkCountsAndEnds(t *testing.T) {
	s, err := openSink(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		response, err := http.Post(s.url, "application/json", strings.NewReader(`{"id":"evt_1"}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusNoContent {
			t.Errorf("answered %d", response.StatusCode)
		}
	}
	s.close()
	if n := s.received.Load(); n != 3 {
		t.Errorf("%d webhooks were counted, want 3", n)
	}
	if c, err := net.Dial("tcp", s.listener.Addr().String()); err == nil {
		_ = c.Close()
		t.Error("it still listens")
	}
}
