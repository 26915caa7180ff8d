package chargefile_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/refundry/refundry/chargefile"
	"github.com/refundry/refundry/wire/exactjson"
)

// FuzzFile holds for any file: it is read to its end or refused as a whole,
// lines come in order, each is one thing alone, and a charge of CSV is JSON.
func FuzzFile(f *testing.F) {
	f.Add([]byte("order_no,amount,currency,channel,pingpp.charge\nT1,100,CNY,wx,ch_1\n\"T\n2\",x,,\n"))
	f.Add([]byte("\ufefforder_no, amount\nT1,01\n\"T2,1\n"))
	f.Add([]byte("{\"order_no\":\"T1\"}\r\n\n{}\n"))
	f.Add([]byte("\xff\xfeo\x00,\x00"))
	f.Add([]byte(weChatBill))
	f.Add([]byte(gbk(alipayBill)))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := chargefile.Open(bytes.NewReader(file), chargefile.Options{Name: "a.csv"})
		if err != nil {
			return
		}
		last := 0
		for {
			line, err := r.Next()
			if errors.Is(err, io.EOF) {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if line.Number <= last {
				t.Fatalf("line %d comes after line %d", line.Number, last)
			}
			last = line.Number
			kinds := 0
			for _, is := range []bool{line.Body != nil, line.Problem != "", line.Passed != ""} {
				if is {
					kinds++
				}
			}
			if kinds != 1 || line.Body != nil && r.Heading != "" && !json.Valid(line.Body) {
				t.Fatalf("%+v", line)
			}
		}
	})
}

// FuzzCells holds for any cells: they reach the decoder of charges as they
// stand in the file, but for blanks around them and marks of text before
// numbers, or the line is rejected.
func FuzzCells(f *testing.F) {
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
		r, err := chargefile.New(&file, chargefile.Options{Encoding: "utf-8"})
		if err != nil {
			return
		}
		line, err := r.Next()
		if err != nil || line.Body == nil {
			return
		}
		read, err := exactjson.Decode(line.Body, exactjson.Limits{})
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
			want := strings.Trim(strings.ReplaceAll(cell.want, "\r\n", "\n"), " \t\n\r\v\f\u0085\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u1680\u2028\u2029\u202f\u205f\u3000\u200b\ufeff")
			if name != "subject" {
				want = strings.TrimLeft(want, "'`")
			}
			if got.Text != want && !strings.HasPrefix(want, `="`) {
				t.Fatalf("%s is %q, and arrives as %q", name, want, got.Text)
			}
		}
	})
}
