package wechatpay

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Limits of bills that are read.
const (
	// maxBillLine is far above the longest line, in bytes.
	maxBillLine = 64 << 10
	// maxBillColumns is above the 29 of the widest bill.
	maxBillColumns = 100
)

// Decimals of amounts in bills, which are in yuan.
const (
	fenDecimals = 2
	// feeDecimals are those of fees: thousandths of a fen.
	feeDecimals = 5
)

// bom begins a bill. The documents are silent about it; one official client
// cuts three bytes off blindly, and would lose the first column's name without
// it. Readers tolerate both.
const bom = "\uFEFF"

const billLineEnd = "\r\n"

// billTime is how bills write times, in Beijing.
const billTime = time.DateTime

// ErrBill tells that a bill can't be read: a line that does not fit its header,
// a number that is none, or an end without a summary.
var ErrBill = errors.New("bill can't be read")

// ErrSum tells that a sum of a bill does not fit into 64 bits.
var ErrSum = errors.New("a sum of the bill is too large")

// addTo adds a row's amount to a sum, which stays as it is where it would not
// fit.
func addTo(sum *int64, amount int64) error {
	both := *sum + amount
	if (both > *sum) != (amount > 0) && amount != 0 {
		return ErrSum
	}
	*sum = both
	return nil
}

// column is one column of a bill of rows R: its title, how its value is
// written, and how it is read.
type column[R any] struct {
	title string
	get   func(*R) string
	set   func(*R, string) error
}

// textColumn is a column of a text.
func textColumn[R any](title string, field func(*R) *string) column[R] {
	return column[R]{
		title,
		func(row *R) string { return *field(row) },
		func(row *R, text string) error { *field(row) = text; return nil },
	}
}

// numberColumn is a column of an amount with so many decimals.
func numberColumn[R any](title string, decimals int, field func(*R) *int64) column[R] {
	return column[R]{
		title,
		func(row *R) string { return formatDecimal(*field(row), decimals) },
		func(row *R, text string) (err error) {
			*field(row), err = parseDecimal(text, decimals)
			return err
		},
	}
}

// countColumn is a column of a number of things.
func countColumn[R any](title string, field func(*R) *int64) column[R] {
	return numberColumn(title, 0, field)
}

// timeColumn is a column of a time; an absent one is empty.
func timeColumn[R any](title string, field func(*R) *time.Time) column[R] {
	return column[R]{
		title,
		func(row *R) string {
			if field(row).IsZero() {
				return ""
			}
			return field(row).In(Beijing).Format(billTime)
		},
		func(row *R, text string) (err error) {
			if text != "" {
				*field(row), err = time.ParseInLocation(billTime, text, Beijing)
			}
			return err
		},
	}
}

// writeHeader writes the titles, which have no backquotes.
func writeHeader[R any](w *bufio.Writer, columns []column[R]) {
	for i, c := range columns {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		_, _ = w.WriteString(c.title)
	}
	_, _ = w.WriteString(billLineEnd)
}

// writeRow writes the values, each with a backquote before it.
func writeRow[R any](w *bufio.Writer, columns []column[R], row *R) {
	for i, c := range columns {
		if i > 0 {
			_ = w.WriteByte(',')
		}
		_, _ = w.WriteString("`" + escapeBill(c.get(row)))
	}
	_, _ = w.WriteString(billLineEnd)
}

// escapeBill keeps a text within its column: line ends are written as \r and
// \n, and a backquote, which with a comma before it would begin the next
// column, becomes an apostrophe. The documents tell of the first alone.
func escapeBill(text string) string {
	return strings.NewReplacer("\r", `\r`, "\n", `\n`, "`", "'").Replace(text)
}

// billReader reads a bill's lines.
type billReader struct {
	lines *bufio.Scanner
	line  int
}

func newBillReader(r io.Reader) *billReader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, 4096), maxBillLine)
	return &billReader{lines: lines}
}

// next returns the next line, without its end; the first one also without a BOM.
// It fails with ErrBill at the end, since every bill ends by its summary.
func (b *billReader) next() (string, error) {
	b.line++
	if !b.lines.Scan() {
		if err := b.lines.Err(); err != nil {
			return "", fmt.Errorf("%w: line %d: %w", ErrBill, b.line, err)
		}
		return "", fmt.Errorf("%w: it ends at line %d without a summary", ErrBill, b.line)
	}
	line := strings.TrimSuffix(b.lines.Text(), "\r")
	if b.line == 1 {
		line = strings.TrimPrefix(line, bom)
	}
	return line, nil
}

// readHeader reads a line of titles and finds their columns; one that is not
// known is nil. A title that comes twice, or none that is known, is ErrBill.
func readHeader[R any](b *billReader, line string, columns []column[R]) ([]*column[R], error) {
	titles := strings.Split(line, ",")
	if len(titles) > maxBillColumns {
		return nil, b.fail("it has more than " + strconv.Itoa(maxBillColumns) + " columns")
	}
	found := make([]*column[R], len(titles))
	known := 0
	for i, title := range titles {
		at := slices.IndexFunc(columns, func(c column[R]) bool { return c.title == title })
		if at < 0 {
			continue
		}
		if slices.Contains(found, &columns[at]) {
			return nil, b.fail("column " + title + " is there twice")
		}
		found[i] = &columns[at]
		known++
	}
	if known == 0 {
		return nil, b.fail("no column is known")
	}
	return found, nil
}

// readRow reads a line of values. They are cut at a comma with a backquote, for
// a value may hold commas.
func readRow[R any](b *billReader, line string, columns []*column[R]) (row R, err error) {
	values := strings.Split(strings.TrimPrefix(line, "`"), ",`")
	if len(values) != len(columns) {
		return row, b.fail(strconv.Itoa(len(values)) + " values under " + strconv.Itoa(len(columns)) + " titles")
	}
	for i, c := range columns {
		if c == nil {
			continue
		}
		if err := c.set(&row, values[i]); err != nil {
			return row, b.fail("column " + c.title + " is not what it should be")
		}
	}
	return row, nil
}

func (b *billReader) fail(text string) error {
	return fmt.Errorf("%w: line %d: %s", ErrBill, b.line, text)
}

// readBill reads header, rows, summary header and summary. Each row goes to
// each, whose error ends the reading.
func readBill[R, S any](r io.Reader, columns []column[R], summaryColumns []column[S], each func(R) error) (summary S, rows int64, err error) {
	b := newBillReader(r)
	line, err := b.next()
	if err != nil {
		return summary, 0, err
	}
	header, err := readHeader(b, line, columns)
	if err != nil {
		return summary, 0, err
	}
	for {
		if line, err = b.next(); err != nil {
			return summary, rows, err
		}
		if !strings.HasPrefix(line, "`") {
			break
		}
		row, err := readRow(b, line, header)
		if err != nil {
			return summary, rows, err
		}
		if err := each(row); err != nil {
			return summary, rows, err
		}
		rows++
	}
	summaryHeader, err := readHeader(b, line, summaryColumns)
	if err != nil {
		return summary, rows, err
	}
	if line, err = b.next(); err != nil {
		return summary, rows, err
	}
	summary, err = readRow(b, line, summaryHeader)
	return summary, rows, err
}

// formatDecimal writes a number with so many decimals: 1000 with 2 is 10.00.
func formatDecimal(value int64, decimals int) string {
	digits, sign := strconv.FormatInt(value, 10), ""
	if digits[0] == '-' {
		digits, sign = digits[1:], "-"
	}
	if decimals == 0 {
		return sign + digits
	}
	if short := decimals + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	point := len(digits) - decimals
	return sign + digits[:point] + "." + digits[point:]
}

var errDecimal = errors.New("not a decimal number")

// parseDecimal reads a number with at most so many decimals, exactly.
func parseDecimal(text string, decimals int) (int64, error) {
	unsigned, negative := strings.CutPrefix(text, "-")
	whole, fraction, dotted := strings.Cut(unsigned, ".")
	if !isDigits(whole) || dotted && !isDigits(fraction) || len(fraction) > decimals {
		return 0, errDecimal
	}
	digits := whole + fraction + strings.Repeat("0", decimals-len(fraction))
	if negative {
		digits = "-" + digits
	}
	value, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0, errDecimal
	}
	return value, nil
}
