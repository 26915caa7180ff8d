package bench

import (
	"slices"
	"time"
)

// Report is what a run found.
type Report struct {
	Mode        Mode          `json:"mode"`
	Dialect     string        `json:"dialect"`
	Rate        int           `json:"rate"` // 0: closed loop
	Concurrency int           `json:"concurrency"`
	Charges     int           `json:"charges"`
	Duration    time.Duration `json:"duration_ns"`
	Requests    int           `json:"requests"`
	// Accepted counts requests that were answered well, in the modes that read too.
	Accepted int `json:"accepted"`
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
	// Life is of ModeLife.
	Life  *Life `json:"life,omitempty"`
	Count Count `json:"count"`
}

// Life is what became of whole lives during the measured load.
type Life struct {
	// Ended are refunds whose webhook arrived.
	Ended      int     `json:"ended"`
	Throughput float64 `json:"ended_per_second"`
	// QueueBefore and QueueAfter are refunds whose webhook had not come at the
	// load's begin and end.
	QueueBefore int `json:"queue_before"`
	QueueAfter  int `json:"queue_after"`
	// Grows says that the queue grew by more than a twentieth of what was accepted:
	// the service does not keep up with this rate.
	Grows bool `json:"queue_grows"`
}

// growth is the part of the accepted refunds, one of so many, by which a queue may
// differ between two looks.
const growth = 20

// done is what costs are divided by: whole lives where those are measured.
func (r Report) done() int {
	if r.Life != nil {
		return r.Life.Ended
	}
	return r.Accepted
}

func (r *run) report(samples []sample, before, after gauge) Report {
	took := after.at.Sub(before.at)
	report := Report{
		Mode: r.opts.Mode, Dialect: r.opts.Dialect, Rate: r.opts.Rate, Concurrency: r.opts.Concurrency, Charges: len(r.charges),
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
	if r.sink != nil {
		life := &Life{Ended: after.received - before.received, QueueBefore: before.queue, QueueAfter: after.queue}
		life.Throughput = float64(life.Ended) / took.Seconds()
		life.Grows = life.QueueAfter-life.QueueBefore > report.Accepted/growth
		report.Life = life
	}
	report.Meter = metered(before, after, report.done())
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
