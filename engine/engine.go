// Package engine carries accepted refunds to their channels. It takes refunds
// over in memory from the intake and finds others by their due time, calls the
// channel under a lease, lets refund.Apply decide what the answer means and
// records it in group commits. Channels' notices take the same way.
//
// Every move is a step that a simulation may take alone: StepCall, StepRecord,
// StepLook and StepNotices. Run is the loops around them.
package engine

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
)

const (
	// Lease is how long a claim holds. It is longer than a call's deadline, so
	// that a call has ended before another process may take the refund over;
	// what is left is how long a refund may wait for its call.
	Lease = 45 * time.Second // at most refund.LongestLease
	// DefaultWorkers is how many calls are under way at once. A call waits for
	// its channel most of the time, so that there may be many; one account has a
	// third of them at most.
	DefaultWorkers = 1024
	// DefaultQueue bounds the refunds in memory, from their acceptance until
	// their outcome is recorded: more than a second of work, and little enough
	// to be called before their leases run out.
	DefaultQueue = 4096
	// lookShare is the part of the queue that is kept for refunds which are
	// found by their due time: under load, new ones must not starve them.
	lookShare = 8
	// PollInterval is how often due refunds and notices are looked for without
	// a hint. What this process knows to be due is looked for in time; the rest
	// is what other processes left, for which a second is soon. The look reads
	// a few rows of an index.
	PollInterval = time.Second
	// maxLooked bounds the refunds of one claiming commit, maxWords those of
	// one recording commit, maxNotices those of one look for notices.
	maxLooked  = 256
	maxWords   = 256
	maxNotices = 128
	// commitTimeout bounds one transaction, so that a database that hangs is
	// noticed before the leases are over.
	commitTimeout = 15 * time.Second
	// stopTimeout bounds how long Run waits for calls when it ends, and then
	// for their recording: a call's deadline and a little.
	stopTimeout = channel.CallTimeout + 5*time.Second
)

// Options of an engine. The zero value of each has a default.
type Options struct {
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default slog.Default()
	// Workers is how many calls may be under way at once; default DefaultWorkers.
	Workers int
	// Queue is how many refunds the engine holds; default DefaultQueue.
	Queue int
	// Notifiers are the connectors whose channels send notices.
	Notifiers []channel.Notifier
	// Turns are what replicas share of the limits of calls; nil where this process
	// is the only one, as on SQLite.
	Turns SharedTurns
	// Alert is called with what an operator should look at, after the log; may be nil.
	Alert func(refund.Alert)
	// Jitter gives what is added to a wait that Apply decided, so that many
	// refunds do not come back at once: at most a tenth of it counts. nil is none.
	Jitter func(wait time.Duration) time.Duration
	// Observe is called after each call to a channel, for metrics; may be nil.
	Observe func(Call)
	// Trace is called before each call to a channel about a refund, and what it
	// returns with the call's outcome after it; may be nil.
	Trace func(ctx context.Context, r refund.Refund, channel string, step refund.Step) (context.Context, func(refund.OutcomeKind))
	// Recorded is called after each commit that recorded outcomes: what it
	// changed left events, which somebody may be waiting to send. It must not
	// block; may be nil.
	Recorded func()
}

// Call is one call to a channel, for metrics.
type Call struct {
	Account string
	// Channel is the account's, "" where it could not be opened.
	Channel string
	Step    refund.Step
	Outcome refund.OutcomeKind
	Took    time.Duration
}

// Connectors returns a channel account with the connector that moves its money.
type Connectors func(ctx context.Context, account string) (channel.Opened, error)

// Engine implements intake.Engine.
type Engine struct {
	store     Store
	board     *intake.Board
	connector Connectors
	opts      Options

	mu       sync.Mutex
	used     int // refunds reserved for, queued, called and unrecorded
	lanes    map[refund.AccountKey]*lane
	owners   map[string]*owner // merchants
	ready    []*lane           // lanes with jobs, next first
	asks     []*lane           // lanes whose refunds in the database are to be looked at
	queued   int
	calling  int
	began    map[refund.Key]time.Time // calls that are under way
	calls    sync.WaitGroup
	pumping  bool // Run calls; else the steps do
	stopping bool
	throttle *time.Timer // pumps again when a rate limit allows
	words    []*word
	apart    []*word // failed alone, and are tried again later
	held     []*word // about refunds or charges that other transactions hold
	// recordUntil is when a stop no longer waits for words to be recorded.
	recordUntil time.Time
	failing     bool  // the database recorded nothing at the last try
	setAside    int64 // refunds that were set apart
	stuck       map[string]stuck
	agenda      agenda
	lastLook    time.Time // at the oldest of all
	idled       bool      // and it found nothing to do
	oldest      time.Time // due time of the oldest refund that it found, zero for none
	stamped     time.Time // the last decision's
	wanted      bool      // someone asked for a look
	// turn is the last account that had its turn. Only the look uses it.
	turn refund.AccountKey
	// expired is where the look for approvals whose time is over goes on.
	expired refund.Expiry
	// broken are the accounts that can't be opened, with the version that an
	// alert was raised for.
	broken map[string]int64
	pauses pauses

	recordBell, heldBell, lookBell, noticeBell, inboxBell, turnBell chan struct{}
}

var _ intake.Engine = (*Engine)(nil)

// New makes an engine that records to store and posts results to board.
func New(store Store, board *intake.Board, connector Connectors, opts Options) *Engine {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Workers <= 0 {
		opts.Workers = DefaultWorkers
	}
	if opts.Queue <= 0 {
		opts.Queue = DefaultQueue
	}
	e := &Engine{
		store: store, board: board, connector: connector, opts: opts,
		lanes: make(map[refund.AccountKey]*lane), owners: make(map[string]*owner), agenda: newAgenda(), broken: make(map[string]int64),
		began: make(map[refund.Key]time.Time), pauses: newPauses(), stuck: make(map[string]stuck),
		recordBell: make(chan struct{}, 1), heldBell: make(chan struct{}, 1), lookBell: make(chan struct{}, 1), noticeBell: make(chan struct{}, 1), inboxBell: make(chan struct{}, 1),
		turnBell: make(chan struct{}, 1),
	}
	for _, n := range opts.Notifiers {
		n.OnNotice(func() { ring(e.noticeBell) })
	}
	return e
}

// Lease is how long a claim holds.
func (e *Engine) Lease() time.Duration { return Lease }

// Wake has the engine look for due refunds and notices now, also those of accounts
// that did not answer: somebody may have mended one.
func (e *Engine) Wake() {
	now := e.now()
	e.mu.Lock()
	e.wanted = true
	e.pauses.asked = time.Time{}
	for _, l := range e.lanes {
		l.lookAfter = time.Time{}
		if l.breaker.open(now) {
			l.breaker.until = now
		}
	}
	e.mu.Unlock()
	ring(e.lookBell)
	ring(e.noticeBell)
}

// ClockMoved has what waits for a time look at the clock again: a simulation moved
// it.
func (e *Engine) ClockMoved() {
	e.mu.Lock()
	if e.pumping {
		e.pump()
	}
	e.mu.Unlock()
	for _, bell := range []chan struct{}{e.lookBell, e.noticeBell, e.recordBell, e.inboxBell, e.turnBell} {
		ring(bell)
	}
}

// Busy reports whether refunds are being claimed, are called, or wait in memory for
// their call or their record.
func (e *Engine) Busy() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.used > 0 || len(e.words)+len(e.apart) > 0
}

// Depth returns how many refunds wait for their call, are being called, and wait
// to be recorded.
func (e *Engine) Depth() (queued, calling, unrecorded int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.queued, e.calling, len(e.words) + len(e.apart) + len(e.held)
}

// now is the clock as the store keeps it.
func (e *Engine) now() time.Time { return e.opts.Now().UTC().Truncate(time.Microsecond) }

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
