package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/refundry/refundry/wire/exactjson"
)

// FuzzCharges holds for any file, as CSV and as NDJSON: it is read to its end
// or refused, lines come in order, and each is a rejection or one JSON text.
func FuzzCharges(f *testing.F) {
	f.Add([]byte("order_no,amount,currency,channel,pingpp.charge\nT1,100,CNY,wx,ch_1\n\"T\n2\",x,,\n"))
	f.Add([]byte("\ufefforder_no, amount\nT1,01\n\"T2,1\n"))
	f.Add([]byte("{\"order_no\":\"T1\"}\r\n\n{}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		readers := map[string]lineReader{"NDJSON": newJSONLines(bytes.NewReader(file))}
		if lines, err := newCSVLines(bytes.NewReader(file)); err == nil {
			readers["CSV"] = lines
		}
		for name, lines := range readers {
			last := 0
			for {
				line, body, err := lines.next()
				if errors.Is(err, io.EOF) {
					break
				}
				var wrong lineError
				if err != nil && !errors.As(err, &wrong) {
					break // too long a line ends a file of NDJSON
				}
				if line <= last && name == "NDJSON" || line < last {
					t.Fatalf("%s: line %d comes after line %d", name, line, last)
				}
				last = line
				if err == nil && name == "CSV" && !json.Valid(body) {
					t.Fatalf("line %d became %q", line, body)
				}
			}
		}
	})
}

// A spreadsheet that writes GBK: its lines are rejected, and nothing is put in
// the place of what can't be read.
func TestALineOfCSVThatIsNotUTF8IsRejected(t *testing.T) {
	lines, err := newCSVLines(strings.NewReader("order_no,amount,wallet.charges_id\nT1,1,\xb6\xa9\n\xb5\xa5,1,c\nT2,1,c\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, column := range []string{"wallet.charges_id", "order_no"} {
		var wrong lineError
		if _, body, err := lines.next(); !errors.As(err, &wrong) || !strings.HasPrefix(wrong.text, column+": ") || !strings.Contains(wrong.text, "UTF-8") {
			t.Errorf("%s: %s, %v", column, body, err)
		}
	}
	if line, body, err := lines.next(); err != nil || line != 4 || !strings.Contains(string(body), "T2") {
		t.Errorf("the good line is %d %s, %v", line, body, err)
	}
}

// FuzzCSVCells holds for any cells: they reach the decoder of charges as they
// stand in the file, or the line is rejected.
func FuzzCSVCells(f *testing.F) {
	f.Add("T1", "商品 <&>", "100", "ch_1")
	f.Add("a,\"b\"", "\n", "-0", "")
	f.Add("\xb6\xa9\xb5\xa5", "s", "7", "\xed\xa0\x80")
	f.Add("T1", "\x00", "007", "ch_1")
	f.Fuzz(func(t *testing.T, orderNo, subject, amount, charge string) {
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		if err := w.WriteAll([][]string{{"order_no", "subject", "amount", "pingpp.charge", "currency"}, {orderNo, subject, amount, charge, "CNY"}}); err != nil {
			t.Fatal(err)
		}
		lines, err := newCSVLines(&file)
		if err != nil {
			t.Fatal(err)
		}
		_, body, err := lines.next()
		if err != nil {
			return
		}
		read, err := exactjson.Decode(body, exactjson.Limits{})
		if err != nil {
			return // U+0000 is refused there
		}
		identities, _ := read.Get("identities")
		pingpp, _ := identities.Get("pingpp")
		for name, cell := range map[string]struct {
			in   exactjson.Value
			want string
		}{"order_no": {read, orderNo}, "subject": {read, subject}, "amount": {read, amount}, "charge": {pingpp, charge}} {
			got, _ := cell.in.Get(name)
			// A line end in a cell is \n for a reader of CSV.
			if want := strings.ReplaceAll(cell.want, "\r\n", "\n"); got.Text != want {
				t.Fatalf("%s is %q, and arrives as %q", name, want, got.Text)
			}
		}
	})
}
