package engine_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// memory is the engine's store in memory, for hours of simulated time: the
// databases themselves know no such time. It counts what it is asked.
type memory struct {
	engine.Store               // what is not asked for here
	latency      time.Duration // of each statement

	// refuses are reports that break a constraint of the database.
	refuses func(refund.Report) bool
	refusal error
	// held are reports whose charges another transaction holds: who waits for one,
	// waits in vain.
	held func(refund.Report) bool

	mu       sync.Mutex
	refunds  map[refund.Key]*refund.Refund
	looks    int // DueRefunds
	claims   int // claimed refunds
	attempts int
	alerts   []refund.Alert
}

func newMemory() *memory {
	return &memory{latency: 100 * time.Microsecond, refusal: errors.New("a constraint does not hold"), refunds: make(map[refund.Key]*refund.Refund)}
}

func (m *memory) lock() func() {
	time.Sleep(m.latency)
	m.mu.Lock()
	return m.mu.Unlock
}

func dueOf(r refund.Refund) refund.Due {
	return refund.Due{
		Key: refund.Key{MerchantID: r.MerchantID, ID: r.ID}, LeaseEpoch: r.LeaseEpoch, ChargeID: r.ChargeID, Account: r.ChannelAccount, DueAt: r.DueAt,
		Submits: refund.NextStep(r) == refund.StepSubmit && r.LeaseUntil.IsZero(),
	}
}

// dueNow are the due refunds, oldest first. The lock is held.
func (m *memory) dueNow(now time.Time, of func(*refund.Refund) bool) []*refund.Refund {
	var due []*refund.Refund
	for _, r := range m.refunds {
		if !r.DueAt.IsZero() && !r.DueAt.After(now) && of(r) {
			due = append(due, r)
		}
	}
	slices.SortFunc(due, func(a, b *refund.Refund) int { return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID)) })
	return due
}

func (m *memory) DueRefunds(_ context.Context, now time.Time, limit int) ([]refund.Due, error) {
	defer m.lock()()
	m.looks++
	due := m.dueNow(now, func(*refund.Refund) bool { return true })
	out := make([]refund.Due, 0, limit)
	for _, r := range due[:min(limit, len(due))] {
		out = append(out, dueOf(*r))
	}
	return out, nil
}

func (m *memory) DueAccounts(_ context.Context, now time.Time, after refund.AccountKey, limit int) ([]refund.AccountKey, error) {
	defer m.lock()()
	m.looks++
	seen := make(map[refund.AccountKey]bool)
	for _, r := range m.refunds {
		key := refund.AccountKey{MerchantID: r.MerchantID, ID: r.ChannelAccount}
		if !r.DueAt.IsZero() && !r.DueAt.After(now) && compareAccounts(key, after) > 0 {
			seen[key] = true
		}
	}
	accounts := slices.SortedFunc(maps.Keys(seen), compareAccounts)
	return accounts[:min(limit, len(accounts))], nil
}

func compareAccounts(a, b refund.AccountKey) int {
	return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), cmp.Compare(a.ID, b.ID))
}

func (m *memory) DueOf(_ context.Context, now time.Time, asks []refund.DueAsk) ([]refund.Due, error) {
	defer m.lock()()
	m.looks++
	var out []refund.Due
	for _, ask := range asks {
		due := m.dueNow(now, func(r *refund.Refund) bool {
			return r.MerchantID == ask.MerchantID && r.ChannelAccount == ask.ID && dueOf(*r).Submits == ask.Submits
		})
		for _, r := range due[:min(ask.Limit, len(due))] {
			out = append(out, dueOf(*r))
		}
	}
	return out, nil
}

func (m *memory) ClaimRefunds(_ context.Context, due []refund.Due, now, until time.Time) ([]refund.Claimed, []refund.Apart, error) {
	defer m.lock()()
	var claimed []refund.Claimed
	for _, d := range due {
		r := m.refunds[d.Key]
		if r == nil || r.LeaseEpoch != d.LeaseEpoch || r.DueAt.IsZero() || r.DueAt.After(now) {
			continue
		}
		*r = refund.Claim(*r, now, until)
		m.claims++
		claimed = append(claimed, refund.Claimed{Refund: *r, Charge: chargeOf(*r)})
	}
	return claimed, nil, nil
}

func (m *memory) Record(_ context.Context, reports []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error) {
	if wait && m.held != nil && slices.ContainsFunc(reports, m.held) {
		time.Sleep(300 * time.Millisecond)
	}
	defer m.lock()()
	if m.refuses != nil && slices.ContainsFunc(reports, m.refuses) {
		return nil, m.refusal
	}
	posted := make([]refund.Posted, len(reports))
	for n, report := range reports {
		r := m.refunds[report.Key]
		if r == nil {
			continue
		}
		if posted[n].Held = m.held != nil && m.held(report); posted[n].Held {
			continue
		}
		change := decide(chargeOf(*r), *r, report)
		for _, changed := range change.Refunds {
			*m.refunds[refund.Key{MerchantID: changed.MerchantID, ID: changed.ID}] = changed
		}
		m.attempts += len(change.Attempts)
		m.alerts = append(m.alerts, change.Alerts...)
		posted[n] = refund.Posted{Refund: *r, Charge: change.Charge}
	}
	return posted, nil
}

func (m *memory) SaveAlert(_ context.Context, a refund.Alert) error {
	defer m.lock()()
	m.alerts = append(m.alerts, a)
	return nil
}

// WatchRefunds: the channels of these tests have no tail.
func (*memory) WatchRefunds(context.Context, time.Time, int) (int, error) { return 0, nil }

// ExpireApprovals: no refund of these tests waits for one.
func (*memory) ExpireApprovals(context.Context, time.Time, refund.Expiry, int) (int, refund.Expiry, error) {
	return 0, refund.Expiry{}, nil
}

func (m *memory) SetApart(_ context.Context, apart []refund.Apart) error {
	defer m.lock()()
	for _, a := range apart {
		if r := m.refunds[a.Key]; r.LeaseEpoch == a.LeaseEpoch {
			r.DueAt = a.DueAt
		}
		m.alerts = append(m.alerts, refund.Alert{RefundID: a.ID, Text: a.Text})
	}
	return nil
}

func (*memory) DueNotices(context.Context, time.Time, int) ([]refund.KeptNotice, error) {
	return nil, nil
}

func (*memory) ForgetNotices(context.Context, time.Time) (int64, error) { return 0, nil }

// chargeOf is a charge of which the refund is all.
func chargeOf(r refund.Refund) refund.Charge {
	return refund.Charge{MerchantID: r.MerchantID, ID: r.ChargeID, ChannelAccount: r.ChannelAccount, Currency: r.Currency, Amount: r.Amount, Reserved: r.Amount}
}

// accountChannel is the channel of one account: it takes its time and answers,
// and notes when it was called about what.
type accountChannel struct {
	channel.Basic
	limits channel.Limits
	took   time.Duration
	answer func(context.Context, refund.Step, channel.Instruction) refund.Outcome // nil is done

	mu     sync.Mutex
	calls  int
	called map[string]time.Time // first call, by refund
}

func (c *accountChannel) Limits() channel.Limits { return c.limits }

func (c *accountChannel) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	return c.call(ctx, refund.StepSubmit, i)
}

func (c *accountChannel) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	return c.call(ctx, refund.StepQuery, i)
}

func (c *accountChannel) call(ctx context.Context, step refund.Step, i channel.Instruction) refund.Outcome {
	c.mu.Lock()
	c.calls++
	if _, again := c.called[i.RefundID]; !again {
		if c.called == nil {
			c.called = make(map[string]time.Time)
		}
		c.called[i.RefundID] = time.Now()
	}
	c.mu.Unlock()
	time.Sleep(c.took)
	if c.answer != nil {
		return c.answer(ctx, step, i)
	}
	return refund.Outcome{Kind: refund.OutcomeDone}
}

func (c *accountChannel) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

// hangs answers nothing until the call's deadline.
func hangs(ctx context.Context, _ refund.Step, _ channel.Instruction) refund.Outcome {
	<-ctx.Done()
	return refund.Outcome{Kind: refund.OutcomeUnknown, Code: "TIMEOUT"}
}

// world is one engine over memory, in a bubble of simulated time.
type world struct {
	t        *testing.T
	store    *memory
	engine   *engine.Engine
	channels map[string]*accountChannel // by account
	owners   map[string]string          // merchants, by account
	made     int
	accepted map[string]time.Time // by refund
	stop     func()
}

// newWorld runs an engine in the bubble of the test.
func newWorld(t *testing.T) *world {
	w := &world{t: t, store: newMemory(), channels: map[string]*accountChannel{}, owners: map[string]string{}, accepted: map[string]time.Time{}}
	w.engine = engine.New(w.store, intake.NewBoard(), func(_ context.Context, account string) (channel.Opened, error) {
		return channel.NewOpened(merchant.ChannelAccount{ID: account, Version: 1}, w.channels[account]), nil
	}, engine.Options{Log: quiet()})
	return w
}

// run begins the engine's loops, which end with the test.
func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); w.engine.Run(ctx) }()
	w.stop = func() { cancel(); <-ended }
}

func (w *world) add(owner, account string, c *accountChannel) *accountChannel {
	w.channels[account], w.owners[account] = c, owner
	return c
}

func (w *world) refund(account string) refund.Refund {
	w.made++
	now := time.Now()
	id := fmt.Sprintf("re_%08d", w.made)
	w.accepted[id] = now
	return refund.Refund{
		MerchantID: w.owners[account], ID: id, ChargeID: "ch_" + id, UnitID: id, Amount: 100, Currency: "CNY", State: refund.Created,
		Parts: refund.Parts{Payer: 100}, ChannelAccount: account, ChannelNumber: id, CreatedAt: now, UpdatedAt: now, DueAt: now,
	}
}

// due leaves refunds in the store, due now.
func (w *world) due(account string, n int) {
	defer w.store.lock()()
	for range n {
		r := w.refund(account)
		w.store.refunds[refund.Key{MerchantID: r.MerchantID, ID: r.ID}] = &r
	}
}

// waits are how long an account's refunds waited for their first call, the
// longest last; those that were not called wait until now.
func (w *world) waits(account string) []time.Duration {
	c := w.channels[account]
	c.mu.Lock()
	defer c.mu.Unlock()
	var waits []time.Duration
	w.store.mu.Lock()
	defer w.store.mu.Unlock()
	for key, r := range w.store.refunds {
		if r.ChannelAccount != account {
			continue
		}
		at, ok := c.called[key.ID]
		if !ok {
			at = time.Now()
		}
		waits = append(waits, at.Sub(w.accepted[key.ID]))
	}
	slices.Sort(waits)
	return waits
}

func at(waits []time.Duration, percent int) time.Duration {
	if len(waits) == 0 {
		return 0
	}
	return waits[(len(waits)-1)*percent/100]
}

func (m *memory) alertTexts() (texts []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, a := range m.alerts {
		texts = append(texts, a.Text)
	}
	return texts
}

func (m *memory) count(state refund.State) (n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.refunds {
		if r.State == state {
			n++
		}
	}
	return n
}
