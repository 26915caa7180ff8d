package wechatpay

import (
	"context"
	"crypto/sha1" // the only hash of bills
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// maxBill bounds a bill, in bytes: some ten million refunds.
const maxBill = 4 << 30

// errStopped ends the reading of a bill that is closed before its end.
var errStopped = errors.New("the bill was closed")

// Bill implements channel.Connector: the day's trade bill of refunds, as it is
// downloaded. It is uncompressed, so that nothing can unpack to more than was
// sent.
func (c *connector) Bill(ctx context.Context, day channel.BillDay) (channel.Bill, error) {
	query := wire.BillQuery{Date: day.Day, SubMchID: c.subMchID, Type: wire.BillRefund}
	date, _ := time.ParseInLocation(time.DateOnly, day.Day.In(wire.Beijing).Format(time.DateOnly), wire.Beijing) // its own format
	if (wire.BillQuery{Date: date}).Check(c.now()) == wire.CodeStatementCreating || date.After(c.now()) {
		return nil, channel.ErrBillNotReady
	}
	ask, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	a := c.call(ask, http.MethodGet, wire.PathTradeBill+"?"+query.Values(true).Encode(), nil)
	if err := a.failure(); err != nil {
		return noBill(err)
	}
	value, err := a.value()
	if err != nil {
		return nil, fmt.Errorf("ask for the bill: %w", err)
	}
	where, err := wire.DecodeBillAnswer(value)
	if err != nil {
		return nil, fmt.Errorf("ask for the bill: %w", err)
	}
	return c.download(ctx, where)
}

// noBill is what a refusal to give a bill means.
func noBill(err error) (channel.Bill, error) {
	if fault := (*wire.Error)(nil); errors.As(err, &fault) {
		switch fault.Code {
		case wire.CodeStatementCreating:
			return nil, channel.ErrBillNotReady
		case wire.CodeNoStatement:
			return emptyBill{}, nil // it is time for the bill, and the day had nothing
		}
	}
	return nil, fmt.Errorf("ask for the bill: %w", err)
}

// download opens a bill's file. It is not signed; the verified answer that named it
// has its hash.
func (c *connector) download(ctx context.Context, where wire.BillAnswer) (channel.Bill, error) {
	target, err := c.ownTarget(where.DownloadURL)
	if err != nil {
		return nil, err
	}
	response, _, err := c.send(ctx, c.bills, http.MethodGet, target, nil)
	if err != nil {
		return nil, fmt.Errorf("download the bill: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		_ = response.Body.Close()
		return nil, fmt.Errorf("download the bill: HTTP %d", response.StatusCode)
	}
	return newBill(response.Body, c.owner, where.HashValue), nil
}

// ownTarget is a download's address as it is asked for at the account's own: the
// host may be called by another name here, and nobody else gets a signature.
func (c *connector) ownTarget(address string) (string, error) {
	u, err := url.Parse(address)
	own, err2 := url.Parse(c.base)
	if err != nil || err2 != nil || u.Host == "" || !strings.HasPrefix(u.RequestURI(), "/") {
		return "", fmt.Errorf("download the bill: %w: its address can't be read", wire.ErrAnswer)
	}
	return "/" + strings.TrimPrefix(strings.TrimPrefix(u.RequestURI(), own.EscapedPath()), "/"), nil
}

// bill is a day's refunds.
type bill struct {
	body  io.Closer
	next  func() (channel.Listed, error, bool)
	stop  func()
	ended error
}

func newBill(body io.ReadCloser, own owner, wantHash string) *bill {
	b := &bill{body: body}
	b.next, b.stop = iter.Pull2(func(yield func(channel.Listed, error) bool) {
		if err := readRows(body, own, wantHash, yield); err != nil && !errors.Is(err, errStopped) {
			yield(channel.Listed{}, err)
		}
	})
	return b
}

// ReadBill implements channel.BillReader: a trade bill of all kinds or of refunds, as
// the platform's pages have it, without a hash. Its payments are passed over, and each
// refund has to be of the day.
func (d *Driver) ReadBill(a channel.Account, day channel.BillDay, file io.Reader) (channel.Bill, error) {
	own, err := readOwner(a.Settings)
	if err != nil {
		return nil, err
	}
	date := day.Day.In(wire.Beijing).Format(time.DateOnly)
	b := &bill{body: io.NopCloser(file)}
	b.next, b.stop = iter.Pull2(func(yield func(channel.Listed, error) bool) {
		_, err := wire.ReadTradeBill(io.LimitReader(file, maxBill), func(row wire.TradeRow) error {
			if row.TradeState == wire.BillStatePaid {
				return nil
			}
			if of := row.At.In(wire.Beijing).Format(time.DateOnly); of != date {
				return fmt.Errorf("%w: refund %s is of %s, not of %s", wire.ErrBill, row.RefundID, of, date)
			}
			one, err := listed(row, own)
			if err == nil && !yield(one, nil) {
				err = errStopped
			}
			return err
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(channel.Listed{}, err)
		}
	})
	return b, nil
}

// readRows yields the refunds of a bill. The hash is known only at its end: what
// was yielded before an error is not to be relied on.
func readRows(body io.Reader, own owner, wantHash string, yield func(channel.Listed, error) bool) error {
	sum := sha1.New()
	from := io.TeeReader(io.LimitReader(body, maxBill), sum)
	_, err := wire.ReadTradeBill(from, func(row wire.TradeRow) error {
		one, err := listed(row, own)
		if err == nil && !yield(one, nil) {
			err = errStopped
		}
		return err
	})
	if err == nil {
		_, err = io.Copy(io.Discard, from)
	}
	if err == nil {
		err = sameHash(sum, wantHash)
	}
	return err
}

func sameHash(sum hash.Hash, want string) error {
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, want) {
		return fmt.Errorf("%w: its hash is not the one that was announced", wire.ErrBill)
	}
	return nil
}

// listed is a row of a bill.
func listed(row wire.TradeRow, own owner) (channel.Listed, error) {
	sub := row.SubMchID
	if sub == wire.BillNone {
		sub = ""
	}
	kind, known := billStates[row.RefundState]
	switch {
	case row.MchID != own.mchID, own.partner && own.subMchID != "" && sub != own.subMchID:
		return channel.Listed{}, fmt.Errorf("%w: it is another merchant's", wire.ErrBill)
	case !known:
		return channel.Listed{}, fmt.Errorf("%w: refund %s has an unknown state", wire.ErrBill, row.RefundID)
	case row.Currency != wire.Currency || row.RequestedRefund <= 0:
		return channel.Listed{}, fmt.Errorf("%w: refund %s has no amount in yuan", wire.ErrBill, row.RefundID)
	}
	one := channel.Listed{
		Number: row.OutRefundNo, ChannelRefundID: row.RefundID, TransactionID: row.TransactionID, OrderNo: row.OutTradeNo,
		Amount: money.Amount{Minor: money.Minor(row.RequestedRefund), Currency: wire.Currency}, Kind: kind, MadeAt: row.RefundAppliedAt,
	}
	for _, number := range []*string{&one.Number, &one.ChannelRefundID} {
		if *number == wire.BillNone {
			*number = "" // a payment that was reversed has none
		}
	}
	if kind == refund.OutcomeDone {
		one.SucceededAt = row.RefundSucceededAt
	}
	return one, nil
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
	return b.body.Close()
}

// emptyBill is that of a day without refunds.
type emptyBill struct{}

// Next implements channel.Bill.
func (emptyBill) Next() (channel.Listed, error) { return channel.Listed{}, io.EOF }

// Close implements channel.Bill.
func (emptyBill) Close() error { return nil }
