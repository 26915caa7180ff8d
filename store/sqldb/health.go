package sqldb

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"
)

// ErrUnavailable says that the database could not be used: it does not answer,
// has no room or is read-only. A transaction that ended so was rolled back.
var ErrUnavailable = errors.New("the database can't be used")

func unavailable(err error) error {
	if err == nil || errors.Is(err, ErrUnavailable) {
		return err
	}
	return &unavailableError{err}
}

// unavailableError is ErrUnavailable with the engine's own words.
type unavailableError struct{ cause error }

func (e *unavailableError) Error() string        { return e.cause.Error() }
func (e *unavailableError) Unwrap() error        { return e.cause }
func (e *unavailableError) Is(target error) bool { return target == ErrUnavailable }

const (
	// firstProbe and maxProbe are the pauses between probes while the database
	// can't be used: a moment's outage is over at once, and a server that comes
	// up is not hammered.
	firstProbe = 100 * time.Millisecond
	maxProbe   = 2 * time.Second
	// maxRelapse bounds the pause before the first probe where one outage follows
	// another within relapse, as on a disk that is nearly full: the log must not
	// fill with its coming and going.
	maxRelapse = time.Minute
	relapse    = time.Minute
	// probeTimeout bounds one probe.
	probeTimeout = 10 * time.Second
)

// health is whether the database can be used. What fails takes it down; only a
// probe, which reads and writes, brings it back, so that reads which succeed on
// a full disk don't.
type health struct {
	mu    sync.Mutex
	cause error // nil: it can be used
	since time.Time
	// era counts the times that it came back. What began in an earlier one, such
	// as on a connection that broke then, says nothing about this one.
	era     int64
	watched bool // Watch runs, and tells of it
	bell    chan struct{}
	down    func() // called when it goes down
}

func newHealth() *health { return &health{bell: make(chan struct{}, 1), down: func() {}} }

func (h *health) now() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.era
}

// note takes the result of what began in an era.
func (h *health) note(era int64, err error) {
	if err == nil || !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrCommitUnknown) {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cause != nil || era != h.era || !h.watched {
		return
	}
	h.cause, h.since = err, time.Now()
	h.down()
	select {
	case h.bell <- struct{}{}:
	default:
	}
}

func (h *health) back() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cause = nil
	h.era++
	return time.Since(h.since)
}

// Down returns why the database can't be used, nil while it can. It is known only
// while Watch runs.
func (db *DB) Down() error {
	db.health.mu.Lock()
	defer db.health.mu.Unlock()
	return db.health.cause
}

// Probe is a transaction that shows that the database can be used.
type Probe func(context.Context, Querier) error

// Watch finds out when a database that could not be used can be used again, and
// logs both, each once, until ctx ends. A probe runs each of probes in a
// transaction of its own; they write as much as a busy moment does.
func (db *DB) Watch(ctx context.Context, log *slog.Logger, probes ...Probe) {
	h := db.health
	h.mu.Lock()
	h.watched = true
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		h.watched, h.cause = false, nil
		h.mu.Unlock()
	}()
	first, ended := firstProbe, time.Time{}
	for {
		select {
		case <-h.bell:
		case <-ctx.Done():
			return
		}
		log.ErrorContext(ctx, "the database can't be used: requests are answered with \"try again\", and nothing is sent until it is back (hint: is it running, writable, and has its disk room?)",
			"error", db.Down())
		if first = min(2*first, maxRelapse); time.Since(ended) > relapse {
			first = firstProbe
		}
		if !db.probeUntilBack(ctx, first, probes) {
			return
		}
		ended = time.Now()
		log.WarnContext(ctx, "the database is back", "after", h.back().Round(time.Millisecond))
	}
}

// probeUntilBack returns false where ctx ended first.
func (db *DB) probeUntilBack(ctx context.Context, first time.Duration, probes []Probe) bool {
	for pause := first; ; pause = max(min(2*pause, maxProbe), first) {
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		if db.probe(ctx, probes) == nil {
			return true
		}
	}
}

func (db *DB) probe(ctx context.Context, probes []Probe) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	for _, probe := range probes {
		if err := db.engine.write(ctx, func(q Querier) error { return probe(ctx, q) }); err != nil {
			return err
		}
	}
	return nil
}
