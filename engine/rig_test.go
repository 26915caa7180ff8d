package engine_test

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

// clock is moved by hand, so that back-offs of seconds take none.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock {
	return &clock{now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(by)
}

// rig is a store, an intake and an engine whose steps the test takes.
type rig struct {
	t       *testing.T
	store   *store.Store
	clock   *clock
	account string
	owner   string // merchant
	sandbox *sandbox.Sandbox
	board   *intake.Board
	engine  *engine.Engine
	intake  *intake.Intake

	mu     sync.Mutex
	alerts []string
}

// quiet drops what the engine logs on purpose in tests.
func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// newRig makes a merchant with the sandbox. A connector of the test's own
// stands in for it when it is not nil.
func newRig(t *testing.T, s *store.Store, own channel.Connector) *rig {
	t.Helper()
	r := &rig{t: t, store: s, clock: newClock(), board: intake.NewBoard()}
	fresh, err := merchant.NewFresh("shop", merchant.Test, nil, nil, r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	fresh.Merchant.Name += " " + fresh.Merchant.ID // no two merchants have one name
	if err := s.AddMerchant(t.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		t.Fatal(err)
	}
	r.owner, r.account = fresh.Merchant.ID, fresh.Accounts[0].ID
	r.sandbox = sandbox.New(sandbox.NewDatabase(s), sandbox.Options{Now: r.clock.Now, Log: quiet()})
	connector := own
	if connector == nil {
		connector = connectorOf(t, r.sandbox, r.account)
	}
	r.engine = r.newEngine(connector)
	r.startIntake()
	return r
}

func (r *rig) newEngine(connector channel.Connector) *engine.Engine {
	return engine.New(r.store, r.board, to(connector), engine.Options{
		Now: r.clock.Now, Log: quiet(), Notifiers: []channel.Notifier{r.sandbox},
		Alert: r.alert,
	})
}

// alert notes an alert.
func (r *rig) alert(a refund.Alert) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.alerts = append(r.alerts, a.Text)
}

func (r *rig) alertsRaised() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.alerts...)
}

// startIntake has requests accepted into r.engine until the test ends.
func (r *rig) startIntake() { r.startIntakeOn(r.store) }

// startIntakeOn is startIntake with a store of the test's own.
func (r *rig) startIntakeOn(s intake.Store) {
	in := intake.New(s, r.engine, r.board, intake.Options{Now: r.clock.Now})
	r.intake = in
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		in.Run(ctx)
	}()
	r.t.Cleanup(func() { cancel(); <-ended })
}

// charge registers a paid charge.
func (r *rig) charge(amount money.Minor) refund.Charge {
	r.t.Helper()
	return r.chargeOf("t"+refund.NewID(time.Now()), amount)
}

// chargeOf registers a charge of a payment.
func (r *rig) chargeOf(transaction string, amount money.Minor) refund.Charge {
	r.t.Helper()
	id := refund.NewID(time.Now())
	c, _, err := r.store.RegisterCharge(r.t.Context(), refund.Charge{
		MerchantID: r.owner, ID: "ch_" + id, OrderNo: "order " + id, Channel: "wx", ChannelAccount: r.account,
		TransactionID: transaction, Currency: "CNY", Amount: amount, PaidAt: r.clock.Now(), CreatedAt: r.clock.Now(),
	}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// accept has a refund accepted.
func (r *rig) accept(chargeID string, amount money.Minor) refund.Refund {
	r.t.Helper()
	result, err := r.intake.Accept(r.t.Context(), unit(r.owner, chargeID, amount), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return result.Refunds[0]
}

func unit(owner, chargeID string, amount money.Minor) refund.Unit {
	return refund.Unit{
		MerchantID: owner,
		Requests:   []refund.Request{{ChargeID: chargeID, Amount: &amount}},
		Members:    []refund.Content{{}},
	}
}

// steps takes every step that can be taken now.
func (r *rig) steps(e *engine.Engine) {
	r.t.Helper()
	for moved := true; moved; {
		moved = false
		for _, step := range []func(context.Context) (int, error){e.StepLook, callAll(e), e.StepRecord, e.StepNotices} {
			n, err := step(r.t.Context())
			if err != nil {
				r.t.Fatal(err)
			}
			moved = moved || n > 0
		}
	}
}

func callAll(e *engine.Engine) func(context.Context) (int, error) {
	return func(ctx context.Context) (n int, err error) {
		for e.StepCall(ctx) {
			n++
		}
		return n, nil
	}
}

// run lets seconds pass, with every step that can be taken in each.
func (r *rig) run(seconds int) {
	r.t.Helper()
	r.steps(r.engine)
	for range seconds {
		r.clock.advance(time.Second)
		r.steps(r.engine)
	}
}

func (r *rig) refund(id string) refund.Refund {
	r.t.Helper()
	got, err := r.store.Refund(r.t.Context(), r.owner, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

func (r *rig) chargeNow(id string) refund.Charge {
	r.t.Helper()
	got, err := r.store.Charge(r.t.Context(), r.owner, id)
	if err != nil {
		r.t.Fatal(err)
	}
	return got
}

// attempts lists a refund's attempts as "source outcome", each as often as it
// stands for.
func (r *rig) attempts(id string) []string {
	r.t.Helper()
	attempts, err := r.store.Attempts(r.t.Context(), r.owner, id)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, a := range attempts {
		out = append(out, slices.Repeat([]string{string(a.Source) + " " + string(a.Outcome)}, int(max(1, a.Times)))...)
	}
	return out
}

// entry is what the sandbox's books say, zero when nothing.
func (r *rig) entry(rf refund.Refund) sandbox.Entry {
	r.t.Helper()
	key := sandbox.Key{Account: rf.ChannelAccount, Number: rf.ChannelNumber}
	var found sandbox.Entry
	err := sandbox.NewDatabase(r.store).Books(r.t.Context(), nil, func(tx sandbox.Tx) error {
		entries, err := tx.Entries(r.t.Context(), []sandbox.Key{key})
		found = entries[key]
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return found
}

// record is an action that the command line asked for.
func (r *rig) record(action string) refund.Action {
	record := audit.New(audit.ByCommand("root"), r.owner, action, "", r.clock.Now())
	record.RequestID = "iar_1"
	return refund.Action{Record: record}
}

// noLeak fails the test when goroutines of this project outlive it.
func noLeak(t *testing.T) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}

// connectorOf opens an account of the sandbox.
func connectorOf(t testing.TB, box *sandbox.Sandbox, account string) channel.Connector {
	t.Helper()
	connector, err := box.Open(channel.Account{ID: account})
	if err != nil {
		t.Fatal(err)
	}
	return connector
}

// to has every account moved by one connector.
func to(connector channel.Connector) engine.Connectors {
	return func(context.Context, string) (channel.Opened, error) {
		return channel.NewOpened(merchant.ChannelAccount{Version: 1}, connector), nil
	}
}
