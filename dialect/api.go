package dialect

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/telemetry"
)

// API serves a dialect over HTTP. It is the same for all of them: it finds the
// route of a request, and answers whatever goes wrong in the dialect's own
// form, a panic too. C is what the dialect keeps of a call, R its kind of
// route, which embeds Route.
//
// A request passes Open, Before, the search for its route, Admit and Handle.
// The first error ends it and goes to Fail.
type API[C any, R Addressed] struct {
	// Dialect is the dialect's name, for the log.
	Dialect string
	// Roots are where the API lives: each is served with everything below it,
	// so that unknown addresses are answered in the dialect's form too. No root
	// ends in a slash.
	Roots []string
	// Routes are the calls, those with fixed segments before those with {x}.
	Routes []R
	// Path is the part of a request's escaped path that is looked up in Routes;
	// nil is all of it.
	Path func(escaped string) string
	// NoEmpty says that {x} stands for no empty segment: an address with one is
	// unknown.
	NoEmpty bool
	// NoMethods says that the API knows no wrong method: an address is unknown
	// to all methods but its own, HEAD included.
	NoMethods bool
	// Missing is the error for an address that is unknown (allowed is nil) or
	// takes only the methods that are allowed; nil is plain words.
	Missing func(method string, allowed []string) *refund.Error
	// CallerHeaders decide who calls. A request that has one of them twice is
	// KindUnauthenticated: a proxy may look at another one than this program.
	CallerHeaders []string
	// RequestPrefix begins the ids of requests.
	RequestPrefix string

	// Open makes the dialect's call and sets the headers that every answer has.
	Open func(*Exchange) C
	// Before comes before the search for the route; nil is nothing.
	Before func(C) error
	// Admit comes after it: may the caller do that? nil is yes.
	Admit func(C, R) error
	// Handle does what the route is for and answers. From here on a call by any
	// method but GET and HEAD may have been done; see Exchange.Lost.
	Handle func(C, R) error
	// Fail answers an error. For KindUnknownOutcome it says "unknown, query or
	// repeat the same", or panics with http.ErrAbortHandler in a dialect that has
	// no such answer: then the connection is closed.
	Fail func(C, error)

	Now func() time.Time
	Log *slog.Logger

	// segments are those of each route's path.
	split    sync.Once
	segments [][]string
}

// Register adds the roots to a mux. The routes are matched here and not by the
// mux, whose answers for unknown addresses and methods are plain text. Each
// root is there with and without a slash: the mux would redirect the bare one,
// which a signed call can't follow.
func (a *API[C, R]) Register(mux *http.ServeMux) {
	for _, root := range a.Roots {
		mux.Handle(root, a)
		mux.Handle(root+"/", a)
	}
}

// ServeHTTP answers one request.
func (a *API[C, R]) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	noted := &response{ResponseWriter: w}
	ctx, commits := refund.CountCommits(r.Context())
	r = r.WithContext(withRemote(ctx, r))
	x := &Exchange{W: noted, R: r, RequestID: a.RequestPrefix + refund.NewID(a.Now()), commits: commits}
	telemetry.NoteRequest(ctx, x.RequestID)
	c := a.Open(x)
	defer func() {
		if problem := recover(); problem != nil {
			a.panicked(x, c, problem, noted.began)
		}
	}()
	err := a.run(x, c)
	switch {
	case err == nil:
	case noted.began: // nothing can be taken back
		a.Log.ErrorContext(r.Context(), "answer broke off", "dialect", a.Dialect, "request_id", x.RequestID, "error", err)
		panic(http.ErrAbortHandler)
	default:
		a.Fail(c, x.sure(err))
	}
}

func (a *API[C, R]) run(x *Exchange, c C) error {
	for _, name := range a.CallerHeaders {
		if len(x.R.Header.Values(name)) > 1 {
			return refund.Errorf(refund.KindUnauthenticated, name, "%s stands twice", name)
		}
	}
	if a.Before != nil {
		if err := a.Before(c); err != nil {
			return err
		}
	}
	found, missing := a.find(x)
	if missing != nil {
		return missing
	}
	if a.Admit != nil {
		if err := a.Admit(c, found); err != nil {
			return err
		}
	}
	x.mayBeDone = found.Address().Method != http.MethodGet
	return a.Handle(c, found)
}

// panicked answers a panic: as an internal error before anything can have been
// done, else as an outcome that nobody knows. Where an answer is under way
// already, or can't be made, the connection is closed: a client must not take
// half an answer for a whole one, nor an error for "nothing was accepted".
func (a *API[C, R]) panicked(x *Exchange, c C, problem any, began bool) {
	if err, ok := problem.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(http.ErrAbortHandler)
	}
	a.log(x, problem)
	if began {
		panic(http.ErrAbortHandler)
	}
	defer func() {
		if again := recover(); again != nil {
			if err, ok := again.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				a.log(x, again)
			}
			panic(http.ErrAbortHandler)
		}
	}()
	a.Fail(c, x.Lost(fmt.Errorf("panic: %v", problem), "answer the request"))
}

func (a *API[C, R]) log(x *Exchange, problem any) {
	a.Log.ErrorContext(x.R.Context(), "handler panicked",
		"dialect", a.Dialect, "request_id", x.RequestID, "panic", fmt.Sprint(problem), "stack", string(debug.Stack()))
}
