package channel

import (
	"context"
	"errors"
	"io"
	"time"
)

// Zone is the time zone of the days of the account's bills.
func (c Capabilities) Zone() *time.Location {
	if c.BillZone == nil {
		return time.UTC
	}
	return c.BillZone
}

// BillDay is the day of a bill that a time is in.
func (c Capabilities) BillDay(at time.Time) BillDay {
	year, month, day := at.In(c.Zone()).Date()
	return BillDay{Day: time.Date(year, month, day, 0, 0, 0, 0, c.Zone())}
}

// Next is the day after.
func (d BillDay) Next() BillDay { return BillDay{Day: d.Day.AddDate(0, 0, 1)} }

// Before is the day before.
func (d BillDay) Before() BillDay { return BillDay{Day: d.Day.AddDate(0, 0, -1)} }

// String is the date, such as 2026-11-28.
func (d BillDay) String() string { return d.Day.Format(time.DateOnly) }

// ReadBill reads a bill to its end and calls take for pages of at most size rows.
// The rows are to be relied on only once it has returned nil: some channels say
// at the end of a bill whether it is whole. It does not close the bill.
func ReadBill(ctx context.Context, bill Bill, size int, take func(rows []Listed) error) error {
	rows := make([]Listed, 0, size)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		row, err := safeNext(bill)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		ended := err != nil
		if !ended {
			rows = append(rows, row)
		}
		if ended || len(rows) == size {
			if err := take(rows); err != nil || ended {
				return err
			}
			rows = rows[:0]
		}
	}
}

// errBrokeOff says that a driver failed. Its panic's value may hold a secret.
var errBrokeOff = errors.New("the channel's driver failed to read the bill")

func safeNext(bill Bill) (row Listed, err error) {
	defer func() {
		if recover() != nil {
			err = errBrokeOff
		}
	}()
	return bill.Next()
}
