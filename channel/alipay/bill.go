package alipay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/alipay"
)

// maxArchive bounds a bill as it is downloaded, in bytes; what it unpacks to is bounded
// where it is read.
const maxArchive = 512 << 20

// errStopped ends the reading of a bill that is closed before its end.
var errStopped = errors.New("the bill was closed")

// Bill implements channel.Connector: the day's bill of trades. Its address works for
// half a minute, so that it is downloaded at once, to a file that is gone once the bill
// is closed: an archive can't be read while it comes.
func (c *connector) Bill(ctx context.Context, day channel.BillDay) (channel.Bill, error) {
	date := day.Day.In(wire.Beijing)
	ready := time.Date(date.Year(), date.Month(), date.Day()+1, wire.BillReadyHour, 0, 0, 0, wire.Beijing)
	if c.now().Before(ready) {
		return nil, channel.ErrBillNotReady
	}
	ask, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	a := c.call(ask, wire.MethodBill, wire.BillQuery{Type: wire.BillTrade, Date: date.Format(time.DateOnly)})
	if err := a.failure(); err != nil {
		return noBill(err)
	}
	address, err := c.billAddress(wire.BillURL(a.Node))
	if err != nil {
		return nil, err
	}
	file, size, err := c.fetch(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("download the bill: %w", err)
	}
	return newBill(file, size), nil
}

// noBill is what a refusal to give a bill means.
func noBill(err error) (channel.Bill, error) {
	if status := (wire.Status{}); errors.As(err, &status) && status.Code == wire.CodeBusiness {
		switch status.SubCode {
		case wire.SubNoBillData:
			return emptyBill{}, nil // it is time for the bill, and the day had nothing
		case wire.SubBillNotExist:
			return nil, channel.ErrBillNotReady
		}
	}
	return nil, fmt.Errorf("ask for the bill: %w", err)
}

// billAddress is where a bill is downloaded. Addresses that the platform gives as http
// are called by https where the gateway is: nothing else vouches for what comes.
func (c *connector) billAddress(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fmt.Errorf("download the bill: %w: its address can't be read", wire.ErrAnswer)
	}
	if strings.HasPrefix(strings.ToLower(c.gateway), "https:") {
		u.Scheme = "https"
	}
	return u.String(), nil
}

// fetch downloads an archive to a file that has no name any more.
func (c *connector) fetch(ctx context.Context, address string) (file *os.File, size int64, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, 0, bare(err)
	}
	request.Header.Set("User-Agent", userAgent)
	response, err := c.client(true, address).Do(request)
	if err != nil {
		return nil, 0, bare(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, 0, fmt.Errorf("HTTP %d", response.StatusCode)
	}
	file, size, err = kept(response.Body)
	if err != nil {
		err = bare(err)
	}
	return file, size, err
}

func discard(file *os.File) {
	_ = file.Close()
	_ = os.Remove(file.Name())
}

// bill is a day's refunds.
type bill struct {
	file  *os.File
	next  func() (channel.Listed, error, bool)
	stop  func()
	ended error
}

func newBill(file *os.File, size int64) *bill {
	b := &bill{file: file}
	b.next, b.stop = iter.Pull2(func(yield func(channel.Listed, error) bool) {
		err := wire.ReadBill(file, size, func(row wire.BillRow) error {
			if !yield(listed(row), nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(channel.Listed{}, err)
		}
	})
	return b
}

// listed is a row of a bill. Bills have refunds that were carried out, and no number of
// the platform's for them.
func listed(row wire.BillRow) channel.Listed {
	return channel.Listed{
		Number: row.RequestNo, TransactionID: row.TradeNo, OrderNo: row.OutTradeNo, Kind: refund.OutcomeDone, SucceededAt: row.DoneAt,
		Amount: money.Amount{Minor: money.Minor(row.Amount), Currency: wire.Currency},
	}
}

// Next implements channel.Bill.
func (b *bill) Next() (channel.Listed, error) {
	if b.ended != nil {
		return channel.Listed{}, b.ended
	}
	row, err, ok := b.next()
	switch {
	case !ok:
		b.ended = io.EOF
	case err != nil:
		b.ended = fmt.Errorf("read the bill: %w", err)
	}
	return row, b.ended
}

// Close implements channel.Bill.
func (b *bill) Close() error {
	b.stop()
	discard(b.file)
	return nil
}

// emptyBill is that of a day without trades.
type emptyBill struct{}

// Next implements channel.Bill.
func (emptyBill) Next() (channel.Listed, error) { return channel.Listed{}, io.EOF }

// Close implements channel.Bill.
func (emptyBill) Close() error { return nil }
