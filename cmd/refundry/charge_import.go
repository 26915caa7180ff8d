package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

const (
	// chunkLines is how many charges go through one commit.
	chunkLines = 500
	// longestLine is the longest line of a file in bytes; a charge with 100
	// lines of goods and as many on its coupons is far below.
	longestLine = 256 << 10
	// mostRejected is how many rejected lines are listed; the rest is counted.
	mostRejected = 100
)

// chargeImport registers paid charges from a file.
type chargeImport struct {
	databaseFlags
	dataFlags
	merchantFlags
	jsonFlag
	File   string `arg:"" help:"CSV or NDJSON file, - for standard input."`
	Format string `help:"csv or ndjson; default by the file's name." enum:",csv,ndjson" default:""`
}

// Help is shown by --help.
func (c *chargeImport) Help() string {
	return `NDJSON has one charge a line, in the form of POST /refundry/v1/charges.

CSV has a header line with the names of its columns, in any order:
  ` + strings.Join(csvColumns, ", ") + `
An amount is a whole number of minor units (1000 for 10.00 CNY); an empty cell
is as if the column were missing. The columns with a dot are the charge's names
in a dialect. Required are order_no, amount, currency and channel; for a live
merchant also transaction_id and paid_at.

A charge is known by its channel account and transaction_id: the same again
changes nothing, other content under the same is rejected. Rejected lines are
listed with their numbers, and the exit status is 1; the others are registered.`
}

// imported is what became of a file.
type imported struct {
	Registered int        `json:"registered"`
	Again      int        `json:"again"` // registered before, unchanged
	Rejected   int        `json:"rejected"`
	Lines      []rejected `json:"rejected_lines"`
	Warnings   []string   `json:"warnings,omitempty"`
	// unrouted counts the charges that no account takes, by their channels.
	unrouted map[string]int
}

type rejected struct {
	Line   int    `json:"line"`
	Reason string `json:"reason"`
}

func (c *chargeImport) Run(e *environment) error {
	in, size, err := c.input(e)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := c.useMasterKey(e, s); err != nil {
		return err
	}
	importer, err := c.importer(e, s)
	if err != nil {
		return err
	}
	bar := e.progress(size)
	lines, err := c.lines(io.TeeReader(in, bar))
	if err != nil {
		return err
	}
	report, err := importAll(e, s, importer, lines)
	_ = bar.Finish()
	slices.SortFunc(report.Lines, func(a, b rejected) int { return cmp.Compare(a.Line, b.Line) })
	if err != nil {
		return fmt.Errorf("import charges: %w (hint: run it again, what was registered stays)", err)
	}
	return c.tell(e, report)
}

// input opens the file and says how long it is, -1 where that is not known.
func (c *chargeImport) input(e *environment) (io.ReadCloser, int64, error) {
	if c.File == "-" {
		return io.NopCloser(e.in), -1, nil
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, 0, fmt.Errorf("import charges: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		_ = file.Close()
		return nil, 0, fmt.Errorf("import charges: %w", err)
	}
	return file, info.Size(), nil
}

func (c *chargeImport) importer(ctx context.Context, s *store.Store) (native.Importer, error) {
	m, err := c.find(ctx, s)
	if err != nil {
		return native.Importer{}, err
	}
	names, err := s.Identities(ctx, m.ID)
	if err != nil {
		return native.Importer{}, err
	}
	accounts, err := s.ChannelAccounts(ctx, m.ID)
	if err != nil {
		return native.Importer{}, err
	}
	return native.NewImporter(m, names, accounts, time.Now().UTC().Truncate(time.Microsecond)), nil
}

// lines reads the file in its format.
func (c *chargeImport) lines(in io.Reader) (lineReader, error) {
	format := c.Format
	if format == "" {
		format = map[string]string{".csv": "csv", ".ndjson": "ndjson", ".jsonl": "ndjson"}[strings.ToLower(filepath.Ext(c.File))]
	}
	switch format {
	case "csv":
		return newCSVLines(in)
	case "ndjson":
		return newJSONLines(in), nil
	}
	return nil, usageError{"is it CSV or NDJSON? say so with --format"}
}

// lineReader gives one charge after the other, as the body of POST
// /refundry/v1/charges, with the number of its line. A charge that can't be
// read is a rejection; io.EOF ends it, and any other error ends it early.
type lineReader interface {
	next() (line int, body []byte, err error)
}

// lineError is what is wrong with one line.
type lineError struct{ text string }

func (e lineError) Error() string { return e.text }

type jsonLines struct {
	lines *bufio.Scanner
	line  int
}

func newJSONLines(in io.Reader) *jsonLines {
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	return &jsonLines{lines: lines}
}

func (j *jsonLines) next() (int, []byte, error) {
	for j.lines.Scan() {
		j.line++
		if text := bytes.TrimSpace(j.lines.Bytes()); len(text) > 0 {
			return j.line, bytes.Clone(text), nil
		}
	}
	if err := j.lines.Err(); err != nil {
		return j.line + 1, nil, fmt.Errorf("read line %d: %w", j.line+1, err)
	}
	return j.line, nil, io.EOF
}

// importAll registers what lines gives, a chunk a commit.
func importAll(ctx context.Context, s dialect.BatchRegistrar, importer native.Importer, lines lineReader) (imported, error) {
	report := imported{Lines: []rejected{}, unrouted: make(map[string]int)}
	for more := true; more; {
		charges := make([]refund.Charge, 0, chunkLines)
		at := make([]int, 0, chunkLines)
		for len(charges) < chunkLines {
			line, body, err := lines.next()
			if errors.Is(err, io.EOF) {
				more = false
				break
			}
			var wrong lineError
			if err != nil && !errors.As(err, &wrong) {
				return report, err
			}
			var charge refund.Charge
			if err == nil {
				charge, err = importer.Charge(body)
			}
			if err != nil {
				report.reject(line, err)
				continue
			}
			charges, at = append(charges, charge), append(at, line)
		}
		results, err := s.RegisterCharges(ctx, charges)
		if err != nil {
			return report, err
		}
		for n, result := range results {
			if result.Err == nil && result.Charge.ChannelAccount == "" {
				report.unrouted[result.Charge.Channel]++
			}
			switch {
			case result.Err != nil:
				report.reject(at[n], result.Err)
			case result.Again:
				report.Again++
			default:
				report.Registered++
			}
		}
	}
	return report, nil
}

// warn makes the warnings about charges that no channel account takes.
func (r *imported) warn() {
	for _, channel := range slices.Sorted(maps.Keys(r.unrouted)) {
		r.Warnings = append(r.Warnings, fmt.Sprintf("no channel account takes %s: refunds of %d charges are refused until one does (hint: refundry account add)",
			channel, r.unrouted[channel]))
	}
}

func (r *imported) reject(line int, err error) {
	r.Rejected++
	if len(r.Lines) < mostRejected {
		r.Lines = append(r.Lines, rejected{line, reason(err)})
	}
}

// reason is what an error tells a person, without the core's words. Which
// parameter is at fault is told where that is not the thing itself.
func reason(err error) string {
	known := refund.As(err)
	switch {
	case known == nil:
		return err.Error()
	case known.Kind == refund.KindInvalid && !strings.HasPrefix(known.Detail, known.Param):
		return known.Param + ": " + known.Detail
	}
	return known.Detail
}

// tell reports; rejected lines make the command fail.
func (c *chargeImport) tell(e *environment, report imported) error {
	report.warn()
	if c.JSON {
		if err := e.printJSON(report); err != nil {
			return err
		}
	} else {
		for _, line := range report.Lines {
			if _, err := fmt.Fprintf(e.out, "line %d: %s\n", line.Line, harmless(line.Reason)); err != nil {
				return err
			}
		}
	}
	if left := report.Rejected - len(report.Lines); left > 0 {
		e.say("%d more lines were rejected", left)
	}
	for _, warning := range report.Warnings {
		e.say("warning: %s", warning)
	}
	e.say("%d charges registered, %d were registered before, %d lines rejected", report.Registered, report.Again, report.Rejected)
	if report.Rejected > 0 {
		return errTold
	}
	return nil
}

// progress is a bar on stderr, or nothing when that is no terminal.
func (e *environment) progress(size int64) *progressbar.ProgressBar {
	file, ok := e.err.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return progressbar.DefaultBytesSilent(size)
	}
	return progressbar.NewOptions64(size,
		progressbar.OptionSetWriter(e.err), progressbar.OptionShowBytes(true), progressbar.OptionSetWidth(30),
		progressbar.OptionSetDescription("importing"), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100*time.Millisecond))
}
