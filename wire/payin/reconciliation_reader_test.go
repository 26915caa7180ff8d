package payin_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/payin"
)

// recorded is the documents' header with a payment, a refund and a chargeback.
const recorded = "Merchant_ID,Order_ID,Merchant_Order_ID,Order_Create_Time,Order_Complete_Time,Amount,Currency,Trans_Type,Order_Status,Ori_Order_ID,Ori_Order_Amount,Ori_Order_Currency\n" +
	"M948164,M948164T2023072607034709567189,O1,2023-01-23 13:33:28(GMT+3),2023-01-23 13:34:28(GMT+3),127,SAR,P,S,,,\n" +
	"M948164,M948164T2023072607034709567189_R1,R1,2023-01-23 13:35:28(GMT+3),,1.35,KWD,R,P,M948164T2023072607034709567189,127.000,KWD\n" +
	"M948164,M948164T2023072607034709567189_R2,,2023-01-23 13:35:28(GMT+3),2023-01-23 13:35:29(GMT+3),99.10,SAR,C,S,M948164T2023072607034709567189,127.00,SAR\n"

func TestADailyFileIsReadAsItWasWritten(t *testing.T) {
	read := func(text string) (rows []payin.ReconciliationRow, err error) {
		r, err := payin.NewReconciliationReader(strings.NewReader(text))
		for err == nil {
			var row payin.ReconciliationRow
			if row, err = r.Next(); err == nil {
				rows = append(rows, row)
			}
		}
		return rows, err
	}
	rows, err := read(recorded)
	at := time.Date(2023, 1, 23, 10, 33, 28, 0, time.UTC)
	if !errors.Is(err, io.EOF) || len(rows) != 3 || rows[0].Amount != (money.Amount{Minor: 12700, Currency: "SAR"}) || !rows[0].CreatedAt.Equal(at) ||
		rows[1].Amount != (money.Amount{Minor: 1350, Currency: "KWD"}) || !rows[1].CompletedAt.IsZero() || rows[1].OriginalAmount.Minor != 127000 {
		t.Errorf("%+v, %v", rows, err)
	}
	var again bytes.Buffer
	err = payin.WriteReconciliation(&again, func(each func(payin.ReconciliationRow) error) error {
		return errors.Join(each(rows[0]), each(rows[1]), each(rows[2]))
	})
	if err != nil {
		t.Fatal(err)
	}
	if second, err := read(again.String()); !errors.Is(err, io.EOF) || cmp.Diff(rows, second) != "" {
		t.Errorf("%v, %s", err, cmp.Diff(rows, second))
	}
	for name, text := range map[string]string{
		"nothing":                       "",
		"another header":                "a,b,c\n",
		"a file that broke off":         recorded[:len(recorded)-1],
		"a file that broke off earlier": recorded[:len(recorded)-20],
		"too few columns":               recorded + "M948164,M948164T\n",
		"three decimals of riyals":      strings.Replace(recorded, "99.10", "99.101", 1),
		"an amount below 0":             strings.Replace(recorded, "99.10", "-99.10", 1),
		"a currency that there is not":  strings.Replace(recorded, "KWD", "KWX", 1),
		"another zone":                  strings.Replace(recorded, "(GMT+3)", "(GMT+8)", 1),
		"a quote that never ends":       recorded + `"` + strings.Repeat("x", 1<<20),
	} {
		if rows, err := read(text); !errors.Is(err, payin.ErrReconciliation) {
			t.Errorf("%s: %+v, %v", name, rows, err)
		}
	}
	if rows, err := read("\uFEFF" + recorded); !errors.Is(err, io.EOF) || len(rows) != 3 {
		t.Errorf("with a byte order mark: %+v, %v", rows, err)
	}
}
