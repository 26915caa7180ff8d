package alipay

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// ErrBill: a bill can't be read to its end.
var ErrBill = errors.New("bill can't be read")

// Limits of bills.
const (
	// maxBillFiles is above the two of a bill: details and sums.
	maxBillFiles = 64
	// maxBillLine is far above the longest line, in bytes.
	maxBillLine = 64 << 10
)

// maxBillBytes bounds what a bill unpacks to, in all: some ten million rows. Tests
// have less.
var maxBillBytes int64 = 4 << 30

// The titles of columns, with ASCII parentheses. Columns are found by them: their
// number and order differ by the kind of account (A7-1).
const (
	columnTrade   = "支付宝交易号"
	columnOrder   = "商户订单号"
	columnKind    = "业务类型"
	columnAmount  = "订单金额(元)"
	columnRequest = "退款批次号/请求号"
	columnDone    = "完成时间"
)

var billColumns = []string{columnTrade, columnOrder, columnKind, columnAmount, columnRequest, columnDone}

// Words of the column of kinds.
const (
	billPayment = "交易"
	billRefund  = "退款" // and words that contain it
)

// BillRow is a refund of a bill.
type BillRow struct {
	TradeNo, OutTradeNo string
	// RequestNo is the refund's number, "" where the bill has none.
	RequestNo string
	Amount    int64 // fen, above 0
	DoneAt    time.Time
}

// ReadBill reads a bill of trades as it is downloaded, a ZIP archive of CSV files in
// GBK, and passes each refund to each, whose error ends the reading. Payments are
// passed over. Errors about the bill are ErrBill.
func ReadBill(r io.ReaderAt, size int64, each func(BillRow) error) error {
	archive, err := zip.NewReader(r, size)
	switch {
	case err != nil:
		return fmt.Errorf("%w: it is no ZIP archive: %w", ErrBill, err)
	case len(archive.File) > maxBillFiles:
		return fmt.Errorf("%w: it has more than %d files", ErrBill, maxBillFiles)
	}
	left, found := maxBillBytes, false
	for _, file := range archive.File {
		if file.FileInfo().IsDir() {
			continue
		}
		has, err := readBillFile(file, &left, each)
		if err != nil {
			return err
		}
		found = found || has
	}
	if !found {
		return fmt.Errorf("%w: none of its files lists trades", ErrBill)
	}
	return nil
}

// readBillFile reads one file of the archive. It reports whether the file lists trades.
func readBillFile(file *zip.File, left *int64, each func(BillRow) error) (bool, error) {
	packed, err := file.Open()
	if err != nil {
		return false, fmt.Errorf("%w: %w", ErrBill, err)
	}
	defer func() { _ = packed.Close() }()
	b := &billFile{each: each}
	lines := bufio.NewScanner(simplifiedchinese.GB18030.NewDecoder().Reader(&bounded{from: packed, left: left}))
	lines.Buffer(make([]byte, 0, 4096), maxBillLine)
	for lines.Scan() {
		if err := b.line(strings.TrimSuffix(lines.Text(), "\r")); err != nil {
			return false, err
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("%w: line %d: %w", ErrBill, b.number+1, err)
	}
	return b.columns != nil, nil
}

// bounded fails once more was read than is left of all files together.
type bounded struct {
	from io.Reader
	left *int64
}

// Read implements io.Reader.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if *b.left -= int64(n); *b.left < 0 {
		return 0, fmt.Errorf("it unpacks to more than %d bytes", maxBillBytes)
	}
	return n, err
}

// billFile reads the lines of one file.
type billFile struct {
	each    func(BillRow) error
	number  int
	columns []int // places of billColumns; nil while no header was read
	width   int
	other   bool // the file lists something else
}

func (b *billFile) line(text string) error {
	b.number++
	if b.other || strings.HasPrefix(text, "#") || strings.TrimSpace(text) == "" {
		return nil // titles and totals
	}
	cells := billCells(text)
	switch {
	case b.columns == nil:
		return b.header(cells)
	case len(cells) != b.width:
		return b.fail(fmt.Sprintf("%d values under %d titles", len(cells), b.width))
	}
	value := func(n int) string { return cells[b.columns[n]] }
	switch kind := value(2); {
	case kind == billPayment:
		return nil
	case !strings.Contains(kind, billRefund):
		return b.fail("its " + columnKind + " is not known")
	}
	row := BillRow{TradeNo: value(0), OutTradeNo: value(1), RequestNo: value(4)}
	// A refund's amount is below 0.
	digits, negative := strings.CutPrefix(value(3), "-")
	var err error
	if row.Amount, err = ParseYuan(digits); err != nil || !negative || row.Amount == 0 {
		return b.fail("its " + columnAmount + " is not below 0")
	}
	if row.DoneAt, err = ParseTime(value(5)); err != nil {
		return b.fail("its " + columnDone + " is " + err.Error())
	}
	if row.TradeNo == "" {
		return b.fail("its " + columnTrade + " is empty")
	}
	return b.each(row)
}

// header finds the columns. A file without the first one lists something else.
func (b *billFile) header(cells []string) error {
	for n, cell := range cells {
		cells[n] = strings.NewReplacer("（", "(", "）", ")").Replace(cell)
	}
	if !slices.Contains(cells, columnTrade) {
		b.other = true
		return nil
	}
	for _, name := range billColumns {
		at := slices.Index(cells, name)
		if at < 0 || slices.Contains(cells[at+1:], name) {
			return b.fail("column " + name + " is not there once")
		}
		b.columns = append(b.columns, at)
	}
	b.width = len(cells)
	return nil
}

func (b *billFile) fail(text string) error {
	return fmt.Errorf("%w: line %d: %s", ErrBill, b.number, text)
}

// billCells cuts a line. Values are padded with blanks and tabs; one that is quoted
// may hold commas.
func billCells(text string) (cells []string) {
	for {
		cell, rest, more := billCell(strings.TrimLeft(text, " \t"))
		cells = append(cells, strings.Trim(cell, " \t"))
		if !more {
			return cells
		}
		text = rest
	}
}

// billCell cuts off the first value. A quote that does not end before a comma or the
// line's end is part of the value.
func billCell(text string) (cell, rest string, more bool) {
	inner, quoted := strings.CutPrefix(text, `"`)
	for at := 0; quoted; {
		end := strings.IndexByte(inner[at:], '"')
		if end < 0 {
			break
		}
		at += end + 1
		after := strings.TrimLeft(inner[at:], " \t")
		switch {
		case strings.HasPrefix(inner[at:], `"`):
			at++ // two of them stand for one
		case after == "" || after[0] == ',':
			_, rest, more = strings.Cut(after, ",")
			return strings.ReplaceAll(inner[:at-1], `""`, `"`), rest, more
		}
	}
	return strings.Cut(text, ",")
}
