package dialect_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func request(t *testing.T, body io.Reader) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", body)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestABodyIsReadWholeOrNotAtAll(t *testing.T) {
	full := strings.Repeat("x", dialect.MaxBody)
	for name, c := range map[string]struct {
		body io.Reader
		want string
		kind refund.Kind
	}{
		"an empty one":     {strings.NewReader(""), "", ""},
		"a short one":      {strings.NewReader("abc"), "abc", ""},
		"the largest":      {strings.NewReader(full), full, ""},
		"one byte more":    {strings.NewReader(full + "x"), "", refund.KindTooLarge},
		"one that broke":   {io.MultiReader(strings.NewReader("abc"), iotest.ErrReader(io.ErrUnexpectedEOF)), "", refund.KindInvalid},
		"one that is late": {iotest.ErrReader(errors.New("i/o timeout")), "", refund.KindInvalid},
	} {
		got, err := dialect.ReadBody(httptest.NewRecorder(), request(t, c.body))
		switch {
		case c.kind != "" && (err == nil || err.Kind != c.kind):
			t.Errorf("%s: %v, want %s", name, err, c.kind)
		case c.kind == "" && (err != nil || string(got) != c.want):
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}

func TestTheWaitIsWhatTheRequestPrefersElseTheMerchants(t *testing.T) {
	m := merchant.Merchant{Settings: merchant.Settings{WaitSeconds: map[string]int{merchant.PingPP: 5, merchant.Wallet: 60}}}
	for name, c := range map[string]struct {
		dialect string
		prefer  []string
		want    time.Duration
	}{
		"nothing said, and no default":         {merchant.Native, nil, 0},
		"nothing said, and a default":          {merchant.PingPP, nil, 5 * time.Second},
		"a default above the longest":          {merchant.Wallet, nil, dialect.MaxWait},
		"seconds":                              {merchant.Native, []string{"wait=3"}, 3 * time.Second},
		"0 against the default":                {merchant.PingPP, []string{"wait=0"}, 0},
		"above the longest":                    {merchant.Native, []string{"wait=21"}, dialect.MaxWait},
		"far above the longest":                {merchant.Native, []string{"wait=9000000000000000000"}, dialect.MaxWait},
		"quoted":                               {merchant.Native, []string{`wait="4"`}, 4 * time.Second},
		"with blanks and another case":         {merchant.Native, []string{"Wait = 4"}, 4 * time.Second},
		"among others":                         {merchant.Native, []string{"respond-async, wait=4; x=1, handling=lenient"}, 4 * time.Second},
		"in a second line":                     {merchant.Native, []string{"respond-async", "wait=4"}, 4 * time.Second},
		"twice, and the first counts":          {merchant.Native, []string{"wait=4, wait=5"}, 4 * time.Second},
		"negative, as if not said":             {merchant.PingPP, []string{"wait=-1"}, 5 * time.Second},
		"a fraction, as if not said":           {merchant.PingPP, []string{"wait=1.5"}, 5 * time.Second},
		"without a value, as if not said":      {merchant.PingPP, []string{"wait"}, 5 * time.Second},
		"another preference, as if not said":   {merchant.PingPP, []string{"waiting=1"}, 5 * time.Second},
		"more than 64 bits, as if not said":    {merchant.PingPP, []string{"wait=99999999999999999999"}, 5 * time.Second},
		"the default of another dialect alone": {merchant.Payin, nil, 0},
	} {
		r := request(t, http.NoBody)
		for _, line := range c.prefer {
			r.Header.Add("Prefer", line)
		}
		if got := dialect.Wait(r, m, c.dialect); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestAnIdempotencyKeyIsOneValueOfVisibleCharacters(t *testing.T) {
	longest := strings.Repeat("k", dialect.MaxIdempotencyKey)
	for name, c := range map[string]struct {
		values []string
		want   string
		bad    bool
	}{
		"none":                     {nil, "", false},
		"one":                      {[]string{"a-B_3"}, "a-B_3", false},
		"one in quotes":            {[]string{`"8e03978e"`}, `"8e03978e"`, false},
		"blanks around it":         {[]string{" a "}, "a", false},
		"the longest":              {[]string{longest}, longest, false},
		"one more":                 {[]string{longest + "k"}, "", true},
		"an empty one":             {[]string{""}, "", true},
		"only blanks":              {[]string{"  "}, "", true},
		"a blank inside":           {[]string{"a b"}, "", true},
		"a control character":      {[]string{"a\x01"}, "", true},
		"a character beyond ASCII": {[]string{"ké"}, "", true},
		"broken UTF-8":             {[]string{"k\xff"}, "", true},
		"two":                      {[]string{"a", "b"}, "", true},
		"the same twice":           {[]string{"a", "a"}, "", true},
	} {
		r := request(t, http.NoBody)
		for _, value := range c.values {
			r.Header.Add("Idempotency-Key", value)
		}
		got, err := dialect.IdempotencyKey(r)
		if got != c.want || (err != nil) != c.bad || err != nil && (err.Kind != refund.KindInvalid || err.Param != "Idempotency-Key") {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestTheCallersAddressIsTheConnections(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:1234":          "192.0.2.1",
		"[2001:db8::1]:1234":      "2001:db8::1",
		"[::ffff:192.0.2.1]:1234": "192.0.2.1",
		"":                        "",
		"@":                       "",
	} {
		r := request(t, http.NoBody)
		r.RemoteAddr = remote
		r.Header.Set("X-Forwarded-For", "203.0.113.1") // anyone can write this
		if got := dialect.RemoteAddress(r); got != want {
			t.Errorf("%q: %q, want %q", remote, got, want)
		}
	}
}

func TestTheAskerIsKeptWithKeyIdentityAddressAndRequest(t *testing.T) {
	r := request(t, http.NoBody)
	r.RemoteAddr = "192.0.2.1:1234"
	caller := merchant.Caller{Key: merchant.Key{ID: "key_1", Dialect: merchant.PingPP, Identity: "app_1"}}
	want := refund.Asker{Key: "key_1", Dialect: merchant.PingPP, Identity: "app_1", Address: "192.0.2.1", RequestID: "iar_1"}
	if got := dialect.Asker(caller, r, "iar_1"); got != want {
		t.Errorf("got %+v", got)
	}
}

func TestContentIsTheSameTextHoweverItWasSent(t *testing.T) {
	amount := func(m money.Minor) *money.Minor { return &m }
	if a, b, c := dialect.AmountContent(nil), dialect.AmountContent(amount(0)), dialect.AmountContent(amount(1050)); a != "" || b != "0" || c != "1050" {
		t.Errorf("amounts are %q %q %q", a, b, c)
	}
	one, two := refund.RefundedGoods{MerchantGoodsID: "g1", Quantity: 1}, refund.RefundedGoods{MerchantGoodsID: "g2", Quantity: 3}
	both := dialect.GoodsContent([]refund.RefundedGoods{one, two})
	if both != dialect.GoodsContent([]refund.RefundedGoods{two, one}) {
		t.Error("the order of goods makes a difference")
	}
	more := two
	more.Quantity = 4
	for name, other := range map[string]string{
		"none":              dialect.GoodsContent(nil),
		"one of them":       dialect.GoodsContent([]refund.RefundedGoods{one}),
		"other pieces":      dialect.GoodsContent([]refund.RefundedGoods{one, more}),
		"an id like a list": dialect.GoodsContent([]refund.RefundedGoods{{MerchantGoodsID: `g1"*1 "g2`, Quantity: 3}}),
	} {
		if other == both {
			t.Errorf("%s: the same content", name)
		}
	}
	if dialect.GoodsContent(nil) != "" {
		t.Error("goods that were left out are not empty")
	}
}

func TestTheSandboxAccountIsTheOneOfTheSandbox(t *testing.T) {
	accounts := []merchant.ChannelAccount{{ID: "m", Channel: merchant.ChannelManual}, {ID: "s", Channel: merchant.ChannelSandbox}}
	if got, ok := dialect.SandboxAccount(accounts); !ok || got.ID != "s" {
		t.Errorf("got %v, %t", got, ok)
	}
	if got, ok := dialect.SandboxAccount(accounts[:1]); ok {
		t.Errorf("got %v", got)
	}
}
