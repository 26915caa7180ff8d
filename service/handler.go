package service

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"

	"github.com/refundry/refundry/console"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/docsite"
)

// routes mounts every dialect and the addresses for machines on one mux.
func (s *Service) routes(dialects []dialect.Dialect) http.Handler {
	mux := http.NewServeMux()
	for _, d := range dialects {
		d.Register(mux)
	}
	mux.HandleFunc("/notify/{channel}/{account}", s.notify)
	// Not every process shows these to people, and reading them takes memory and time.
	pages := sync.OnceValue(func() *console.Console { return console.New(s.consoleServices()) })
	mux.HandleFunc("/console/", func(w http.ResponseWriter, r *http.Request) { pages().ServeHTTP(w, r) })
	docs := sync.OnceValue(docsite.New)
	mux.HandleFunc(docsite.Prefix, func(w http.ResponseWriter, r *http.Request) { docs().ServeHTTP(w, r) })
	mux.HandleFunc("GET /healthz", healthy)
	mux.HandleFunc("GET /readyz", s.readiness)
	mux.Handle("GET /metrics", s.opts.Metrics.Handler())
	return asSent(mux)
}

// asSent hands addresses such as /v1//refunds, which a client makes of an empty
// id, to the dialect that they belong to. The mux alone would redirect them to
// another address, in HTML, which no client of ours expects and no signature
// covers.
func asSent(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clean := path.Clean("/" + r.URL.Path)
		if strings.TrimSuffix(r.URL.Path, "/") == strings.TrimSuffix(clean, "/") {
			mux.ServeHTTP(w, r)
			return
		}
		// Who takes everything below a prefix finds the address by itself. With a
		// slash, so that what comes down to a prefix alone (/v1//, /v1/x/..) is
		// found as well, and not the mux's own redirect to it.
		probe := &http.Request{Method: r.Method, Host: r.Host, URL: &url.URL{Path: strings.TrimSuffix(clean, "/") + "/"}}
		handler, pattern := mux.Handler(probe)
		if !strings.HasSuffix(pattern, "/") {
			handler = mux
		}
		handler.ServeHTTP(w, r)
	})
}

// healthy answers as long as the process does: a supervisor restarts it when
// it does not. A database that is away is no reason to.
func healthy(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK, "ok\n")
}

// readiness tells load balancers whether requests may come here.
func (s *Service) readiness(w http.ResponseWriter, _ *http.Request) {
	err := s.Ready()
	switch {
	case errors.Is(err, errOutage), errors.Is(err, errStopping):
		// It has its own line in the log.
	case err != nil && !s.unready.Swap(true):
		s.opts.Log.Warn("not ready", "error", err)
	case err == nil && s.unready.Swap(false):
		s.opts.Log.Warn("ready again")
	}
	if err != nil {
		plain(w, http.StatusServiceUnavailable, "not ready\n")
		return
	}
	plain(w, http.StatusOK, "ready\n")
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}
