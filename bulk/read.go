package bulk

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Limits of a file. A line is some hundred bytes in memory, and no more than
// chunkLines of them are there at once.
const (
	// MaxBytes is the most bytes of a file.
	MaxBytes = 64 << 20
	// MaxLines is the most lines of a file: their refunds are an hour's work of a
	// channel that takes fifty a second.
	MaxLines = 200_000
	// ChunkLines is how many lines are written, or checked, at once.
	ChunkLines = 500
)

// Limits on what a line says, as the native API has them.
const (
	maxName   = 128
	maxReason = 255
	maxNumber = 64
	maxAmount = 64
)

// Options say how a file is read; the zero value finds out.
type Options struct {
	// Name is the file's, "" for none; Format csv or ndjson; Encoding one of
	// chargefile.Encodings.
	Name, Format, Encoding string
}

// Read reads a file and calls each for every line that is no title. A line that
// can't be read is Bad. An error that is the file's own is KindInvalid, or
// KindTooLarge for more than MaxLines.
func Read(in io.Reader, opts Options, each func(Line) error) error {
	r, err := chargefile.New(in, chargefile.Options{Form: chargefile.Refunds, Name: opts.Name, Format: opts.Format, Encoding: opts.Encoding})
	switch {
	case errors.Is(err, chargefile.ErrUnknownFormat):
		return refund.Errorf(refund.KindInvalid, "file", "the file is neither NDJSON nor CSV with a known column: %s", strings.Join(chargefile.RefundColumns, ", "))
	case err != nil:
		return refund.Errorf(refund.KindInvalid, "file", "the file can't be read: %v", err)
	}
	for lines := 0; ; {
		got, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && lines == 0:
			return refund.Errorf(refund.KindInvalid, "file", "the file has no line below its header")
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return refund.Errorf(refund.KindInvalid, "file", "the file can't be read to its end: %v", err)
		case got.Passed != "":
			continue
		}
		if lines++; lines > MaxLines {
			return refund.Errorf(refund.KindTooLarge, "file", "a file has at most %d lines (hint: split it)", MaxLines)
		}
		if err := each(lineOf(got)); err != nil {
			return err
		}
	}
}

// lineOf is a line as it is kept.
func lineOf(got chargefile.Line) Line {
	l := Line{At: int64(got.Number), State: New}
	if got.Problem != "" {
		return l.bad(refund.KindInvalid, got.Problem)
	}
	if strings.ContainsRune(got.Text, 0) {
		return l.bad(refund.KindInvalid, "the character U+0000 is in the line")
	}
	v, err := exactjson.Decode(got.Body, exactjson.Limits{})
	var where *exactjson.Error
	switch {
	case errors.As(err, &where):
		return l.bad(refund.KindInvalid, where.Error())
	case err != nil || v.Kind != exactjson.Object:
		return l.bad(refund.KindInvalid, "the line is no JSON object")
	}
	for _, m := range v.Members {
		if problem := l.take(m); problem != "" {
			return l.bad(refund.KindInvalid, problem)
		}
	}
	return l.complete()
}

// take sets what one member says, or returns what is wrong with it.
func (l *Line) take(m exactjson.Member) string {
	numeric := m.Name == "amount"
	if m.Value.Kind != exactjson.String && (!numeric || m.Value.Kind != exactjson.Number) {
		return fmt.Sprintf("%s must be of type string, not %s", shown(m.Name), m.Value.Kind)
	}
	text := m.Value.Text
	set := func(to *string, most int, visible bool) string {
		if utf8.RuneCountInString(text) > most {
			return fmt.Sprintf("%s must have at most %d characters", m.Name, most)
		}
		if visible && strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return m.Name + " must be visible ASCII characters without blanks"
		}
		if visible && chargefile.Rounded(text) {
			return fmt.Sprintf("%s: %q was rounded by a spreadsheet (hint: have it treat the column as text)", m.Name, text)
		}
		*to = text
		return ""
	}
	switch m.Name {
	case "charge":
		return set(&l.Charge, maxName, true)
	case "number":
		return set(&l.Number, maxNumber, true)
	case "reason":
		return set(&l.Reason, maxReason, false)
	case "reason_code":
		return set(&l.ReasonCode, refund.MaxReasonCode, false)
	case "customer":
		return set(&l.Customer, refund.MaxCustomer, false)
	case "currency":
		l.SaysCurrency = money.Currency(strings.ToUpper(text))
		if !l.SaysCurrency.Valid() {
			return fmt.Sprintf("currency: %q is no ISO 4217 code", shown(text))
		}
		return ""
	case "amount", "amount_decimal":
		if text != "" && l.Amount != "" {
			return "amount and amount_decimal are both given: keep one of them"
		}
		if text != "" {
			l.Decimal = m.Name == "amount_decimal"
			return set(&l.Amount, maxAmount, false)
		}
		return ""
	}
	return shown(m.Name) + " is not known here"
}

// complete refuses a line that lacks something, or says what nobody can mean.
func (l Line) complete() Line {
	if strings.EqualFold(l.Amount, Full) {
		l.Amount, l.Decimal = Full, false
	}
	switch {
	case l.Charge == "":
		return l.bad(refund.KindInvalid, "charge is empty")
	case l.Amount == "":
		return l.bad(refund.KindInvalid, "amount is empty (hint: write full to refund all that is left)")
	case l.Amount == Full:
	case !l.Decimal:
		if _, err := minorAmount(l.Amount); err != nil && !errors.Is(err, money.ErrOverflow) {
			return l.bad(refund.KindInvalid, err.Error())
		}
	}
	if fault := cmp.Or(refund.CheckCustomer(l.Customer), refund.CheckReasonCode(l.ReasonCode)); fault != nil {
		return l.bad(fault.Kind, fault.Told())
	}
	return l
}

func (l Line) bad(kind refund.Kind, problem string) Line {
	l.State, l.Kind, l.Problem = Bad, kind, shorten(problem)
	return l
}

// maxProblem bounds what is kept of an error, in characters.
const maxProblem = 500

func shorten(text string) string { return cutAt(harmless(text), maxProblem) }

func shown(text string) string { return cutAt(harmless(text), maxNumber) }

// harmless is text that a database takes.
func harmless(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "\ufffd")
}

func cutAt(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "..."
}
