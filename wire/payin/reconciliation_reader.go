package payin

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/money"
)

// maxRow bounds a row of the file, in bytes; one has some hundred.
const maxRow = 64 << 10

// ErrReconciliation is wrapped by every complaint about a daily file.
var ErrReconciliation = errors.New("the reconciliation file can't be read")

// ReconciliationReader reads a daily file row by row.
type ReconciliationReader struct {
	rows *csv.Reader
	from *lines
	line int
}

// NewReconciliationReader begins to read a file and checks its header. Columns are
// found by their place: more may follow the known ones. Errors wrap
// ErrReconciliation, or are r's.
func NewReconciliationReader(r io.Reader) (*ReconciliationReader, error) {
	from := &lines{from: r}
	out := &ReconciliationReader{rows: csv.NewReader(from), from: from}
	out.rows.ReuseRecord, out.rows.FieldsPerRecord = true, -1
	header, err := out.row()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: it is empty", ErrReconciliation)
	}
	if err != nil {
		return nil, err
	}
	header[0] = strings.TrimPrefix(header[0], "\uFEFF")
	if !slices.Equal(header[:len(reconciliationColumns)], reconciliationColumns) {
		return nil, fmt.Errorf("%w: its header is another's", ErrReconciliation)
	}
	return out, nil
}

// Next returns the next transaction, and io.EOF after the last. A file that does
// not end with a line's end broke off.
func (r *ReconciliationReader) Next() (ReconciliationRow, error) {
	columns, err := r.row()
	if err != nil {
		return ReconciliationRow{}, err
	}
	row := ReconciliationRow{
		MerchantID: columns[0], OrderID: columns[1], MerchantOrderID: columns[2], TransType: columns[7], Status: columns[8], OriginalOrderID: columns[9],
	}
	for _, part := range []struct {
		text string
		to   *time.Time
	}{{columns[3], &row.CreatedAt}, {columns[4], &row.CompletedAt}} {
		if *part.to, err = parseFileTime(part.text); err != nil {
			return ReconciliationRow{}, r.fail(err)
		}
	}
	for _, part := range []struct {
		text, currency string
		to             *money.Amount
	}{{columns[5], columns[6], &row.Amount}, {columns[10], columns[11], &row.OriginalAmount}} {
		if *part.to, err = parseDecimal(part.text, part.currency); err != nil {
			return ReconciliationRow{}, r.fail(err)
		}
	}
	return row, nil
}

func (r *ReconciliationReader) row() ([]string, error) {
	columns, err := r.rows.Read()
	r.line++
	switch broken := (*csv.ParseError)(nil); {
	case errors.Is(err, io.EOF) && r.from.last != '\n' && r.from.last != 0:
		return nil, r.fail(errors.New("it broke off"))
	case errors.Is(err, io.EOF):
		return nil, io.EOF
	case errors.As(err, &broken):
		return nil, r.fail(errors.New("it is no CSV")) // its own words repeat nothing that helps
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrReconciliation, err)
	case len(columns) < len(reconciliationColumns):
		return nil, r.fail(fmt.Errorf("it has %d columns in place of %d", len(columns), len(reconciliationColumns)))
	}
	return columns, nil
}

func (r *ReconciliationReader) fail(err error) error {
	return fmt.Errorf("%w: line %d: %w", ErrReconciliation, r.line, err)
}

// parseDecimal reads both columns of an amount; empty ones are the zero Amount.
func parseDecimal(text, currency string) (money.Amount, error) {
	if text == "" && currency == "" {
		return money.Amount{}, nil
	}
	known, err := money.ParseCurrency(currency)
	if err != nil {
		return money.Amount{}, err
	}
	minor, err := money.Parse(text, known)
	return money.Amount{Minor: minor, Currency: known}, err
}

// parseFileTime reads 2023-01-23 13:33:28(GMT+3), and "" as the zero time. The
// zone is that of the files; another one is refused.
func parseFileTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	local, ok := strings.CutSuffix(text, "(GMT+3)")
	t, err := time.ParseInLocation("2006-01-02 15:04:05", local, Riyadh)
	if !ok || err != nil {
		return time.Time{}, errors.New("a time is not yyyy-MM-dd HH:mm:ss(GMT+3)")
	}
	return t, nil
}

// lines remembers how a file ended, and ends one with a line that is too long
// before it is held in memory.
type lines struct {
	from io.Reader
	last byte // 0 for a file of nothing
	long int  // bytes since the last line's end
}

// Read implements io.Reader.
func (l *lines) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	if n > 0 {
		l.last = p[n-1]
	}
	if at := bytes.LastIndexByte(p[:n], '\n'); at >= 0 {
		l.long = n - 1 - at
	} else if l.long += n; l.long > maxRow {
		return 0, errors.New("a line is too long")
	}
	return n, err
}
