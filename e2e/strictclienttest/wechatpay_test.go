package strictclienttest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	serial   = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	otherKey = "PUB_KEY_ID_0000000000000000000000000001"
	apiv3    = "0123456789abcdef0123456789abcdef"

	goodWeChatRefund = `{"refund_id":"50000000382019052709732678859","out_refund_no":"r1","transaction_id":"42","out_trade_no":"t1",` +
		`"channel":"ORIGINAL","user_received_account":"支付用户零钱","success_time":"2026-11-22T10:00:00+08:00","create_time":"2026-11-22T10:00:00+08:00",` +
		`"status":"SUCCESS","funds_account":"BASIC","amount":{"total":100,"refund":1,"payer_total":100,"payer_refund":1,"settlement_refund":1,` +
		`"settlement_total":100,"discount_refund":0,"currency":"CNY"}}`
	goodNotice = `{"mchid":"1","transaction_id":"42","out_trade_no":"t1","refund_id":"50","out_refund_no":"r1","refund_status":"SUCCESS",` +
		`"success_time":"2026-11-22T10:00:00+08:00","user_received_account":"支付用户零钱","amount":{"total":100,"refund":1,"payer_total":100,"payer_refund":1}}`
)

// platform signs like the platform.
type platform struct{ key *rsa.PrivateKey }

func newPlatform(t *testing.T) platform {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return platform{key}
}

// headers are those of a signed answer: name, value, ...
func (p platform) headers(t *testing.T, at time.Time, by, body string) []string {
	t.Helper()
	stamp := strconv.FormatInt(at.Unix(), 10)
	signature, err := sign(p.key, stamp+"\nnonce\n"+body+"\n")
	if err != nil {
		t.Fatal(err)
	}
	return []string{
		"Content-Type", "application/json; charset=utf-8", "Wechatpay-Timestamp", stamp, "Wechatpay-Nonce", "nonce",
		"Wechatpay-Serial", by, "Wechatpay-Signature", signature,
	}
}

func (p platform) client(name, address string) *WeChat {
	c := NewWeChat(name, address)
	c.MchID, c.MerchantSerial, c.Signing, c.APIv3Key = "1900009191", serial, p.key, apiv3
	c.Keys = map[string]*rsa.PublicKey{serial: &p.key.PublicKey, otherKey: &p.key.PublicKey}
	return c
}

// without removes a header, with replaces its value.
func without(headers []string, name string) []string {
	at := slices.Index(headers, name)
	return slices.Delete(slices.Clone(headers), at, at+2)
}

func with(headers []string, name, value string) []string {
	headers = slices.Clone(headers)
	headers[slices.Index(headers, name)+1] = value
	return headers
}

func TestEachMistakeOfANaiveWeChatServerIsCaught(t *testing.T) {
	p := newPlatform(t)
	typed, verifying, everyone := []string{Go, Java}, []string{Go, Java, PHP, Axios}, WeChatClients()
	now := time.Now()
	signed := func(body string) []string { return p.headers(t, now, serial, body) }
	changed := func(old, by string) string {
		if !strings.Contains(goodWeChatRefund, old) {
			t.Fatalf("the good answer has no %s", old)
		}
		return strings.Replace(goodWeChatRefund, old, by, 1)
	}
	lower := func(headers []string) []string {
		headers = slices.Clone(headers)
		for n := 0; n < len(headers); n += 2 {
			headers[n] = strings.ToLower(headers[n])
		}
		return headers
	}
	type answer struct {
		name    string
		status  int
		body    string
		headers []string
		breaks  []string
	}
	tests := []answer{
		{"nothing is wrong", 200, goodWeChatRefund, signed(goodWeChatRefund), nil},
		{"another body is signed than is sent", 200, goodWeChatRefund + "\n", signed(goodWeChatRefund), verifying},
		{"nothing is signed", 200, goodWeChatRefund, []string{"Content-Type", "application/json"}, verifying},
		{"the answer is 301 seconds old", 200, goodWeChatRefund, p.headers(t, now.Add(-301*time.Second), serial, goodWeChatRefund), verifying},
		{"the answer is 301 seconds ahead", 200, goodWeChatRefund, p.headers(t, now.Add(302*time.Second), serial, goodWeChatRefund), verifying},
		{"an unknown key has signed", 200, goodWeChatRefund, p.headers(t, now, "7777", goodWeChatRefund), verifying},
		{"headers come in small letters, as over HTTP/2", 200, goodWeChatRefund, lower(signed(goodWeChatRefund)), []string{Java}},
		{"the content type is text/plain", 200, goodWeChatRefund, with(signed(goodWeChatRefund), "Content-Type", "text/plain"), []string{Java}},
		{"an error is plain text", 404, "404 page not found\n", []string{"Content-Type", "text/plain"}, everyone},
		{"an error has no code", 400, `{"message":"m"}`, nil, everyone},
		{"an error is empty", 500, "", nil, everyone},
		{"an amount is a text", 200, changed(`"refund":1`, `"refund":"1"`), nil, typed},
		{"a required amount is missing", 200, changed(`"payer_refund":1,`, ``), nil, verifying},
		{"success_time is empty", 200, changed(`"success_time":"2026-11-22T10:00:00+08:00"`, `"success_time":""`), nil, typed},
		{"create_time has no zone", 200, changed(`"create_time":"2026-11-22T10:00:00+08:00"`, `"create_time":"2026-11-22 10:00:00"`), nil, typed},
		{"success_time is null", 200, changed(`"success_time":"2026-11-22T10:00:00+08:00"`, `"success_time":null`), nil, everyone},
		{"a refund under way has a success_time", 200, changed(`"SUCCESS"`, `"PROCESSING"`), nil, everyone},
		{"a success has no success_time", 200, changed(`"success_time":"2026-11-22T10:00:00+08:00",`, ``), nil, everyone},
		{"a member is null", 200, changed(`"funds_account":"BASIC"`, `"funds_account":null`), nil, everyone},
	}
	for _, name := range []string{"Wechatpay-Timestamp", "Wechatpay-Nonce", "Wechatpay-Serial", "Wechatpay-Signature"} {
		tests = append(tests, answer{name + " is missing", 200, goodWeChatRefund, without(signed(goodWeChatRefund), name), verifying})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			headers := test.headers
			if headers == nil {
				headers = signed(test.body)
			}
			f := always(t, text(test.status, test.body, headers...))
			for _, name := range everyone {
				_, err := p.client(name, f.address).Get("wechat refund", "/v3/refund/domestic/refunds/{r1}", "")
				if want := slices.Contains(test.breaks, name); IsBroken(err) != want {
					t.Errorf("%s: %v, should it break: %t", name, err, want)
				}
			}
		})
	}
}

func TestAClientThatNamesItsKeyWantsThatKey(t *testing.T) {
	p := newPlatform(t)
	f := serve(t, func(_ int, r *http.Request) string {
		if asked := r.Header.Get("Wechatpay-Serial"); asked != otherKey && r.Header.Get("User-Agent") != "" {
			t.Errorf("asked for %q", asked)
		}
		return text(200, goodWeChatRefund, p.headers(t, time.Now(), serial, goodWeChatRefund)...)
	})
	for _, name := range []string{Go, Java} {
		c := p.client(name, f.address)
		c.Verifying = otherKey
		if _, err := c.Get("wechat refund", "/v3/refund/domestic/refunds/{r1}", ""); !IsBroken(err) {
			t.Errorf("%s takes an answer of another key: %v", name, err)
		}
	}
}

func TestAProperErrorIsNoMistake(t *testing.T) {
	p := newPlatform(t)
	f := always(t, text(400, `{"code":"PARAM_ERROR","message":"m","detail":{"field":"/amount/refund"}}`, "Content-Type", "application/json"))
	for _, name := range WeChatClients() {
		_, err := p.client(name, f.address).Get("wechat refund", "/v3/refund/domestic/refunds/{r1}", "")
		if refused, ok := AsError(err); !ok || refused.Code != "PARAM_ERROR" || refused.Param != "/amount/refund" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func seal(t *testing.T, nonce []byte, about, plain string) string {
	t.Helper()
	block, err := aes.NewCipher([]byte(apiv3))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCMWithNonceSize(block, len(nonce))
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(gcm.Seal(nil, nonce, []byte(plain), []byte(about)))
}

func TestEachMistakeOfANotificationIsCaught(t *testing.T) {
	p := newPlatform(t)
	const nonce = "abcdefghijkl"
	notification := func(about, nonce, notice string) string {
		sealed := seal(t, []byte(nonce), strings.Trim(about, `"`), notice)
		if about != "" {
			about = `"associated_data":` + about + `,`
		}
		return fmt.Sprintf(`{"id":"EV-1","create_time":"2026-11-22T10:00:00+08:00","event_type":"REFUND.SUCCESS","summary":"退款成功",`+
			`"resource_type":"encrypt-resource","resource":{"original_type":"refund","algorithm":"AEAD_AES_256_GCM",%s"nonce":%q,"ciphertext":%q}}`, about, nonce, sealed)
	}
	tests := []struct {
		name, body string
		broken     bool
	}{
		{"with associated_data", notification(`"refund"`, nonce, goodNotice), false},
		{"with an empty associated_data", notification(`""`, nonce, goodNotice), false},
		{"without associated_data", notification("", nonce, goodNotice), true},
		{"with a nonce of 16 bytes", notification(`"refund"`, "abcdefghijklmnop", goodNotice), true},
		{"with status for refund_status", notification(`"refund"`, nonce, strings.ReplaceAll(goodNotice, "refund_status", "status")), true},
		{"with more amounts", notification(`"refund"`, nonce, strings.Replace(goodNotice, `"payer_refund":1`, `"payer_refund":1,"discount_refund":0`, 1)), true},
		{"sealed with other data", strings.Replace(notification(`"refund"`, nonce, goodNotice), `"associated_data":"refund"`, `"associated_data":"x"`, 1), true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			header := http.Header{}
			headers := p.headers(t, time.Now(), serial, test.body)
			for n := 0; n < len(headers); n += 2 {
				header.Set(headers[n], headers[n+1])
			}
			for _, name := range []string{Go, Java} {
				if _, _, err := p.client(name, "").Notification(header.Get, []byte(test.body)); IsBroken(err) != test.broken {
					t.Errorf("%s: %v", name, err)
				}
				if _, _, err := p.client(name, "").Notification(header.Get, []byte(test.body+" ")); !IsBroken(err) {
					t.Errorf("%s takes another body than was signed: %v", name, err)
				}
			}
		})
	}
}

// What each client sends differs, and is what its contract's row says.
func TestWhatEachClientSends(t *testing.T) {
	p := newPlatform(t)
	targets := map[string]string{Go: "r%7C1%2A@", Java: "r%7C1*%40", PHP: "r%7C1%2A%40", Axios: "r|1*@", NodeV3: "r%7C1*@"}
	bodies := map[string]string{
		Go: "{\"reason\":\"\\u003c商/\"}\n", Java: `{"reason":"\u003c商/"}`, PHP: `{"reason":"<\u5546\/"}`,
		Axios: `{"reason":"<商/"}`, NodeV3: `{"reason":"<商/"}`,
	}
	for _, name := range WeChatClients() {
		f := always(t, text(400, `{"code":"PARAM_ERROR","message":"m"}`))
		c := p.client(name, f.address)
		if _, err := c.Post("", "/v3/{r|1*@}", Map{{"reason", "<商/"}}); IsBroken(err) {
			t.Error(err)
		}
		if want := "POST /v3/" + targets[name] + " " + bodies[name]; len(f.seen) != 1 || f.seen[0] != want {
			t.Errorf("%s sent %q, want %q", name, f.seen, want)
		}
	}
	written := map[string]string{
		Go: `{"m":{},"t":"\u003c='\u0026 商😀"}`, Java: `{"m":{},"t":"\u003c\u003d\u0027\u0026 商😀"}`, Python: `{"m": {}, "t": "<='& \u5546\ud83d\ude00"}`,
		PHP: `{"m":[],"t":"<='& 商😀"}`, Ruby: `{"m":{},"t":"<='& 商😀"}`, Node: `{"m":{},"t":"<='& 商😀"}`,
		CSharp: "{\n  \"m\": {},\n  \"t\": \"<='& 商😀\"\n}",
	}
	asked := map[string]string{
		Go: "?app%5Bid%5D=a&paid=true&expand%5B%5D=x", Java: "?app%5Bid%5D=a&paid=true&expand%5B0%5D=x", Python: "?app%5Bid%5D=a&paid=True&expand%5B%5D=x",
		PHP: "?app%5Bid%5D=a&paid=true&expand%5B%5D=x", Ruby: "?app[id]=a&paid=true&expand[]=x", Node: "?app%5Bid%5D=a&paid=true&expand%5B%5D=x",
		CSharp: "?app%5Bid%5D=a&paid=True&expand%5B0%5D=x",
	}
	nothing := map[string]string{Go: "null", Java: "", Python: "{}", PHP: "[]", Ruby: "{}", Node: "{}", CSharp: ""}
	for _, name := range Clients() {
		f := always(t, text(400, goodError, "Connection", "close"))
		c := New(name, f.address, "sk_test_x")
		_, _ = c.Post("", "/v1/x", Map{{"m", Map{}}, {"t", "<='& 商😀"}})
		_, _ = c.Get("", "/v1/x", Map{{"app", Map{{"id", "a"}}}, {"paid", true}, {"expand", List{"x"}}})
		_, _ = c.Post("", "/v1/x", nil)
		want := []string{"POST /v1/x " + written[name], "GET /v1/x" + asked[name] + " ", "POST /v1/x " + nothing[name]}
		if !slices.Equal(f.seen, want) {
			t.Errorf("%s sent\n%q, want\n%q", name, f.seen, want)
		}
	}
}
