package server

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for; nothing comes near it.
const patience = 3 * time.Minute

// running is a server in this process.
type running struct {
	url  string
	log  *logged
	stop func() error
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func start(t *testing.T, handler http.Handler, opts Options) *running {
	t.Helper()
	r := &running{log: &logged{}}
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	opts.Address = "127.0.0.1:0"
	opts.Ready = func(url string) { ready <- url }
	opts.Log = slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	go func() { ended <- Run(ctx, handler, opts) }()
	select {
	case r.url = <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	r.stop = sync.OnceValue(func() error {
		cancel()
		return <-ended
	})
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func get(t *testing.T, url string) (status int, header http.Header) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode, response.Header
}

func TestEveryRequestIsCountedLoggedAndHasAnID(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /things/{id}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(HeaderRequestID, "iar_mine")
		_, _ = io.WriteString(w, "fine")
	})
	counted := make(chan string, 10)
	s := start(t, mux, Options{
		NewID: func() string { return "iar_servers" },
		Observe: func(route, method string, status int, _ time.Duration) {
			counted <- fmt.Sprint(route, "|", method, "|", status)
		},
	})
	_, header := get(t, s.url+"/things/7?key=sk_secret")
	if id := header.Get(HeaderRequestID); id != "iar_mine" {
		t.Errorf("the handler's request id became %q", id)
	}
	if got := <-counted; got != "GET /things/{id}|GET|200" {
		t.Errorf("counted %s", got)
	}
	_, header = get(t, s.url+"/nowhere")
	if id := header.Get(HeaderRequestID); id != "iar_servers" {
		t.Errorf("a request without an id got %q", id)
	}
	if got := <-counted; got != "|GET|404" {
		t.Errorf("counted %s", got)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if text := s.log.String(); !strings.Contains(text, "path=/things/7 status=200") || strings.Contains(text, "sk_secret") {
		t.Errorf("the log lacks the request or tells its query:\n%s", text)
	}
}

func TestARequestThatIsNotCompleteInTimeIsEnded(t *testing.T) {
	for name, sent := range map[string]string{
		"a header without its end": "POST / HTTP/1.1\r\nHost: x\r\n",
		"a body without its end":   "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf",
	} {
		t.Run(name, func(t *testing.T) {
			problems := make(chan error, 1)
			s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.ReadAll(r.Body)
				problems <- err
				w.WriteHeader(http.StatusBadRequest)
			}), Options{ReadTimeout: 50 * time.Millisecond})
			conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(conn, sent); err != nil {
				t.Fatal(err)
			}
			// The server ends the connection, with or without an answer.
			if _, err := io.ReadAll(conn); err != nil {
				t.Fatalf("the connection was not ended: %v", err)
			}
			if strings.Contains(sent, "half") {
				if err := <-problems; err == nil {
					t.Error("the handler took half a body for a whole one")
				}
			}
		})
	}
}

func TestARequestMayWaitLongerThanItsReadingMayTake(t *testing.T) {
	const reading = 50 * time.Millisecond
	for name, body := range map[string]io.Reader{"with a body": strings.NewReader("body"), "without a body": nil} {
		t.Run(name, func(t *testing.T) {
			s := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				select {
				case <-r.Context().Done():
					w.WriteHeader(http.StatusInternalServerError)
				case <-time.After(4 * reading):
				}
			}), Options{ReadTimeout: reading})
			response, err := http.Post(s.url, "text/plain", body)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != http.StatusOK {
				t.Error("the limit of reading ended a request that was waiting")
			}
		})
	}
}

func TestAPanicIsA500AndTheServerGoesOn(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/panic", func(http.ResponseWriter, *http.Request) { panic("broken") })
	mux.HandleFunc("/late", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
		panic("broken")
	})
	mux.HandleFunc("/abort", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/fine", func(http.ResponseWriter, *http.Request) {})
	s := start(t, mux, Options{})
	if status, _ := get(t, s.url+"/panic"); status != http.StatusInternalServerError {
		t.Errorf("a panic is answered %d", status)
	}
	for _, path := range []string{"/late", "/abort"} {
		// A POST: the client sends a GET again by itself.
		response, err := http.Post(s.url+path, "text/plain", nil)
		if err == nil {
			_, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: an answer that broke off looks whole", path)
		}
	}
	if status, _ := get(t, s.url+"/fine"); status != http.StatusOK {
		t.Error("the server did not go on")
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(s.log.String(), "handler panicked"); n != 2 {
		t.Errorf("%d panics are logged, want 2: closing without an answer is none", n)
	}
}

func TestAStopAnswersWhatIsUnderWay(t *testing.T) {
	began, finish := make(chan struct{}), make(chan struct{})
	s := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(began)
		<-finish
		_, _ = io.WriteString(w, "done")
	}), Options{})
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	<-began
	stopped := make(chan error, 1)
	go func() { stopped <- s.stop() }()
	until(t, "new connections are refused", func() bool {
		other, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	})
	close(finish)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if text, _ := io.ReadAll(response.Body); string(text) != "done" {
		t.Errorf("answered %q", text)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestAStopCutsOffWhatDoesNotEnd(t *testing.T) {
	began := make(chan struct{})
	s := start(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	}), Options{StopTimeout: 20 * time.Millisecond})
	failed := make(chan error, 1)
	go func() {
		response, err := http.Get(s.url)
		if err == nil {
			_ = response.Body.Close()
		}
		failed <- err
	}()
	<-began
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if err := <-failed; err == nil {
		t.Error("a request that was cut off looks answered")
	}
	if !strings.Contains(s.log.String(), "cutting off") {
		t.Error("nothing says that a request was cut off")
	}
}

func TestAnAddressInUseIsOneClearError(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	err = Run(t.Context(), http.NotFoundHandler(), Options{Address: taken.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), "hint") {
		t.Errorf("got %v", err)
	}
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("still not: %s", what)
		}
		<-time.After(time.Millisecond)
	}
}
