package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// amount of each refund in minor units; its last two digits ask nothing of
	// the sandbox.
	amount = 100
	// paid is a charge's amount: it has room for all refunds of a run.
	paid = int64(amount) * maxRequests
	// queueLook is how often a caller looks whether the queue has become shorter.
	queueLook = time.Millisecond
)

// sample is one measured request.
type sample struct {
	latency time.Duration
	problem string // "" when it was accepted
	late    bool
	refund  string // what it is found again by
	charge  int
}

// ticket is one request that may be sent.
type ticket struct {
	n  int
	at time.Time
}

// load sends requests for a while, or at most so many, and returns the samples of
// those that were begun in it. When ctx ends no further ones begin.
func (r *run) load(ctx context.Context, duration time.Duration, most int) []sample {
	begin := time.Now()
	next := r.tickets(begin, begin.Add(duration), most)
	samples := make([][]sample, r.opts.Concurrency)
	var callers sync.WaitGroup
	for n := range r.opts.Concurrency {
		callers.Go(func() {
			c := r.conns[n]
			// A caller that waits for an answer ends with ctx.
			defer context.AfterFunc(ctx, c.abort)()
			for ctx.Err() == nil {
				t, more := next()
				if !more || !wait(ctx, t.at) || !r.room(ctx) {
					return
				}
				if r.opts.Rate == 0 {
					t.at = time.Now()
				}
				late := r.opts.Rate > 0 && time.Since(t.at) > time.Millisecond
				one, ok := r.send(ctx, c, t.n)
				if !ok {
					return
				}
				one.latency, one.late = time.Since(t.at), late
				samples[n] = append(samples[n], one)
			}
		})
	}
	callers.Wait()
	var all []sample
	for _, some := range samples {
		all = append(all, some...)
	}
	return all
}

// tickets returns what hands out the requests of a load: when the next one should
// leave; false ends the load.
func (r *run) tickets(begin, end time.Time, most int) func() (ticket, bool) {
	var out atomic.Int64
	interval := time.Duration(0)
	if r.opts.Rate > 0 {
		interval = time.Second / time.Duration(r.opts.Rate)
	}
	return func() (ticket, bool) {
		n := out.Add(1) - 1
		at := time.Now()
		if interval > 0 {
			at = begin.Add(time.Duration(n) * interval)
		}
		if !at.Before(end) || int(n) >= most {
			return ticket{}, false
		}
		return ticket{int(r.sent.Add(1) - 1), at}, true
	}
}

// room waits until the queue of the whole life has room; false means that ctx has
// ended. An open loop does not wait: its queue may grow.
func (r *run) room(ctx context.Context) bool {
	for r.sink != nil && r.opts.Rate == 0 && r.queue() >= int64(r.opts.Queue) {
		if !wait(ctx, time.Now().Add(queueLook)) {
			return false
		}
	}
	return true
}

// queue is how many accepted refunds' webhooks have not come yet.
func (r *run) queue() int64 { return r.accepted.Load() - r.sink.received.Load() }

// wait waits until a time; false means that ctx has ended.
func wait(ctx context.Context, at time.Time) bool {
	left := time.Until(at)
	if left <= 0 {
		return true
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// send sends one request. False means that the run has sent all it may.
func (r *run) send(ctx context.Context, c *conn, n int) (one sample, ok bool) {
	one.charge = r.drawn(n)
	text, number, err := r.request(n)
	if text == nil {
		one.problem = shortly(err)
		return one, err != nil
	}
	status, body, err := c.do(ctx, text)
	switch {
	case err != nil:
		one.problem = shortly(err)
	case status != 200 && status != 201:
		one.problem = fmt.Sprintf("HTTP %d", status)
	case r.opts.reads():
		one.refund = number
	default:
		if one.refund = r.speaker.answered(body, number); one.refund == "" {
			one.problem = "an answer that does not name the refund"
		} else {
			r.accepted.Add(1)
		}
	}
	return one, true
}

// drawn is which charge the nth request is about: any of them, as pgbench draws them
// for the reference, and the same one for the same n. One after the other would have
// all refunds of a moment in a few pages of the database.
func (r *run) drawn(n int) int {
	x := (uint64(n) + 1) * 0x9e3779b97f4a7c15 //nolint:gosec // n is not negative
	x = (x ^ x>>32) * 0xd6e8feb86659fd93
	return int((x ^ x>>32) % uint64(len(r.charges))) //nolint:gosec // below the length
}

// request writes the nth request of the run; nil when there are no more.
func (r *run) request(n int) (text []byte, number string, err error) {
	if n >= maxRequests {
		return nil, "", nil
	}
	if r.opts.reads() {
		return r.reads[n%len(r.reads)], "", nil
	}
	number = fmt.Sprintf("%s%d", r.stamp, n)
	if r.signed != nil {
		if n >= len(r.signed) {
			return nil, "", nil
		}
		return r.signed[n], number, nil
	}
	made, err := r.speaker.refund(r.charges[r.drawn(n)], number)
	if err != nil {
		return nil, "", err
	}
	return made.text(r.host), number, nil
}

// sign writes requests beforehand, on all cores: what signs them costs as much as
// what the service does with them, and must not be measured.
func (r *run) sign(ctx context.Context, count int) error {
	texts, errs := make([][]byte, count), make([]error, runtime.GOMAXPROCS(0))
	var next atomic.Int64
	var signers sync.WaitGroup
	for worker := range errs {
		signers.Go(func() {
			for ctx.Err() == nil && errs[worker] == nil {
				n := int(next.Add(1) - 1)
				if n >= count {
					return
				}
				texts[n], _, errs[worker] = r.request(n)
			}
		})
	}
	signers.Wait()
	r.signed = texts
	return errors.Join(append(errs, ctx.Err())...)
}

// shortly tells an error without the address, so that equal ones are counted
// together.
func shortly(err error) string {
	if err == nil {
		return ""
	}
	var address *url.Error
	if errors.As(err, &address) {
		err = address.Err
	}
	text := err.Error()
	if at := strings.LastIndex(text, ": "); at >= 0 {
		text = text[at+2:]
	}
	return text
}
