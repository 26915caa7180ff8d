// Package bench puts a running service under load over HTTP and proves
// afterwards that not one cent is wrong. An open loop starts requests at a
// fixed rate, whatever the service does, and counts latency from the time at
// which a request should have left; a closed loop keeps a number of callers
// busy and finds the most that the service can do.
package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Limits of one run: a mistyped flag must not load a machine for hours.
const (
	MaxDuration    = time.Hour
	MaxConcurrency = 4096
	MaxRate        = 200_000
	MaxCharges     = 100_000
	// maxRequests bounds what is kept of a run: ids and latencies.
	maxRequests = 20_000_000
	// requestTimeout is above the 20 s that a request may wait.
	requestTimeout = 30 * time.Second
)

// Options of a run. The zero value of each has a default.
type Options struct {
	// Target is the service's address, such as http://127.0.0.1:8080.
	Target string
	// Dialect is pingpp (default) or native; Key its API key, NativeKey the
	// native key with which charges are registered and counted.
	Dialect, Key, NativeKey string
	// Rate is requests a second of an open loop; 0 is a closed loop.
	Rate int
	// Concurrency is how many requests may be under way; default 64.
	Concurrency int
	// Duration of the measured load; default 10 s. WarmUp comes before and is
	// not measured; default 1 s.
	Duration, WarmUp time.Duration
	// Charges is how many are registered and refunded from; default 1000. 1 is
	// the case of one hot charge.
	Charges int
	// Progress is called with what is going on; may be nil.
	Progress func(string)
}

func (o Options) withDefaults() (Options, error) {
	if o.Dialect == "" {
		o.Dialect = "pingpp"
	}
	if o.Concurrency == 0 {
		o.Concurrency = 64
	}
	if o.Duration == 0 {
		o.Duration = 10 * time.Second
	}
	if o.Charges == 0 {
		o.Charges = 1000
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	switch {
	case o.Target == "":
		return o, errors.New("bench: no target")
	case o.Dialect != "pingpp" && o.Dialect != "native":
		return o, fmt.Errorf("bench: dialect %q is neither pingpp nor native", o.Dialect)
	case o.Rate < 0 || o.Rate > MaxRate:
		return o, fmt.Errorf("bench: the rate is from 0 to %d a second", MaxRate)
	case o.Concurrency < 1 || o.Concurrency > MaxConcurrency:
		return o, fmt.Errorf("bench: the concurrency is from 1 to %d", MaxConcurrency)
	case o.Duration < 0 || o.WarmUp < 0 || o.Duration+o.WarmUp > MaxDuration:
		return o, fmt.Errorf("bench: duration and warm-up are at most %s", MaxDuration)
	case o.Charges < 1 || o.Charges > MaxCharges:
		return o, fmt.Errorf("bench: the charges are from 1 to %d", MaxCharges)
	}
	return o, nil
}

// Report is what a run found.
type Report struct {
	Dialect     string        `json:"dialect"`
	Rate        int           `json:"rate"` // 0: closed loop
	Concurrency int           `json:"concurrency"`
	Charges     int           `json:"charges"`
	Duration    time.Duration `json:"duration_ns"`
	Requests    int           `json:"requests"`
	Accepted    int           `json:"accepted"`
	// Errors counts requests that were not accepted, by what came instead.
	Errors map[string]int `json:"errors"`
	// Late counts requests of an open loop that found all callers busy; their
	// latency counts from when they should have left.
	Late       int     `json:"late"`
	Throughput float64 `json:"accepted_per_second"`
	P50        Micros  `json:"p50_us"`
	P95        Micros  `json:"p95_us"`
	P99        Micros  `json:"p99_us"`
	Max        Micros  `json:"max_us"`
	Meter      Meter   `json:"service"`
	Count      Count   `json:"count"`
}

// Micros is a latency in microseconds.
type Micros int64

func (m Micros) String() string { return (time.Duration(m) * time.Microsecond).String() }

// Run prepares charges, puts the service under load, and counts. The error is
// of the run itself; what it found wrong is in Report.Count.
func Run(ctx context.Context, opts Options) (Report, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return Report{}, err
	}
	transport := &http.Transport{MaxIdleConns: opts.Concurrency, MaxIdleConnsPerHost: opts.Concurrency}
	defer transport.CloseIdleConnections()
	r := &run{opts: opts, client: &http.Client{Transport: transport, Timeout: requestTimeout}}
	opts.Progress(fmt.Sprintf("registering %d charges", opts.Charges))
	if err := r.prepare(ctx); err != nil {
		return Report{}, fmt.Errorf("bench: register charges: %w", err)
	}
	if opts.WarmUp > 0 {
		opts.Progress(fmt.Sprintf("warming up for %s", opts.WarmUp))
		r.load(ctx, opts.WarmUp)
	}
	opts.Progress(fmt.Sprintf("load for %s", opts.Duration))
	before, begin := r.gauge(ctx), time.Now()
	samples := r.load(ctx, opts.Duration)
	report := r.report(samples, time.Since(begin))
	report.Meter = metered(before, r.gauge(ctx), report.Accepted)
	if err := ctx.Err(); err != nil {
		return report, fmt.Errorf("bench: %w", err)
	}
	opts.Progress("counting every cent")
	if report.Count, err = r.count(ctx); err != nil {
		return report, fmt.Errorf("bench: count: %w", err)
	}
	return report, nil
}

// run is a run at work.
type run struct {
	opts    Options
	client  *http.Client
	charges []string // ids

	mu       sync.Mutex
	sent     int
	accepted map[string]string // refund id -> charge id
	twice    []string          // refund ids that were answered more than once
}

// sample is one measured request.
type sample struct {
	latency time.Duration
	problem string // "" when it was accepted
	late    bool
}

func (r *run) report(samples []sample, took time.Duration) Report {
	report := Report{
		Dialect: r.opts.Dialect, Rate: r.opts.Rate, Concurrency: r.opts.Concurrency, Charges: r.opts.Charges,
		Duration: took, Requests: len(samples), Errors: make(map[string]int),
	}
	var latencies []time.Duration
	for _, s := range samples {
		if s.late {
			report.Late++
		}
		if s.problem != "" {
			report.Errors[s.problem]++
			continue
		}
		report.Accepted++
		latencies = append(latencies, s.latency)
	}
	slices.Sort(latencies)
	report.P50, report.P95, report.P99 = percentile(latencies, 50), percentile(latencies, 95), percentile(latencies, 99)
	report.Max = percentile(latencies, 100)
	report.Throughput = float64(report.Accepted) / took.Seconds()
	return report
}

// percentile is the nearest-rank percentile of sorted latencies, 0 of none.
func percentile(sorted []time.Duration, p int) Micros {
	if len(sorted) == 0 {
		return 0
	}
	rank := (len(sorted)*p + 99) / 100
	return Micros(sorted[max(rank, 1)-1].Microseconds())
}
