package payin

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/money"
)

// FuzzSign holds for any id: a signature made by a formula of our own here is
// taken for the call that it was made for, and for no other.
func FuzzSign(f *testing.F) {
	f.Add("M948164T2023072607034709567189", "AK1", "secret", "1690344393")
	f.Add("a(b)*c~!'", "k=&", "", "0")
	f.Fuzz(func(t *testing.T, id, key, secret, timestamp string) {
		path := "/orders/" + id + "/refunds"
		if operation, found, ok := FindOperation("POST", path); !ok || operation != CreateRefund || found != id {
			return // an id with a slash, or none
		}
		if strings.ContainsAny(id, "? ") {
			return // a query, or what no request line can hold
		}
		s := Seen(Authentication{Key: key, Timestamp: timestamp, SignMethod: SignMethod, SignVersion: SignVersion}, "POST", Prefix+path)
		text := url.Values{
			"key": {key}, "method": {"order.refund"}, "signMethod": {SignMethod}, "signVersion": {SignVersion}, "timestamp": {timestamp}, "uri": {path},
		}.Encode() // sorted by name
		text = strings.ReplaceAll(text, "+", "%20")
		code := hmac.New(sha256.New, []byte(secret))
		code.Write([]byte(text))
		signature := base64.StdEncoding.EncodeToString(code.Sum(nil))
		if err := s.Verify(secret, Prefix+path, signature); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		other := s
		other.URI = "/orders/" + id + "x/refunds"
		if other.Verify(secret, Prefix+other.URI, signature) == nil || s.Verify(secret+"x", Prefix+path, signature) == nil {
			t.Fatalf("%s opens something else", text)
		}
	})
}

// FuzzReadAuthentication holds for any headers: what is taken is what was sent,
// once each, and a time that is taken is near.
func FuzzReadAuthentication(f *testing.F) {
	now := time.Unix(1690344393, 0)
	f.Add(strings.Repeat("A", 43)+"=", "AK1", "1690344393", SignMethod, SignVersion)
	f.Add("", "", "99999999999999999999", "", "")
	f.Fuzz(func(t *testing.T, signature, key, timestamp, method, version string) {
		sent := Authentication{signature, key, timestamp, method, version}
		header := map[string][]string{}
		sent.Set(header)
		a, err := ReadAuthentication(header)
		if a != sent {
			t.Fatalf("%+v reads as %+v", sent, a)
		}
		if err == nil && (len(signature) != signatureLength || key == "" || method != SignMethod || version != SignVersion) {
			t.Fatalf("took %+v", a)
		}
		if a.CheckTime(now) == nil && err == nil {
			for seconds := now.Unix() - 300; seconds <= now.Unix()+300; seconds++ {
				if strings.TrimLeft(timestamp, "0") == time.Unix(seconds, 0).UTC().Format("") || strings.TrimLeft(timestamp, "0") == decimalText(seconds) {
					return
				}
			}
			t.Fatalf("took the time %q", timestamp)
		}
		header[HeaderKey] = append(header[HeaderKey], key)
		if _, err := ReadAuthentication(header); err == nil {
			t.Fatal("took two keys")
		}
	})
}

func decimalText(n int64) string { return string(Number(money.Minor(n), "JPY")) }

// FuzzPaths holds for any path: an operation that is found has this path for
// the id that was found, and a refund's or transaction's id comes apart as it
// was joined.
func FuzzPaths(f *testing.F) {
	f.Add("POST", "/api_v1/orders/M1T2/refunds", int64(1))
	f.Add("GET", "/refunds/M1T2_R2", int64(1<<62))
	f.Add("GET", "/transactions//merchant", int64(0))
	f.Fuzz(func(t *testing.T, verb, path string, n int64) {
		operation, id, ok := FindOperation(verb, path)
		if !ok {
			return
		}
		if operation.Path(id) != WithoutPrefix(path) || operation.Verb() != verb || id == "" || strings.Contains(id, "/") {
			t.Fatalf("%s %q is %s of %q", verb, path, operation, id)
		}
		for name, split := range map[string]func(string) (string, int64, bool){RefundID(id, n): SplitRefundID, TransactionID(id, n): SplitTransactionID} {
			if order, number, ok := split(name); ok && (order != id || number != n) {
				t.Fatalf("%q comes apart as %q and %d", name, order, number)
			} else if !ok && n > 0 && IsOrderID(id) {
				t.Fatalf("%q does not come apart", name)
			}
		}
	})
}

// FuzzReconciliation holds for any texts and amounts: another reader of CSV
// finds each in its column.
func FuzzReconciliation(f *testing.F) {
	f.Add("M1", "a,\"b\"\n", int64(1350), int64(0))
	f.Add("=1+1", "\r\n", int64(1<<63-1), int64(4_000_000_000))
	f.Fuzz(func(t *testing.T, merchant, number string, minor, seconds int64) {
		if minor < 0 || seconds < 0 || seconds > 250_000_000_000 {
			return
		}
		row := ReconciliationRow{
			MerchantID: merchant, OrderID: "O", MerchantOrderID: number, CreatedAt: time.Unix(seconds, 0),
			Amount: money.Amount{Minor: money.Minor(minor), Currency: "KWD"}, TransType: TransTypeRefund, Status: OrderStatusSuccess,
		}
		var file bytes.Buffer
		if err := WriteReconciliation(&file, walk(row, row)); err != nil {
			t.Fatal(err)
		}
		lines, err := csv.NewReader(&file).ReadAll()
		if err != nil || len(lines) != 3 {
			t.Fatalf("%d lines, %v", len(lines), err)
		}
		// encoding/csv reads \r\n inside of quotes as \n.
		same := func(a, b string) bool { return a == strings.ReplaceAll(b, "\r\n", "\n") }
		for _, got := range lines[1:] {
			if !same(got[0], merchant) || !same(got[2], number) || got[10] != "" {
				t.Fatalf("%q %q is %q", merchant, number, got)
			}
			if amount, err := money.Parse(got[5], "KWD"); err != nil || int64(amount) != minor {
				t.Fatalf("%d is %q", minor, got[5])
			}
			local, zoned := strings.CutSuffix(got[3], "(GMT+3)")
			if at, err := time.Parse("2006-01-02 15:04:05-07:00", local+"+03:00"); !zoned || err != nil || at.Unix() != seconds {
				t.Fatalf("%d is %q, read as %s, %v", seconds, got[3], at, err)
			}
		}
	})
}

// FuzzTimes holds for any text: a time that is taken reads the same, to the
// millisecond, when it is written.
func FuzzTimes(f *testing.F) {
	f.Add("2023-07-26T04:06:33.227Z")
	f.Add("2022-10-23T12:00:21+03:00")
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ParseTime(text)
		if err != nil {
			return
		}
		written, err := Marshal(Time(at))
		if err != nil {
			t.Fatal(err)
		}
		if year := at.UTC().Year(); year < 0 || year > 9999 {
			return
		}
		again, err := ParseTime(strings.Trim(string(written), `"`))
		if err != nil || !again.Equal(at.Truncate(time.Millisecond)) {
			t.Fatalf("%q is written %s, and reads as %s, %v", text, written, again, err)
		}
	})
}
