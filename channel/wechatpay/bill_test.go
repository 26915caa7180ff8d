package wechatpay_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/wechatpay"
)

// A bill that somebody downloaded from the platform's pages is read as the one that
// the platform sends.
func TestABillIsReadFromAFile(t *testing.T) {
	date := time.Date(2026, 11, 1, 0, 0, 0, 0, time.FixedZone("UTC+8", 8*60*60))
	f := newFake(t, mchID, "")
	f.billDay = date.Format(time.DateOnly)
	connector := f.open(f.account(nil))
	for _, number := range []string{"R1", "R2", "R3"} {
		connector.Submit(t.Context(), instruction(number))
	}
	if can := connector.Capabilities(); !can.BillDay(date).Day.Equal(date) || can.BillDay(date.Add(-time.Second)).Day.Equal(date) || !can.BilledWhenAccepted {
		t.Errorf("its days are those of %s", can.Zone())
	}
	read := func(change func([]byte) []byte, at time.Time) (rows []channel.Listed, err error) {
		bill, err := wechatpay.New(wechatpay.Options{}).ReadBill(f.account(nil), channel.BillDay{Day: at}, bytes.NewReader(change(f.billFile())))
		if err != nil {
			return nil, err
		}
		defer func() { _ = bill.Close() }()
		for {
			row, err := bill.Next()
			if err != nil {
				return rows, err
			}
			rows = append(rows, row)
		}
	}
	same := func(file []byte) []byte { return file }
	payment := func(file []byte) []byte {
		lines := strings.SplitAfter(string(file), "\r\n")
		paid := strings.Replace(strings.Replace(lines[1], ",`REFUND,", ",`SUCCESS,", 1), ",`SUCCESS,`goods", ",`,`goods", 1)
		lines[1] = paid + lines[1]
		return []byte(strings.Replace(strings.Join(lines, ""), "`3,`0.00", "`4,`0.00", 1))
	}
	for name, change := range map[string]func([]byte) []byte{"of refunds": same, "with payments": payment} {
		if rows, err := read(change, date); !errors.Is(err, io.EOF) || len(rows) != 3 || rows[0].Number != "R1" || rows[0].OrderNo != orderNo || rows[0].SucceededAt.IsZero() {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
	for name, test := range map[string]struct {
		change func([]byte) []byte
		day    time.Time
		says   string
	}{
		"another day's":        {same, date.AddDate(0, 0, 1), "is of 2026-11-01, not of 2026-11-02"},
		"another merchant's":   {func(file []byte) []byte { return bytes.ReplaceAll(file, []byte(mchID), []byte("1900009999")) }, date, "another merchant's"},
		"cut off":              {func(file []byte) []byte { return file[:len(file)/2] }, date, "bill"},
		"without its last row": {func(file []byte) []byte { return bytes.Replace(file, []byte("`3,`0.00"), []byte("`4,`0.00"), 1) }, date, "3 rows, the summary says 4"},
		"saved as a sheet":     {func([]byte) []byte { return []byte("PK\x03\x04") }, date, "bill"},
		"empty":                {func([]byte) []byte { return nil }, date, "bill"},
	} {
		if rows, err := read(test.change, test.day); err == nil || errors.Is(err, io.EOF) || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %d rows, %v", name, len(rows), err)
		}
	}
}
