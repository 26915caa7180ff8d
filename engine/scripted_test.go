package engine_test

import (
	"context"
	"sync"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// scripted is a channel with books in memory: what it answers is told by the
// test, and it notes when it is notified of one refund twice at the same time.
type scripted struct {
	channel.Basic
	// submit and query answer; nil is done, and found done or not found.
	submit, query func(ctx context.Context, i channel.Instruction) refund.Outcome
	pace          refund.Pace
	limits        channel.Limits

	mu       sync.Mutex
	talking  map[string]int
	overlaps int
	most     int // calls at once
	calls    []string
	moved    map[string]int
}

func newScripted() *scripted {
	return &scripted{
		pace:    refund.Pace{SettlingTime: time.Second, First: time.Second, Longest: 10 * time.Second},
		talking: map[string]int{}, moved: map[string]int{},
	}
}

func (c *scripted) Pace() refund.Pace      { return c.pace }
func (c *scripted) Limits() channel.Limits { return c.limits }

func (c *scripted) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	defer c.enter("submit", i.Number)()
	if c.submit != nil {
		return c.submit(ctx, i)
	}
	return c.move(i)
}

func (c *scripted) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	defer c.enter("query", i.Number)()
	if c.query != nil {
		return c.query(ctx, i)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved[i.Number] == 0 {
		return refund.Outcome{Kind: refund.OutcomeNotFound}
	}
	return refund.Outcome{Kind: refund.OutcomeDone}
}

// move moves money, once for a number as every channel must.
func (c *scripted) move(i channel.Instruction) refund.Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.moved[i.Number] = 1
	return refund.Outcome{Kind: refund.OutcomeDone}
}

func (c *scripted) enter(what, number string) (leave func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls = append(c.calls, what)
	if c.talking[number] > 0 {
		c.overlaps++
	}
	c.talking[number]++
	c.most = max(c.most, len(c.talking))
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.talking[number]--
		if c.talking[number] == 0 {
			delete(c.talking, number)
		}
	}
}

func (c *scripted) said() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.calls...)
}
