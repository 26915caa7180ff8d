package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Print writes the report for people.
func (r Report) Print(out io.Writer) {
	w := &strings.Builder{}
	defer func() { _, _ = io.WriteString(out, w.String()) }()
	loop := "closed loop"
	if r.Rate > 0 {
		loop = fmt.Sprintf("open loop at %d/s", r.Rate)
	}
	fmt.Fprintf(w, "%s refunds, %s, %d callers, %d charges, %s\n", r.Dialect, loop, r.Concurrency, r.Charges, r.Duration.Round(10*time.Millisecond))
	fmt.Fprintf(w, "  accepted  %d of %d requests, %.0f a second\n", r.Accepted, r.Requests, r.Throughput)
	fmt.Fprintf(w, "  latency   p50 %s  p95 %s  p99 %s  max %s\n", r.P50, r.P95, r.P99, r.Max)
	if r.Meter.CPU > 0 {
		fmt.Fprintf(w, "  service   %s of CPU a refund, %.1f units a commit, %d MB of memory\n", r.Meter.CPU, r.Meter.Batch, r.Meter.Memory>>20)
	}
	if r.Late > 0 {
		fmt.Fprintf(w, "  late      %d requests found all callers busy (more --concurrency, or less --rate)\n", r.Late)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(w, "  error     %d x %s\n", r.Errors[name], name)
	}
	fmt.Fprintf(w, "  counted   %d refunds, %d minor units", r.Count.Refunds, r.Count.Cents)
	if r.Count.Unanswered > 0 {
		fmt.Fprintf(w, ", %d whose request got no answer", r.Count.Unanswered)
	}
	if r.Count.Open > 0 {
		fmt.Fprintf(w, ", %d still open", r.Count.Open)
	}
	fmt.Fprintln(w)
	for _, text := range r.Count.Wrong {
		fmt.Fprintf(w, "  WRONG     %s\n", text)
	}
	if len(r.Count.Wrong) == 0 {
		fmt.Fprintln(w, "  not one cent is wrong")
	}
}
