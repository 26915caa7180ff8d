package sim_test

import (
	"context"
	"hash/fnv"
	"sync"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// bankName is the channel's, as accounts name it.
const bankName = "bank"

// fault is what is wrong with a merchant's channel account, rows or receiver.
type fault int

const (
	healthy fault = iota
	// hanging: neither the channel nor the receiver answers.
	hanging
	// failing: no connection to the channel, and the receiver answers 500.
	failing
	// limited: the channel takes one call a second, and its queue is full.
	limited
	// corrupt: the channel works on its refunds, whose rows are broken meanwhile.
	corrupt
	// locked: other sessions hold its charges, in the database.
	locked
)

// bank is the channel of every account, with books in memory.
type bank struct {
	seed   uint64
	called func(refundID string, at time.Time)
	locks  locks

	mu      sync.Mutex
	faults  map[string]fault           // by account
	moved   map[string]map[string]bool // the numbers that money moved for, by account
	talking map[string]bool            // numbers that a call is under way about
	overlap int
}

func newBank(seed uint64, called func(string, time.Time)) *bank {
	return &bank{seed: seed, called: called, faults: make(map[string]fault), moved: make(map[string]map[string]bool), talking: make(map[string]bool), locks: locks{until: make(map[string]time.Time)}}
}

// Open implements channel.Driver.
func (b *bank) Open(a channel.Account) (channel.Connector, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &teller{bank: b, fault: b.faults[a.ID]}, nil
}

// Settings and Rules implement channel.Driver: there are none.
func (*bank) Settings() []merchant.Setting { return nil }
func (*bank) Rules(string) refund.Rules    { return refund.Rules{} }

// teller is the bank's connector of one account.
type teller struct {
	channel.Basic
	bank  *bank
	fault fault
}

func (t *teller) Pace() refund.Pace {
	return refund.Pace{SettlingTime: 5 * time.Second, First: time.Second, Longest: 5 * time.Minute}
}

func (t *teller) Limits() channel.Limits {
	if t.fault == limited {
		once := channel.Calls{PerSecond: 1}
		return channel.Limits{Submit: once, Query: once}
	}
	return channel.Limits{}
}

func (t *teller) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	t.bank.called(i.RefundID, time.Now())
	if t.fault == locked {
		t.bank.locks.called(i.MerchantID)
	}
	defer t.bank.talk(i.Number)()
	if outcome, ends := t.misbehave(ctx); ends {
		return outcome
	}
	t.bank.work(i.Refund.Number)
	t.bank.mu.Lock()
	defer t.bank.mu.Unlock()
	if t.bank.moved[i.Account] == nil {
		t.bank.moved[i.Account] = make(map[string]bool)
	}
	t.bank.moved[i.Account][i.Number] = true // once for a number, as every channel must
	return refund.Outcome{Kind: refund.OutcomeDone}
}

func (t *teller) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	defer t.bank.talk(i.Number)()
	if outcome, ends := t.misbehave(ctx); ends {
		return outcome
	}
	t.bank.work(i.Refund.Number)
	t.bank.mu.Lock()
	defer t.bank.mu.Unlock()
	if !t.bank.moved[i.Account][i.Number] {
		return refund.Outcome{Kind: refund.OutcomeNotFound}
	}
	return refund.Outcome{Kind: refund.OutcomeDone}
}

// count is how many refunds the bank made of an account.
func (b *bank) count(account string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.moved[account])
}

// misbehave is what a call to an account with a fault comes to, if anything.
func (t *teller) misbehave(ctx context.Context) (refund.Outcome, bool) {
	switch t.fault {
	case hanging:
		<-ctx.Done()
		return refund.Outcome{Kind: refund.OutcomeUnknown, Code: "TIMEOUT"}, true
	case failing:
		time.Sleep(5 * time.Millisecond)
		return refund.Outcome{Kind: refund.OutcomeUnknown, Code: "CONNECTION_REFUSED"}, true
	case corrupt:
		time.Sleep(100 * time.Millisecond)
		return refund.Outcome{Kind: refund.OutcomeAccepted}, true
	}
	return refund.Outcome{}, false
}

// work takes as long as the seed has it for a refund, by its merchant's number.
func (b *bank) work(number string) {
	time.Sleep(50*time.Millisecond + time.Duration(spread(b.seed, number)%150)*time.Millisecond)
}

// talk notes a call about a number, until the returned function is called.
func (b *bank) talk(number string) (end func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.talking[number] {
		b.overlap++
	}
	b.talking[number] = true
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.talking, number)
	}
}

// spread is a number that the seed and a name decide.
func spread(seed uint64, name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name))
	return (h.Sum64() ^ seed) * 0x9e3779b97f4a7c15 >> 20
}
