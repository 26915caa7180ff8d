// Package chargefile reads files of paid charges, or of refunds to be made, as
// people have them: CSV as spreadsheets of any country save it, NDJSON, and the
// bills that WeChat Pay and Alipay let merchants download. Each line becomes a
// JSON object, a charge's the body of POST /refundry/v1/charges, so that one
// decoder judges every form. It knows the members' names and nothing else.
package chargefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// The formats of files.
const (
	CSV    = "csv"
	NDJSON = "ndjson"
)

// Options say how a file is read. The zero value finds out.
type Options struct {
	// Format is CSV or NDJSON; "" is decided by what the file begins with, and
	// by Name's ending where that does not tell. A bill is a kind of CSV.
	Format string
	// Form is what the lines are: Charges or Refunds; nil is Charges.
	Form *Form
	// Name is the file's name, "" where it has none.
	Name string
	// Encoding is one of Encodings; "" is decided by the file's first bytes.
	Encoding string
	// Zone is the time zone of times without an offset; nil refuses those of
	// CSV. Bills are in Beijing's.
	Zone *time.Location
	// Channel is the channel of lines that name none.
	Channel string
	// NamesWeChat is set for a merchant who is known in the WeChat Pay
	// dialect: charges from a WeChat Pay bill then carry the mchid and order
	// number of the bill, so that another merchant's bill is refused.
	NamesWeChat bool
}

// Line is what was read of one line, or of several where a quoted cell spans
// them. Exactly one of Body, Problem and Passed is set.
type Line struct {
	Number int    // of the first line, from 1
	Text   string // as it stands in the file, as UTF-8, without the line end
	// Body is the charge as JSON.
	Body []byte
	// Problem is why the line can't be read.
	Problem string
	// Passed is why the line is no charge, such as a total.
	Passed string
	// With are lines that belong to the charge: the refunds of a bill's
	// payment. A file of rejected lines needs them too.
	With []string
}

// Reader reads the lines of a file.
type Reader struct {
	opts     Options
	encoding string
	source   source
	// Heading is what must stand before lines of this file, so that they can
	// be read alone: the header line of a CSV file; "" for NDJSON.
	Heading string
}

// source is one format.
type source interface {
	// next returns io.EOF at the end; any other error ends the file early.
	next() (Line, error)
}

// ErrUnknownFormat is returned for a file that is neither CSV nor NDJSON by
// its content, name or options.
var ErrUnknownFormat = errors.New("is it CSV or NDJSON?")

// errPiped: the refunds of a bill are added up before its payments are read.
var errPiped = errors.New("a bill is read twice, which a pipe can't be (hint: save it to a file and import that)")

// New reads from a stream, which can't be the bill of a channel.
func New(in io.Reader, opts Options) (*Reader, error) {
	r, err := start(in, opts, nil)
	if err != nil {
		return nil, err
	}
	if table, ok := r.source.(*table); ok && table.bill != nil {
		return nil, errPiped
	}
	return r, nil
}

// Open reads a file. One that is a channel's bill is read twice: what was
// refunded of a payment in the same bill is registered with the payment.
func Open(in io.ReadSeeker, opts Options) (*Reader, error) {
	r, err := start(in, opts, nil)
	if err != nil {
		return nil, err
	}
	first, ok := r.source.(*table)
	if !ok || first.bill == nil {
		return r, nil
	}
	refunds, err := addUpRefunds(first)
	if err != nil {
		return nil, err
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("read the bill again: %w", err)
	}
	return start(in, opts, refunds)
}

func start(in io.Reader, opts Options, refunds *billRefunds) (*Reader, error) {
	buffered := bufio.NewReaderSize(in, headBytes)
	head, err := buffered.Peek(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read the file's beginning: %w", err)
	}
	if err := notText(head); err != nil {
		return nil, err
	}
	r := &Reader{opts: opts}
	lines, beginning, err := decodeLines(buffered, head, opts.Encoding)
	if err != nil {
		return nil, err
	}
	r.encoding = lines.encoding
	if opts.Form == nil {
		opts.Form = Charges
	}
	if opts.Format == "" {
		opts.Format = guessFormat(beginning, opts)
	}
	switch opts.Format {
	case CSV:
		t, err := newTable(lines, opts, refunds)
		if err != nil {
			return nil, err
		}
		r.source, r.Heading = t, t.heading
	case NDJSON:
		r.source = &objects{lines: lines}
	default:
		return nil, ErrUnknownFormat
	}
	return r, nil
}

// Encoding is the file's, one of Encodings.
func (r *Reader) Encoding() string { return r.encoding }

// Kind is what the file is, for people.
func (r *Reader) Kind() string {
	switch source := r.source.(type) {
	case *table:
		if source.bill != nil {
			return source.bill.name
		}
		return "CSV"
	default:
		return "NDJSON"
	}
}

// Next returns the next line that is not blank, and io.EOF at the end. Any
// other error ends the file early.
func (r *Reader) Next() (Line, error) { return r.source.next() }

// guessFormat looks at the first line that says something: an object is
// NDJSON, and a line with names of columns is CSV.
func guessFormat(beginning string, opts Options) string {
	for text := range strings.Lines(beginning) {
		text = strings.TrimSpace(text)
		switch {
		case text == "" || prelude(text):
			continue
		case strings.HasPrefix(text, "{"):
			return NDJSON
		}
		if _, known := opts.Form.readHeader(text); known > 0 {
			return CSV
		}
		break
	}
	switch name := strings.ToLower(opts.Name); {
	case strings.HasSuffix(name, ".csv"), strings.HasSuffix(name, ".tsv"):
		return CSV
	case strings.HasSuffix(name, ".ndjson"), strings.HasSuffix(name, ".jsonl"):
		return NDJSON
	}
	return ""
}

// objects is NDJSON.
type objects struct{ lines *textLines }

func (o *objects) next() (Line, error) {
	for {
		line, err := o.lines.next()
		if err != nil {
			return Line{}, err
		}
		text := strings.TrimSpace(line.text)
		if text == "" && line.problem == "" {
			continue
		}
		out := Line{Number: line.number, Text: line.text, Problem: line.problem}
		if out.Problem == "" {
			out.Body = []byte(text)
		}
		return out, nil
	}
}
