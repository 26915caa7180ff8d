package wechatpay

import (
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// rates counts what each account asks for, as the platform does (W3-7 and
// W3-8): so many refund requests a second, fewer that fail, and few of old
// orders. It binds merchants who want the channels' rules. Each process counts
// for itself: a limit protects the platform, and no money hangs on it. Its zero
// value is ready.
type rates struct {
	mu       sync.Mutex
	accounts map[string]*counts
}

// counts are one account's counts in the second and minute that are under way.
type counts struct {
	second, minute                    int64 // since 1970
	refunds, failures, olds, reroutes int
}

// counter picks one of an account's counts.
type counter func(*counts) *int

var (
	countRefund  counter = func(r *counts) *int { return &r.refunds }
	countFailure counter = func(r *counts) *int { return &r.failures }
	countOld     counter = func(r *counts) *int { return &r.olds }
	countReroute counter = func(r *counts) *int { return &r.reroutes }
)

// add counts one more and reports whether it is within a limit. What is above
// is not counted: an account that asks on is served again at the next second.
func (s *rates) add(c *call, now time.Time, which counter, limit int) bool {
	if !c.account.merchant.Settings.ChannelRules {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	count := which(s.of(c.account.mchID(), now))
	if *count >= limit {
		return false
	}
	*count++
	return true
}

// full reports whether a count has reached its limit.
func (s *rates) full(c *call, now time.Time, which counter, limit int) bool {
	if !c.account.merchant.Settings.ChannelRules {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return *which(s.of(c.account.mchID(), now)) >= limit
}

// of returns an account's counts, begun anew with each second and minute.
func (s *rates) of(mchID string, now time.Time) *counts {
	r := s.accounts[mchID]
	if r == nil {
		if s.accounts == nil || len(s.accounts) >= maxAccounts {
			s.accounts = make(map[string]*counts)
		}
		r = &counts{}
		s.accounts[mchID] = r
	}
	if minute := now.Unix() / 60; minute != r.minute {
		r.minute, r.olds = minute, 0
	}
	if second := now.Unix(); second != r.second {
		r.second, r.refunds, r.failures, r.reroutes = second, 0, 0, 0
	}
	return r
}

// limited takes a refund request through the limits of its account.
func (d *Dialect) limited(c *call, serve func(*call) (any, error)) (any, error) {
	now := d.Now()
	if d.rates.full(c, now, countFailure, wire.FailuresPerSecond) || !d.rates.add(c, now, countRefund, wire.RefundsPerSecond) {
		return nil, &wire.Error{Code: wire.CodeFrequencyLimited, Message: "请求过于频繁，请降低频率后使用原参数重试"}
	}
	object, err := serve(c)
	if err != nil {
		if status, _ := told(err); !wire.OutcomeUnknown(status) {
			d.rates.add(c, now, countFailure, wire.FailuresPerSecond)
		}
	}
	return object, err
}

// admitOld refuses a refund of an order that is older than a month once the
// account's minute is full of such.
func (d *Dialect) admitOld(c *call, charge refund.Charge) error {
	if d.isOld(charge) && !d.rates.add(c, d.Now(), countOld, wire.OldRefundsPerMinute) {
		return &wire.Error{Code: wire.CodeFrequencyLimited, Message: wire.MessageOldOrder}
	}
	return nil
}

// isOld reports whether an order is older than a month.
func (d *Dialect) isOld(charge refund.Charge) bool { return d.Now().Sub(charge.PaidAt) > wire.OldOrder }

// isCounted reports whether admitOld counts an order.
func (d *Dialect) isCounted(c *call, charge refund.Charge) bool {
	return c.account.merchant.Settings.ChannelRules && d.isOld(charge)
}
