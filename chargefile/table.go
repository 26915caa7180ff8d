package chargefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Columns are the flat members of a charge; those with a dot are a name in a
// dialect, as in its identities.
var Columns = []string{
	"order_no", "amount", "currency", "channel", "paid_at", "transaction_id", "customer", "channel_account", "fee", "already_refunded",
	"received_account", "funds_account", "sub_merchant", "profit_sharing", "notify_url", "client_ip", "subject", "body", "description",
	"pingpp.app", "pingpp.charge", "pingpp.order", "wallet.wallet_id", "wallet.charges_id",
	"wechatpay.mchid", "wechatpay.sub_mchid", "wechatpay.out_trade_no", "payin.merchant_id", "payin.order_id",
}

// separators are those of spreadsheets: the comma, the semicolon where the
// comma is the decimal sign, and the tab of "Unicode text".
const separators = ",;\t"

// table is CSV with a header line: charges in our columns, or a bill.
type table struct {
	records records
	columns []string     // "" for a column without a name
	width   int          // of the columns up to the last that has a name
	bill    *bill        // nil for our columns
	sums    *billRefunds // to be added up, when a bill is read the first time
	refunds *billRefunds
	opts    Options
	heading string
	header  []string
	waiting []Line // to be returned before more is read
}

// newTable reads to the header line. A column that is not known, or twice
// there, is an error of the whole file.
func newTable(lines *textLines, opts Options, refunds *billRefunds) (*table, error) {
	t := &table{records: records{lines: lines}, opts: opts, refunds: refunds}
	for {
		line, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("the file has no header line")
		}
		if err != nil {
			return nil, fmt.Errorf("read the header line: %w", err)
		}
		text := strings.TrimSpace(line.text)
		if text == "" && line.problem == "" {
			continue
		}
		if prelude(text) {
			t.waiting = append(t.waiting, Line{Number: line.number, Text: line.text, Passed: "a title"})
			continue
		}
		if line.problem != "" {
			return nil, fmt.Errorf("read the header line: line %d %s", line.number, line.problem)
		}
		return t, t.readHeader(line)
	}
}

// prelude recognizes lines that stand before the header: the titles of
// Alipay's bills, and what tells a spreadsheet the separator.
func prelude(text string) bool {
	return strings.HasPrefix(text, "#") || strings.HasPrefix(strings.ToLower(text), "sep=")
}

func (t *table) readHeader(line physical) error {
	t.records.separator, _ = t.opts.Form.readHeader(line.text)
	cells, open, problem := cut(line.text, t.records.separator)
	if open || problem != "" {
		return fmt.Errorf("read the header line: line %d: its quotes do not match", line.number)
	}
	t.heading, t.header = line.text, cells
	for n, cell := range cells {
		name := title(cell)
		if name != "" {
			t.width = n + 1
		}
		t.columns = append(t.columns, name)
	}
	if t.bill = findBill(t.columns); t.bill != nil && t.opts.Form.bills {
		t.records.backquoted = t.width
		return t.bill.check(t.columns)
	}
	t.bill = nil
	for n, name := range t.columns {
		name = t.opts.Form.column(name)
		switch {
		case name == "":
		case !slices.Contains(t.opts.Form.columns, name):
			return fmt.Errorf("there is no column %q (hint: %s)", name, t.opts.Form.help)
		case slices.Contains(t.columns[:n], name):
			return fmt.Errorf("column %q is there twice", name)
		}
		t.columns[n] = name
	}
	return nil
}

func (t *table) next() (Line, error) {
	if len(t.waiting) > 0 {
		line := t.waiting[0]
		t.waiting = t.waiting[1:]
		return line, nil
	}
	for {
		r, err := t.records.next()
		if err != nil {
			return Line{}, err
		}
		line := Line{Number: r.lines[0].number, Text: r.text(), Problem: r.problem}
		cells := make([]string, len(r.cells))
		for n, cell := range r.cells {
			cells[n] = clean(cell)
		}
		switch {
		case line.Problem != "":
			if len(r.lines) > 1 {
				line = t.spread(r, line.Problem)
			}
			return line, nil
		case empty(cells):
			continue // blank, or commas alone
		case slices.Equal(r.cells, t.header) || t.bill != nil && t.bill.passes(line.Text, cells):
			line.Passed = "a title or a total"
			return line, nil
		case len(cells) < t.width || !empty(cells[min(t.width, len(cells)):]):
			return t.spread(r, fmt.Sprintf("%d cells under %d columns: wrong number of fields", len(cells), t.width)), nil
		}
		t.fill(&line, cells)
		return line, nil
	}
}

// spread rejects every line of a record that can't be read: which of them are
// text within a cell, and which charges, is not known.
func (t *table) spread(r record, problem string) Line {
	for _, more := range r.lines[1:] {
		t.waiting = append(t.waiting, Line{Number: more.number, Text: more.text, Problem: fmt.Sprintf("stands within the quotes of line %d: %s", r.lines[0].number, problem)})
	}
	return Line{Number: r.lines[0].number, Text: r.lines[0].text, Problem: problem}
}

// fill makes the charge of a row.
func (t *table) fill(line *Line, cells []string) {
	var body map[string]any
	var err error
	if t.bill != nil {
		body, err = t.billRow(line, cells)
	} else {
		body, err = t.row(cells)
	}
	if err == nil && line.Passed == "" {
		if body["channel"] == nil && t.opts.Channel != "" {
			body["channel"] = t.opts.Channel
		}
		line.Body, err = json.Marshal(body)
	}
	if err != nil {
		line.Problem = err.Error()
	}
}

// row makes the body of a charge from cells in our columns.
func (t *table) row(cells []string) (map[string]any, error) {
	body := make(map[string]any, len(cells))
	identities := make(map[string]map[string]string)
	for n, name := range t.columns[:t.width] {
		cell := cells[n]
		if !slices.Contains(t.opts.Form.texts, name) {
			cell = unmarked(cell)
		}
		dialect, member, dotted := strings.Cut(name, ".")
		switch {
		case cell == "":
		case name == "":
			return nil, fmt.Errorf("column %d has no name, but a value: %q", n+1, cell)
		case dotted:
			if identities[dialect] == nil {
				identities[dialect] = make(map[string]string)
			}
			identities[dialect][member] = cell
		case slices.Contains(t.opts.Form.numbers, name):
			if !wholeNumber(cell) {
				return nil, fmt.Errorf("%s: %q is no whole number of minor units (hint: 1000 is 10.00 CNY, and 1000 JPY)", name, cell)
			}
			body[name] = json.Number(cell)
		case name == "paid_at":
			at, err := moment(cell, t.opts.Zone)
			if err != nil {
				return nil, fmt.Errorf("paid_at: %w", err)
			}
			body[name] = at
		default:
			body[name] = cell
		}
	}
	if len(identities) > 0 {
		body["identities"] = identities
	}
	return body, nil
}

// clean takes away what pads a cell: blanks and tabs of every kind.
func clean(cell string) string {
	return strings.TrimFunc(cell, func(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' })
}

// unmarked takes away what marks a number as text in a spreadsheet.
func unmarked(cell string) string {
	if formula, is := strings.CutPrefix(cell, `="`); is && strings.HasSuffix(formula, `"`) {
		return strings.TrimSuffix(formula, `"`)
	}
	return strings.TrimLeft(cell, "'`")
}

func empty(cells []string) bool {
	return !slices.ContainsFunc(cells, func(cell string) bool { return strings.Trim(cell, "'`") != "" })
}

// wholeNumber reports whether a cell is one JSON number without fraction; what
// it is worth is the decoder's to judge.
func wholeNumber(cell string) bool {
	digits := strings.TrimPrefix(cell, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == "" && (len(digits) == 1 || digits[0] != '0')
}

// rfc3339 is how a time is passed on.
func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }
