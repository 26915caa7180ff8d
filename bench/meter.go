package bench

import (
	"bufio"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Meter is what a run cost the service, from its own metrics. With load from
// the same machine it says more than the throughput: other work changes how
// fast the service gets through, and hardly what each refund costs it. All is
// zero where the metrics can't be read.
type Meter struct {
	// CPU is the service's time per accepted refund. It runs on behind the
	// answers: what is not done at the end of the load is not in it.
	CPU Micros `json:"cpu_us_per_refund"`
	// Batch is how many units shared a commit of the intake, on average.
	Batch float64 `json:"units_per_commit"`
	// Memory is the process's resident memory at the end, in bytes.
	Memory int64 `json:"resident_bytes"`
}

// The metrics that a Meter is made of.
const (
	metricCPU     = "process_cpu_seconds_total"
	metricMemory  = "process_resident_memory_bytes"
	metricUnits   = "refundry_intake_batch_units_sum"
	metricCommits = "refundry_intake_batch_units_count"
)

// gauge reads the metrics; nothing of a service that does not show them.
func (r *run) gauge(ctx context.Context) map[string]float64 {
	values := make(map[string]float64)
	status, text, err := r.call(ctx, http.MethodGet, r.opts.Target+"/metrics", "", "", r.opts.NativeKey)
	if err != nil || status != http.StatusOK {
		return values
	}
	lines := bufio.NewScanner(strings.NewReader(string(text)))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case metricCPU, metricMemory, metricUnits, metricCommits:
			if number, err := strconv.ParseFloat(value, 64); err == nil {
				values[name] = number
			}
		}
	}
	return values
}

// metered compares the metrics before and after a load.
func metered(before, after map[string]float64, accepted int) Meter {
	rise := func(name string) float64 { return after[name] - before[name] }
	m := Meter{Memory: int64(after[metricMemory])}
	if accepted > 0 && rise(metricCPU) > 0 {
		spent := time.Duration(rise(metricCPU) * float64(time.Second))
		m.CPU = Micros((spent / time.Duration(accepted)).Microseconds())
	}
	if rise(metricCommits) > 0 {
		m.Batch = rise(metricUnits) / rise(metricCommits)
	}
	return m
}
