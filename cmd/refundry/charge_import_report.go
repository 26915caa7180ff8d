package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/schollz/progressbar/v3"

	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

// maxWarned is how many warnings are listed; the rest is counted.
const maxWarned = 100

const (
	// manyRejected is from how many rejected lines on their hints are said once
	// more at the end: about what a screen holds.
	manyRejected = 20
	// maxHints bounds how many different hints are counted; a hint may have a value
	// of its line.
	maxHints = 64
)

// importReport is what became of a file. Rejected lines are told as they come,
// so that a million of them take no memory, and none is left out.
type importReport struct {
	e       *environment
	bar     *progressbar.ProgressBar
	rejects *rejectsFile
	asJSON  bool
	dryRun  bool
	err     error // of writing the report itself

	added, again, rejected int
	spool                  *os.File // rejected lines as JSON, when there is one
	sums                   map[money.Currency]*big.Int
	passed                 map[string][]int // numbers of lines that are no charges, by why
	warnings               []string
	moreWarnings           int
	unrouted               map[string]int // charges that no account takes, by channel
	hints                  map[string]int // rejected lines, by what their reasons advise
}

// rejectedLine is a rejected line in JSON.
type rejectedLine struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

func newImportReport(e *environment, bar *progressbar.ProgressBar, rejects *rejectsFile, asJSON, dryRun bool) *importReport {
	return &importReport{
		e: e, bar: bar, rejects: rejects, asJSON: asJSON, dryRun: dryRun,
		sums: make(map[money.Currency]*big.Int), passed: make(map[string][]int), unrouted: make(map[string]int),
		hints: make(map[string]int),
	}
}

func (r *importReport) reject(line chargefile.Line, reason string) {
	r.rejected++
	if _, hint, ok := strings.Cut(reason, "(hint: "); ok && (len(r.hints) < maxHints || r.hints[hint] > 0) {
		r.hints[hint]++
	}
	_ = r.bar.Clear()
	r.fail(r.rejects.write(line))
	if !r.asJSON {
		_, err := fmt.Fprintf(r.e.out, "line %d: %s\n", line.Number, harmless(reason))
		r.fail(err)
		return
	}
	if r.spool == nil {
		var err error
		if r.spool, err = os.CreateTemp("", "refundry-import-*"); err != nil {
			r.fail(err)
			return
		}
		_ = os.Remove(r.spool.Name()) // it lives as long as it is open
	}
	text, err := json.MarshalIndent(rejectedLine{line.Number, reason}, "    ", "  ")
	if r.rejected > 1 {
		text = append([]byte(",\n    "), text...)
	}
	r.fail(err)
	_, err = r.spool.Write(text)
	r.fail(err)
}

func (r *importReport) pass(line chargefile.Line) {
	r.passed[line.Passed] = append(r.passed[line.Passed], line.Number)
}

func (r *importReport) registered(line chargefile.Line, result refund.Registered) {
	c := result.Charge
	if c.ChannelAccount == "" {
		r.unrouted[c.Channel]++
	}
	if result.Again {
		r.again++
		return
	}
	r.added++
	if r.sums[c.Currency] == nil {
		r.sums[c.Currency] = new(big.Int)
	}
	r.sums[c.Currency].Add(r.sums[c.Currency], big.NewInt(int64(c.Amount)))
	switch {
	case result.SameOrder == "":
	case len(r.warnings) == maxWarned:
		r.moreWarnings++
	default:
		r.warnings = append(r.warnings, fmt.Sprintf("line %d: order number %s is also that of charge %s: is it the same payment, under another transaction_id?",
			line.Number, c.OrderNo, result.SameOrder))
	}
}

func (r *importReport) fail(err error) { r.err = cmp.Or(r.err, err) }

// finish reports, also what was done before an error. Rejected lines make the
// command fail.
func (r *importReport) finish(problem error) error {
	_ = r.bar.Finish()
	r.fail(r.rejects.close())
	if r.moreWarnings > 0 {
		r.warnings = append(r.warnings, fmt.Sprintf("%d more charges have another one's order number", r.moreWarnings))
	}
	for _, channel := range slices.Sorted(maps.Keys(r.unrouted)) {
		r.warnings = append(r.warnings, fmt.Sprintf("no channel account takes %s: refunds of %d charges are refused until one does (hint: refundry account add)",
			channel, r.unrouted[channel]))
	}
	if r.asJSON {
		r.fail(r.printJSON())
	}
	for _, warning := range r.warnings {
		r.e.say("warning: %s", harmless(warning))
	}
	for _, why := range slices.Sorted(maps.Keys(r.passed)) {
		r.e.say("passed over (%s): lines %s", why, ranges(r.passed[why]))
	}
	registered := "registered"
	if r.dryRun {
		registered = "would be registered"
	}
	r.e.say("%d charges %s, %d were registered before, %d lines rejected", r.added, registered, r.again, r.rejected)
	r.sayHints()
	for _, currency := range slices.Sorted(maps.Keys(r.sums)) {
		r.e.say("%s: %s", registered, money.SumString(r.sums[currency], currency))
	}
	switch {
	case problem != nil:
		return fmt.Errorf("import charges: %w (hint: run it again, what was registered stays)", problem)
	case r.err != nil:
		return fmt.Errorf("report the import: %w", r.err)
	case r.rejected > 0:
		return errTold
	}
	return nil
}

// sayHints says what would mend most of many rejected lines, which nobody reads
// one by one.
func (r *importReport) sayHints() {
	if r.rejected < manyRejected {
		return
	}
	for _, hint := range slices.Sorted(maps.Keys(r.hints)) {
		if count := r.hints[hint]; count >= manyRejected {
			r.e.say("hint for %d of the rejected lines: %s", count, harmless(strings.TrimSuffix(hint, ")")))
		}
	}
}

// printJSON writes the report: the counts, then the rejected lines.
func (r *importReport) printJSON() error {
	lines := []byte("[]")
	var spooled io.Reader = bytes.NewReader(nil)
	if r.spool != nil {
		defer func() { _ = r.spool.Close() }()
		if _, err := r.spool.Seek(0, io.SeekStart); err != nil {
			return err
		}
		lines, spooled = []byte("[\n    "), r.spool
	}
	out := bufio.NewWriter(r.e.out)
	_, _ = fmt.Fprintf(out, "{\n  \"registered\": %d,\n  \"again\": %d,\n  \"rejected\": %d,\n  \"rejected_lines\": %s", r.added, r.again, r.rejected, lines)
	if _, err := io.Copy(out, spooled); err != nil {
		return err
	}
	if r.spool != nil {
		_, _ = out.WriteString("\n  ]")
	}
	more := []struct {
		name  string
		value any
		empty bool
	}{
		{"sums", r.sums, len(r.sums) == 0},
		{"passed_lines", r.passed, len(r.passed) == 0},
		{"warnings", r.warnings, len(r.warnings) == 0},
		{"dry_run", true, !r.dryRun},
	}
	for _, member := range more {
		if member.empty {
			continue
		}
		text, err := json.MarshalIndent(member.value, "  ", "  ")
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, ",\n  %q: %s", member.name, text)
	}
	_, _ = out.WriteString("\n}\n")
	return out.Flush()
}

// ranges shortens a list of numbers: 1-4, 9.
func ranges(numbers []int) string {
	var out []string
	for n := 0; n < len(numbers); {
		last := n
		for last+1 < len(numbers) && numbers[last+1] == numbers[last]+1 {
			last++
		}
		text := strconv.Itoa(numbers[n])
		if last > n {
			text += "-" + strconv.Itoa(numbers[last])
		}
		out = append(out, text)
		n = last + 1
	}
	return strings.Join(out, ", ")
}

// rejectsFile has the rejected lines as they stood, behind the header of the
// file that they come from, as UTF-8 with a mark, which spreadsheets need.
type rejectsFile struct {
	file *os.File
	out  *bufio.Writer
}

func newRejectsFile(name, heading string) (*rejectsFile, error) {
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("import charges: %w", err)
	}
	r := &rejectsFile{file, bufio.NewWriter(file)}
	if heading != "" {
		_, err = r.out.WriteString("\ufeff" + heading + "\n")
	}
	return r, err
}

func (r *rejectsFile) write(line chargefile.Line) error {
	if r == nil {
		return nil
	}
	if line.Text == "" {
		return nil // too long to be kept
	}
	for _, text := range append([]string{line.Text}, line.With...) {
		if _, err := r.out.WriteString(text + "\n"); err != nil {
			return err
		}
	}
	return nil
}

func (r *rejectsFile) close() error {
	if r == nil {
		return nil
	}
	return errors.Join(r.out.Flush(), r.file.Close())
}
