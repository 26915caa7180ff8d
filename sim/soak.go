package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/service"
)

// SoakOptions say what is soaked. Channel and Refunds must be given.
type SoakOptions struct {
	Channel string
	Refunds int
	// Faults is which part of the calls goes wrong, 0 to 1, and Seed decides which.
	Faults float64
	Seed   uint64
	// PerCell asks for further refunds until each fault of submits, queries, notices and
	// charge look-ups has struck so often; 0 does not.
	PerCell int
	// Progress is called now and then with how far it is; may be nil.
	Progress func(text string)
	Log      *slog.Logger // default discards
}

// SoakReport is what came of it.
type SoakReport struct {
	// Differences are between the channel's books and ours, and what verify finds.
	// None says that the books are equal.
	Differences []string
	// Adopted are refunds that were made in the channel's own console.
	Adopted int
	// Succeeded, Failed and Returned are refunds; Moved is what payers were given, in
	// minor units, and kept.
	Succeeded, Failed, Returned int
	Moved                       int64
	Hits                        []channelsim.Hit
	// Passed is how long it took by the simulated clock.
	Passed time.Duration
}

const (
	// refundsPerCharge is how many refunds of a charge are asked for.
	refundsPerCharge = 5
	// gap is between two requests for refunds.
	gap = 2 * time.Second
	// faultsOutlast is how long the faults go on at most after the last request.
	faultsOutlast = 6 * time.Hour
	// readTimeout bounds a request's way to either side.
	readTimeout = 30 * time.Second
	// endsWithin is when every refund must have ended after that.
	endsWithin = 10 * 24 * time.Hour
)

var errNotEnded = errors.New("refunds did not end")

// Soak runs a channel's simulator and a service on one clock, has refunds asked for
// while calls go wrong, ends the faults, waits until everything is final and compares
// the books. An error says that it could not be done; differences are in the report.
func Soak(ctx context.Context, opts SoakOptions) (SoakReport, error) {
	s, err := newSoak(ctx, opts)
	if err != nil {
		return SoakReport{}, err
	}
	defer s.close()
	err = s.Until(ctx, s.faultsMayEnd(ctx))
	if err == nil {
		err = s.topUp(ctx)
	}
	if err != nil {
		return SoakReport{}, err
	}
	s.simulator.EndFaults()
	ended := s.Clock.Now()
	err = s.Until(ctx, func() (bool, error) {
		if s.Clock.Now().Sub(ended) > endsWithin {
			return false, fmt.Errorf("%w: %s", errNotEnded, s.progress(ctx))
		}
		return s.ended(ctx)
	})
	if err != nil {
		return SoakReport{}, err
	}
	var report SoakReport
	if err := s.checkBill(ctx, &report); err != nil {
		return report, err
	}
	err = s.compare(ctx, &report)
	report.Hits, report.Passed = s.hits(), s.Clock.Now().Sub(s.began)
	return report, err
}

// soak is a world of a service, a channel and a shop.
type soak struct {
	Drive
	*shop
	opts      SoakOptions
	simulator *channelsim.Simulator
	folder    string
	closers   []func()
	told      time.Time
	looked    time.Time
}

// newSoak starts everything; close ends it.
func newSoak(ctx context.Context, opts SoakOptions) (_ *soak, err error) {
	at := slices.IndexFunc(played, func(one Played) bool { return one.Name == opts.Channel })
	if at < 0 {
		return nil, fmt.Errorf("channel-sim does not play %q", opts.Channel)
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	s := &soak{opts: opts}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	s.Clock = NewClock(time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC))
	if s.folder, err = soakFolder(); err != nil {
		return nil, err
	}
	s.closers = append(s.closers, func() { _ = os.RemoveAll(s.folder) })
	if err := s.startChannel(); err != nil {
		return nil, err
	}
	url, err := s.startService(ctx)
	if err != nil {
		return nil, err
	}
	s.shop = &shop{url: url, clock: s.Clock, channel: played[at], simulator: s.simulator, seed: opts.Seed, foreign: make(map[string]money.Minor)}
	s.Actors = []Actor{s.shop, outbox{s.simulator}}
	s.began = s.Clock.Now()
	s.account, err = s.addAccount(ctx, filepath.Join(s.folder, channelsim.AccountFile))
	if err == nil {
		err = s.simulator.NotifyAt(opts.Channel, fmt.Sprintf("%s/notify/%s/%s", url, opts.Channel, s.account))
	}
	if err == nil {
		err = s.plan(ctx, opts.Refunds)
	}
	return s, err
}

func (s *soak) startChannel() error {
	var handler atomic.Value
	url, err := s.listen(&handler)
	if err != nil {
		return err
	}
	s.simulator, err = channelsim.New(channelsim.Options{
		URL: url, Data: s.folder, Seed: s.opts.Seed, Faults: s.opts.Faults, Now: s.Clock.Now, Hold: time.Millisecond, Log: s.opts.Log,
	}, Sides()...)
	if err == nil {
		handler.Store(http.Handler(s.simulator))
	}
	return err
}

// startService starts a service and returns its address.
func (s *soak) startService(ctx context.Context) (string, error) {
	var handler atomic.Value
	url, err := s.listen(&handler)
	if err != nil {
		return "", err
	}
	s.Service, err = service.Start(ctx, service.Options{
		Database: "sqlite:" + filepath.Join(s.folder, "refundry.db"), Data: filepath.Join(s.folder, "data"), Demo: true, Now: s.Clock.Now,
		PublicURL: url, EgressAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Log: s.opts.Log,
	})
	if err != nil {
		return "", err
	}
	handler.Store(s.Service.Handler())
	s.closers = append(s.closers, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), service.CloseTimeout)
		defer cancel()
		_ = s.Service.Close(ctx)
	})
	return url, nil
}

// soakFolder is a folder in memory, where the machine has one: what is soaked is not
// the disk.
func soakFolder() (string, error) {
	if folder, err := os.MkdirTemp("/dev/shm", "refundry-soak-"); err == nil {
		return folder, nil
	}
	return os.MkdirTemp("", "refundry-soak-")
}

// listen serves a handler that is stored later on an address of this machine.
func (s *soak) listen(handler *atomic.Value) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	server := &http.Server{ReadTimeout: readTimeout, ErrorLog: slog.NewLogLogger(s.opts.Log.Handler(), slog.LevelDebug), Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { handler.Load().(http.Handler).ServeHTTP(w, r) },
	)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = server.Serve(listener) // ends with close
	}()
	s.closers = append(s.closers, func() {
		_ = server.Close()
		<-ended
	})
	return "http://" + listener.Addr().String(), nil
}

// close ends everything, what was started last first.
func (s *soak) close() {
	for n := len(s.closers) - 1; n >= 0; n-- {
		s.closers[n]()
	}
}

// outbox is a simulator as an actor.
type outbox struct{ *channelsim.Simulator }

// Step implements Actor.
func (o outbox) Step(ctx context.Context) error {
	o.Simulator.Step(ctx)
	return nil
}

// faultsMayEnd reports whether all was asked for and has ended, or had its time to.
func (s *soak) faultsMayEnd(ctx context.Context) func() (bool, error) {
	return func() (bool, error) {
		s.tell(ctx)
		if s.asked < len(s.orders) || !s.lookAgain() {
			return false, nil
		}
		open, err := s.open(ctx)
		return open == 0 || s.Clock.Now().Sub(s.last) > faultsOutlast, err
	}
}

// lookEvery is how often it is counted what has not ended, by this machine's clock: the
// question costs more than most that happens. It is asked before the drive gives up,
// which is idle patience times for a breath each.
const lookEvery = patience * breath / 2

func (s *soak) lookAgain() bool {
	if time.Since(s.looked) < lookEvery {
		return false
	}
	s.looked = time.Now()
	return true
}

// quiet is how long nothing may be due any more: a final state that the channel
// contradicts is asked about at once, and only refunds that are long over are looked at
// later.
const quiet = time.Hour

// ended reports whether every refund has ended, every notice was taken, and what they
// said is known.
func (s *soak) ended(ctx context.Context) (bool, error) {
	if _, more := s.simulator.NextDue(); more || !s.lookAgain() {
		return false, nil
	}
	open, err := s.open(ctx)
	if err != nil || open > 0 {
		return false, err
	}
	next, err := s.Service.NextDue(ctx)
	return next.IsZero() || next.Sub(s.Clock.Now()) > quiet, err
}

// progress says how far it is.
func (s *soak) progress(ctx context.Context) string {
	open, err := s.open(ctx)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s: %d of %d refunds asked for, %d open, simulated time %s", s.opts.Channel, s.asked, len(s.orders), open, s.Clock.Now().Format(time.DateTime))
}

// tellEvery is how often progress is told, by this machine's clock.
const tellEvery = 2 * time.Second

func (s *soak) tell(ctx context.Context) {
	if s.opts.Progress == nil || time.Since(s.told) < tellEvery {
		return
	}
	s.told = time.Now()
	s.opts.Progress(s.progress(ctx))
}
