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
	"strconv"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

// csvPage is how many rows are read at once: what is in memory however long a
// file becomes.
const csvPage = 500

// Lister lists what goes into files.
type Lister interface {
	RefundList(ctx context.Context, f refund.Filter) (refunds []refund.Refund, more bool, err error)
	ChargeList(ctx context.Context, f refund.ChargeFilter) (charges []refund.Charge, more bool, err error)
}

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
// whatever its page's limit: a header line, then one record each. Each page is
// written as it is read; onPage, which may be nil, is called before that.
func WriteRefunds(ctx context.Context, to io.Writer, from Lister, f refund.Filter, onPage func() error) error {
	f.Page.Limit = csvPage
	return writeCSV(to, refundColumns, refundCells, onPage, func(last *refund.Refund) ([]refund.Refund, bool, error) {
		if last != nil {
			f.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
		}
		return from.RefundList(ctx, f)
	})
}

// WriteCharges is WriteRefunds for charges.
func WriteCharges(ctx context.Context, to io.Writer, from Lister, f refund.ChargeFilter, onPage func() error) error {
	f.Page.Limit = csvPage
	return writeCSV(to, chargeColumns, chargeCells, onPage, func(last *refund.Charge) ([]refund.Charge, bool, error) {
		if last != nil {
			f.Page.After = &refund.Position{CreatedAt: last.CreatedAt, ID: last.ID}
		}
		return from.ChargeList(ctx, f)
	})
}

func writeCSV[T any](to io.Writer, columns []string, cells func(T) []string, onPage func() error, page func(last *T) ([]T, bool, error)) error {
	buffered := bufio.NewWriter(to)
	w := csv.NewWriter(buffered)
	var last *T
	for more := true; more; {
		rows, left, err := page(last)
		if err == nil && onPage != nil {
			err = onPage()
		}
		if err != nil {
			return err
		}
		if last == nil {
			err = w.Write(columns)
		}
		for n := 0; n < len(rows) && err == nil; n++ {
			record := cells(rows[n])
			for at := range record {
				record[at] = tame(record[at])
			}
			err = w.Write(record)
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
		if more = left && len(rows) > 0; more {
			last = &rows[len(rows)-1]
		}
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
	return c.file("refunds.csv", func(onPage func() error) error { return WriteRefunds(c.ctx, c.w, d.s.Reader, f, onPage) })
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
	return c.file("charges.csv", func(onPage func() error) error { return WriteCharges(c.ctx, c.w, d.s.Reader, f, onPage) })
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
