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
	fmt.Fprintf(w, "%s, mode %s, %s, %d callers, %d charges, %s\n", r.Dialect, r.Mode, loop, r.Concurrency, r.Charges, r.Duration.Round(10*time.Millisecond))
	fmt.Fprintf(w, "  accepted  %d of %d requests, %.0f a second\n", r.Accepted, r.Requests, r.Throughput)
	fmt.Fprintf(w, "  latency   p50 %s  p95 %s  p99 %s  max %s\n", r.P50, r.P95, r.P99, r.Max)
	if l := r.Life; l != nil {
		fmt.Fprintf(w, "  lives     %d ended with a webhook, %.0f a second; %d were under way before, %d after", l.Ended, l.Throughput, l.QueueBefore, l.QueueAfter)
		fmt.Fprintln(w, map[bool]string{false: "", true: ": the queue grows"}[l.Grows])
	}
	r.Meter.print(w)
	if r.Late > 0 {
		fmt.Fprintf(w, "  late      %d requests found all callers busy (more --concurrency, or less --rate)\n", r.Late)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Errors)) {
		fmt.Fprintf(w, "  error     %d x %s\n", r.Errors[name], name)
	}
	if r.Count.Refunds == 0 && len(r.Count.Wrong) == 0 {
		return // not counted
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

func (m Meter) print(w *strings.Builder) {
	if m.CPU > 0 {
		fmt.Fprintf(w, "  service   %s of CPU each, %.1f units a commit, %d MB of memory", m.CPU, m.Batch, m.Memory>>20)
		if m.Peak > 0 {
			fmt.Fprintf(w, ", %d MB at most", m.Peak>>20)
		}
		fmt.Fprintln(w)
	}
	if m.Postgres > 0 || m.WAL > 0 {
		fmt.Fprintf(w, "  postgres  %s of CPU each, %d bytes of WAL each\n", m.Postgres, m.WAL)
	}
	fmt.Fprintf(w, "  load      %s of CPU each\n", m.Load)
}
