package channelsim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options of a simulator. URL and Data must be given.
type Options struct {
	// URL is the address by which it is reached, such as http://127.0.0.1:9000.
	URL string
	// Data is the folder of sim.json and the keys; it is made if it is not there.
	Data string
	// Faults is which part of the calls goes wrong, 0 to 1, and Seed decides which.
	Faults float64
	Seed   uint64
	// Scenario are faults that the first calls have.
	Scenario []Injection
	// Now is the clock; default this machine's. POST /sim/clock moves what it says.
	Now func() time.Time
	// Hold is how long an answer that comes late is held back, by this machine's clock;
	// default 1 s.
	Hold time.Duration
	// Client sends notices; default a client of its own.
	Client *http.Client
	Log    *slog.Logger // default slog.Default()
}

const defaultHold = time.Second

// Simulator plays the other side of channels. It is used by many goroutines at once.
type Simulator struct {
	opts   Options
	log    *slog.Logger
	client *http.Client
	bell   chan struct{} // something became due sooner

	mu        sync.Mutex
	ahead     time.Duration // of Options.Now
	sides     map[string]Side
	books     map[string]*Books
	notifyURL map[string]string // by channel
	faults    faults
	agenda    agenda
	outgoing  []attempt
	behind    map[string][]*notice // held back until another goes first, by channel
	overtaken map[string][]func()  // submits, likewise
	notices   int
}

// New makes a simulator of sides. Their accounts are made, or read from the data
// folder, and sim.json is written.
func New(opts Options, sides ...Side) (*Simulator, error) {
	s := &Simulator{
		opts: opts, log: cmp.Or(opts.Log, slog.Default()), client: opts.Client, bell: make(chan struct{}, 1), sides: map[string]Side{}, books: map[string]*Books{},
		notifyURL: map[string]string{}, behind: map[string][]*notice{}, overtaken: map[string][]func(){},
	}
	if s.opts.Now == nil {
		s.opts.Now = time.Now
	}
	if s.opts.Hold == 0 {
		s.opts.Hold = defaultHold
	}
	if s.client == nil {
		s.client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	if opts.Faults < 0 || opts.Faults > 1 {
		return nil, errors.New("the rate of faults must be 0 to 1")
	}
	for _, side := range sides {
		s.sides[side.Name()] = side
		s.books[side.Name()] = newBooks(s, side)
	}
	s.faults = faults{seed: opts.Seed, rate: opts.Faults, hits: map[Cell]int{}, drawn: map[Cell]int{}, seen: map[string]int{}}
	for n, planned := range opts.Scenario {
		if err := planned.check(s.sides); err != nil {
			return nil, fmt.Errorf("scenario, fault %d: %w", n+1, err)
		}
		s.faults.planned = append(s.faults.planned, planned)
	}
	return s, s.openAccounts(sides)
}

// now is the simulator's time. The lock is held.
func (s *Simulator) now() time.Time { return s.opts.Now().Add(s.ahead) }

func (s *Simulator) ring() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// Step does what is due by the simulator's clock, sends the notices that are due and
// returns how many it sent. It is for callers who move the clock themselves; Run calls
// it too.
func (s *Simulator) Step(ctx context.Context) int {
	s.mu.Lock()
	s.due()
	attempts := s.outgoing
	s.outgoing = nil
	s.mu.Unlock()
	s.send(ctx, attempts)
	return len(attempts)
}

// NextDue is when something is due by the simulator's clock; ok is false for nothing.
func (s *Simulator) NextDue() (at time.Time, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.outgoing) > 0:
		return s.now(), true
	case s.agenda.Len() == 0:
		return time.Time{}, false
	}
	return s.agenda.entries[0].at, true
}

// longestWait is how long Run waits where nothing is due: the clock may be moved by
// who made it.
const longestWait = time.Minute

// Run does what is due until ctx ends.
func (s *Simulator) Run(ctx context.Context) {
	for ctx.Err() == nil {
		if s.Step(ctx) > 0 {
			continue
		}
		wait := longestWait
		if at, ok := s.NextDue(); ok {
			wait = min(wait, at.Sub(s.Now()))
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-s.bell:
		case <-ctx.Done():
		}
		timer.Stop()
	}
}

// Now is the simulator's time.
func (s *Simulator) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// Advance moves the clock.
func (s *Simulator) Advance(by time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead += by
	s.due()
	s.ring()
}

// AddPayment adds a payment to a channel's books and returns its transaction id.
func (s *Simulator) AddPayment(p Payment) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	books := s.books[p.Channel]
	if books == nil {
		return "", fmt.Errorf("unknown channel %q", p.Channel)
	}
	added, err := books.addPayment(p)
	if err != nil {
		return "", err
	}
	return added.TransactionID, nil
}

// NotifyAt names the address of a channel's notices, where a request names none.
func (s *Simulator) NotifyAt(channel, address string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sides[channel] == nil {
		return fmt.Errorf("unknown channel %q", channel)
	}
	s.notifyURL[channel] = address
	return nil
}

// Books lists the refunds of a channel, of all channels for "".
func (s *Simulator) Books(channel string) []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.due()
	out := []Entry{}
	for _, name := range s.names() {
		if channel == "" || channel == name {
			out = append(out, s.books[name].entries()...)
		}
	}
	return out
}

func (s *Simulator) names() []string {
	names := make([]string, 0, len(s.sides))
	for name := range s.sides {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Inject asks for faults in the next calls.
func (s *Simulator) Inject(i Injection) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := i.check(s.sides); err != nil {
		return err
	}
	s.faults.planned = append(s.faults.planned, i)
	return nil
}

// EndFaults ends all faults, those that were asked for and those by probability.
func (s *Simulator) EndFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults.planned, s.faults.rate = nil, 0
}

// Hit is how often a fault struck in one phase.
type Hit struct {
	Channel string `json:"channel"`
	Phase   Phase  `json:"phase"`
	Fault   Fault  `json:"fault"`
	Hits    int    `json:"hits"`
}

// Hits lists every cell that a channel's faults can have, struck or not.
func (s *Simulator) Hits() []Hit {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := []Hit{}
	for _, name := range s.names() {
		for _, phase := range Phases {
			for _, fault := range Sensible(s.sides[name], phase) {
				out = append(out, Hit{name, phase, fault, s.faults.hits[Cell{name, phase, fault}]})
			}
		}
	}
	return out
}
