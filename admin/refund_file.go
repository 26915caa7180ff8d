package admin

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"time"

	"github.com/refundry/refundry/refund"
)

// filePage is how many refunds of a file are read at once: what is in memory however
// long a file becomes.
const filePage = 500

// RefundLister lists what goes into a file.
type RefundLister interface {
	// RefundLook is a page of a list, which looks through some refunds at most.
	RefundLook(ctx context.Context, f refund.Filter) (refund.Look, error)
}

// unreadableState is written for a refund that is damaged.
const unreadableState = "unreadable"

// refundColumns are those of refunds.csv of the native API, and the merchant.
var refundColumns = []string{
	"merchant", "id", "number", "charge", "amount", "currency", "state", "reason_code", "reason", "customer", "channel", "channel_account",
	"channel_refund_number", "channel_refund_id", "failure_code", "failure_message", "created_at", "updated_at", "succeeded_at",
}

// RefundFile writes refunds of several merchants as CSV.
type RefundFile struct {
	buffered *bufio.Writer
	w        *csv.Writer
	begun    bool
	onPage   func()
}

// NewRefundFile begins a file. onPage is called before each page is written.
func NewRefundFile(to io.Writer, onPage func()) *RefundFile {
	buffered := bufio.NewWriter(to)
	return &RefundFile{buffered: buffered, w: csv.NewWriter(buffered), onPage: onPage}
}

// Write writes what a filter selects, newest first, whatever its page's limit, page by
// page as it is read. Refunds that are damaged have a row that says so in place of their
// state, behind the others of their page.
func (f *RefundFile) Write(ctx context.Context, from RefundLister, filter refund.Filter) error {
	filter.Page.Limit = filePage
	for more := true; more; {
		look, err := from.RefundLook(ctx, filter)
		if err == nil {
			err = f.Rows(look)
		}
		if err != nil {
			return err
		}
		filter.Page.After, more = look.Next, look.Next != nil
	}
	return nil
}

// Rows writes a page of refunds, below the header where they are the first; none writes
// the header alone.
func (f *RefundFile) Rows(look refund.Look) error {
	f.onPage()
	if !f.begun {
		f.begun = true
		_ = f.w.Write(refundColumns) // an error stays, and is that of Flush
	}
	for _, r := range look.Refunds {
		f.record(
			r.MerchantID, r.ID, r.Number, r.ChargeID, strconv.FormatInt(int64(r.Amount), 10), string(r.Currency), string(r.State), r.ReasonCode, r.Reason, r.Customer,
			r.Channel, r.ChannelAccount, r.ChannelNumber, r.ChannelRefundID, r.FailureCode, r.FailureMessage, fileTime(r.CreatedAt), fileTime(r.UpdatedAt), fileTime(r.SucceededAt),
		)
	}
	for _, one := range look.Unreadable {
		f.record(one.MerchantID, one.ID, "", "", "", "", unreadableState, "", "", "", "", "", "", "", "", "", fileTime(one.CreatedAt), "", "")
	}
	f.w.Flush()
	err := f.w.Error()
	if err == nil {
		err = f.buffered.Flush()
	}
	if err != nil {
		return fmt.Errorf("write refunds: %w", err)
	}
	return nil
}

// record writes one line; an error stays, and is that of Flush.
func (f *RefundFile) record(cells ...string) {
	for n := range cells {
		cells[n] = inert(cells[n])
	}
	_ = f.w.Write(cells)
}

func fileTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}

// plainNumber is what a spreadsheet reads as a number; it calculates nothing.
var plainNumber = regexp.MustCompile(`^[+-]?[0-9]+(\.[0-9]+)?$`)

// inert takes its effect from a cell that a spreadsheet would run as a formula: an
// apostrophe before it says that it is text.
func inert(cell string) string {
	if cell == "" || plainNumber.MatchString(cell) {
		return cell
	}
	switch cell[0] {
	case '=', '+', '-', '@', '\t', '\r':
		return "'" + cell
	}
	return cell
}
