package pingpp_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	wire "github.com/refundry/refundry/wire/pingpp"
)

// byReflection is what encoding/json makes of a value without methods.
func byReflection(t *testing.T, value any) string {
	t.Helper()
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(out.String(), "\n")
}

type plainRefund wire.Refund

type plainList struct {
	Object  string        `json:"object"`
	URL     string        `json:"url"`
	HasMore bool          `json:"has_more"`
	Data    []plainRefund `json:"data"`
}

func printedRefunds() []wire.Refund {
	number, empty := int64(-7), ""
	refunds := []wire.Refund{{}}
	for _, text := range []string{
		"plain", "退款 😀", "<a href=\"x\">&'/\\", "\x00\x1f\x7f\b\f\n\r\t", "a\u2028b", "b\u2029c", "\xff\xc3(\xed\xa0\x80", "\ufffd", "{\"a\":[1,2]}",
	} {
		refunds = append(refunds, wire.Refund{
			ID: text, OrderNo: text, Amount: 1<<63 - 1, Created: -1, Succeed: true, Status: text, TimeSucceed: &number, Description: text,
			FailureCode: &text, FailureMsg: &empty, Charge: text, ChargeOrderNo: text, TransactionNo: &text, FundingSource: &text, App: text, Currency: text,
			Metadata: json.RawMessage(" { \"a\" : [ 1 , {} , [] , \"x: {\\\"\\\\\" ] ,\n \"<\u2028\" : { \"b\" : null } } "),
			Extra:    json.RawMessage(`{"empty":{ },"list":[ ],"deep":[[[{"x":{"y":1.50e3}}]]]}`),
		})
	}
	return refunds
}

// Objects that write themselves have the bytes that encoding/json would write.
func TestARefundIsWrittenAsItsMembersSay(t *testing.T) {
	var list plainList
	for _, r := range printedRefunds() {
		got, err := wire.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		plain := plainRefund(r)
		plain.Object = wire.ObjectRefund
		if len(plain.Metadata) == 0 {
			plain.Metadata, plain.Extra = json.RawMessage("{}"), json.RawMessage("{}")
		}
		if want := byReflection(t, plain); string(got) != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if inside := byReflection(t, []any{r, &r}); inside != "["+string(got)+","+string(got)+"]" {
			t.Errorf("within another object it is %s", inside)
		}
		list.Data = append(list.Data, plain)
	}
	list.Object, list.URL, list.HasMore = wire.ObjectList, wire.RefundsPath("ch_<&>"), true
	got, err := wire.Marshal(wire.List[wire.Refund]{URL: list.URL, HasMore: true, Data: printedRefunds()})
	if want := byReflection(t, list); err != nil || string(got) != want {
		t.Errorf("%v\ngot  %s\nwant %s", err, got, want)
	}
}

func TestARefundWithWhatIsNoJSONIsNotWritten(t *testing.T) {
	for _, r := range []wire.Refund{{Metadata: json.RawMessage(`{"a":}`)}, {Extra: json.RawMessage(`{"a"`)}} {
		if got, err := wire.Marshal(wire.List[wire.Refund]{URL: wire.RefundsPath("ch_1"), Data: []wire.Refund{{}, r}}); err == nil {
			t.Errorf("%s", got)
		}
	}
}

// FuzzIndented: what is printed is what json.Indent prints.
func FuzzIndented(f *testing.F) {
	for _, r := range printedRefunds() {
		text, err := wire.Marshal(wire.List[wire.Refund]{URL: wire.RefundsPath("ch_1"), Data: []wire.Refund{r, r}})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	for _, text := range []string{`{}`, `[]`, `"x"`, `1`, `[1,[],{}]`, `{"":""}`, `"\\"`, `"\""`, `[{"a":[[]]}]`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got := wire.Indented(text) // whatever it is, it does not panic
		var compact, want bytes.Buffer
		if json.Compact(&compact, text) != nil {
			return
		}
		if err := json.Indent(&want, compact.Bytes(), "", "    "); err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(compact.Bytes(), text) {
			if string(got) != want.String() {
				t.Errorf("got  %s\nwant %s", got, want.String())
			}
		}
	})
}
