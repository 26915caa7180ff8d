package payin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/exactjson"
)

func decode(t testing.TB, body string) exactjson.Value {
	t.Helper()
	value, err := exactjson.Decode([]byte(body), exactjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func TestRefundRequestsThatAreTaken(t *testing.T) {
	tests := []struct {
		name, body string
		options    Options
		want       RefundRequest
	}{
		{"the page's row", `{"amount":"1.35","reason":"退运费","merchantRefundId":"TEST934759263495634"}`, Options{}, RefundRequest{"1.35", "退运费", "TEST934759263495634"}},
		{"no number", `{"amount":"7","reason":"r"}`, Options{}, RefundRequest{"7", "r", ""}},
		{"a null number is none", `{"amount":"7","reason":"r","merchantRefundId":null}`, Options{}, RefundRequest{"7", "r", ""}},
		{"blanks around the reason are cut", `{"amount":"7","reason":" \tr \n"}`, Options{}, RefundRequest{"7", "r", ""}},
		{"255 characters of three bytes", `{"amount":"7","reason":"` + strings.Repeat("退", 255) + `"}`, Options{}, RefundRequest{"7", strings.Repeat("退", 255), ""}},
		{"unknown members", `{"amount":"7","reason":"r","currency":"USD","x":[{}]}`, Options{}, RefundRequest{"7", "r", ""}},
		{"a number, where the merchant allows it", `{"amount":7.10,"reason":"r"}`, Options{AcceptNumberAmount: true}, RefundRequest{"7.10", "r", ""}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := DecodeRefundRequest(decode(t, test.body), test.options)
			if err != nil || got != test.want {
				t.Errorf("got %+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

func TestRefundRequestsThatAreRefused(t *testing.T) {
	tests := []struct{ name, body, field string }{
		{"nothing", ``, ""},
		{"a list", `[]`, ""},
		{"null", `null`, ""},
		{"no amount", `{"reason":"r"}`, "amount"},
		{"a null amount", `{"amount":null,"reason":"r"}`, "amount"},
		{"an amount that is a number", `{"amount":7,"reason":"r"}`, "amount"},
		{"an amount that is an object", `{"amount":{},"reason":"r"}`, "amount"},
		{"another letter case", `{"Amount":"7","reason":"r"}`, "amount"},
		{"no reason", `{"amount":"7"}`, "reason"},
		{"an empty reason", `{"amount":"7","reason":""}`, "reason"},
		{"a reason of blanks", `{"amount":"7","reason":"   "}`, "reason"},
		{"a reason of 256 characters", `{"amount":"7","reason":"` + strings.Repeat("退", 256) + `"}`, "reason"},
		{"a reason that is a number", `{"amount":"7","reason":7}`, "reason"},
		{"an empty number", `{"amount":"7","reason":"r","merchantRefundId":""}`, "merchantRefundId"},
		{"a number of 65 characters", `{"amount":"7","reason":"r","merchantRefundId":"` + strings.Repeat("a", 65) + `"}`, "merchantRefundId"},
		{"a number with a slash", `{"amount":"7","reason":"r","merchantRefundId":"a/b"}`, "merchantRefundId"},
		{"a number in Chinese", `{"amount":"7","reason":"r","merchantRefundId":"退"}`, "merchantRefundId"},
		{"a number that is a JSON number", `{"amount":"7","reason":"r","merchantRefundId":5}`, "merchantRefundId"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeRefundRequest(decode(t, test.body), Options{})
			var failure *FieldError
			if !errors.As(err, &failure) || failure.Field != test.field {
				t.Errorf("got %v, want a *FieldError of %q", err, test.field)
			}
		})
	}
}

func TestAmounts(t *testing.T) {
	tests := []struct {
		name, text string
		currency   money.Currency
		third      bool
		want       money.Minor
		failure    error
	}{
		{"the page's first sample", "1.35", "SAR", false, 135, nil},
		{"the page's second sample", "99.10", "SAR", false, 9910, nil},
		{"the page's third sample", "127", "SAR", false, 12700, nil},
		{"one decimal", "3.2", "SAR", false, 320, nil},
		{"below one", "0.01", "SAR", false, 1, nil},
		{"twelve digits", "999999999999.99", "SAR", false, 99999999999999, nil},
		{"two decimals of a currency with three", "1.35", "KWD", false, 1350, nil},
		{"a third decimal", "1.355", "KWD", false, 0, ErrDecimals},
		{"a third decimal that is zero", "1.350", "KWD", false, 0, ErrDecimals},
		{"a third decimal, switched on", "1.355", "KWD", true, 1355, nil},
		{"a third decimal, switched on, in Bahrain", "1.355", "BHD", true, 1355, nil},
		{"a third decimal, switched on, in Oman", "1.355", "OMR", true, 1355, nil},
		{"a third decimal, switched on, of a currency with two", "1.355", "SAR", true, 0, ErrDecimals},
		{"a fourth decimal, switched on", "1.3550", "KWD", true, 0, ErrDecimals},
		{"decimals of a currency without", "1.5", "JPY", false, 0, ErrDecimals},
		{"zero", "0", "SAR", false, 0, ErrAmount},
		{"zero with decimals", "0.00", "SAR", false, 0, ErrAmount},
		{"nothing", "", "SAR", false, 0, ErrAmount},
		{"a minus", "-1", "SAR", false, 0, ErrAmount},
		{"a plus", "+1", "SAR", false, 0, ErrAmount},
		{"a blank in front", " 1", "SAR", false, 0, ErrAmount},
		{"a line end behind", "1\n", "SAR", false, 0, ErrAmount},
		{"an exponent", "1e2", "SAR", false, 0, ErrAmount},
		{"a comma", "1,000", "SAR", false, 0, ErrAmount},
		{"a zero in front", "01.35", "SAR", false, 0, ErrAmount},
		{"a dot in front", ".35", "SAR", false, 0, ErrAmount},
		{"a dot behind", "1.", "SAR", false, 0, ErrAmount},
		{"two dots", "1.3.5", "SAR", false, 0, ErrAmount},
		{"other digits", "١.٣٥", "SAR", false, 0, ErrAmount},
		{"not a number", "NaN", "SAR", false, 0, ErrAmount},
		{"thirteen digits", "1000000000000", "SAR", false, 0, ErrAmount},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseAmount(test.text, test.currency, test.third)
			if got != test.want || !errors.Is(err, test.failure) {
				t.Errorf("got %d, %v, want %d, %v", got, err, test.want, test.failure)
			}
		})
	}
}

func TestNumbersAreWrittenExactly(t *testing.T) {
	tests := []struct {
		amount   money.Minor
		currency money.Currency
		want     string
	}{
		{700, "SAR", "7"},
		{320, "SAR", "3.2"},
		{323, "SAR", "3.23"},
		{0, "SAR", "0"},
		{1350, "KWD", "1.35"},
		{1355, "KWD", "1.355"},
		{9007199254740993, "SAR", "90071992547409.93"},
	}
	for _, test := range tests {
		if got := Number(test.amount, test.currency); string(got) != test.want {
			t.Errorf("%d %s: got %s, want %s", test.amount, test.currency, got, test.want)
		}
	}
}

func TestOrderRequests(t *testing.T) {
	const base = `"merchantOrderId":"TEST1672491207","name":"test","amount":"12.02","currency":"SAR"`
	got, err := DecodeOrderRequest(decode(t, `{"merchantId":"M448726",`+base+`,"notificationURL":"https://m.example/n?a=1","clientIp":"127.0.0.1",
		"expiredAt":"2022-10-23T12:00:21.000Z","customer":{"nickname":"n"},"products":[{"name":"p","price":"12.02"}],"beneficiary":null}`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got.MerchantOrderID != "TEST1672491207" || got.Amount != "12.02" || got.Currency != "SAR" || got.Name != "test" ||
		got.NotificationURL != "https://m.example/n?a=1" || got.ClientIP != "127.0.0.1" ||
		!got.ExpiredAt.Equal(time.Date(2022, 10, 23, 12, 0, 21, 0, time.UTC)) ||
		string(got.Customer) != `{"nickname":"n"}` || string(got.Products) != `[{"name":"p","price":"12.02"}]` || got.Beneficiary != nil {
		t.Errorf("got %+v", got)
	}
	for _, test := range []struct{ name, body, field string }{
		{"a text", `"x"`, ""},
		{"no order number", `{"name":"n","amount":"1","currency":"SAR"}`, "merchantOrderId"},
		{"no amount", `{"merchantOrderId":"m","name":"n","currency":"SAR"}`, "amount"},
		{"no currency", `{"merchantOrderId":"m","name":"n","amount":"1"}`, "currency"},
		{"a currency in lower case", `{"merchantOrderId":"m","name":"n","amount":"1","currency":"sar"}`, "currency"},
		{"a currency that is not served", `{"merchantOrderId":"m","name":"n","amount":"1","currency":"USD"}`, "currency"},
		{"no name", `{"merchantOrderId":"m","amount":"1","currency":"SAR"}`, "name"},
		{"an address without host", `{` + base + `,"notificationURL":"https:///x"}`, "notificationURL"},
		{"an address with a blank at its end", `{` + base + `,"notificationURL":"https://m.example/x "}`, "notificationURL"},
		{"an address that is none", `{` + base + `,"notificationURL":"javascript:1"}`, "notificationURL"},
		{"a reference that is none", `{` + base + `,"referenceURL":"x"}`, "referenceURL"},
		{"an IP with a port", `{` + base + `,"clientIp":"127.0.0.1:80"}`, "clientIp"},
		{"a time without zone", `{` + base + `,"expiredAt":"2022-10-23T12:00:21"}`, "expiredAt"},
		{"products that are no list", `{` + base + `,"products":{}}`, "products"},
		{"too many products", `{` + base + `,"products":[0` + strings.Repeat(",0", 200) + `]}`, "products"},
		{"a customer that is a text", `{` + base + `,"customer":"n"}`, "customer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeOrderRequest(decode(t, test.body), Options{})
			var failure *FieldError
			if !errors.As(err, &failure) || failure.Field != test.field {
				t.Errorf("got %v, want a *FieldError of %q", err, test.field)
			}
		})
	}
}

func FuzzDecodeRequests(f *testing.F) {
	f.Add([]byte(`{"amount":"1.35","reason":"退运费","merchantRefundId":"T1"}`), true)
	f.Add([]byte(`{"merchantOrderId":"T","name":"n","amount":"12.02","currency":"KWD","products":[{}],"expiredAt":"2022-10-23T12:00:21.000Z"}`), false)
	f.Fuzz(func(t *testing.T, body []byte, number bool) {
		value, err := exactjson.Decode(body, exactjson.Limits{})
		if err != nil {
			return
		}
		if r, err := DecodeRefundRequest(value, Options{AcceptNumberAmount: number}); err == nil {
			if r.Reason == "" || r.MerchantRefundID != "" && !isMerchantRefundID(r.MerchantRefundID) {
				t.Fatalf("taken: %+v", r)
			}
			checkAmount(t, r.Amount)
		}
		if r, err := DecodeOrderRequest(value, Options{AcceptNumberAmount: number}); err == nil && (r.MerchantOrderID == "" || r.Name == "") {
			t.Fatalf("taken: %+v", r)
		}
	})
}

// checkAmount holds what is taken against what is written: the number has the
// same value as the text.
func checkAmount(t *testing.T, text string) {
	t.Helper()
	for _, currency := range append(Currencies(), "JPY") {
		amount, err := ParseAmount(text, currency, true)
		if err != nil {
			continue
		}
		again, err := ParseAmount(string(Number(amount, currency)), currency, true)
		if err != nil || again != amount || amount <= 0 {
			t.Fatalf("%q in %s is %d, and its number is read as %d, %v", text, currency, amount, again, err)
		}
	}
}

func FuzzParseAmount(f *testing.F) {
	for _, text := range []string{"1.35", "0.01", "999999999999.999", "1e5", "-1", "00"} {
		f.Add(text)
	}
	f.Fuzz(checkAmount)
}
