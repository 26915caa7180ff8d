package wallet

import (
	"errors"
	"net/url"
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
	const base = `"charges_id":"c1","client_ip":"127.0.0.1","amount":100`
	want := RefundRequest{ChargesID: "c1", ClientIP: "127.0.0.1", Amount: 100}
	tests := []struct {
		name, body string
		change     func(*RefundRequest)
	}{
		{"what is required", base, func(*RefundRequest) {}},
		{"null where nothing is required", base + `,"description":null,"extra":null`, func(*RefundRequest) {}},
		{"unknown members", base + `,"currency":"USD","Amount":5`, func(*RefundRequest) {}},
		{"a description of 255 characters of four bytes", base + `,"description":"` + strings.Repeat("😀", 255) + `"`, func(r *RefundRequest) { r.Description = strings.Repeat("😀", 255) }},
		{"the word null as a description", base + `,"description":"null"`, func(r *RefundRequest) { r.Description = "null" }},
		{"an empty extra", base + `,"extra":{}`, func(*RefundRequest) {}},
		{"an extra that means nothing", base + `,"extra":{"a":[1],"refund_order":null}`, func(*RefundRequest) {}},
		{"a number of one's own", base + `,"extra":{"refund_order":"R_1-a"}`, func(r *RefundRequest) { r.RefundOrder = "R_1-a" }},
		{"IPv6", `"charges_id":"c1","client_ip":"2001:DB8::1","amount":100`, func(r *RefundRequest) { r.ClientIP = "2001:DB8::1" }},
		{"IPv4 in IPv6 is kept as given", `"charges_id":"c1","client_ip":"::ffff:127.0.0.1","amount":100`, func(r *RefundRequest) { r.ClientIP = "::ffff:127.0.0.1" }},
		{"fifteen digits", `"charges_id":"c1","client_ip":"127.0.0.1","amount":999999999999999`, func(r *RefundRequest) { r.Amount = 999999999999999 }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			expected := want
			test.change(&expected)
			got, err := DecodeRefundRequest(decode(t, "{"+test.body+"}"))
			if err != nil || got != expected {
				t.Errorf("got %+v, %v, want %+v", got, err, expected)
			}
		})
	}
}

func TestRefundRequestsThatAreRefused(t *testing.T) {
	with := func(charge, ip, amount, more string) string {
		return `{"charges_id":` + charge + `,"client_ip":` + ip + `,"amount":` + amount + more + `}`
	}
	const charge, ip = `"c1"`, `"127.0.0.1"`
	tests := []struct {
		name, body string
		code       Code
		param      string
	}{
		{"nothing", ``, CodeBodyNotExist, ""},
		{"a list", `[]`, CodeBodyNotExist, ""},
		{"null", `null`, CodeBodyNotExist, ""},
		{"an empty object complains of the charge first", `{}`, CodeParam, "charges_id"},
		{"charge_id in the singular", `{"charge_id":"c1","client_ip":"::1","amount":1}`, CodeParam, "charges_id"},
		{"an empty charge", with(`""`, ip, "1", ""), CodeParam, "charges_id"},
		{"a charge of 65 characters", with(`"`+strings.Repeat("c", 65)+`"`, ip, "1", ""), CodeParam, "charges_id"},
		{"a charge that is a number", with("1", ip, "1", ""), CodeParam, "charges_id"},
		{"no address", `{"charges_id":"c1","amount":1}`, CodeParam, "client_ip"},
		{"an empty address", with(charge, `""`, "1", ""), CodeParam, "client_ip"},
		{"an address with a port", with(charge, `"127.0.0.1:80"`, "1", ""), CodeParam, "client_ip"},
		{"a network", with(charge, `"10.0.0.0/8"`, "1", ""), CodeParam, "client_ip"},
		{"an address with a zone", with(charge, `"fe80::1%eth0"`, "1", ""), CodeParam, "client_ip"},
		{"an address with a blank", with(charge, `" 127.0.0.1"`, "1", ""), CodeParam, "client_ip"},
		{"an address with zeros in front", with(charge, `"127.0.0.01"`, "1", ""), CodeParam, "client_ip"},
		{"an address in brackets", with(charge, `"[::1]"`, "1", ""), CodeParam, "client_ip"},
		{"the name of a host", with(charge, `"localhost"`, "1", ""), CodeParam, "client_ip"},
		{"no amount", `{"charges_id":"c1","client_ip":"::1"}`, CodeParam, "amount"},
		{"a null amount", with(charge, ip, "null", ""), CodeParam, "amount"},
		{"zero", with(charge, ip, "0", ""), CodeParam, "amount"},
		{"a negative amount", with(charge, ip, "-100", ""), CodeParam, "amount"},
		{"yuan with decimals", with(charge, ip, "1.00", ""), CodeParam, "amount"},
		{"a decimal that is zero", with(charge, ip, "100.0", ""), CodeParam, "amount"},
		{"an exponent", with(charge, ip, "1e2", ""), CodeParam, "amount"},
		{"sixteen digits", with(charge, ip, "1000000000000000", ""), CodeParam, "amount"},
		{"an amount that is a text", with(charge, ip, `"100"`, ""), CodeParam, "amount"},
		{"an amount that is true", with(charge, ip, `true`, ""), CodeParam, "amount"},
		{"a description of 256 characters", with(charge, ip, "1", `,"description":"`+strings.Repeat("a", 256)+`"`), CodeParam, "description"},
		{"a description that is a number", with(charge, ip, "1", `,"description":5`), CodeParam, "description"},
		{"an extra that is a text", with(charge, ip, "1", `,"extra":""`), CodeParam, "extra"},
		{"an extra that is a list", with(charge, ip, "1", `,"extra":[]`), CodeParam, "extra"},
		{"an empty number", with(charge, ip, "1", `,"extra":{"refund_order":""}`), CodeParam, "extra.refund_order"},
		{"a number of 33 characters", with(charge, ip, "1", `,"extra":{"refund_order":"`+strings.Repeat("a", 33)+`"}`), CodeParam, "extra.refund_order"},
		{"a number with a dot", with(charge, ip, "1", `,"extra":{"refund_order":"a.b"}`), CodeParam, "extra.refund_order"},
		{"a number that is one", with(charge, ip, "1", `,"extra":{"refund_order":1}`), CodeParam, "extra.refund_order"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeRefundRequest(decode(t, test.body))
			checkParam(t, err, test.code, test.param)
		})
	}
}

func checkParam(t *testing.T, err error, code Code, param string) {
	t.Helper()
	var failure *ParamError
	if !errors.As(err, &failure) || failure.Code != code || failure.Param != param {
		t.Errorf("got %v, want a *ParamError of %d %q", err, code, param)
	}
}

func TestAnAmountThatIsRefusedIsToldItsUnit(t *testing.T) {
	_, err := DecodeRefundRequest(decode(t, `{"charges_id":"c","client_ip":"::1","amount":1.00}`))
	if err == nil || !strings.Contains(err.Error(), "minor unit") {
		t.Errorf("got %v", err)
	}
}

func TestOldRefundRequests(t *testing.T) {
	got, err := DecodeOldRefundRequest(decode(t, `{"amount":5,"description":"`+strings.Repeat("退", 99)+`","charges_id":7}`))
	if want := (RefundRequest{Amount: 5, Description: strings.Repeat("退", 99)}); err != nil || got != want {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, test := range []struct {
		name, body string
		code       Code
		param      string
	}{
		{"no object", `5`, CodeBodyNotExist, ""},
		{"no amount", `{"description":"d"}`, CodeParam, "amount"},
		{"no description", `{"amount":5}`, CodeParam, "description"},
		{"an empty description", `{"amount":5,"description":""}`, CodeParam, "description"},
		{"a description of 100 characters", `{"amount":5,"description":"` + strings.Repeat("a", 100) + `"}`, CodeParam, "description"},
		{"a bad address", `{"amount":5,"description":"d","client_ip":"x"}`, CodeParam, "client_ip"},
		{"a bad number", `{"amount":5,"description":"d","extra":{"refund_order":"!"}}`, CodeParam, "extra.refund_order"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeOldRefundRequest(decode(t, test.body))
			checkParam(t, err, test.code, test.param)
		})
	}
}

func TestChargeRequests(t *testing.T) {
	const base = `"channel":"wechat_qrcode","order_no":"123456789","client_ip":"127.0.0.1","amount":100,"subject":"Your Subject"`
	got, err := DecodeChargeRequest(decode(t, `{`+base+`,"currency":"chy","body":"Your Body","time_expire":"30m","extra":{"a":1}}`))
	if err != nil || got.Channel != "wechat_qrcode" || got.OrderNo != "123456789" || got.ClientIP != "127.0.0.1" || got.Amount != 100 ||
		got.Currency != "CNY" || got.Subject != "Your Subject" || got.Body != "Your Body" || got.TimeExpire != 30*time.Minute || string(got.Extra) != `{"a":1}` {
		t.Errorf("got %+v, %v", got, err)
	}
	const cny = base + `,"currency":"CNY"`
	for _, test := range []struct {
		name, body string
		code       Code
		param      string
	}{
		{"no object", `[]`, CodeBodyNotExist, ""},
		{"no channel", `{"order_no":"1"}`, CodeParam, "channel"},
		{"no order number", `{"channel":"c"}`, CodeParam, "order_no"},
		{"a subject of 33 characters", `{"channel":"c","order_no":"1","subject":"` + strings.Repeat("题", 33) + `"}`, CodeParam, "subject"},
		{"a body of 101 characters", `{` + cny + `,"body":"` + strings.Repeat("b", 101) + `"}`, CodeParam, "body"},
		{"a charge's description of 256 characters", `{` + cny + `,"description":"` + strings.Repeat("述", 256) + `"}`, CodeParam, "description"},
		{"no currency", `{` + base + `}`, CodeParam, "currency"},
		{"a currency that there is not", `{` + base + `,"currency":"XXX"}`, CodeParam, "currency"},
		{"an expiry without unit", `{` + cny + `,"time_expire":"30"}`, CodeParam, "time_expire"},
		{"an expiry without number", `{` + cny + `,"time_expire":"m"}`, CodeParam, "time_expire"},
		{"an expiry of nothing", `{` + cny + `,"time_expire":"0m"}`, CodeParam, "time_expire"},
		{"an expiry that wraps around", `{` + cny + `,"time_expire":"4294967295d"}`, CodeParam, "time_expire"},
		{"an expiry that is a number", `{` + cny + `,"time_expire":30}`, CodeParam, "time_expire"},
		{"an extra that is a list", `{` + cny + `,"extra":[]}`, CodeParam, "extra"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeChargeRequest(decode(t, test.body))
			checkParam(t, err, test.code, test.param)
		})
	}
}

func TestTheYuanIsCalledCHYHereAndNowhereElse(t *testing.T) {
	for _, text := range []string{"CHY", "chy", "Chy", "CNY", "cny"} {
		if got, err := ParseCurrency(text); err != nil || got != "CNY" {
			t.Errorf("%s: got %s, %v", text, got, err)
		}
	}
	if got, err := ParseCurrency("uSd"); err != nil || got != "USD" {
		t.Errorf("uSd: got %s, %v", got, err)
	}
	for _, text := range []string{"", "CH", "CHYX", "ABC", "ſhy"} {
		if got, err := ParseCurrency(text); !errors.Is(err, money.ErrCurrency) {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
	for _, test := range []struct {
		currency money.Currency
		style    CurrencyStyle
		want     string
	}{{"CNY", "", "CHY"}, {"CNY", StylePage, "CHY"}, {"CNY", StyleISO, "cny"}, {"USD", StylePage, "usd"}, {"USD", StyleISO, "usd"}} {
		if got := FormatCurrency(test.currency, test.style); got != test.want {
			t.Errorf("%s %q: got %s, want %s", test.currency, test.style, got, test.want)
		}
	}
}

func TestPaging(t *testing.T) {
	got, err := ParsePaging(url.Values{"page": {"3"}, "count": {"20"}, "begin_time": {"1410778843"}, "end_time": {"1410778900"}, "status": {"succeeded"}})
	want := Paging{3, 20, time.Unix(1410778843, 0), time.Unix(1410778900, 0), "succeeded"}
	if err != nil || got != want || got.Offset() != 40 {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, test := range []struct {
		name, query string
		code        Code
		param       string
	}{
		{"nothing complains of the page first", "", CodePageNull, "page"},
		{"an empty page", "page=&count=1", CodePageNull, "page"},
		{"no count", "page=1", CodeCountNull, "count"},
		{"page 0", "page=0&count=1", CodeParam, "page"},
		{"a negative page", "page=-1&count=1", CodeParam, "page"},
		{"a page in words", "page=one&count=1", CodeParam, "page"},
		{"a page far away", "page=1000001&count=1", CodeParam, "page"},
		{"count 0", "page=1&count=0", CodeParam, "count"},
		{"a count above the limit", "page=1&count=1001", CodeParam, "count"},
		{"a time with decimals", "page=1&count=1&begin_time=1.5", CodeParam, "begin_time"},
		{"a time beyond the calendar", "page=1&count=1&end_time=253402300800", CodeParam, "end_time"},
		{"an unknown status", "page=1&count=1&status=paid", CodeParam, "status"},
	} {
		t.Run(test.name, func(t *testing.T) {
			query, err := url.ParseQuery(test.query)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ParsePaging(query)
			checkParam(t, err, test.code, test.param)
		})
	}
}

func FuzzDecodeRequests(f *testing.F) {
	f.Add([]byte(`{"charges_id":"c1","client_ip":"127.0.0.1","amount":100,"description":"d","extra":{"refund_order":"R1"}}`))
	f.Add([]byte(`{"channel":"c","order_no":"1","subject":"s","client_ip":"::1","amount":1,"currency":"CHY","time_expire":"30m"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		body, err := exactjson.Decode(data, exactjson.Limits{})
		if err != nil {
			return
		}
		for _, read := range []func(exactjson.Value) (RefundRequest, error){DecodeRefundRequest, DecodeOldRefundRequest} {
			if r, err := read(body); err == nil && (r.Amount <= 0 || r.Amount > 999999999999999 || r.RefundOrder != "" && !isRefundOrder(r.RefundOrder)) {
				t.Fatalf("taken: %+v", r)
			}
		}
		if r, err := DecodeChargeRequest(body); err == nil && (r.Amount <= 0 || !r.Currency.Valid() || r.TimeExpire < 0 || r.TimeExpire > maxExpire) {
			t.Fatalf("taken: %+v", r)
		}
	})
}

func FuzzParsePaging(f *testing.F) {
	f.Add("page=1&count=20&begin_time=1&end_time=2&status=refund")
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		if p, err := ParsePaging(query); err == nil && (p.Page < 1 || p.Count < 1 || p.Offset() < 0) {
			t.Fatalf("taken: %+v", p)
		}
	})
}
