package admin

import (
	"cmp"
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/policy"
	"github.com/refundry/refundry/refund"
)

const (
	// DefaultDryRunDays are what a dry run reads where nobody says, MaxDryRunDays the
	// most.
	DefaultDryRunDays = 30
	MaxDryRunDays     = 90
	// maxDryRun bounds the refunds of a dry run: some seconds of work.
	maxDryRun = 100_000
	// maxDryRunTime bounds how long one takes. What it has seen until then is shown.
	maxDryRunTime = 20 * time.Second
	// dryRunPage is how many are read at once.
	dryRunPage = 1000
	// maxDryRunSamples is how many of the refunds that a policy is true of are listed,
	// the newest ones.
	maxDryRunSamples = 20
)

// DryRun is what a policy would have done.
type DryRun struct {
	// From and To bound the refunds that it was asked about, and Refunds counts them.
	From, To time.Time
	Refunds  int64
	// Matched are those that it would have held or refused, by currency, and Failed
	// counts those among them of which it could not be evaluated: they would be held.
	Matched map[money.Currency]refund.Recent
	Failed  int64
	// Samples are the newest of them, newest first.
	Samples []DryRunSample
	// Truncated says that there are more refunds than a dry run reads, or reads in its
	// time: To is where it stopped.
	Truncated bool
}

// DryRunSample is one refund that a policy is true of.
type DryRunSample struct {
	Refund refund.Refund
	// Failure is why it could not be evaluated, "" if it could.
	Failure string
}

// DryRun asks a policy about the refunds of the last days, as it would have been asked
// when they were made, and changes nothing: earlier refunds are counted as it would
// have counted them, less those that have failed or were canceled since. An
// expression may be tried that no policy has. A merchant has one under way at once in a
// process. Errors: KindInvalid, for an expression with its place; KindBusy while another
// one is under way, and where it took too long to read what is before the days.
func (a *Admin) DryRun(ctx context.Context, p merchant.Policy, days int) (DryRun, error) {
	if days < 1 || days > MaxDryRunDays {
		return DryRun{}, refund.Errorf(refund.KindInvalid, "days", "days must be 1 to %d", MaxDryRunDays)
	}
	if err := CheckExpression(p.Expression); err != nil {
		return DryRun{}, err
	}
	p.Enabled, p.HoldHours = true, max(1, p.HoldHours)
	now := a.now()
	run := dryRun{set: policy.NewSet([]merchant.Policy{p}), windows: make(map[windowKey]*slidingWindow), refunded: make(map[string]money.Minor)}
	run.From, run.To, run.Matched = now.AddDate(0, 0, -days), now, make(map[money.Currency]refund.Recent)
	after := refund.Position{CreatedAt: run.From}
	for _, w := range run.set.Windows() {
		if since := run.From.Add(-w.Span); since.Before(after.CreatedAt) {
			after.CreatedAt = since
		}
	}
	end, err := a.dryRuns.begin(p.MerchantID)
	if err != nil {
		return DryRun{}, err
	}
	defer end()
	limited, cancel := context.WithTimeout(ctx, maxDryRunTime)
	defer cancel()
	if err := run.all(limited, a.s.Store, p.MerchantID, after); err != nil || ctx.Err() != nil {
		return DryRun{}, cmp.Or(ctx.Err(), err)
	}
	return run.DryRun, nil
}

// all judges the refunds after a place, until there is no more or it must stop.
func (d *dryRun) all(ctx context.Context, s Policies, merchantID string, after refund.Position) error {
	for read := 0; ; {
		page, err := s.PolicySample(ctx, merchantID, after, dryRunPage)
		for _, one := range page {
			if ctx.Err() != nil {
				break
			}
			d.add(one)
			after = refund.Position{CreatedAt: one.Refund.CreatedAt, ID: one.Refund.ID}
		}
		read += len(page)
		switch late := errors.Is(ctx.Err(), context.DeadlineExceeded); {
		case late && after.CreatedAt.Before(d.From):
			return refund.Errorf(refund.KindBusy, "days", "the refunds could not be read in %s; try fewer days, or try again later", maxDryRunTime)
		case late || err == nil && read >= maxDryRun && len(page) == dryRunPage:
			d.Truncated, d.To = true, after.CreatedAt
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case len(page) < dryRunPage:
			return nil
		}
	}
}

// dryRuns are the merchants that have a dry run under way in this process. The zero
// value is ready.
type dryRuns struct {
	mu        sync.Mutex
	merchants map[string]bool
}

// begin takes the merchant's turn, and returns what ends it. Errors: KindBusy.
func (d *dryRuns) begin(merchantID string) (end func(), err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.merchants[merchantID] {
		return nil, refund.Errorf(refund.KindBusy, "", "a dry run of the merchant is under way; try again when it has ended")
	}
	if d.merchants == nil {
		d.merchants = make(map[string]bool)
	}
	d.merchants[merchantID] = true
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.merchants, merchantID)
	}, nil
}

// dryRun is DryRun at work.
type dryRun struct {
	DryRun
	set     *policy.Set
	windows map[windowKey]*slidingWindow
	// refunded is what earlier refunds took of each charge, as far as they were read.
	refunded map[string]money.Minor
}

type windowKey struct {
	refund.Window
	customer string
}

func (d *dryRun) add(one refund.Claimed) {
	r, c := one.Refund, one.Charge
	if r.By.Dialect == refund.ByChannel || c.ID == "" {
		return
	}
	if !r.CreatedAt.Before(d.From) {
		d.judge(r, c)
	}
	if r.State == refund.Failed || r.State == refund.Canceled {
		return
	}
	d.refunded[c.ID] += r.Amount
	for _, w := range d.set.Windows() {
		for _, key := range keysOf(w, c, r) {
			if d.windows[key] == nil {
				d.windows[key] = &slidingWindow{span: w.Span, sums: make(map[money.Currency]money.Minor)}
			}
			d.windows[key].add(r)
		}
	}
}

// keysOf are the windows in which a refund counts: one for each of its customers, or
// the merchant's.
func keysOf(w refund.Window, c refund.Charge, r refund.Refund) (keys []windowKey) {
	if !w.OfCustomer {
		return []windowKey{{Window: w}}
	}
	for _, customer := range c.Customers(refund.Request{Customer: r.Customer}) {
		keys = append(keys, windowKey{w, customer})
	}
	return keys
}

func (d *dryRun) judge(r refund.Refund, c refund.Charge) {
	d.Refunds++
	c.Refunds, c.Reserved = r.Sequence-1, 0
	c.Refunded = c.AlreadyRefunded + d.refunded[c.ID]
	asked := refund.Asked{
		Charge: c, Request: refund.Request{Reason: r.Reason, ReasonCode: r.ReasonCode, Customer: r.Customer, Number: r.Number},
		Amount: r.Amount, By: r.By, At: r.CreatedAt,
	}
	if customers := c.Customers(asked.Request); len(customers) > 0 {
		asked.Customer = customers[0]
	}
	v := d.set.Judge(asked, func(w refund.Window) (most refund.Recent) {
		for _, key := range keysOf(w, c, r) {
			most = most.Most(d.windows[key].at(r.CreatedAt, r.Currency))
		}
		return most
	})
	if !v.Refuse && !v.Holds() {
		return
	}
	d.Matched[r.Currency] = d.Matched[r.Currency].Plus(refund.Recent{Count: 1, Sum: r.Amount})
	sample := DryRunSample{Refund: r}
	if v.Alert != "" {
		d.Failed++
		sample.Failure = v.Why
	}
	d.Samples = append([]DryRunSample{sample}, d.Samples[:min(len(d.Samples), maxDryRunSamples-1)]...)
}

// slidingWindow counts the refunds of the last span of time, which come in order.
type slidingWindow struct {
	span   time.Duration
	inside []entry
	sums   map[money.Currency]money.Minor
}

func (w *slidingWindow) add(r refund.Refund) {
	w.inside = append(w.inside, entry{r.CreatedAt, r.Amount, r.Currency})
	sum, ok := money.Add(w.sums[r.Currency], r.Amount)
	if !ok {
		sum = math.MaxInt64
	}
	w.sums[r.Currency] = sum
}

// at counts those since a time, at which the window then ends. A nil window is empty.
func (w *slidingWindow) at(now time.Time, currency money.Currency) refund.Recent {
	if w == nil {
		return refund.Recent{}
	}
	since := now.Add(-w.span)
	for len(w.inside) > 0 && w.inside[0].at.Before(since) {
		w.sums[w.inside[0].currency] -= w.inside[0].amount
		w.inside = w.inside[1:]
	}
	return refund.Recent{Count: int64(len(w.inside)), Sum: w.sums[currency]}
}

// entry is what a window keeps of a refund.
type entry struct {
	at       time.Time
	amount   money.Minor
	currency money.Currency
}
