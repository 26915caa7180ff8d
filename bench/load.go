package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// amount of each refund in minor units; its last two digits ask nothing of
	// the sandbox.
	amount = 100
	// maxAnswer bounds what is read of an answer.
	maxAnswer = 1 << 20
)

// load sends refunds for a while and gives the samples of those that were
// begun in it. When ctx ends no further ones begin.
func (r *run) load(ctx context.Context, duration time.Duration) []sample {
	begin := time.Now()
	end := begin.Add(duration)
	// next gives when the next request should leave; false ends the load.
	next := func() (time.Time, bool) {
		now := time.Now()
		return now, now.Before(end)
	}
	if r.opts.Rate > 0 {
		var ticket atomic.Int64
		interval := time.Second / time.Duration(r.opts.Rate)
		next = func() (time.Time, bool) {
			at := begin.Add(time.Duration(ticket.Add(1)-1) * interval)
			return at, at.Before(end)
		}
	}
	samples := make([][]sample, r.opts.Concurrency)
	var callers sync.WaitGroup
	for n := range r.opts.Concurrency {
		callers.Go(func() {
			for ctx.Err() == nil {
				at, more := next()
				if !more || !wait(ctx, at) {
					return
				}
				late := r.opts.Rate > 0 && time.Since(at) > time.Millisecond
				problem, ok := r.refund(ctx)
				if !ok {
					return
				}
				samples[n] = append(samples[n], sample{time.Since(at), problem, late})
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

// refund sends one request and says what was wrong, "" if nothing. False means
// that the run has sent all it may.
func (r *run) refund(ctx context.Context) (problem string, ok bool) {
	r.mu.Lock()
	n := r.sent
	r.sent++
	r.mu.Unlock()
	if n >= maxRequests {
		return "", false
	}
	charge := r.charges[n%len(r.charges)]
	address, kind, body := r.opts.Target+"/v1/charges/"+url.PathEscape(charge)+"/refunds",
		"application/x-www-form-urlencoded", fmt.Sprintf("amount=%d&description=bench", amount)
	if r.opts.Dialect == "native" {
		address, kind = r.opts.Target+"/refundry/v1/refunds", "application/json"
		body = fmt.Sprintf(`{"charge":%q,"amount":%d,"reason":"bench"}`, charge, amount)
	}
	// What is measured is until the refund is on disk, not the channel's word.
	status, text, err := r.call(ctx, http.MethodPost, address, kind, body, r.opts.Key, "Prefer", "wait=0")
	switch {
	case err != nil:
		return shortly(err), true
	case status != http.StatusOK && status != http.StatusCreated:
		return fmt.Sprintf("HTTP %d", status), true
	}
	var answer struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &answer); err != nil || answer.ID == "" {
		return "an answer without an id", true
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.accepted[answer.ID]; again {
		r.twice = append(r.twice, answer.ID)
	}
	r.accepted[answer.ID] = charge
	return "", true
}

func (r *run) call(ctx context.Context, method, address, kind, body, key string, headers ...string) (int, []byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Authorization", "Bearer "+key)
	request.Header.Set("Content-Type", kind)
	for n := 0; n+1 < len(headers); n += 2 {
		request.Header.Set(headers[n], headers[n+1])
	}
	response, err := r.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	return response.StatusCode, text, err
}

// shortly tells an error without the address, so that equal ones are counted
// together.
func shortly(err error) string {
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

// prepare registers the charges, each with room for all refunds of the run.
func (r *run) prepare(ctx context.Context) error {
	r.accepted = make(map[string]string)
	const perCall = 1000
	stamp := time.Now().UnixMicro()
	for from := 0; from < r.opts.Charges; from += perCall {
		var lines strings.Builder
		for n := from; n < min(from+perCall, r.opts.Charges); n++ {
			fmt.Fprintf(&lines, `{"order_no":"bench%d%06d","amount":%d,"currency":"CNY","channel":"wx","paid_at":%q,"transaction_id":"bench%d-%d"}`+"\n",
				stamp, n, int64(amount)*maxRequests, time.Now().UTC().Format(time.RFC3339), stamp, n)
		}
		status, text, err := r.call(ctx, http.MethodPost, r.opts.Target+"/refundry/v1/charges/batch", "application/x-ndjson", lines.String(), r.opts.NativeKey)
		if err != nil {
			return err
		}
		if status != http.StatusOK {
			return fmt.Errorf("HTTP %d: %s", status, text)
		}
		for line := range strings.Lines(string(text)) {
			var one struct {
				ID string `json:"id"`
			}
			if err := json.Unmarshal([]byte(line), &one); err != nil || one.ID == "" {
				return fmt.Errorf("a charge was refused: %s", line)
			}
			r.charges = append(r.charges, one.ID)
		}
	}
	if len(r.charges) != r.opts.Charges {
		return fmt.Errorf("%d of %d charges were registered", len(r.charges), r.opts.Charges)
	}
	return nil
}
