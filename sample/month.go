package sample

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// The people of the shop, as their actions are recorded.
var (
	amy  = admin.By{Actor: audit.ByUser("amy@sample.example")}  // customer service
	ben  = admin.By{Actor: audit.ByUser("ben@sample.example")}  // finance, approves
	cleo = admin.By{Actor: audit.ByUser("cleo@sample.example")} // operations
)

func newRandom(seed uint64) *rand.Rand {
	return rand.New(rand.NewPCG(seed, 30)) //nolint:gosec // it is to be the same again
}

// month is a sample being made.
type month struct {
	opts       Options
	clock      *clock
	began, end time.Time
	random     *rand.Rand
	hooks      *rand.Rand // of what receivers of webhooks answer
	service    *service.Service
	report     Report

	merchant   merchant.Merchant
	account    string
	identities []merchant.Identity
	keys       map[string]string // ids of keys by their dialects
	payments   []payment
	asked      []string // ids of refunds, in their order
	oldFrom    time.Time
	counts     bool // the service's figures are counted, too
}

// payment is a charge and what is left of it.
type payment struct {
	refund.Charge
	left int64
}

func (m *month) admin() *admin.Admin { return m.service.Admin() }

// make makes the merchant, and then hour after hour.
func (m *month) make(ctx context.Context) error {
	if err := m.open(ctx); err != nil {
		return err
	}
	hours := int(m.end.Sub(m.began) / time.Hour)
	m.oldFrom = m.began.Add(time.Duration(hours/10) * time.Hour)
	for hour := range hours {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := m.hour(ctx, hour, hours); err != nil {
			return fmt.Errorf("at %s: %w", m.clock.now.Format(time.RFC3339), err)
		}
		if m.opts.Progress != nil {
			m.opts.Progress(hour+1, hours)
		}
	}
	m.clock.to(m.end)
	if err := m.last(ctx); err != nil {
		return err
	}
	m.report.MerchantID, m.report.Charges, m.report.Refunds = m.merchant.ID, len(m.payments), len(m.asked)
	return service.LinkAudit(ctx, m.service.Store)
}

// open makes the merchant with its endpoints and its policy.
func (m *month) open(ctx context.Context) error {
	var with []string
	for _, d := range service.Dialects() {
		if d.Name != merchant.Native {
			with = append(with, d.Name)
		}
	}
	fresh, err := admin.MakeMerchant(service.Dialects(), admin.NewMerchant{Name: Name, Mode: merchant.Test, With: with}, m.clock.now)
	if err == nil {
		err = m.admin().AddMerchant(ctx, admin.By{Actor: service.Operator()}, fresh)
	}
	if err != nil {
		return fmt.Errorf("make the merchant: %w", err)
	}
	m.merchant, m.account, m.identities = fresh.Merchant, fresh.Accounts[0].ID, fresh.Identities
	m.keys = make(map[string]string)
	for _, k := range fresh.Keys {
		m.keys[k.Key.Dialect] = k.Key.ID
	}
	for _, e := range []admin.NewEndpoint{
		{URL: "https://hooks.sample.example/native", Dialect: merchant.Native},
		{URL: "https://hooks.sample.example/pingpp", Dialect: "pingpp", Events: []string{"refund.succeeded"}},
		{URL: "https://hooks.sample.example/wechatpay", Dialect: "wechatpay"},
		{URL: oldHook, Dialect: merchant.Native, Events: []string{"refund.failed", "refund.abnormal"}},
	} {
		if _, err := m.admin().AddEndpoint(ctx, cleo, m.merchant.ID, e); err != nil {
			return fmt.Errorf("add an endpoint: %w", err)
		}
	}
	name, expression, on := "大额退款 large refunds", "refund.amount > 40000", true
	if _, err := m.admin().AddPolicy(ctx, cleo, m.merchant.ID, admin.PolicyChange{Name: &name, Expression: &expression, Enabled: &on}); err != nil {
		return fmt.Errorf("add a policy: %w", err)
	}
	return nil
}

// dayShape is how busy an hour of the day in China is, in percent of the mean.
var dayShape = [24]int{25, 15, 8, 5, 5, 8, 20, 45, 80, 125, 160, 165, 130, 125, 140, 150, 145, 130, 125, 150, 185, 195, 160, 80}

// busy is how busy the shop is now, in percent of the mean.
func (m *month) busy() int {
	local := m.clock.now.Add(8 * time.Hour)
	shape := dayShape[local.Hour()]
	switch local.Weekday() {
	case time.Saturday, time.Sunday:
		shape = shape * 13 / 10
	case time.Tuesday:
		shape = shape * 85 / 100
	}
	return shape
}

// some is a number around a mean, which is in percent.
func (m *month) some(percent int) int {
	n := percent * (50 + m.random.IntN(101)) / 100
	whole := n / 100
	if m.random.IntN(100) < n%100 {
		whole++
	}
	return whole
}

// Mean numbers of an hour, in percent.
const (
	chargesPerHour = 420
	refundsPerHour = 170
)

// hour is one hour of the shop.
func (m *month) hour(ctx context.Context, hour, hours int) error {
	at := m.began.Add(time.Duration(hour) * time.Hour)
	m.clock.to(at)
	m.counts = true
	err := m.work(ctx)
	m.counts = false
	if err != nil {
		return err
	}
	busy := m.busy()
	if err := m.pay(ctx, m.some(chargesPerHour*busy/100)); err != nil {
		return err
	}
	if err := m.desk(ctx, hour, hours); err != nil {
		return err
	}
	refunds := m.some(refundsPerHour * busy / 100)
	if len(m.payments) < 20 {
		refunds = 0
	}
	for left := refunds; left > 0; {
		together := min(left, 1+m.random.IntN(3))
		m.clock.to(at.Add(time.Duration((refunds-left)*3500/max(1, refunds)+m.random.IntN(60)) * time.Second).Add(time.Duration(m.random.IntN(1e6)) * time.Microsecond))
		if err := m.ask(ctx, together); err != nil {
			return err
		}
		left -= together
	}
	if refunds == 0 {
		return m.settle(ctx)
	}
	return nil
}

const (
	// soon is how far ahead something may be due to be waited for; what is due later
	// comes in a later hour.
	soon = 3 * time.Second
	// maxRounds bounds one settling.
	maxRounds = 12
	// maxWork bounds how often the service's steps are gone through at one time.
	maxWork = 500
)

// settle has the service do what there is to do now and in the next seconds.
func (m *month) settle(ctx context.Context) error {
	for range maxRounds {
		if err := m.work(ctx); err != nil {
			return err
		}
		next, err := m.service.NextDue(ctx)
		if err != nil {
			return err
		}
		if next.IsZero() || next.After(m.clock.now.Add(soon)) {
			return nil
		}
		m.clock.to(later(next, m.clock.now.Add(time.Millisecond)))
	}
	return nil
}

// work goes through the service's steps until none has anything to do.
func (m *month) work(ctx context.Context) error {
	for range maxWork {
		done := 0
		for _, step := range m.service.Steps() {
			if step.Name == "count" && !m.counts {
				continue // it counts an hour anew each time: once an hour is enough
			}
			n, err := step.Take(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", step.Name, err)
			}
			done += n
		}
		n, err := m.service.Sandbox().StepClock(ctx)
		if err != nil {
			return err
		}
		if done+n > 0 {
			continue
		}
		if !m.service.Busy() {
			return nil
		}
		time.Sleep(20 * time.Microsecond) // a line of a file is on its way to the intake
	}
	return nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
