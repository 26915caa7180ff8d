package bench

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Limits of a table.
const (
	MaxRounds = 100
	MaxStored = 20_000_000
)

// TableOptions say what is measured. The zero value of each has a default.
type TableOptions struct {
	Own OwnOptions // Program and Name
	// Rounds is how many interleaved runs each measure has; default 3.
	Rounds int
	// Duration of each measured load, default 4 s; Life of whole lives in the first
	// round, default 60 s, of which further rounds take a quarter.
	Duration, Life time.Duration
	// Stored is how many refunds are stored for the lines about growth; default
	// 2,000,000.
	Stored int
	// Only are texts of which a line's name has one; default all lines.
	Only     []string
	Progress func(string)
}

func (o TableOptions) withDefaults() (TableOptions, error) {
	setDefault(&o.Rounds, 3)
	setDefault(&o.Duration, 4*time.Second)
	setDefault(&o.Life, time.Minute)
	setDefault(&o.Stored, 2_000_000)
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	switch {
	case o.Rounds < 1 || o.Rounds > MaxRounds:
		return o, fmt.Errorf("bench: the rounds are from 1 to %d", MaxRounds)
	case o.Duration < time.Second || o.Duration > MaxDuration:
		return o, fmt.Errorf("bench: a load is measured for %s to %s", time.Second, MaxDuration)
	case o.Life < time.Second || o.Life > MaxDuration:
		return o, fmt.Errorf("bench: whole lives are sustained for %s to %s", time.Second, MaxDuration)
	case o.Stored < 2*fewStored || o.Stored > MaxStored:
		return o, fmt.Errorf("bench: the stored refunds are from %d to %d", 2*fewStored, MaxStored)
	}
	return o, nil
}

// Table is what was found, line by line.
type Table struct {
	Began  time.Time `json:"began"`
	Took   float64   `json:"took_seconds"`
	Cores  int       `json:"cores"`
	Rounds int       `json:"rounds"`
	// Load is the machine's load average before the first run: whose rates can be
	// trusted.
	Load  string `json:"load_average"`
	Lines []Line `json:"lines"`
}

// Line is one measure against its target.
type Line struct {
	Measure string  `json:"measure"`
	Unit    string  `json:"unit"` // of Ours and Reference
	Ours    float64 `json:"ours"` // median of the rounds
	// Reference is what ours is compared with, Against its name; 0 where the target
	// is a figure of its own.
	Reference float64 `json:"reference"`
	Against   string  `json:"against"`
	Ratio     float64 `json:"ratio"`
	Target    string  `json:"target"`
	// Service, Postgres and WAL are the cost of each refund.
	Service  Micros `json:"cpu_us_per_refund"`
	Postgres Micros `json:"postgres_cpu_us_per_refund"`
	WAL      int64  `json:"wal_bytes_per_refund"`
	OK       bool   `json:"ok"`
	Error    string `json:"error,omitempty"` // why it could not be measured
}

// spec is a line before it is measured.
type spec struct {
	measure, unit   string
	ours, reference string // names of series
	of              func(figure) float64
	most            bool // the target is an upper bound
	target          float64
	// fixed says that the target is a figure and not a ratio to the reference.
	fixed bool
	wal   int64 // at most; 0 is any
}

func rateOf(f figure) float64   { return f.rate }
func p99Of(f figure) float64    { return float64(f.p99) / 1000 }
func cpuOf(f figure) float64    { return float64(f.service + f.postgres) }
func memoryOf(f figure) float64 { return float64(f.memory) / (1 << 20) }
func steady(f figure) float64   { return f.rate }

// referenceCost is of the load generator and PostgreSQL, where there is no service.
func referenceCost(f figure) float64 { return float64(f.load + f.postgres) }

// specs are the lines, in their order.
func specs() []spec {
	const perSecond = "refunds/s"
	lines := []spec{
		{measure: "accept, 1 caller", ours: "accept 1", reference: "b1-u 1", target: 0.5},
		{measure: "accept, 8 callers", ours: "accept 8", reference: "b1-u 8", target: 0.5},
		{measure: "accept, 32 callers", ours: "accept 32", reference: "b1-u 32", target: 0.8},
		{measure: "accept, 64 callers", ours: "accept 64", reference: "b1-u 32", target: 1.1},
		{measure: "accept, 256 callers", ours: "accept 256", reference: "b1-u 32", target: 1.7},
		{measure: "accept, p99 at 64 callers", unit: "ms", ours: "accept 64", reference: "b1-u 64", of: p99Of, most: true, target: 1},
		{measure: "accept, one hot charge, 64 callers", ours: "hot 64", reference: "b1-h 32", target: 6},
		{measure: "accept, CPU of service and PostgreSQL, 64 callers", unit: "us", ours: "accept 64", reference: "b1-u 64", of: cpuOf, most: true, target: 0.75},
		{measure: "whole life, sustained", ours: "life 64", reference: "b1-u 32", of: steady, target: 0.5, wal: 4000},
		{measure: "SQLite, accept, 64 callers", ours: "sqlite accept", reference: "sqlite 64 a commit", target: 0.6},
		{measure: "SQLite, whole life, 64 callers", ours: "sqlite life", reference: "sqlite 64 a commit", target: 0.35},
		{measure: "WeChat Pay, signed both ways, 64 callers", ours: "wechatpay", reference: "rsa sign+verify", target: 0.7},
		{measure: "Ping++, signed answers, 64 callers", ours: "pingpp signed", reference: "rsa sign", target: 0.7},
		{measure: "reads, retrieve, 64 callers", ours: "retrieve", reference: "accept 64", target: 3},
		{measure: "reads, list, 64 callers", ours: "list", reference: "accept 64", target: 3},
		{measure: "peak memory under these loads", unit: "MB", ours: "memory", of: memoryOf, most: true, target: 64, fixed: true},
		{measure: "start with half of the stored refunds", unit: "s", ours: "start stored", most: true, target: 0.3, fixed: true},
		{measure: "start with 10,000 unfinished refunds", unit: "s", ours: "start unfinished", most: true, target: 1, fixed: true},
		{measure: "verify after whole lives, for each 1,000,000 refunds", unit: "s", ours: "verify", most: true, target: 60, fixed: true},
		{measure: "verify, memory", unit: "MB", ours: "verify", of: memoryOf, most: true, target: 256, fixed: true},
		{measure: "growth, CPU with all stored against 100,000", unit: "us", ours: "accept all stored", reference: "accept few stored", of: cpuOf, most: true, target: 1.15},
	}
	for n := range lines {
		if lines[n].unit == "" {
			lines[n].unit = perSecond
		}
		if lines[n].of == nil {
			lines[n].of = rateOf
		}
	}
	return lines
}

// RunTable measures everything that the table's lines need, in interleaved rounds.
// A measure that fails makes its lines fail, and the others go on. The error is of
// the table as a whole, such as Ctrl-C.
func RunTable(ctx context.Context, opts TableOptions) (_ Table, err error) {
	opts, err = opts.withDefaults()
	if err != nil {
		return Table{}, err
	}
	lines := slices.DeleteFunc(specs(), func(s spec) bool {
		return len(opts.Only) > 0 && !slices.ContainsFunc(opts.Only, func(text string) bool { return strings.Contains(s.measure, text) })
	})
	if len(lines) == 0 {
		return Table{}, fmt.Errorf("bench: no line's name contains any of %q", opts.Only)
	}
	t := Table{Began: time.Now().UTC(), Rounds: opts.Rounds, Load: loadAverage(), Cores: cores()}
	m, err := newMeasurer(ctx, opts, lines)
	if err != nil {
		return t, fmt.Errorf("bench: %w", err)
	}
	defer func() { err = errors.Join(err, m.close()) }()
	for round := range opts.Rounds {
		if err := m.round(ctx, round); err != nil {
			return t, fmt.Errorf("bench: %w", err)
		}
	}
	for _, line := range lines {
		t.Lines = append(t.Lines, m.line(line))
	}
	t.Took = time.Since(t.Began).Seconds()
	return t, nil
}

// line compares medians.
func (m *measurer) line(s spec) Line {
	out := Line{Measure: s.measure, Unit: s.unit, Against: s.reference, Target: s.text()}
	for _, name := range []string{s.ours, s.reference} {
		if failed := m.failed[name]; failed != nil {
			out.Error = failed.Error()
			return out
		}
	}
	ours := m.series[s.ours]
	out.Ours = median(ours, s.of)
	out.Service = Micros(median(ours, func(f figure) float64 { return float64(f.service) }))
	out.Postgres = Micros(median(ours, func(f figure) float64 { return float64(f.postgres) }))
	out.WAL = int64(median(ours, func(f figure) float64 { return float64(f.wal) }))
	compared := out.Ours
	if !s.fixed {
		of := s.of
		if s.unit == "us" && strings.HasPrefix(s.reference, "b1") {
			of = referenceCost
		}
		if out.Reference = median(m.series[s.reference], of); out.Reference > 0 {
			out.Ratio = out.Ours / out.Reference
		}
		compared = out.Ratio
	}
	out.OK = compared >= s.target
	if s.most {
		out.OK = compared <= s.target
	}
	if s.wal > 0 && out.WAL > s.wal || slices.ContainsFunc(ours, func(f figure) bool { return f.grows }) {
		out.OK = false
	}
	out.OK = out.OK && len(ours) > 0
	return out
}

func (s spec) text() string {
	sign := ">="
	if s.most {
		sign = "<="
	}
	out := fmt.Sprintf("%s %g x", sign, s.target)
	if s.fixed {
		out = fmt.Sprintf("%s %g %s", sign, s.target, s.unit)
	}
	if s.wal > 0 {
		out += fmt.Sprintf(", <= %d B", s.wal)
	}
	return out
}

// median of one value of some figures; 0 of none.
func median(of []figure, value func(figure) float64) float64 {
	if len(of) == 0 {
		return 0
	}
	values := make([]float64, len(of))
	for n, f := range of {
		values[n] = value(f)
	}
	slices.SortFunc(values, cmp.Compare[float64])
	middle := len(values) / 2
	if len(values)%2 == 0 {
		return (values[middle-1] + values[middle]) / 2
	}
	return values[middle]
}

// loadAverage is the system's, "" where it has none.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	words := strings.Fields(string(text))
	return strings.Join(words[:min(3, len(words))], " ")
}
