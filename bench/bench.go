// Package bench puts a running service under load over HTTP and proves
// afterwards that not one cent is wrong. An open loop starts requests at a
// fixed rate, whatever the service does, and counts latency from the time at
// which a request should have left; a closed loop keeps a number of callers
// busy and finds the most that the service can do.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of one run: a mistyped flag must not load a machine for hours.
const (
	MaxDuration    = time.Hour
	MaxConcurrency = 4096
	MaxRate        = 200_000
	MaxCharges     = 100_000
	MaxQueue       = 1_000_000
	// maxRequests bounds what is kept of a run: ids and latencies.
	maxRequests = 20_000_000
	// requestTimeout is above the 20 s that a request may wait.
	requestTimeout = 30 * time.Second
	// restoreTimeout bounds what a run undoes at its end: pauses and endpoints.
	restoreTimeout = 10 * time.Second
)

// Mode is what a run measures.
type Mode string

// The modes.
const (
	// ModeRequests is requests for refunds, while all that follows runs behind.
	ModeRequests Mode = "requests"
	// ModeAccept is the same with the channel accounts paused: acceptance alone.
	ModeAccept Mode = "accept"
	// ModeLife is whole lives: requests, the channel's outcome, and a webhook that
	// arrives. A closed loop keeps Queue refunds under way.
	ModeLife Mode = "life"
	// ModeRetrieve reads one refund, ModeList the first page of a charge's.
	ModeRetrieve Mode = "retrieve"
	ModeList     Mode = "list"
)

// Modes are all of them.
func Modes() []Mode { return []Mode{ModeRequests, ModeAccept, ModeLife, ModeRetrieve, ModeList} }

// Options of a run. The zero value of each has a default.
type Options struct {
	// Target is the service's address, such as http://127.0.0.1:8080.
	Target string
	// Mode is what is measured; default ModeRequests.
	Mode Mode
	// Dialect is one of Dialects; default pingpp.
	Dialect string
	// Credentials are the merchant's. The native key is always needed: charges are
	// registered and counted with it. Key is used instead of the dialect's own.
	Credentials Credentials
	Key         string
	// Repeatable adds an idempotency key to each request of Ping++ and the native
	// API; the other dialects' requests have numbers.
	Repeatable bool
	// Rate is requests a second of an open loop; 0 is a closed loop.
	Rate int
	// Concurrency is how many requests may be under way; default 64.
	Concurrency int
	// Duration of the measured load; default 10 s. WarmUp comes before and is
	// not measured; default none.
	Duration, WarmUp time.Duration
	// Charges is how many are registered and refunded from; default 1000. 1 is
	// the case of one hot charge.
	Charges int
	// Queue is how many refunds may be under way in a closed loop of whole lives:
	// callers wait while so many webhooks have not come; default 4096.
	Queue int
	// Unsigned has Ping++ answers come without a signature, which is a setting of the
	// merchant; it is undone at the end.
	Unsigned bool
	// SkipCount leaves out the check of every refund at the end.
	SkipCount bool
	// Process is the service where it is a child of ours, whose memory is measured;
	// Cluster its PostgreSQL server's process, and Database the URL of its
	// PostgreSQL database, of which the log is measured. All may be left out.
	Process, Cluster int
	Database         string
	// Profile is called as soon as the measured load begins, for as long as it
	// takes; may be nil.
	Profile func(ctx context.Context, duration time.Duration)
	// Progress is called with what is going on; may be nil.
	Progress func(string)

	// charges are there already, where it is not empty.
	charges []charge
}

func (o Options) reads() bool { return o.Mode == ModeRetrieve || o.Mode == ModeList }

func (o Options) withDefaults() (Options, error) {
	setDefault(&o.Dialect, dialectPingPP)
	setDefault(&o.Mode, ModeRequests)
	setDefault(&o.Concurrency, 64)
	setDefault(&o.Duration, 10*time.Second)
	setDefault(&o.Charges, 1000)
	setDefault(&o.Queue, 4096)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	if o.Profile == nil {
		o.Profile = func(context.Context, time.Duration) {}
	}
	if err := o.check(); err != nil {
		return o, fmt.Errorf("bench: %w", err)
	}
	if o.Key == "" {
		key, err := o.Credentials.key(o.Dialect)
		if err != nil {
			return o, fmt.Errorf("bench: %w", err)
		}
		o.Key = key
	}
	return o, nil
}

func setDefault[T comparable](value *T, standard T) {
	var zero T
	if *value == zero {
		*value = standard
	}
}

// check finds values out of range.
func (o Options) check() error {
	switch {
	case o.Target == "":
		return errors.New("no target")
	case !slices.Contains(Dialects(), o.Dialect):
		return fmt.Errorf("dialect %q is none of %s", o.Dialect, strings.Join(Dialects(), ", "))
	case !slices.Contains(Modes(), o.Mode):
		return fmt.Errorf("mode %q is none of %v", o.Mode, Modes())
	case o.reads() && o.Dialect != dialectPingPP && o.Dialect != dialectNative:
		return fmt.Errorf("reads are measured through pingpp and native, not %s", o.Dialect)
	case o.Credentials.Native.Key == "":
		return errors.New("the credentials have no native key, which charges are registered and counted with")
	case o.Rate < 0 || o.Rate > MaxRate:
		return fmt.Errorf("the rate is from 0 to %d a second", MaxRate)
	case o.Concurrency < 1 || o.Concurrency > MaxConcurrency:
		return fmt.Errorf("the concurrency is from 1 to %d", MaxConcurrency)
	case o.Duration < 0 || o.WarmUp < 0 || o.Duration+o.WarmUp > MaxDuration:
		return fmt.Errorf("duration and warm-up are at most %s", MaxDuration)
	case o.Charges < 1 || o.Charges > MaxCharges:
		return fmt.Errorf("the charges are from 1 to %d", MaxCharges)
	case o.Queue < 1 || o.Queue > MaxQueue:
		return fmt.Errorf("the queue is from 1 to %d", MaxQueue)
	}
	return nil
}

// Micros is a time in microseconds.
type Micros int64

func (m Micros) String() string { return (time.Duration(m) * time.Microsecond).String() }

// Run prepares charges, puts the service under load, and counts. The error is
// of the run itself; what it found wrong is in Report.Count.
func Run(ctx context.Context, opts Options) (_ Report, err error) {
	opts, err = opts.withDefaults()
	if err != nil {
		return Report{}, err
	}
	r, err := newRun(opts)
	if err != nil {
		return Report{}, fmt.Errorf("bench: %w", err)
	}
	defer r.close()
	restore, err := r.prepare(ctx)
	defer func() {
		// Also after Ctrl-C: the service must be left as it was.
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
		defer cancel()
		for _, undo := range restore {
			if undoing := undo(ending); err == nil && undoing != nil {
				err = fmt.Errorf("bench: %w", undoing)
			}
		}
	}()
	if err != nil {
		return Report{}, fmt.Errorf("bench: %w", err)
	}
	report, err := r.measure(ctx)
	if err != nil {
		return report, fmt.Errorf("bench: %w", err)
	}
	if opts.SkipCount || opts.reads() {
		return report, nil
	}
	opts.Progress("counting every cent")
	if report.Count, err = r.count(ctx); err != nil {
		return report, fmt.Errorf("bench: count: %w", err)
	}
	return report, nil
}

// run is a run at work.
type run struct {
	opts    Options
	client  *http.Client // for what is not measured
	conns   []*conn      // one for each caller
	host    string
	speaker speaker
	sink    *sink // nil: webhooks are not received
	charges []charge
	signed  [][]byte // requests that were written beforehand
	reads   [][]byte

	begun    time.Time
	stamp    string // what the run's numbers begin with
	sent     atomic.Int64
	accepted atomic.Int64
	made     []sample // all that were sent
	known    map[string]bool
}

func newRun(opts Options) (*run, error) {
	r := &run{opts: opts, client: &http.Client{Transport: &http.Transport{}, Timeout: 10 * requestTimeout}, charges: opts.charges}
	var err error
	if r.speaker, err = opts.speak(); err != nil {
		return nil, err
	}
	for range opts.Concurrency {
		c, err := newConn(opts.Target)
		if err != nil {
			return nil, err
		}
		r.conns, r.host = append(r.conns, c), c.address
	}
	return r, nil
}

func (r *run) close() {
	for _, c := range r.conns {
		c.close()
	}
	r.client.CloseIdleConnections()
	if r.sink != nil {
		r.sink.close()
	}
}

// prepare brings the service into the state that is measured; undo, in its order,
// brings it back.
func (r *run) prepare(ctx context.Context) (undo []func(context.Context) error, err error) {
	r.stamp, r.begun = fmt.Sprintf("B%d", time.Now().UnixMicro()), time.Now()
	if len(r.charges) == 0 {
		r.opts.Progress(fmt.Sprintf("registering %d charges", r.opts.Charges))
		if err := r.register(ctx); err != nil {
			return nil, fmt.Errorf("register charges: %w", err)
		}
	}
	if r.opts.Unsigned {
		if err := r.signAnswers(ctx, false); err != nil {
			return nil, err
		}
		undo = append(undo, func(ctx context.Context) error { return r.signAnswers(ctx, true) })
	}
	switch {
	case r.opts.Mode == ModeAccept:
		resume, err := r.pause(ctx)
		undo = append(undo, resume)
		if err != nil {
			return undo, fmt.Errorf("pause the channel accounts: %w", err)
		}
	case r.opts.Mode == ModeLife:
		if r.sink, err = openSink(ctx); err != nil {
			return undo, err
		}
		leave, err := r.subscribe(ctx)
		if err != nil {
			return undo, fmt.Errorf("subscribe to webhooks: %w", err)
		}
		undo = append(undo, leave)
	case r.opts.reads():
		r.opts.Progress(fmt.Sprintf("making %d refunds to read", readRefunds))
		return undo, r.fillReads(ctx)
	}
	if r.opts.Dialect == dialectWeChat {
		count := int((r.opts.WarmUp+r.opts.Duration).Seconds()*signedRate) + r.opts.Concurrency
		r.opts.Progress(fmt.Sprintf("signing %d requests", count))
		return undo, r.sign(ctx, count)
	}
	return undo, nil
}

// signedRate is how many requests a second are signed beforehand: more than a
// service on few cores answers, whose answers are signed too. A load that has
// used them up ends, and what is measured is the time that it took.
const signedRate = 1500

// fillQueue brings whole lives into their steady state: until the callers wait for
// room, or the service ends as many as it accepts.
func (r *run) fillQueue(ctx context.Context) {
	const most = 20 // seconds
	for n, before := 0, int64(-r.opts.Queue); n < most && ctx.Err() == nil; n++ {
		queue := r.queue()
		if full := int64(r.opts.Queue); queue >= full*9/10 || queue-before < full/growth {
			return
		}
		before = queue
		r.made = append(r.made, r.load(ctx, time.Second, maxRequests)...)
	}
}

// measure warms up and puts the load on.
func (r *run) measure(ctx context.Context) (Report, error) {
	if r.opts.WarmUp > 0 {
		r.opts.Progress(fmt.Sprintf("warming up for %s", r.opts.WarmUp))
		r.made = append(r.made, r.load(ctx, r.opts.WarmUp, maxRequests)...)
	}
	if r.opts.Mode == ModeLife && r.opts.Rate == 0 {
		r.fillQueue(ctx)
	}
	r.opts.Progress(fmt.Sprintf("load for %s", r.opts.Duration))
	var profiling sync.WaitGroup
	profiling.Go(func() { r.opts.Profile(ctx, r.opts.Duration) })
	before, err := r.gauge(ctx)
	if err != nil {
		return Report{}, err
	}
	samples := r.load(ctx, r.opts.Duration, maxRequests)
	after, err := r.gauge(ctx)
	profiling.Wait()
	r.made = append(r.made, samples...)
	if err = errors.Join(ctx.Err(), err); err != nil {
		return Report{}, err
	}
	return r.report(samples, before, after), nil
}
