package service

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

// badLine is the line between a shop and the platform that its channel account
// leads to: it spoils calls.
type badLine struct {
	mu       sync.Mutex
	platform http.Handler
	// forge breaks an answer's signature in its place, where answers have one.
	forge func(header http.Header, body []byte)
	// sends reports whether a request is a submit; nil is by POST.
	sends func(*http.Request) bool
	// submits and queries are the faults of the next calls, in order.
	submits, queries []string
	// late is a submit that was held back.
	late *http.Request
}

// deliver lets a submit through that was held back, and returns its answer's status.
func (l *badLine) deliver() int {
	answer := httptest.NewRecorder()
	l.platform.ServeHTTP(answer, l.late)
	return answer.Code
}

// spoil sets the faults of the next calls.
func (l *badLine) spoil(submits, queries []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.submits, l.queries = submits, queries
}

func (l *badLine) next(r *http.Request) (fault string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	submit := r.Method == http.MethodPost
	if l.sends != nil {
		submit = l.sends(r)
	}
	faults := &l.queries
	switch {
	case submit:
		faults = &l.submits
	case len(l.submits) > 0:
		return "" // a connector asks before it submits: what is asked then is not meant
	}
	if len(*faults) > 0 {
		fault, *faults = (*faults)[0], (*faults)[1:]
	}
	return fault
}

func (l *badLine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := l.next(r)
	if fault == "late" {
		body, _ := io.ReadAll(r.Body)
		l.late = r.Clone(context.WithoutCancel(r.Context()))
		l.late.Body = io.NopCloser(bytes.NewReader(body))
	}
	if fault == "drop before" || fault == "late" {
		panic(http.ErrAbortHandler)
	}
	answer := httptest.NewRecorder()
	l.platform.ServeHTTP(answer, r)
	body := answer.Body.Bytes()
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	switch status, err := strconv.Atoi(fault); {
	case fault == "drop after":
		panic(http.ErrAbortHandler)
	case fault == "half":
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case fault == "wrong signature":
		l.forge(w.Header(), body)
		w.WriteHeader(answer.Code)
	case err == nil:
		w.WriteHeader(status)
	default:
		w.WriteHeader(answer.Code)
	}
	_, _ = w.Write(body)
}

// hurriedClock runs ahead whenever the engine has nothing to do. Not while a refund is
// claimed: on a busy machine its lease would end before the call, and again. Where the
// refund is due much later, half of the wait is passed at once.
type hurriedClock struct{ ahead atomic.Int64 }

func (c *hurriedClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// hurry waits for a refund's state while the clock runs ahead.
func (c *hurriedClock) hurry(t *testing.T, s *Service, merchantID, id string, want refund.State) refund.Refund {
	t.Helper()
	for end := time.Now().Add(patience); ; runtime.Gosched() {
		r, err := s.Store.Refund(t.Context(), merchantID, id)
		switch queued, calling, unrecorded := s.engine.Depth(); {
		case err != nil:
			t.Fatal(err)
		case r.State == want:
			return r
		case time.Now().After(end):
			attempts, _ := s.Store.Attempts(t.Context(), merchantID, id)
			t.Fatalf("the refund is %s, want %s; attempts %+v", r.State, want, attempts)
		case queued+calling+unrecorded == 0 && !r.LeaseUntil.After(c.now()):
			c.ahead.Add(int64(max(2*time.Second, r.DueAt.Sub(c.now())/2)))
			s.engine.Wake()
		}
	}
}

// lossy are faults of submits and queries: each fault by itself, and behind a
// submit that was lost before or after the money moved.
func lossy(faults ...string) map[string][2][]string {
	cases := map[string][2][]string{"submits: twice drop before": {{"drop before", "drop before"}, nil}}
	for _, fault := range faults {
		cases["submit: "+fault] = [2][]string{{fault}, nil}
		for _, lost := range []string{"drop before", "drop after"} {
			cases["submit: "+lost+", query: "+fault] = [2][]string{{lost}, {fault}}
		}
	}
	return cases
}

// happened fails unless all faults have.
func (l *badLine) happened(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.submits) > 0 || len(l.queries) > 0 {
		t.Errorf("the faults did not happen: %v, %v", l.submits, l.queries)
	}
}
