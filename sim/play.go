package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// Options of a play.
type Options struct {
	// Seed decides everything that happens.
	Seed uint64
	// Steps is how many things happen before the faults end.
	Steps int
	// Folder is where the database is made; it must be empty.
	Folder string
	// Progress, if not nil, is called after each step.
	Progress func(step int)
}

// Report is what became of a play.
type Report struct {
	Seed  uint64 `json:"seed"`
	Steps int    `json:"steps"`
	// Requests are those of merchants' programs, with the repeated ones. What was
	// answered is accepted, refused, or unclear until it is repeated.
	Requests int `json:"requests"`
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
	Unclear  int `json:"unclear"`
	// Crashes are ends of the process in the middle, DatabaseFaults commits that
	// failed or whose result was lost, and Webhooks those that came.
	Crashes        int `json:"crashes"`
	DatabaseFaults int `json:"database_faults"`
	Webhooks       int `json:"webhooks"`
	// Ended counts refunds by their last state.
	Ended map[refund.State]int `json:"ended"`
	// SimulatedSeconds is how long it took by the service's clock.
	SimulatedSeconds int64 `json:"simulated_seconds"`
	// Digest is of everything that happened: it is the same for the same seed, steps
	// and program.
	Digest string `json:"digest"`
	// Broken says what must not be. Last is what happened before the first of it.
	Broken []string `json:"broken"`
	Last   []string `json:"last,omitempty"`
}

const (
	// maxBroken bounds what a report says is broken, and maxLast what it says
	// happened before.
	maxBroken = 20
	maxLast   = 20
	// verifyEvery is how many steps are between two looks at every invariant.
	verifyEvery = 500
)

// play is a service, the merchant's program, receivers and a database with faults,
// all in one goroutine.
type play struct {
	opts    Options
	rng     *rand.Rand
	clock   *stillClock
	began   time.Time
	service *service.Service
	faults  *faults
	told    *receiver
	charges []*paid
	asked   []*asked
	trace   hash.Hash
	last    []string
	report  Report
}

// stillClock stands until it is moved.
type stillClock struct{ now time.Time }

// Now is the time.
func (c *stillClock) Now() time.Time { return c.now }

func (c *stillClock) pass(d time.Duration) { c.now = c.now.Add(d.Truncate(time.Microsecond)) }

// Play plays: merchants' programs ask for refunds in three dialects and repeat what
// they have no answer to; the sandbox loses answers, throttles and sends notices
// twice; commits fail, or their results are lost; webhooks are refused; the process
// ends in the middle and starts again. Then the faults end, and everything has to
// come to its true end. Ids are made of the seed while it runs, so that nothing
// else may make some. An error says that it could not be played; what must not be
// is in the report.
func Play(ctx context.Context, opts Options) (Report, error) {
	p := &play{
		opts: opts, rng: rand.New(rand.NewPCG(opts.Seed, 1)), trace: sha256.New(), //nolint:gosec // it is to be the same again
		clock:  &stillClock{now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		report: Report{Seed: opts.Seed, Steps: opts.Steps, Ended: make(map[refund.State]int), Broken: []string{}},
	}
	p.began = p.clock.now
	p.faults = &faults{rng: rand.New(rand.NewPCG(opts.Seed, 2))}                            //nolint:gosec // as above
	p.told = &receiver{rng: rand.New(rand.NewPCG(opts.Seed, 3)), events: map[string]bool{}} //nolint:gosec // as above
	var seed [32]byte
	for n := range 8 {
		seed[n] = byte(opts.Seed >> (8 * n))
	}
	defer refund.IDsFrom(rand.NewChaCha8(seed))()
	if err := p.start(ctx); err != nil {
		return p.report, err
	}
	defer func() { p.service.Abandon() }()
	if err := p.prepare(ctx); err != nil {
		return p.report, err
	}
	p.faults.on, p.told.refuses = true, true
	for n := range opts.Steps {
		if err := p.step(ctx, n); err != nil {
			return p.report, err
		}
		if len(p.report.Broken) > 0 {
			break
		}
	}
	if len(p.report.Broken) == 0 {
		if err := p.end(ctx); err != nil {
			return p.report, err
		}
	}
	p.report.DatabaseFaults, p.report.Webhooks = p.faults.count, len(p.told.events)
	p.report.SimulatedSeconds = int64(p.clock.now.Sub(p.began) / time.Second)
	p.report.Digest = hex.EncodeToString(p.trace.Sum(nil))
	return p.report, nil
}

func (p *play) start(ctx context.Context) (err error) {
	p.service, err = service.Start(ctx, service.Options{
		Database: "sqlite:" + filepath.Join(p.opts.Folder, "refundry.db"), Data: filepath.Join(p.opts.Folder, "data"),
		Demo: true, Now: p.clock.Now, Log: slog.New(slog.DiscardHandler),
		Simulated: service.Simulated{Stepped: true, Stores: p.faults.wrap, Receivers: p.told},
	})
	return err
}

// step has one thing happen.
func (p *play) step(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p.clock.pass(time.Millisecond)
	var err error
	switch at := p.rng.IntN(100); {
	case at < 3:
		err = p.pay(ctx)
	case at < 28:
		err = p.refunds(ctx)
	case at < 34:
		err = p.again(ctx)
	case at < 36:
		p.cancel(ctx)
	case at < 48:
		p.pass()
	case at < 50:
		err = p.crash(ctx)
	default:
		p.serve(ctx)
	}
	if err != nil {
		return fmt.Errorf("step %d: %w", n, err)
	}
	if (n+1)%verifyEvery == 0 {
		if err := p.verify(ctx); err != nil {
			return err
		}
	}
	if p.opts.Progress != nil {
		p.opts.Progress(n + 1)
	}
	return nil
}

// pass lets some time pass: mostly little, and sometimes longer than a lease.
func (p *play) pass() {
	for _, most := range []time.Duration{time.Second, 10 * time.Second, time.Minute, 2 * time.Hour} {
		if p.rng.IntN(3) > 0 || most > time.Hour {
			p.clock.pass(time.Duration(p.rng.Int64N(int64(most))))
			break
		}
	}
	p.note("it is %s", p.clock.now.Format(time.RFC3339Nano))
}

// serve has the service take one of its steps.
func (p *play) serve(ctx context.Context) {
	steps := p.service.Steps()
	p.take(ctx, steps[p.rng.IntN(len(steps))])
}

// take takes a step. An error of the database is what the loops try again after.
func (p *play) take(ctx context.Context, s service.Step) int {
	n, err := s.Take(ctx)
	p.note("%s: %d, %v", s.Name, n, err != nil)
	return n
}

// crash ends the process and starts it again, with the time that it takes.
func (p *play) crash(ctx context.Context) error {
	p.report.Crashes++
	p.service.Abandon()
	p.clock.pass(time.Duration(p.rng.Int64N(int64(time.Minute))))
	p.note("the process was killed")
	return p.start(ctx)
}

// verify looks at every invariant.
func (p *play) verify(ctx context.Context) error {
	findings, err := service.Verify(ctx, p.service.Store)
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	for _, f := range findings {
		if !f.Note {
			p.broken("%s", f.String())
		}
	}
	return nil
}

// note keeps what happened.
func (p *play) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	_, _ = fmt.Fprintln(p.trace, line)
	if p.last = append(p.last, line); len(p.last) > maxLast {
		p.last = p.last[1:]
	}
}

// broken keeps what must not be.
func (p *play) broken(format string, args ...any) {
	if len(p.report.Broken) == 0 {
		p.report.Last = append([]string(nil), p.last...)
	}
	if len(p.report.Broken) < maxBroken {
		p.report.Broken = append(p.report.Broken, fmt.Sprintf(format, args...))
	}
}
