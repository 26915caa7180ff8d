package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/refundry/refundry/telemetry"
)

// HeaderRequestID is the header by which people quote a request; dialects set
// it, and where none did, the server does.
const HeaderRequestID = "Request-Id"

// maxPath bounds what the log takes of an address, in bytes.
const maxPath = 256

// middleware is around everything that is served.
func middleware(next http.Handler, opts Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		r = r.WithContext(telemetry.WithCaller(r.Context(), opts.NewID))
		var span *telemetry.Span
		if opts.Tracer != nil && !quiet(r.URL.Path) {
			r, span = opts.Tracer.Request(r)
		}
		a := &answer{ResponseWriter: w, request: r.Context()}
		defer func() {
			problem := recover()
			if problem != nil {
				a.panicked(problem, r, opts.Log)
			}
			took, route := time.Since(began), telemetry.RouteOf(r.Context(), r.Pattern)
			if opts.Observe != nil {
				opts.Observe(route, r.Method, a.status(), took)
			}
			span.Answered(r.Method, route, a.status(), telemetry.RequestID(r.Context()))
			log(opts.Log, a, r, took)
			if problem != nil && a.begun() && !a.whole {
				// The answer broke off, or there must be none: the caller must
				// not take it for whole.
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(a, r)
	})
}

// quiet reports whether only machines ask for an address, every few seconds.
func quiet(path string) bool { return path == "/healthz" || path == "/readyz" || path == "/metrics" }

// log writes the access log: no query, no header and no body, because keys and
// what people bought stand there.
func log(to *slog.Logger, a *answer, r *http.Request, took time.Duration) {
	level := slog.LevelInfo
	if quiet(r.URL.Path) {
		level = slog.LevelDebug
	}
	handler := to.Handler()
	if !handler.Enabled(r.Context(), level) {
		return
	}
	path := r.URL.EscapedPath()
	if len(path) > maxPath {
		path = path[:maxPath] + "..."
	}
	// Without the logger, which would look up the line of code that calls it.
	line := slog.NewRecord(time.Now(), level, "request", 0)
	line.AddAttrs(
		slog.String("method", r.Method), slog.String("path", path), slog.Int("status", a.status()),
		slog.Int64("bytes", a.bytes), slog.Duration("took", took.Round(time.Microsecond)),
		slog.String("request_id", cmp.Or(a.requestID(), telemetry.RequestID(r.Context()))), slog.String("remote", r.RemoteAddr))
	_ = handler.Handle(r.Context(), line) // as the logger: where the log can't be written, nobody can be told
}

// answer notes what was answered.
type answer struct {
	http.ResponseWriter
	request context.Context
	code    int // 0 until the header is written
	bytes   int64
	// id is the answer's id, "" until the header is written.
	id string
	// whole says that a panic was answered with a complete 500.
	whole bool
	// aborted says that the handler wants no answer at all.
	aborted bool
}

// requestID is the id that an answer bears. One dialect's documents write the
// header's name in letters that Header.Get does not look for.
func requestID(h http.Header) string {
	for name, values := range h {
		if strings.EqualFold(name, HeaderRequestID) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

// requestID is the id of the answer's header, also where that is not written.
func (a *answer) requestID() string {
	if a.id != "" {
		return a.id
	}
	return requestID(a.Header())
}

func (a *answer) begun() bool { return a.code != 0 || a.aborted }

func (a *answer) status() int {
	switch {
	case a.code != 0:
		return a.code
	case a.aborted:
		return 0
	}
	return http.StatusOK
}

// WriteHeader notes the status, and gives the request an id if it has none.
func (a *answer) WriteHeader(code int) {
	if a.code == 0 && code >= http.StatusOK {
		a.code = code
		if a.id = requestID(a.Header()); a.id == "" {
			if a.id = telemetry.RequestID(a.request); a.id != "" {
				a.Header().Set(HeaderRequestID, a.id)
			}
		}
	}
	a.ResponseWriter.WriteHeader(code)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.code == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// panicked is the last resort: dialects answer a panic in their own form, so
// only what is outside of them comes here. http.ErrAbortHandler is no fault
// but the wish to close the connection without an answer.
func (a *answer) panicked(problem any, r *http.Request, to *slog.Logger) {
	if err, ok := problem.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		a.aborted = true
		return
	}
	to.ErrorContext(r.Context(), "handler panicked", "method", r.Method, "route", r.Pattern, "panic", problem, "stack", string(debug.Stack()))
	if !a.begun() {
		http.Error(a, "internal error", http.StatusInternalServerError)
		a.whole = true
	}
}
