package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/channeltest"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

const account = "sandbox_test"

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func open(books sandbox.Books) *sandbox.Sandbox {
	return sandbox.New(books, sandbox.Options{Now: func() time.Time { return noon }})
}

// of is the test account's connector.
func of(box *sandbox.Sandbox) channel.Connector {
	connector, err := box.Open(channel.Account{ID: account})
	if err != nil {
		panic(err) // a sandbox account has no settings that could be wrong
	}
	return connector
}

var numbers struct {
	sync.Mutex
	last int
}

// instruction is a refund of a number of its own.
func instruction(amount money.Minor) channel.Instruction {
	numbers.Lock()
	defer numbers.Unlock()
	numbers.last++
	return channel.Instruction{
		Number: fmt.Sprintf("n%06d", numbers.last), Account: account, TransactionID: "t1",
		Amount: money.Amount{Minor: amount, Currency: "CNY"}, Total: money.Amount{Minor: 100_000, Currency: "CNY"},
	}
}

func entry(t *testing.T, s *store.Store, number string) sandbox.Entry {
	t.Helper()
	key := sandbox.Key{Account: account, Number: number}
	var found sandbox.Entry
	err := sandbox.NewDatabase(s).Books(t.Context(), nil, func(tx sandbox.Tx) error {
		entries, err := tx.Entries(t.Context(), []sandbox.Key{key})
		found = entries[key]
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestTheSandboxIsAConnector(t *testing.T) {
	amounts := map[channeltest.Scenario]money.Minor{
		channeltest.Succeeds: 100, channeltest.RefusedAlways: 151, channeltest.AnswerLost: 253, channeltest.RequestLost: 354,
		channeltest.Throttled: 59, channeltest.ShortOfFunds: 55, channeltest.Unpayable: 52,
	}
	for _, running := range []bool{false, true} {
		t.Run(fmt.Sprintf("running %v", running), func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, s *store.Store) {
				channeltest.Run(t, func(t *testing.T) channeltest.Peer {
					box := open(sandbox.NewDatabase(s))
					if running {
						start(t, box)
					}
					return channeltest.Peer{
						Connector: of(box),
						Instruction: func(_ *testing.T, what channeltest.Scenario) (channel.Instruction, bool) {
							amount, ok := amounts[what]
							return instruction(amount), ok
						},
						Moves:  func(t *testing.T, i channel.Instruction) int { return int(entry(t, s, i.Number).Moves) },
						Number: regexp.MustCompile(`^[0-9a-zA-Z]{24,26}$`),
						Day:    func(*testing.T) channel.BillDay { return channel.BillDay{Day: noon.Truncate(24 * time.Hour)} },
					}
				})
			})
		})
	}
}

func TestTheSandboxIsADriver(t *testing.T) {
	channeltest.RunDriver(t, channeltest.DriverPeer{Driver: open(broken{}), Account: channel.Account{ID: account, Channel: merchant.ChannelSandbox}})
}

// start runs a sandbox until the test ends.
func start(t *testing.T, box *sandbox.Sandbox) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { defer close(ended); box.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
}

func TestSubmitsOfTwoProcessesMoveMoneyOnce(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	one, other := open(sandbox.NewDatabase(s)), open(sandbox.NewDatabase(s))
	start(t, one)
	start(t, other)
	refunds := make([]channel.Instruction, 50)
	for n := range refunds {
		refunds[n] = instruction(100)
	}
	var callers sync.WaitGroup
	for _, box := range []*sandbox.Sandbox{one, other} {
		for _, i := range refunds {
			callers.Go(func() {
				if o := of(box).Submit(t.Context(), i); o.Kind != refund.OutcomeDone {
					t.Errorf("%s: %s %s", i.Number, o.Kind, o.Message)
				}
			})
		}
	}
	callers.Wait()
	for _, i := range refunds {
		if e := entry(t, s, i.Number); e.Moves != 1 || e.Submits != 2 {
			t.Errorf("%s: %d moves of %d submits", i.Number, e.Moves, e.Submits)
		}
	}
}

// counting counts the commits of the books.
type counting struct {
	sandbox.Database
	mu      sync.Mutex
	commits int
	hold    chan struct{} // each commit waits for it
}

func (c *counting) Books(ctx context.Context, w *refund.Write, work func(sandbox.Tx) error) error {
	c.mu.Lock()
	c.commits++
	c.mu.Unlock()
	<-c.hold
	return c.Database.Books(ctx, w, work)
}

func TestManySubmitsShareACommit(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	books := &counting{Database: sandbox.NewDatabase(s), hold: make(chan struct{})}
	box := open(books)
	start(t, box)
	const many = 100
	var callers sync.WaitGroup
	for range many {
		i := instruction(100)
		callers.Go(func() {
			if o := of(box).Submit(t.Context(), i); o.Kind != refund.OutcomeDone {
				t.Errorf("%s %s", o.Kind, o.Message)
			}
		})
	}
	ended := make(chan struct{})
	go func() { callers.Wait(); close(ended) }()
	for waiting := true; waiting; {
		select {
		case books.hold <- struct{}{}:
		case <-ended:
			waiting = false
		}
	}
	if books.commits > many/4 {
		t.Errorf("%d submits took %d commits", many, books.commits)
	}
}

// broken books answer nothing.
type broken struct{ sandbox.Database }

func (broken) Books(context.Context, *refund.Write, func(sandbox.Tx) error) error {
	return errors.New("no answer")
}

func (broken) AccountsToWake(context.Context, time.Time, int) ([]string, error) {
	return nil, errors.New("no answer")
}

func TestBooksThatDoNotAnswerLeaveTheOutcomeUnknown(t *testing.T) {
	for _, running := range []bool{false, true} {
		box := open(broken{})
		if running {
			start(t, box)
		}
		if o := of(box).Submit(t.Context(), instruction(100)); o.Kind != refund.OutcomeUnknown {
			t.Errorf("running %v: %s", running, o.Kind)
		}
	}
}

func TestNonsenseIsRefused(t *testing.T) {
	box := open(broken{})
	for name, change := range map[string]func(*channel.Instruction){
		"no amount":   func(i *channel.Instruction) { i.Amount.Minor = 0 },
		"no currency": func(i *channel.Instruction) { i.Amount.Currency = "" },
		"no number":   func(i *channel.Instruction) { i.Number = "" },
		"no account":  func(i *channel.Instruction) { i.Account = "" },
	} {
		i := instruction(100)
		change(&i)
		if o := of(box).Submit(t.Context(), i); o.Kind != refund.OutcomeRefused {
			t.Errorf("%s: %s", name, o.Kind)
		}
	}
}

func TestAChannelNumberHas28DigitsAndStaysTheSame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		box := open(sandbox.NewDatabase(s))
		i := instruction(100)
		first, again := of(box).Submit(t.Context(), i), of(box).Query(t.Context(), i)
		if len(first.ChannelRefundID) != 28 || first.ChannelRefundID != again.ChannelRefundID {
			t.Errorf("%q, then %q", first.ChannelRefundID, again.ChannelRefundID)
		}
		for _, c := range first.ChannelRefundID {
			if c < '0' || c > '9' {
				t.Fatalf("%q is no number", first.ChannelRefundID)
			}
		}
		if other := of(box).Submit(t.Context(), instruction(100)); other.ChannelRefundID == first.ChannelRefundID {
			t.Error("two refunds have one number")
		}
	})
}

func TestARefundWithAPasswordWaitsUntilItIsSettled(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		box := open(sandbox.NewDatabase(s))
		for _, amount := range []money.Minor{100, 151, 155, 158} { // whatever the amount says
			i := instruction(amount)
			i.Refund.Detail.Password = true
			for _, said := range []refund.Outcome{of(box).Submit(t.Context(), i), of(box).Submit(t.Context(), i), of(box).Query(t.Context(), i)} {
				if said.Kind != refund.OutcomeAccepted {
					t.Errorf("%d: %+v", amount, said)
				}
			}
			if err := box.Advance(t.Context(), account, 30*24*time.Hour, nil); err != nil {
				t.Fatal(err)
			}
			if e := entry(t, s, i.Number); e.State != sandbox.Processing || e.Moves != 0 {
				t.Errorf("%d: time alone made it %+v", amount, e)
			}
			if err := box.Settle(t.Context(), account, i.Number, "succeeded", nil); err != nil {
				t.Fatal(err)
			}
			if said := of(box).Query(t.Context(), i); said.Kind != refund.OutcomeDone {
				t.Errorf("%d: settled it is %+v", amount, said)
			}
		}
	})
}
