// Package sandbox is the channel of test mode: it moves no money, keeps books
// as a real channel would, and misbehaves on command. The last two digits of a
// refund's minor amount say how (table in outcome.go).
//
// Its books are in the database, in transactions of their own that commit
// before a call is answered. Many calls share one commit.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/batch"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

const (
	// settlingTime, firstWait and longestWait are the sandbox's pace.
	settlingTime = time.Second
	firstWait    = time.Second
	longestWait  = 10 * time.Second

	// maxCalls of one account are under way at once. They wait for one commit
	// together, so that many of them are what makes a commit cheap.
	maxCalls = 192
	// maxShared is the most calls of one commit.
	maxShared = 256
	// commitTimeout bounds one commit of the books; shorter than a call's
	// deadline, so that the call can still say that its outcome is unknown.
	commitTimeout = 20 * time.Second
	// wakeInterval is how often the clocks are looked at: what they change is
	// due after an hour or a day, so that some seconds do not matter.
	wakeInterval = 5 * time.Second
	// maxWoken is how many entries or accounts one step wakes.
	maxWoken = 256
)

// Options of a sandbox. The zero value of each has a default.
type Options struct {
	Now func() time.Time // default time.Now
	Log *slog.Logger     // default slog.Default()
}

// Sandbox is the channel of test mode: one for all of its accounts.
type Sandbox struct {
	books   Books
	opts    Options
	group   *batch.Group[call, refund.Outcome]
	running atomic.Bool
	ring    func() // says that notices wait; never nil
}

var (
	_ channel.Driver   = (*Sandbox)(nil)
	_ channel.Notifier = (*Sandbox)(nil)
)

// New makes a sandbox on its books. It works without Run, which makes it
// faster and lets time pass in it.
func New(books Books, opts Options) *Sandbox {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	s := &Sandbox{books: books, opts: opts, ring: func() {}}
	s.group = batch.New(batch.Options[call]{MaxItems: maxShared, Now: opts.Now}, s.flush)
	return s
}

// OnNotice has ring called when notices wait. Call it before anything else.
func (s *Sandbox) OnNotice(ring func()) { s.ring = ring }

// call is one call of the engine.
type call struct {
	step refund.Step
	channel.Instruction
}

func (s *Sandbox) do(ctx context.Context, c call) refund.Outcome {
	if c.Amount.Minor <= 0 || !c.Amount.Currency.Valid() || c.Number == "" || c.Account == "" {
		return refund.Outcome{Kind: refund.OutcomeRefused, Code: "INVALID_REQUEST", Message: "the sandbox needs an account, a number and an amount above 0"}
	}
	if s.running.Load() {
		outcome, err := s.group.Do(ctx, c)
		if !errors.Is(err, batch.ErrBusy) {
			return answered(outcome, err)
		}
		// It has ended since; what comes now commits alone.
	}
	result := s.flush(ctx, []call{c})[0]
	return answered(result.Value, result.Err)
}

// answered is what the caller learns. An error says nothing about the books.
func answered(outcome refund.Outcome, err error) refund.Outcome {
	if err != nil {
		return refund.Outcome{Kind: refund.OutcomeUnknown, Code: "NO_ANSWER", Message: "the sandbox's books did not answer: " + err.Error()}
	}
	return outcome
}

// flush takes calls through one transaction on the books.
func (s *Sandbox) flush(ctx context.Context, calls []call) []batch.Result[refund.Outcome] {
	results := make([]batch.Result[refund.Outcome], len(calls))
	keys := make([]Key, len(calls))
	for n, c := range calls {
		keys[n] = Key{c.Account, c.Number}
	}
	err := s.write(ctx, nil, func(ctx context.Context, tx Tx) (*page, error) {
		p, err := s.open(ctx, tx, keys)
		if err != nil {
			return nil, err
		}
		for n, c := range calls {
			if c.step == refund.StepSubmit {
				results[n].Value = p.submit(c.Instruction)
			} else {
				results[n].Value = p.query(Key{c.Account, c.Number})
			}
		}
		return p, nil
	})
	if accounts := byAccount(calls); errors.Is(err, refund.ErrLocked) && len(accounts) > 1 {
		for _, places := range accounts { // so that a row that is held stops its own account alone
			part := make([]call, len(places))
			for n, at := range places {
				part[n] = calls[at]
			}
			for n, result := range s.flush(ctx, part) {
				results[places[n]] = result
			}
		}
		return results
	}
	if err != nil {
		for n := range results {
			results[n] = batch.Result[refund.Outcome]{Err: err}
		}
	}
	return results
}

// byAccount are the places of the calls of each account, in their order.
func byAccount(calls []call) [][]int {
	at := make(map[string]int)
	var places [][]int
	for n, c := range calls {
		if _, known := at[c.Account]; !known {
			at[c.Account] = len(places)
			places = append(places, nil)
		}
		places[at[c.Account]] = append(places[at[c.Account]], n)
	}
	return places
}

// write runs work in a transaction, saves the page that it returns, and rings
// when that left notices. A nil page saves nothing.
func (s *Sandbox) write(ctx context.Context, w *refund.Write, work func(context.Context, Tx) (*page, error)) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	var notices int
	err := s.books.Books(ctx, w, func(tx Tx) error {
		notices = 0
		p, err := work(ctx, tx)
		if err != nil || p == nil {
			return err
		}
		notices = len(p.notices)
		return p.save(ctx, tx)
	})
	if err != nil {
		return fmt.Errorf("write the sandbox's books: %w", err)
	}
	if notices > 0 {
		s.ring()
	}
	return nil
}

// Run has calls share commits, and lets time pass, until ctx ends. Calls that
// were taken are finished.
func (s *Sandbox) Run(ctx context.Context) {
	s.running.Store(true)
	defer s.running.Store(false)
	clock := make(chan struct{})
	go func() {
		defer close(clock)
		s.passTime(ctx)
	}()
	s.group.Run(ctx)
	<-clock
}

// Step takes the calls that wait now through one commit.
func (s *Sandbox) Step(ctx context.Context) int { return s.group.Step(ctx) }

func (s *Sandbox) passTime(ctx context.Context) {
	ticker := time.NewTicker(wakeInterval)
	defer ticker.Stop()
	for {
		if _, err := s.StepClock(ctx); err != nil && ctx.Err() == nil {
			s.opts.Log.Warn("the sandbox could not look at its clocks; it tries again", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
