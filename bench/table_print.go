package bench

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// Print writes the table for people.
func (t Table) Print(out io.Writer) {
	w := &strings.Builder{}
	defer func() { _, _ = io.WriteString(out, w.String()) }()
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(cells ...string) { _, _ = fmt.Fprintln(table, strings.Join(cells, "\t")) }
	row("measure", "ours", "reference", "ratio", "target", "CPU us", "PG us", "WAL B", "")
	missed := 0
	for _, line := range t.Lines {
		row(line.cells()...)
		if !line.OK {
			missed++
		}
	}
	_ = table.Flush() // a builder takes all
	fmt.Fprintf(w, "\n%s, %d cores, load average before %s, medians of %d rounds, after %s: %d of %d targets met\n",
		t.Began.Format(time.DateTime), t.Cores, t.Load, t.Rounds, (time.Duration(t.Took) * time.Second).String(), len(t.Lines)-missed, len(t.Lines))
}

func (l Line) cells() []string {
	if l.Error != "" {
		return []string{l.Measure, "-", "-", "-", l.Target, "-", "-", "-", "missed: " + l.Error}
	}
	verdict := map[bool]string{true: "ok", false: "missed"}[l.OK]
	reference, ratio := "-", "-"
	if l.Reference > 0 {
		reference, ratio = fmt.Sprintf("%s (%s)", short(l.Reference), l.Against), fmt.Sprintf("%.2f", l.Ratio)
	}
	return []string{
		l.Measure, short(l.Ours) + " " + l.Unit, reference, ratio, l.Target,
		dash(int64(l.Service)), dash(int64(l.Postgres)), dash(l.WAL), verdict,
	}
}

// short is a figure of three digits or more.
func short(value float64) string {
	const whole = 100
	if value >= whole {
		return fmt.Sprintf("%.0f", value)
	}
	return fmt.Sprintf("%.2f", value)
}

func dash(value int64) string {
	if value == 0 {
		return "-"
	}
	return fmt.Sprint(value)
}
