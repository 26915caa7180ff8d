package native

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

// csvPage is how many rows are read at once: what is in memory however long a
// file becomes.
const csvPage = 500

// Lister lists what goes into lists and files; what is damaged is named.
type Lister interface {
	// RefundLook is a page of a list, which looks through some refunds at most.
	RefundLook(ctx context.Context, f refund.Filter) (refund.Look, error)
	ChargeLook(ctx context.Context, f refund.ChargeFilter) (refund.ChargeLook, error)
}

// unreadable is the state in a file of a refund, and the order number of a charge, that
// is damaged: all else of it but its id and time is empty.
const unreadable = "unreadable"

// The columns of files, as the API names the members. Amounts are minor units,
// times RFC 3339 in UTC.
var (
	refundColumns = []string{
		"id", "number", "charge", "amount", "currency", "state", "reason_code", "reason", "customer", "channel", "channel_account",
		"channel_refund_number", "channel_refund_id", "failure_code", "failure_message", "created_at", "updated_at", "succeeded_at",
	}
	chargeColumns = []string{
		"id", "order_no", "amount", "currency", "customer", "channel", "channel_account", "transaction_id", "paid_at", "fee", "already_refunded",
		"refundable", "refunded", "reserved", "blocked", "excess", "received_account", "subject", "created_at", "updated_at",
	}
)

func refundCells(r refund.Refund) []string {
	return []string{
		r.ID, r.Number, r.ChargeID, digits(r.Amount), string(r.Currency), string(r.State), r.ReasonCode, r.Reason, r.Customer, r.Channel, r.ChannelAccount,
		r.ChannelNumber, r.ChannelRefundID, r.FailureCode, r.FailureMessage, stamp(r.CreatedAt), stamp(r.UpdatedAt), stamp(r.SucceededAt),
	}
}

func chargeCells(c refund.Charge) []string {
	fee := ""
	if c.Fee != nil {
		fee = digits(*c.Fee)
	}
	return []string{
		c.ID, c.OrderNo, digits(c.Amount), string(c.Currency), c.Customer, c.Channel, c.ChannelAccount, c.TransactionID, stamp(c.PaidAt), fee, digits(c.AlreadyRefunded),
		digits(c.Refundable()), digits(c.Refunded), digits(c.Reserved), digits(c.Blocked), digits(c.Excess), c.Detail.ReceivedAccount, c.Detail.Subject, stamp(c.CreatedAt), stamp(c.UpdatedAt),
	}
}

func digits[N ~int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(momentFormat)
}

// WriteRefunds writes the refunds that a filter selects as CSV, newest first,
// whatever its page's limit: a header line, then one record each. Those that are
// damaged come behind the others of their page, with a state that says so. Each page
// is written as it is read; onPage, which may be nil, is called before that.
func WriteRefunds(ctx context.Context, to io.Writer, from Lister, f refund.Filter, onPage func() error) error {
	f.Page.Limit = csvPage
	return writeCSV(to, refundColumns, onPage, func() (records [][]string, more bool, err error) {
		look, err := from.RefundLook(ctx, f)
		for _, r := range look.Refunds {
			records = append(records, refundCells(r))
		}
		for _, one := range look.Unreadable {
			record := make([]string, len(refundColumns))
			record[0], record[slices.Index(refundColumns, "state")], record[slices.Index(refundColumns, "created_at")] = one.ID, unreadable, stamp(one.CreatedAt)
			records = append(records, record)
		}
		f.Page.After = look.Next
		return records, look.Next != nil, err
	})
}

// WriteCharges is WriteRefunds for charges.
func WriteCharges(ctx context.Context, to io.Writer, from Lister, f refund.ChargeFilter, onPage func() error) error {
	f.Page.Limit = csvPage
	return writeCSV(to, chargeColumns, onPage, func() (records [][]string, more bool, err error) {
		look, err := from.ChargeLook(ctx, f)
		for _, c := range look.Charges {
			records = append(records, chargeCells(c))
		}
		for _, one := range look.Unreadable {
			record := make([]string, len(chargeColumns))
			record[0], record[1], record[slices.Index(chargeColumns, "created_at")] = one.ID, unreadable, stamp(one.CreatedAt)
			records = append(records, record)
		}
		f.Page.After = look.Next
		return records, look.Next != nil, err
	})
}

// writeCSV writes a file page by page.
func writeCSV(to io.Writer, columns []string, onPage func() error, page func() (records [][]string, more bool, err error)) error {
	buffered := bufio.NewWriter(to)
	w := csv.NewWriter(buffered)
	begun := false
	for more := true; more; {
		records, left, err := page()
		if err == nil && onPage != nil {
			err = onPage()
		}
		if err != nil {
			return err
		}
		if !begun {
			begun, err = true, w.Write(columns)
		}
		for n := 0; n < len(records) && err == nil; n++ {
			for at := range records[n] {
				records[n][at] = tame(records[n][at])
			}
			err = w.Write(records[n])
		}
		if w.Flush(); err == nil {
			err = w.Error()
		}
		if err == nil {
			err = buffered.Flush()
		}
		if err != nil {
			return fmt.Errorf("write CSV: %w", err)
		}
		more = left
	}
	return nil
}

// number is what a spreadsheet reads as one; it calculates nothing.
var number = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// tame takes its effect from a cell that a spreadsheet would run as a formula:
// an apostrophe before it says that it is text. Numbers stay as they are.
func tame(cell string) string {
	if cell == "" || number.MatchString(cell) {
		return cell
	}
	switch cell[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return "'" + cell
	}
	return cell
}

// refundFile is all refunds that the parameters select, as CSV: GET /refunds.csv.
func (d *Dialect) refundFile(c *call) error {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return refund.Errorf(refund.KindInvalid, "", "the query string is malformed")
	}
	f, err := ReadRefundFilter(c.ctx, d.s.Reader, c.merchantID(), values)
	if err != nil {
		return err
	}
	return c.file("refunds.csv", func(onPage func() error) error { return WriteRefunds(c.ctx, c.w, d.s.Searcher, f, onPage) })
}

// chargeFile is all charges that the parameters select, as CSV: GET /charges.csv.
func (d *Dialect) chargeFile(c *call) error {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return refund.Errorf(refund.KindInvalid, "", "the query string is malformed")
	}
	f, err := ReadChargeFilter(c.merchantID(), values)
	if err != nil {
		return err
	}
	return c.file("charges.csv", func(onPage func() error) error { return WriteCharges(c.ctx, c.w, d.s.Searcher, f, onPage) })
}

// file answers with CSV as it is made. Each page has the time of a whole answer
// of another kind; one that can't be made breaks the answer off, so that nobody
// takes half a file for a whole one.
func (c *call) file(name string, write func(onPage func() error) error) error {
	return c.fileOf(name, "text/csv; charset=utf-8; header=present", write)
}

// fileOf is file for another type of content.
func (c *call) fileOf(name, contentType string, write func(onPage func() error) error) error {
	header := c.w.Header()
	control := http.NewResponseController(c.w)
	begin := sync.OnceFunc(func() {
		header.Set("Content-Type", contentType)
		header.Set("Content-Disposition", `attachment; filename="`+name+`"`)
		header.Set("X-Content-Type-Options", "nosniff")
		c.w.WriteHeader(http.StatusOK)
	})
	if c.r.Method == http.MethodHead {
		begin()
		return nil
	}
	return write(func() error {
		begin()
		_ = control.SetWriteDeadline(time.Now().Add(chunkTime)) // not a connection: no limit
		return nil
	})
}
