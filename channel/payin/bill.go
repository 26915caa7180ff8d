package payin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// maxBill bounds a file, in bytes: some ten million transactions.
const maxBill = 2 << 30

// Bill implements channel.Connector: the refunds of the day's reconciliation file,
// as it is downloaded. Payin puts it on a server of files; statement_url is where it
// can be fetched from.
func (c *connector) Bill(ctx context.Context, day channel.BillDay) (channel.Bill, error) {
	if c.statementURL == "" {
		return nil, channel.ErrUnsupported
	}
	date := day.Day.In(wire.Riyadh).Format(time.DateOnly)
	_, end, _ := wire.ReconciliationDay(date) // its own format
	if c.now().Before(wire.ReconciliationReady(end)) {
		return nil, channel.ErrBillNotReady
	}
	address := strings.NewReplacer(placeDate, date, placeMerchant, c.merchantID).Replace(c.statementURL)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch the reconciliation file: %w", egress.Bare(err))
	}
	request.Header.Set("User-Agent", userAgent)
	if c.statementToken != "" {
		request.Header.Set("Authorization", "Bearer "+c.statementToken)
	}
	response, err := c.bills.For(address).Do(request)
	if err != nil {
		return nil, fmt.Errorf("fetch the reconciliation file: %w", egress.Bare(err))
	}
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		_ = response.Body.Close()
		return nil, channel.ErrBillNotReady // a day without transactions has a file, too
	default:
		_ = response.Body.Close()
		return nil, fmt.Errorf("fetch the reconciliation file: HTTP %d", response.StatusCode)
	}
	rows, err := wire.NewReconciliationReader(io.LimitReader(response.Body, maxBill))
	if err != nil {
		_ = response.Body.Close()
		return nil, err
	}
	return &bill{rows: rows, body: response.Body, merchantID: c.merchantID}, nil
}

// bill is a day's refunds.
type bill struct {
	rows       *wire.ReconciliationReader
	body       io.Closer
	merchantID string
	ended      error
}

// Next implements channel.Bill.
func (b *bill) Next() (channel.Listed, error) {
	for b.ended == nil {
		row, err := b.rows.Next()
		switch {
		case err != nil:
			b.ended = err
		case row.MerchantID != b.merchantID:
			b.ended = fmt.Errorf("%w: it is another merchant's", wire.ErrReconciliation)
		case row.TransType == wire.TransTypeRefund:
			one, err := listed(row)
			if err == nil {
				return one, nil
			}
			b.ended = err
		}
	}
	return channel.Listed{}, b.ended
}

// Close implements channel.Bill.
func (b *bill) Close() error { return b.body.Close() }

// billStates are the words of files.
var billStates = map[string]refund.OutcomeKind{
	wire.OrderStatusSuccess: refund.OutcomeDone, wire.OrderStatusFailed: refund.OutcomeFailed, wire.OrderStatusInProgress: refund.OutcomeAccepted,
}

// listed is the row of a refund. It has the refund's own id, and the merchant's
// number of it, "" where that was made without one.
func listed(row wire.ReconciliationRow) (channel.Listed, error) {
	kind, known := billStates[row.Status]
	switch {
	case !known:
		return channel.Listed{}, fmt.Errorf("%w: refund %s has an unknown state", wire.ErrReconciliation, row.OrderID)
	case row.Amount.Minor <= 0:
		return channel.Listed{}, fmt.Errorf("%w: refund %s has no amount", wire.ErrReconciliation, row.OrderID)
	case row.OrderID == "":
		return channel.Listed{}, errors.Join(wire.ErrReconciliation, errors.New("a refund has no id"))
	}
	one := channel.Listed{
		Number: row.MerchantOrderID, ChannelRefundID: row.OrderID, TransactionID: row.OriginalOrderID, Amount: row.Amount, Kind: kind,
	}
	if kind == refund.OutcomeDone {
		one.SucceededAt = row.CompletedAt
	}
	return one, nil
}
