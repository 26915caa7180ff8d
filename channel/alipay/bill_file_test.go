package alipay_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/alipay"
	"github.com/refundry/refundry/channel/alipay/alipaytest"
)

// A bill that somebody downloaded from the platform's pages is read as the one that the
// platform sends.
func TestABillIsReadFromAFile(t *testing.T) {
	f := newFake(t, false)
	connector := f.open(f.account(nil))
	for _, number := range []string{"R1", "R2"} {
		connector.Submit(t.Context(), instruction(number))
	}
	date := time.Date(2026, 11, 28, 0, 0, 0, 0, time.FixedZone("UTC+8", 8*60*60)) // of the fake's rows
	read := func(archive []byte, day time.Time) (rows []channel.Listed, err error) {
		bill, err := alipay.New(alipay.Options{}).ReadBill(f.account(nil), channel.BillDay{Day: day}, bytes.NewReader(archive))
		if err != nil {
			return nil, err
		}
		defer func() {
			if err := bill.Close(); err != nil {
				t.Error(err)
			}
		}()
		for {
			row, err := bill.Next()
			if err != nil {
				return rows, err
			}
			rows = append(rows, row)
		}
	}
	whole := alipaytest.Zipped(t, f.Rows())
	if rows, err := read(whole, date); !errors.Is(err, io.EOF) || len(rows) != 2 || rows[0].Amount.Minor != 100 || rows[0].SucceededAt.IsZero() {
		t.Errorf("%+v, %v", rows, err)
	}
	for name, test := range map[string]struct {
		archive []byte
		day     time.Time
		says    string
	}{
		"another day's":    {whole, date.AddDate(0, 0, -1), "is of 2026-11-28, not of 2026-11-27"},
		"cut off":          {whole[:len(whole)/2], date, "no ZIP archive"},
		"unpacked by hand": {[]byte(f.Rows()), date, "no ZIP archive"},
		"empty":            {nil, date, "no ZIP archive"},
	} {
		if rows, err := read(test.archive, test.day); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}
