package webhook

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

const (
	// sendTimeout bounds one try, answer and all: receivers are asked to
	// answer first and work later.
	sendTimeout = 10 * time.Second
	// lease is how long a claim holds. It covers the longest wait for a host
	// (maxPerHost waiting, defaultPerHost at a time, each sendTimeout: 40 s),
	// the try, and a margin for recording it. What waits longer, because its
	// merchant has used up its share of the workers, is due again.
	lease = 60 * time.Second
	// defaultWorkers is how many tries are under way at once: they mostly
	// wait for others, and a dozen slow hosts must not hold up the rest.
	defaultWorkers = 96
	// defaultPerHost is how many of them one merchant has at one host; those whose
	// try has ended and is being recorded are not among them.
	defaultPerHost = 8
	// claimAtOnce is the most deliveries of one claim.
	claimAtOnce = 128
	// poll is how often the database is looked at without being told to; a
	// retry is late by up to this much.
	poll = time.Second
	// gather is waited after a wake before the fan-out, and between two commits that
	// record tries: what came in the meantime goes with it, so that a busy service
	// commits fewer times.
	gather = 10 * time.Millisecond
	// saveTimeout bounds the commit that records tries.
	saveTimeout = 20 * time.Second
)

// Options of a sender. The zero value of each has a default.
type Options struct {
	Now     func() time.Time       // default time.Now
	NewID   func(time.Time) string // default refund.NewID
	Log     *slog.Logger           // default slog.Default()
	Workers int                    // tries under way at once; default 96
	PerHost int                    // of them by one merchant to one host; default 8
	// Plain calls what a PlainGuarder's addresses by plain http are
	// (egress.PlainClient); default the sender's client.
	Plain *http.Client
	// Observe is called with each try when it is over; may be nil.
	Observe func(merchant.DeliveryAttempt)
	// Trace is called before each try, and what it returns after it; Inject adds the
	// trace of ctx to the headers of the request, which are signed already. Both may
	// be nil.
	Trace  func(ctx context.Context, d merchant.Delivery) (context.Context, func(merchant.DeliveryAttempt))
	Inject func(ctx context.Context, header http.Header)
}

// Sender notifies merchants. StepFanOut, StepMake and StepSend do one step
// each; Run calls them, with many tries at once.
type Sender struct {
	store     Store
	renderers map[string]Renderer
	// addressers are those of them that have addresses, by the dialects' names.
	addressers []Addresser
	client     *http.Client
	plain      *http.Client // for addresses of a PlainGuarder
	opts       Options
	queue      *queue
	breakers   *breakers
	group      *batch.Group[merchant.DeliveryAttempt, struct{}]
	bell       chan struct{}
	// behind says that the database holds deliveries that are due and were
	// not taken into memory for lack of room.
	behind atomic.Bool

	// Only the goroutine that plans uses what follows.

	turn   string    // the merchant whose events were taken over last
	due    string    // the merchant whose due deliveries were taken last
	pauses backoff   // merchants whose fan-out failed
	unread backoff   // merchants of which a dialect could not read what it must know
	unmade time.Time // the last look for deliveries that could not be made
}

// New makes a sender. renderers are by dialect. client must refuse addresses
// that merchants may not reach (egress.Client); redirects are not followed
// whatever it does about them.
func New(store Store, renderers map[string]Renderer, client *http.Client, opts Options) *Sender {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.NewID == nil {
		opts.NewID = refund.NewID
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Workers <= 0 {
		opts.Workers = defaultWorkers
	}
	if opts.PerHost <= 0 {
		opts.PerHost = defaultPerHost
	}
	if opts.Plain == nil {
		opts.Plain = client
	}
	s := &Sender{
		store: store, renderers: renderers, client: unredirected(client), plain: unredirected(opts.Plain), opts: opts, queue: newQueue(opts.PerHost, opts.Workers), breakers: newBreakers(),
		bell: make(chan struct{}, 1), pauses: newBackoff(maxFanOutPause), unread: newBackoff(maxMakePause),
	}
	for _, name := range slices.Sorted(maps.Keys(renderers)) {
		if addresser, ok := renderers[name].(Addresser); ok {
			s.addressers = append(s.addressers, addresser)
		}
	}
	s.group = batch.New(batch.Options[merchant.DeliveryAttempt]{MaxItems: claimAtOnce, MaxQueued: opts.Workers, Pause: gather, Now: opts.Now}, s.save)
	return s
}

// unredirected is a client that follows no redirects.
func unredirected(client *http.Client) *http.Client {
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &own
}

func (s *Sender) now() time.Time { return s.opts.Now().UTC().Truncate(time.Microsecond) }

// Wake says that there may be new events. It never blocks.
func (s *Sender) Wake() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// Busy reports whether webhooks are being sent or wait in memory for it.
func (s *Sender) Busy() bool { return s.queue.busy() }

// Run fans out and sends until ctx ends. Tries under way are then finished and
// recorded, which takes at most sendTimeout and saveTimeout; what waited in
// memory is given back.
func (s *Sender) Run(ctx context.Context) {
	saving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	var workers, savers sync.WaitGroup
	savers.Go(func() { s.group.Run(saving) })
	for range s.opts.Workers {
		workers.Go(func() { s.work(ctx) })
	}
	s.plans(ctx)
	workers.Wait()
	stop()
	savers.Wait()
	s.giveBack(context.WithoutCancel(ctx), s.queue.empty(func(place) bool { return true }), s.now())
}

// plans feeds the queue: new events as they come, and what is due.
func (s *Sender) plans(ctx context.Context) {
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for ctx.Err() == nil {
		events, err := s.StepFanOut(ctx)
		made, problem := s.makeNow(ctx)
		err = errors.Join(err, problem)
		claimed, problem := s.stepClaim(ctx)
		err = errors.Join(err, problem)
		bell := s.bell
		switch {
		case err != nil && ctx.Err() == nil:
			s.opts.Log.Error("webhooks: fan-out failed, trying again", "error", err)
			bell = nil // whatever it is, once a second is often enough
		case events >= fanOutEvents || made >= makeAtOnce || claimed >= claimAtOnce:
			continue // more than one step's worth
		}
		if events == 0 && claimed == 0 || err != nil {
			select {
			case <-bell:
			case <-tick.C:
			case <-ctx.Done():
			}
		}
		select {
		case <-time.After(gather):
		case <-ctx.Done():
		}
	}
}

// makeNow looks for deliveries that could not be made, as often as poll says:
// there are hardly ever any.
func (s *Sender) makeNow(ctx context.Context) (int, error) {
	now := s.now()
	if since := now.Sub(s.unmade); since >= 0 && since < poll {
		return 0, nil
	}
	looked, err := s.StepMake(ctx)
	if err == nil && looked < makeAtOnce {
		s.unmade = now
	}
	return looked, err
}

// work sends what is queued, one after the other.
func (s *Sender) work(ctx context.Context) {
	for ctx.Err() == nil {
		d, ok := s.queue.next()
		if !ok {
			select {
			case <-s.queue.bell:
			case <-ctx.Done():
			}
			continue
		}
		// A try that has begun is finished and recorded.
		attempt, sent := s.try(context.WithoutCancel(ctx), d)
		if sent {
			s.learn(context.WithoutCancel(ctx), attempt)
		}
		s.queue.sent(d)
		if sent {
			// What is not recorded is sent again when its lease has run out.
			if err := s.record(context.WithoutCancel(ctx), attempt); err != nil {
				s.opts.Log.Error("webhooks: a try could not be recorded and will be repeated", "delivery_id", d.ID, "error", err)
			}
		}
		s.queue.done(d)
		if s.behind.Load() {
			s.Wake()
		}
	}
}

// save records a batch of tries.
func (s *Sender) save(ctx context.Context, attempts []merchant.DeliveryAttempt) []batch.Result[struct{}] {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	held, err := s.store.SaveAttempts(ctx, attempts)
	results := make([]batch.Result[struct{}], len(attempts))
	for n := range results {
		results[n].Err = err
	}
	for _, n := range held {
		results[n].Err = errHeld
	}
	return results
}

// errHeld says that another transaction holds a delivery.
var errHeld = errors.New("another transaction holds the delivery")

// record has a try recorded, and again while another transaction holds its
// delivery: then only this worker waits.
func (s *Sender) record(ctx context.Context, a merchant.DeliveryAttempt) (err error) {
	for pause := gather; pause < saveTimeout/2; pause *= 2 {
		if _, err = s.group.Do(ctx, a); !errors.Is(err, errHeld) {
			return err
		}
		time.Sleep(pause)
	}
	return err
}

// StepSend takes what is due and sends everything in memory, one after the
// other, and records it. It returns how many tries it made.
func (s *Sender) StepSend(ctx context.Context) (int, error) {
	if _, err := s.stepClaim(ctx); err != nil {
		return 0, err
	}
	var attempts []merchant.DeliveryAttempt
	for {
		d, ok := s.queue.next()
		if !ok {
			break
		}
		attempt, sent := s.try(ctx, d)
		if sent {
			s.learn(ctx, attempt)
			attempts = append(attempts, attempt)
		}
		s.queue.sent(d)
		s.queue.done(d)
	}
	if len(attempts) == 0 {
		return 0, nil
	}
	held, err := s.store.SaveAttempts(ctx, attempts)
	if err == nil && len(held) > 0 {
		err = errHeld
	}
	return len(attempts), err
}
