package wechatpay_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/wechatpay"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// What each official client does differently (W1.2-5 to W1.2-16, W1.7-1 to
// W1.7-6 and W6-1 to W6-16): one named test for each hazard that breaks a naive
// server.

// oddNumber has every character that clients escape differently.
const oddNumber = "r|1*@"

// The same number in four spellings, each signed as it is sent (W1.2-5).
func TestEveryClientsSpellingOfANumberIsVerifiedAsItWasSent(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	c.post(t, refundPath, refundBody(oddNumber, 10, ""), 200)
	for name, spelling := range map[string]string{
		"Go": "r%7C1%2A@", "PHP": "r%7C1%2A%40", "Java": "r%7C1*%40", "axios-plugin": oddNumber, "small hex": "r%7c1%2a%40",
	} {
		if answer := decoded(t, c.get(t, refundPath+"/"+spelling, 200)); answer["out_refund_no"] != oddNumber {
			t.Errorf("%s: %v", name, answer)
		}
	}
	p := demo(t, s, partner)
	p.get(t, refundPath+"/r%7C1*%40?sub_mchid="+subMchID, 200)
}

// Rule 2: wechatpay-node-v3 signs the path as it was before its HTTP library
// escaped it; the query stays as it is.
func TestNodeV3SignsAnotherPathThanItSends(t *testing.T) {
	s := dialecttest.Start(t)
	c, p := demo(t, s, direct), demo(t, s, partner)
	c.post(t, refundPath, refundBody(oddNumber, 10, ""), 200)
	c.send(t, c.signedAs(t, http.MethodGet, refundPath+"/"+oddNumber, refundPath+"/r%7C1*@", ""), 200)
	// It has no argument for sub_mchid: people append it to the number.
	p.send(t, p.signedAs(t, http.MethodGet, refundPath+"/"+oddNumber+"?sub_mchid="+subMchID, refundPath+"/r%7C1*@?sub_mchid="+subMchID, ""), 200)
	// Only the path is taken as decoded, never the query.
	answer, _ := dialecttest.Do(t, p.signedAs(t, http.MethodGet, refundPath+"/x?sub_mchid=19|", refundPath+"/x?sub_mchid=19%7C", ""))
	if answer.StatusCode != 401 {
		t.Errorf("a query that was signed decoded: %d", answer.StatusCode)
	}
	// Nor is a slash in a number taken for one of the path.
	answer, _ = dialecttest.Do(t, c.signedAs(t, http.MethodGet, refundPath+"/a/b", refundPath+"/a%2Fb", ""))
	if answer.StatusCode != 401 {
		t.Errorf("a slash that was signed decoded: %d", answer.StatusCode)
	}
}

// Rule 3: bodies are verified as they were sent.
func TestBodiesAreVerifiedByteByByte(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	php := `{"out_trade_no":"` + demoOrder + `","out_refund_no":"%s","notify_url":"https:\/\/1.1.1.1\/hook","reason":"\u5546\u54c1","amount":{"refund":1,"total":1000,"currency":"CNY"}}`
	for name, body := range map[string]string{
		"Go: a newline at the end and HTML escapes": refundBody("go", 1, `"reason":"\u003c\u003e\u0026",`) + "\n",
		"PHP: everything escaped":                   fmt.Sprintf(php, "php"),
		"Java: indented":                            strings.ReplaceAll(refundBody("java", 1, ""), ",", ",\n  "),
		"Node: raw UTF-8":                           refundBody("node", 1, `"reason":"商品已售完",`),
	} {
		if answer := decoded(t, c.post(t, refundPath, body, 200)); answer["status"] == nil {
			t.Errorf("%s: %v", name, answer)
		}
	}
	charge, err := s.Store.ChargeByAlias(t.Context(), merchant.DemoID, merchant.WeChatPay, demoOrder)
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{"go": "<>&", "php": "商品", "java": "", "node": "商品已售完"}
	for _, r := range s.Refunds(t, charge) {
		if r.Reason != reasons[r.Number] {
			t.Errorf("%s: the reason is %q", r.Number, r.Reason)
		}
	}
}

// Rule 4: node-v3 derives the serial from the certificate, in lower case.
func TestSerialsCompareWithoutLetterCase(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	c.serial = strings.ToLower(c.serial)
	c.get(t, certificates, 200)
}

// Rule 5: node-v3's nonces have 10 to 13 characters.
func TestNoncesOfAnyLengthAreTaken(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for _, nonce := range []string{"k", "ab12cd34ef", "593BEC0C930BF1AFEB40B4A08C8FB242"} {
		authorization, err := c.signer.Authorize(c.mchID, http.MethodGet, certificates, nil, nonce, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		r := dialecttest.Request(t, http.MethodGet, s.URL+certificates, "", "Authorization", authorization.String())
		c.send(t, r, 200)
	}
}

// Rule 6: neither Accept nor Content-Type nor User-Agent is looked at.
func TestOddHeadersOfClientsAreTaken(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for name, headers := range map[string][]string{
		"Java's certificate call":     {"Accept", " */*", "User-Agent", "WechatPay-Java/0.2.17"},
		"a content type on a GET":     {"Content-Type", "application/json; charset=utf-8"},
		"no User-Agent and no Accept": {"User-Agent", "", "Accept", ""},
	} {
		answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, certificates, "", headers...))
		if answer.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
	}
	c.post(t, refundPath, refundBody("R1", 1, ""), 200, "Content-Type", "text/plain")
}

// Each client has its own order of the attributes.
func TestAttributesComeInAnyOrder(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	a, err := c.signer.Authorize(c.mchID, http.MethodGet, certificates, nil, "nonce", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	attributes := map[string]string{"mchid": a.MchID, "nonce_str": a.Nonce, "timestamp": a.Timestamp, "serial_no": a.Serial, "signature": a.Signature}
	for name, order := range map[string][]string{
		"Go":   {"mchid", "nonce_str", "timestamp", "serial_no", "signature"},
		"PHP":  {"mchid", "serial_no", "timestamp", "nonce_str", "signature"},
		"Java": {"mchid", "nonce_str", "timestamp", "serial_no", "signature"},
		"Node": {"signature", "timestamp", "serial_no", "nonce_str", "mchid"},
	} {
		pieces := make([]string, len(order))
		for n, attribute := range order {
			pieces[n] = attribute + `="` + attributes[attribute] + `"`
		}
		r := dialecttest.Request(t, http.MethodGet, s.URL+certificates, "", "Authorization", wire.Scheme+" "+strings.Join(pieces, ","))
		if answer, body := dialecttest.Do(t, r); answer.StatusCode != 200 {
			t.Errorf("%s: %d %s", name, answer.StatusCode, body)
		}
	}
}

// Java looks headers up with their letter case, and Request-ID has two large
// letters (W1.3-1 and W1.3-3).
func TestLetterCaseOfHeadersOnTheWire(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	r := c.request(t, http.MethodGet, certificates, "")
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close() }()
	if err := connection.SetDeadline(time.Now().Add(awaitTime)); err != nil {
		t.Fatal(err)
	}
	_, err = fmt.Fprintf(connection, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nConnection: close\r\n\r\n", certificates, r.Header.Get("Authorization"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for lines := bufio.NewScanner(connection); lines.Scan() && lines.Text() != ""; {
		name, _, _ := strings.Cut(lines.Text(), ":")
		seen[name]++
	}
	for _, name := range []string{"Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature", "Request-ID", "Content-Length"} {
		if seen[name] != 1 {
			t.Errorf("%s is there %d times among %v", name, seen[name], seen)
		}
	}
}

// The Java client fails on any body that is no JSON object, and none may be
// missing its content type. From every corner (W1.7-1 and W1.7-4).
func TestEveryCornerAnswersInJSON(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for name, r := range map[string]*http.Request{
		"an address that is not served": c.request(t, "GET", "/v3/nowhere", ""),
		"the prefix without its slash":  c.request(t, "GET", "/v3", ""),
		"a wrong method":                c.request(t, "PUT", refundPath, `{}`),
		"an unknown method":             c.request(t, "BREW", certificates, ""),
		"too large a body":              c.request(t, "POST", refundPath, strings.Repeat(" ", 2<<20)),
		"no authorization":              dialecttest.Request(t, "GET", s.URL+certificates, ""),
		"a broken escape in the path":   c.request(t, "GET", refundPath+"/%25zz", ""),
	} {
		answer, body := dialecttest.Do(t, r)
		if answer.Header.Get("Content-Type") != "application/json; charset=utf-8" || answer.StatusCode < 400 || decoded(t, body)["code"] == nil {
			t.Errorf("%s: %d %s %s", name, answer.StatusCode, answer.Header.Get("Content-Type"), body)
		}
	}
}

// broken panics at the first look.
type broken struct{ dialect.Reader }

func (broken) RefundList(_ context.Context, f refund.Filter) ([]refund.Refund, bool, error) {
	panic("a fault of ours in " + f.MerchantID)
}

// A panic is SYSTEM_ERROR, in JSON and signed: query, and repeat the same.
func TestAPanicIsASystemErrorInJSON(t *testing.T) {
	s := dialecttest.Start(t)
	mux := http.NewServeMux()
	wechatpay.New(wechatpay.Services{Directory: s.Store, Reader: broken{}, Log: quiet}).Register(mux)
	server := httptest.NewServer(mux)
	defer server.Close()
	c := demo(t, s, direct)
	c.url = server.URL
	body := c.get(t, refundPath+"/R1", 500)
	if answer := decoded(t, body); answer["code"] != "SYSTEM_ERROR" || strings.Contains(body, "fault of ours") {
		t.Errorf("answered %s", body)
	}
}

// What Go's model needs, and Gson's: all required members, numbers as numbers,
// no null, times of RFC 3339 (W6-13).
func TestNumbersAreNumbersAndNothingIsNull(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for _, body := range []string{
		c.post(t, refundPath, refundBody("R1", 58, ""), 200),
		c.post(t, refundPath, refundBody("R2", 10, ""), 200, "Prefer", "wait=5"),
		c.get(t, "/v3/pay/transactions/id/"+demoTrade+"?mchid="+direct, 200),
	} {
		if strings.Contains(body, "null") || strings.Contains(body, `_time":""`) {
			t.Errorf("null or an empty time in %s", body)
		}
		for name, value := range decoded(t, body)["amount"].(map[string]any) {
			if _, text := value.(string); text != strings.Contains(name, "currency") {
				t.Errorf("%s is %T in %s", name, value, body)
			}
		}
	}
}

// The probe signatures of the platform are nothing special (W1.5-3), and
// neither is a signature in another base64.
func TestOnlyPaddedStandardBase64IsASignature(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	a, err := c.signer.Authorize(c.mchID, http.MethodGet, certificates, nil, "nonce", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	raw, err := base64.StdEncoding.DecodeString(a.Signature)
	if err != nil {
		t.Fatal(err)
	}
	a.Signature = base64.RawURLEncoding.EncodeToString(raw)
	r := dialecttest.Request(t, http.MethodGet, s.URL+certificates, "", "Authorization", a.String())
	if answer, _ := dialecttest.Do(t, r); answer.StatusCode != 401 {
		t.Errorf("answered %d", answer.StatusCode)
	}
}

// A merchant's own limits, in the dialect's form (W3-9): the count is
// INVALID_REQUEST, the spacing FREQUENCY_LIMITED with 429.
func TestLimitsOfTheMerchant(t *testing.T) {
	s := dialecttest.Start(t)
	limited := func(limits merchant.Limits) (client, refund.Charge) {
		fresh := s.Merchant(t, "limited", merchant.Test, func(f *merchant.Fresh) { f.Merchant.Settings.Limits = limits })
		identity, _ := fresh.Identity(merchant.WeChatPay)
		return clientOf(t, s.URL, identity), s.Charge(t, fresh.Merchant.ID, 1000, nil)
	}
	for want, limits := range map[string]merchant.Limits{
		"400 INVALID_REQUEST":   {MostRefunds: 1},
		"429 FREQUENCY_LIMITED": {SpacingSeconds: 60},
	} {
		c, charge := limited(limits)
		ask := func(number string, amount int) *http.Request {
			sub := ""
			if c.sub != "" {
				sub = `"sub_mchid":"` + c.sub + `",`
			}
			return c.request(t, "POST", refundPath, fmt.Sprintf(`{%s"transaction_id":%q,"out_refund_no":%q,"amount":{"refund":%d,"total":1000,"currency":"CNY"}}`, sub, charge.TransactionID, number, amount))
		}
		c.send(t, ask("A", 10), 200)
		answer, body := dialecttest.Do(t, ask("B", 10))
		if got := told(t, answer.StatusCode, body); !strings.HasPrefix(got, want) {
			t.Errorf("told %q, want %s", got, want)
		}
		c.send(t, ask("A", 10), 200) // a repeat is none
	}
}
