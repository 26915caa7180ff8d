package alipay

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/refundry/refundry/channel"
	wire "github.com/refundry/refundry/wire/alipay"
)

var _ channel.BillReader = (*Driver)(nil)

// ReadBill implements channel.BillReader: the archive of a bill of trades as the
// platform's pages have it. Its refunds have to be of the day. It does not say whose it
// is; a refund that is another account's is none that this account's queries confirm.
func (*Driver) ReadBill(_ channel.Account, day channel.BillDay, from io.Reader) (channel.Bill, error) {
	file, size, err := kept(from)
	if err != nil {
		return nil, err
	}
	return &dayBill{bill: newBill(file, size), date: day.Day.In(wire.Beijing).Format(time.DateOnly)}, nil
}

// kept copies an archive, whose end says what is in it, to a file that has no name any
// more.
func kept(from io.Reader) (file *os.File, size int64, err error) {
	if file, err = os.CreateTemp("", "refundry-bill-"); err != nil {
		return nil, 0, err
	}
	_ = os.Remove(file.Name()) // where an open file can't be removed, closing the bill does it
	size, err = io.Copy(file, io.LimitReader(from, maxArchive+1))
	if err == nil && size > maxArchive {
		err = fmt.Errorf("it has more than %d bytes", int64(maxArchive))
	}
	if err != nil {
		discard(file)
		return nil, 0, err
	}
	return file, size, nil
}

// dayBill is a bill all of whose refunds have to be of one day.
type dayBill struct {
	*bill
	date string
}

// Next implements channel.Bill.
func (b *dayBill) Next() (channel.Listed, error) {
	row, err := b.bill.Next()
	if of := row.SucceededAt.In(wire.Beijing).Format(time.DateOnly); err == nil && !row.SucceededAt.IsZero() && of != b.date {
		err = fmt.Errorf("read the bill: %w: refund %s of trade %s is of %s, not of %s", wire.ErrBill, row.Number, row.TransactionID, of, b.date)
	}
	return row, err
}
