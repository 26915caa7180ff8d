// Package service joins the parts into one running process: the store, the
// engine with its channels, the intake, the webhooks and the dialects. serve,
// demo, bench and tests start the real thing with it.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/console"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/move"
	"github.com/refundry/refundry/telemetry"
	"github.com/refundry/refundry/webhook"
)

// deliveryTimeout is how long a webhook's receiver may take to answer; the
// protocols ask theirs to answer within 5 s.
const deliveryTimeout = 10 * time.Second

// CloseTimeout is how long the parts may take to end after the listener: calls to
// channels and webhooks, which end at the same time, are bounded by 30 s, and what
// they led to has to be recorded. With server.StopTimeout a stop takes 60 s at
// most (docs/operations/install.md).
const CloseTimeout = 35 * time.Second

// readyTimeout bounds the question to the database behind /readyz.
const readyTimeout = 2 * time.Second

// Options of a service. Database and Data must be given.
type Options struct {
	// Database is the URL, "sqlite:FILE" or "postgres://...".
	Database string
	// Data is the folder of the master key and of the files that it makes.
	Data string
	// MasterKey is the master key itself, base64 of 32 bytes; "" takes
	// Data/master.key, which is made if it is not there.
	MasterKey string
	// Demo loads the demo merchant with its charges; DemoAnyway also next to a
	// live merchant.
	Demo, DemoAnyway bool
	// EgressAllow are private networks that webhooks may go to; default none.
	EgressAllow []netip.Prefix
	// PublicURL is the address by which callers reach the service, such as
	// https://pay.example, where a proxy stands before it; default the one
	// that a request came to.
	PublicURL string
	// OIDC is the provider by which users sign in to the console besides their
	// passwords; default none.
	OIDC console.OIDC
	// Metrics are where everything is counted; default metrics of its own.
	Metrics *telemetry.Metrics
	// Tracer makes spans of commits, calls to channels and webhooks of requests that
	// are traced; nil makes none.
	Tracer *telemetry.Tracer
	// Drivers are channels besides those of the registry, by their names: a test's.
	Drivers map[string]channel.Driver
	// Now is the clock, taken as it is; default this machine's, corrected by
	// the database's.
	Now func() time.Time
	Log *slog.Logger // default slog.Default()
	// Simulated are a simulation's.
	Simulated Simulated
	// dialects are served besides the registry's; a test adds some.
	dialects []registered
}

// Service is a running process without its listener.
type Service struct {
	// Store is the open database.
	Store *store.Store

	opts    Options
	owner   *Owner
	clock   clock
	sandbox *sandbox.Sandbox
	// connectors are those of all channel accounts.
	connectors *channel.Connectors
	engine     *engine.Engine
	admin      *admin.Admin
	intake     *intake.Intake
	webhooks   *webhook.Sender
	acceptor   dialect.Acceptor
	bulk       *bulk.Runner
	handler    http.Handler
	refusals   refusals
	figures    *figures
	counting   counting // what the overview shows
	auditor    auditor
	damaged    damaged
	// auditCounts are what this process's live auditor has read.
	auditCounts struct{ charges, passed atomic.Int64 }
	closing     atomic.Bool
	unready     atomic.Bool    // /readyz was no, for a reason that only it tells
	demo        merchant.Fresh // the demo merchant, where it is loaded

	// What runs, in the order in which it is stopped, some together.
	running [][]*running
}

// Start opens and migrates the database, loads the keys, and starts everything
// but the listener. What the caller gives as ctx bounds the start, not the
// service's life: Close ends it. An error leaves nothing behind.
func Start(ctx context.Context, opts Options) (*Service, error) {
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	if opts.Metrics == nil {
		opts.Metrics = telemetry.New(Build())
	}
	s := &Service{opts: opts, clock: clock{base: opts.Now}}
	s.opts.Log = slog.New(quietHandler{opts.Log.Handler(), s.outage})
	if opts.Now == nil {
		s.clock.base = time.Now
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	if err := s.prepare(ctx); err != nil {
		s.release()
		return nil, err
	}
	s.join()
	if err := s.afterRestore(ctx); err != nil {
		s.release()
		return nil, err
	}
	if err := s.moveSettings(ctx); err != nil {
		s.release()
		return nil, err
	}
	if !opts.Simulated.Stepped {
		s.run()
	}
	return s, nil
}

// open opens the database for this process alone, if it is a file.
func (s *Service) open(ctx context.Context) (err error) {
	if s.owner, err = Own(s.opts.Database); err != nil {
		return err
	}
	s.Store, err = OpenStore(ctx, s.opts.Database, store.Options{Now: s.clock.now, Log: s.opts.Log, Dialects: storeDialects(s.registered())})
	if err != nil {
		s.owner.Release()
	}
	return err
}

// prepare brings the database into the state that everything else relies on.
func (s *Service) prepare(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	if err := s.Store.Migrate(ctx); err != nil {
		return err
	}
	if s.corrected() {
		if err := s.clock.correct(ctx, s.Store, s.opts.Log); err != nil {
			return err
		}
	}
	if err := s.Store.CheckMasterKey(ctx); err != nil {
		return err
	}
	platform, err := s.ensurePlatformKeys(ctx)
	if err != nil {
		return err
	}
	if s.Store.SQLite() {
		// Whoever held leases on this file has ended: it is ours alone.
		if _, err := s.Store.TakeOverLeases(ctx, s.now()); err != nil {
			return fmt.Errorf("take over leases: %w", err)
		}
		if err := s.Store.TakeOverBulk(ctx); err != nil {
			return err
		}
	}
	if s.opts.Demo {
		return s.loadDemo(ctx, platform)
	}
	return nil
}

// check finds what is wrong before anything is changed: the master key, and
// the demo merchant where it must not be.
func (s *Service) check(ctx context.Context) error {
	has, err := loadMasterKey(ctx, s.Store, s.opts.MasterKey, s.opts.Data)
	if err == nil && has {
		err = s.Store.CheckMasterKey(ctx)
	}
	if err == nil && s.opts.Demo && !s.opts.DemoAnyway {
		err = s.noLiveMerchant(ctx)
	}
	return err
}

// noLiveMerchant refuses the demo merchant, whose keys are public, next to one
// whose money is real.
func (s *Service) noLiveMerchant(ctx context.Context) error {
	live, err := s.Store.HasLiveMerchant(ctx)
	if err == nil && live {
		err = errors.New("--demo is refused: this database has a live merchant, and the demo merchant's keys are public (hint: give the demo a database of its own, or say --demo-anyway)")
	}
	return err
}

// UseMasterKey gives the store the keys made of the master key, once it opens
// the database's check value. text is the key itself; "" reads
// data/master.key, which is made for a database that was made with none.
func UseMasterKey(ctx context.Context, s *store.Store, text, data string) error {
	if _, err := loadMasterKey(ctx, s, text, data); err != nil {
		return err
	}
	return s.CheckMasterKey(ctx)
}

// loadMasterKey is UseMasterKey without the check; has tells whether there is
// something to check against.
func loadMasterKey(ctx context.Context, s *store.Store, text, data string) (has bool, err error) {
	if has, err = s.HasMasterKey(ctx); err != nil {
		return false, err
	}
	keyring, err := secret.Load(text, data, !has)
	switch {
	case errors.Is(err, secret.ErrNoMasterKey):
		return false, fmt.Errorf("load master key: %w, and this database was made with one (hint: restore master.key into the --data folder, or set %s)", err, secret.Environment)
	case err != nil:
		return false, fmt.Errorf("load master key: %w (hint: it is base64 of 32 bytes, in %s or in DATA/master.key)", err, secret.Environment)
	}
	s.UseKeyring(keyring)
	return has, nil
}

// join makes the parts and ties them together.
func (s *Service) join() {
	metrics, now := s.opts.Metrics, s.clock.now
	board := intake.NewBoard()
	s.counting.service, s.counting.store = s, s.Store
	stores := s.stores()
	s.joinAdmin(stores.Engine, board)
	s.intake = intake.New(stores.Intake, s.engine, board, intake.Options{Now: now, Workers: s.intakeWorkers(), Observe: metrics.Batch, Committed: s.committed()})
	s.acceptor = acceptor{s.intake, metrics, s.opts.Tracer, func() { s.webhooks.Wake() }}
	s.bulk = bulk.NewRunner(s.Store, s.acceptAlone, bulk.RunnerOptions{Now: now, Log: s.opts.Log})
	var dialects []dialect.Dialect
	renderers := make(map[string]webhook.Renderer)
	for _, one := range s.registered() {
		d := one.make(s)
		dialects = append(dialects, d)
		if renderer, ok := d.(webhook.Renderer); ok {
			renderers[d.Name()] = renderer
		}
	}
	s.webhooks = webhook.New(stores.Webhook, renderers, s.receivers(), s.webhookOptions())
	s.handler = s.routes(dialects)
	s.observeQueues()
	s.observeDatabase()
	s.observeAudit()
	s.figures = newFigures(metrics)
}

// corrected reports whether the clock goes by the database's.
func (s *Service) corrected() bool { return s.opts.Now == nil && !s.Store.SQLite() }

// now is the service's time, as the database keeps it.
func (s *Service) now() time.Time { return s.clock.now().UTC().Truncate(time.Microsecond) }

// run starts the loops. What is stopped first stands first: nothing may feed a
// part that has ended.
func (s *Service) run() {
	s.running = [][]*running{
		{begin("bulk", s.bulk.Run)}, // it feeds the intake
		{begin("intake", s.intake.Run)},
		// Webhooks need not wait for the last outcomes: the database has their events,
		// and both take as long as others keep them waiting.
		{begin("engine", s.engine.Run), begin("webhooks", s.webhooks.Run)},
		{begin("sandbox", s.sandbox.Run)},
		{
			begin("audit", s.linkAudit), begin("keys", s.watchKeys), begin("tries", s.forgetTries), begin("months", s.keepMonths),
			begin("statistics", s.counting.run),
			begin("balances", s.carryBalances),
			begin("database", s.Store.Watch), begin("reads", s.Store.ReadTogether),
			begin("figures", s.countFigures),
			begin("auditor", s.audit),
			begin("clock", func(ctx context.Context) {
				if s.corrected() {
					s.clock.keep(ctx, s.Store, s.opts.Log)
				}
			}),
			begin("demo files", func(ctx context.Context) {
				if s.opts.Demo {
					s.keepDemo(ctx)
				}
			}),
		},
	}
}

// running is a loop with its owner's means to end it.
type running struct {
	name string
	stop context.CancelFunc
	done chan struct{}
}

func begin(name string, loop func(context.Context)) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{name: name, stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		loop(ctx)
	}()
	return r
}

// Handler answers every address of the service.
func (s *Service) Handler() http.Handler { return s.handler }

// Metrics are the service's; the server counts its requests there.
func (s *Service) Metrics() *telemetry.Metrics { return s.opts.Metrics }

var (
	errStopping = errors.New("the service is stopping")
	errOutage   = errors.New("the database can't be used")
)

// Ready returns why the service can't take requests, nil if it can.
func (s *Service) Ready() error {
	if s.closing.Load() {
		return errStopping
	}
	if err := s.Store.Down(); err != nil {
		return fmt.Errorf("%w: %w", errOutage, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyTimeout)
	defer cancel()
	if err := s.Store.Ping(ctx); err != nil {
		return fmt.Errorf("the database does not answer: %w", err)
	}
	// While nobody changes anything, nothing else shows that it takes no changes.
	return move.Standing(ctx, s.Store.DB())
}

// Close ends the service after the listener has stopped: what the intake holds
// is answered, calls to channels are finished and recorded, webhooks under way
// end at the same time, and the database is closed. When ctx ends first, the error says what
// was still at work; the process should then end.
func (s *Service) Close(ctx context.Context) error {
	if s.closing.Swap(true) {
		return nil
	}
	if err := stopAll(ctx, s.running); err != nil {
		return err
	}
	err := s.markEnd(ctx)
	s.release()
	return err
}

// stopAll stops parts, one stage after the other, and waits for their ends.
func stopAll(ctx context.Context, stages [][]*running) error {
	for _, stage := range stages {
		for _, part := range stage {
			part.stop()
		}
		for _, part := range stage {
			select {
			case <-part.done:
			case <-ctx.Done():
				return fmt.Errorf("stop %s: %w", part.name, ctx.Err())
			}
		}
	}
	return nil
}

func (s *Service) release() {
	s.Store.Close()
	s.owner.Release()
}
