package wechatpay_test

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/channelsim/wechatpay"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/pemkey"
)

// shop is a merchant's client, which signs, verifies and decrypts by itself.
type shop struct {
	testing.TB
	*channelsim.Simulator
	now     time.Time
	account map[string]string
	key     *rsa.PrivateKey
	server  *httptest.Server
	named   string // the platform key that answers are asked to be signed by

	mu      sync.Mutex
	notices []map[string]any
}

// accountFiles are those of an account that all tests share: its keys take a second.
var accountFiles = sync.OnceValue(func() map[string][]byte {
	dir, err := os.MkdirTemp("", "refundry-sim-")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if _, err := channelsim.New(channelsim.Options{URL: "http://none", Data: dir}, wechatpay.New()); err != nil {
		panic(err)
	}
	files := make(map[string][]byte)
	for _, name := range []string{channelsim.AccountFile, "sim-keys.json"} {
		if files[name], err = os.ReadFile(filepath.Join(dir, name)); err != nil {
			panic(err)
		}
	}
	return files
})

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{TB: t, now: time.Date(2026, 11, 29, 8, 0, 0, 0, time.UTC)} // the account's certificate need not be valid then
	dir := t.TempDir()
	for name, text := range accountFiles() {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.server = httptest.NewUnstartedServer(nil)
	s.server.Start()
	t.Cleanup(s.server.Close)
	var err error
	s.Simulator, err = channelsim.New(channelsim.Options{URL: s.server.URL, Data: dir, Now: func() time.Time { return s.now }}, wechatpay.New())
	if err != nil {
		t.Fatal(err)
	}
	s.server.Config.Handler = s.Simulator
	if s.account, err = channelsim.ReadAccount(filepath.Join(dir, channelsim.AccountFile), wechatpay.Name); err != nil {
		t.Fatal(err)
	}
	if s.key, err = pemkey.ParseRSAPrivateKey(s.account["merchant_private_key"]); err != nil {
		t.Fatal(err)
	}
	s.named = s.account["platform_public_key_id"]
	merchant := httptest.NewServer(http.HandlerFunc(s.notified))
	t.Cleanup(merchant.Close)
	if err := s.NotifyAt(wechatpay.Name, merchant.URL); err != nil {
		t.Fatal(err)
	}
	return s
}

// pay makes a payment of 10 yuan.
func (s *shop) pay(number string, more map[string]string, coupons ...channelsim.Coupon) string {
	s.Helper()
	id, err := s.AddPayment(channelsim.Payment{Channel: wechatpay.Name, Number: number, Amount: 1000, Currency: "CNY", Attributes: more, Coupons: coupons})
	if err != nil {
		s.Fatal(err)
	}
	return id
}

func sign(t testing.TB, key *rsa.PrivateKey, message string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(message))
	raw, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(raw)
}

// authorization signs a request; spoil changes its attributes.
func (s *shop) authorization(method, target, body string, spoil map[string]string) string {
	got := map[string]string{"mchid": s.account["mchid"], "nonce_str": "n0", "timestamp": strconv.FormatInt(s.now.Unix(), 10), "serial_no": s.account["merchant_serial"]}
	if stamp := spoil["timestamp"]; stamp != "" {
		got["timestamp"] = stamp
	}
	got["signature"] = sign(s, s.key, method+"\n"+target+"\n"+got["timestamp"]+"\nn0\n"+body+"\n")
	maps.Copy(got, spoil)
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(got)) {
		pairs = append(pairs, fmt.Sprintf(`%s="%s"`, name, got[name]))
	}
	return "WECHATPAY2-SHA256-RSA2048 " + strings.Join(pairs, ",")
}

// call makes a signed request and verifies the answer.
func (s *shop) call(method, target, body string) (int, map[string]any) {
	s.Helper()
	status, header, text := s.send(method, target, body, s.authorization(method, "/wechatpay"+target, body, nil))
	s.verify(header, text)
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		s.Fatalf("%s: %v", text, err)
	}
	return status, out
}

func (s *shop) send(method, target, body, authorization string) (int, http.Header, []byte) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.account["base_url"]+target, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header.Set("Authorization", authorization)
	r.Header.Set("Wechatpay-Serial", s.named)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.Fatal(err)
	}
	return answer.StatusCode, answer.Header, text
}

// verify checks a signature of the platform's and returns whose it is.
func (s *shop) verify(header http.Header, body []byte) string {
	s.Helper()
	serial := header.Get("Wechatpay-Serial")
	var key *rsa.PublicKey
	var err error
	switch serial {
	case s.account["platform_public_key_id"]:
		key, err = pemkey.ParseRSAPublicKey(s.account["platform_public_key"])
	case s.account["platform_serial"]:
		_, key, err = pemkey.ParseRSACertificate(s.account["platform_certificate"])
	default:
		s.Errorf("an answer is signed by %q: %s", serial, body)
		return ""
	}
	if err != nil {
		s.Fatal(err)
	}
	sum := sha256.Sum256([]byte(header.Get("Wechatpay-Timestamp") + "\n" + header.Get("Wechatpay-Nonce") + "\n" + string(body) + "\n"))
	raw, err := base64.StdEncoding.DecodeString(header.Get("Wechatpay-Signature"))
	if err != nil || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], raw) != nil {
		s.Errorf("the signature does not hold: %s", body)
	}
	return serial
}

// unsealed opens what is encrypted with the APIv3 key.
func (s *shop) unsealed(resource map[string]any) []byte {
	s.Helper()
	text := func(name string) string { value, _ := resource[name].(string); return value }
	raw, err := base64.StdEncoding.DecodeString(text("ciphertext"))
	if err != nil {
		s.Fatal(err)
	}
	block, err := aes.NewCipher([]byte(s.account["apiv3_key"]))
	if err != nil {
		s.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		s.Fatal(err)
	}
	plain, err := gcm.Open(nil, []byte(text("nonce")), raw, []byte(text("associated_data")))
	if err != nil {
		s.Fatal(err)
	}
	return plain
}

func (s *shop) notified(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.verify(r.Header, body)
	var envelope struct {
		Event    string         `json:"event_type"`
		Resource map[string]any `json:"resource"`
	}
	var content map[string]any
	if json.Unmarshal(body, &envelope) != nil || json.Unmarshal(s.unsealed(envelope.Resource), &content) != nil {
		s.Errorf("a notice can't be read: %s", body)
	}
	content["event"] = envelope.Event
	s.notices = append(s.notices, content)
	w.WriteHeader(http.StatusNoContent)
}

func (s *shop) pass(by time.Duration) {
	s.now = s.now.Add(by)
	for s.Step(s.Context()) > 0 {
	}
}

const pathRefunds = "/v3/refund/domestic/refunds"

func body(transaction, number string, amount money.Minor, more string) string {
	return fmt.Sprintf(`{"transaction_id":%q,"out_refund_no":%q,"amount":{"refund":%d,"total":1000,"currency":"CNY"}%s}`, transaction, number, amount, more)
}

func TestARefundFromRequestToNotice(t *testing.T) {
	s := open(t)
	id := s.pay("ORDER0001", map[string]string{"fee": "6"},
		channelsim.Coupon{ID: "1", Scope: "GLOBAL", Type: "NOCASH", Amount: 100}, channelsim.Coupon{ID: "2", Scope: "GLOBAL", Type: "CASH", Amount: 100})
	status, got := s.call("POST", pathRefunds, body(id, "r|1*@", 500, `,"reason":"broken","funds_account":"AVAILABLE"`))
	want := map[string]any{
		"refund_id": "50202611290000000000000000001", "out_refund_no": "r|1*@", "transaction_id": id, "out_trade_no": "ORDER0001", "channel": "ORIGINAL",
		"user_received_account": "支付用户零钱", "create_time": "2026-11-29T16:00:00+08:00", "status": "PROCESSING", "funds_account": "AVAILABLE",
		"amount": map[string]any{
			"total": 1000.0, "refund": 500.0, "payer_total": 800.0, "payer_refund": 400.0, "settlement_refund": 450.0, "settlement_total": 900.0,
			"discount_refund": 100.0, "currency": "CNY", "refund_fee": 3.0,
		},
		"promotion_detail": []any{
			map[string]any{"promotion_id": "1", "scope": "GLOBAL", "type": "NOCASH", "amount": 100.0, "refund_amount": 50.0},
			map[string]any{"promotion_id": "2", "scope": "GLOBAL", "type": "CASH", "amount": 100.0, "refund_amount": 50.0},
		},
	}
	if diff := cmp.Diff(want, got); status != 200 || diff != "" {
		t.Error(status, diff)
	}
	s.pass(3 * time.Second)
	want["status"], want["success_time"] = "SUCCESS", "2026-11-29T16:00:03+08:00"
	// One and the same number, as clients escape it.
	for _, target := range []string{"r%7C1%2A@", "r%7C1%2A%40", "r%7C1*%40"} {
		if status, got = s.call("GET", pathRefunds+"/"+target, ""); status != 200 || !cmp.Equal(want, got) {
			t.Error(status, cmp.Diff(want, got))
		}
	}
	wantNotice := []map[string]any{{
		"event": "REFUND.SUCCESS", "mchid": s.account["mchid"], "transaction_id": id, "out_trade_no": "ORDER0001", "refund_id": want["refund_id"], "out_refund_no": "r|1*@",
		"refund_status": "SUCCESS", "success_time": "2026-11-29T16:00:03+08:00", "user_received_account": "支付用户零钱",
		"amount": map[string]any{"total": 1000.0, "refund": 500.0, "payer_total": 800.0, "payer_refund": 400.0},
	}}
	if diff := cmp.Diff(wantNotice, s.notices); diff != "" {
		t.Error(diff)
	}
}

func TestAClientThatWasMadeForThePlatformsOwnHostSignsItsOwnPath(t *testing.T) {
	s := open(t)
	s.pay("ORDER0001", nil)
	for signed, want := range map[string]int{pathRefunds + "/a|b": 404, "/wechatpay" + pathRefunds + "/a|b": 404, pathRefunds + "/a%7Cb": 404, pathRefunds + "/other": 401} {
		if status, _, text := s.send("GET", pathRefunds+"/a%7Cb", "", s.authorization("GET", signed, "", nil)); status != want {
			t.Errorf("%s: %d %s", signed, status, text)
		}
	}
}

func TestRequestsThatAreNotTheMerchants(t *testing.T) {
	s := open(t)
	target := pathRefunds + "/none"
	for name, spoil := range map[string]map[string]string{
		"another mchid":            {"mchid": "1900000001"},
		"another serial":           {"serial_no": "AB"},
		"no nonce":                 {"nonce_str": ""},
		"a clock that is slow":     {"timestamp": strconv.FormatInt(s.now.Add(-6*time.Minute).Unix(), 10)},
		"a clock that is fast":     {"timestamp": strconv.FormatInt(s.now.Add(6*time.Minute).Unix(), 10)},
		"another signature":        {"signature": sign(t, s.key, "something else")},
		"a signature of no base64": {"signature": "!"},
	} {
		status, header, text := s.send("GET", target, "", s.authorization("GET", "/wechatpay"+target, "", spoil))
		if status != 401 || !strings.Contains(string(text), `"SIGN_ERROR"`) || header.Get("Wechatpay-Signature") != "" {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	lower := s.authorization("GET", "/wechatpay"+target, "", map[string]string{"serial_no": strings.ToLower(s.account["merchant_serial"])})
	if status, _, text := s.send("GET", target, "", lower); status != 404 {
		t.Errorf("a serial in lower case: %d %s", status, text)
	}
}

func TestRulesOfRefunds(t *testing.T) {
	s := open(t)
	id := s.pay("ORDER0001", nil)
	partner := s.pay("ORDER0002", map[string]string{"sub_mchid": "1900000109"})
	old, err := s.AddPayment(channelsim.Payment{Channel: wechatpay.Name, Number: "ORDER0003", Amount: 1000, Currency: "CNY", PaidAt: s.now.AddDate(-1, 0, -1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, body string
		status     int
		code       any
	}{
		{"the first", body(id, "r1", 100, ""), 200, nil},
		{"a repeat", body(id, "r1", 100, ""), 200, nil},
		{"a repeat with another reason", body(id, "r1", 100, `,"reason":"other"`), 200, nil},
		{"a repeat with another amount", body(id, "r1", 101, ""), 400, "INVALID_REQUEST"},
		{"too soon after another", body(id, "r2", 100, ""), 429, "FREQUENCY_LIMITED"},
		{"another total", strings.Replace(body(id, "r3", 100, ""), "1000", "999", 1), 400, "INVALID_REQUEST"},
		{"an unknown order", body("4200", "r3", 100, ""), 404, "RESOURCE_NOT_EXISTS"},
		{"too old", body(old, "r3", 100, ""), 400, "INVALID_REQUEST"},
		{"a sub-merchant's without his number", body(partner, "r4", 100, ""), 403, "NO_AUTH"},
		{"a sub-merchant's", body(partner, "r4", 100, `,"sub_mchid":"1900000109"`), 200, nil},
		{"no order", body("", "r5", 100, ""), 400, "PARAM_ERROR"},
		{"a number with a slash", body(id, "r/5", 100, ""), 400, "PARAM_ERROR"},
		{"nothing", body(id, "r5", 0, ""), 400, "PARAM_ERROR"},
		{"another currency", strings.Replace(body(id, "r5", 1, ""), "CNY", "USD", 1), 400, "PARAM_ERROR"},
		{"an amount as text", strings.Replace(body(id, "r5", 1, ""), `"refund":1`, `"refund":"1"`, 1), 400, "PARAM_ERROR"},
		{"a reason with an emoji", body(id, "r5", 1, `,"reason":"😀"`), 400, "PARAM_ERROR"},
		{"a reason of 81 bytes", body(id, "r5", 1, `,"reason":"`+strings.Repeat("a", 81)+`"`), 400, "PARAM_ERROR"},
		{"an address with a query", body(id, "r5", 1, `,"notify_url":"https://a.example/?b"`), 400, "PARAM_ERROR"},
		{"parts that do not add up", strings.Replace(body(id, "r5", 2, ""), `"CNY"`, `"CNY","from":[{"account":"AVAILABLE","amount":1}]`, 1), 400, "PARAM_ERROR"},
		{"no JSON", `{`, 400, "PARAM_ERROR"},
	} {
		if status, got := s.call("POST", pathRefunds, test.body); status != test.status || got["code"] != test.code {
			t.Errorf("%s: %d %v", test.name, status, got)
		}
	}
	s.pass(time.Minute)
	if status, got := s.call("POST", pathRefunds, body(id, "r6", 901, "")); status != 400 || got["code"] != "INVALID_REQUEST" {
		t.Errorf("more than is left: %d %v", status, got)
	}
	for target, want := range map[string]int{"/r4?sub_mchid=1900000109": 200, "/r4": 400, "/r4?sub_mchid=1900000108": 404, "/r1": 200, "/r1?sub_mchid=1900000109": 404, "/r6": 404} {
		if status, got := s.call("GET", pathRefunds+target, ""); status != want {
			t.Errorf("GET %s: %d %v", target, status, got)
		}
	}
}

func TestFiftyRefundsOfAnOrder(t *testing.T) {
	s := open(t)
	id := s.pay("ORDER0001", nil)
	for n := range 51 {
		want := 200
		if n == 50 {
			want = 400
		}
		if status, got := s.call("POST", pathRefunds, body(id, fmt.Sprint("r", n), 1, "")); status != want {
			t.Fatal(n, status, got)
		}
		s.pass(time.Minute)
	}
}

func TestAnAbnormalRefundGoesToACard(t *testing.T) {
	s := open(t)
	_, refund := s.call("POST", pathRefunds, body(s.pay("ORDER0001", nil), "r1", 100, ""))
	target := fmt.Sprintf("%s/%s/apply-abnormal-refund", pathRefunds, refund["refund_id"])
	card := func(number string) string {
		_, key, err := pemkey.ParseRSACertificate(s.account["platform_certificate"])
		if err != nil {
			t.Fatal(err)
		}
		encrypted := func(text string) string {
			raw, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, key, []byte(text), nil)
			if err != nil {
				t.Fatal(err)
			}
			return base64.StdEncoding.EncodeToString(raw)
		}
		return fmt.Sprintf(`{"out_refund_no":"r1","type":"USER_BANK_CARD","bank_type":"ICBC_DEBIT","bank_account":%q,"real_name":%q}`, encrypted(number), encrypted("张三"))
	}
	s.named = s.account["platform_serial"]
	if status, got := s.call("POST", target, card("6222020200112230403")); status != 400 || got["code"] != "INVALID_REQUEST" {
		t.Errorf("of a refund that is not abnormal: %d %v", status, got)
	}
	decide(s, "r1", "abnormal")
	s.pass(0) // the notices of two changes that are sent together may come in any order
	for name, text := range map[string]string{
		"a card that is none":  card("card"),
		"a card in clear":      `{"out_refund_no":"r1","type":"USER_BANK_CARD","bank_type":"ICBC_DEBIT","bank_account":"6222020200112230403","real_name":"a"}`,
		"a credit card's bank": strings.Replace(card("6222020200112230403"), "ICBC_DEBIT", "ICBC_CREDIT", 1),
		"no type":              `{"out_refund_no":"r1"}`,
	} {
		if status, got := s.call("POST", target, text); status != 400 || got["code"] != "PARAM_ERROR" {
			t.Errorf("%s: %d %v", name, status, got)
		}
	}
	status, got := s.call("POST", target, card("6222020200112230403"))
	if status != 200 || got["channel"] != "OTHER_BANKCARD" || got["user_received_account"] != "银行储蓄卡0403" || got["status"] != "PROCESSING" {
		t.Error(status, got)
	}
	s.pass(time.Minute)
	if _, got := s.call("GET", pathRefunds+"/r1", ""); got["status"] != "SUCCESS" || len(s.notices) != 2 || s.notices[0]["event"] != "REFUND.ABNORMAL" {
		t.Error(got, s.notices)
	}
}

func decide(s *shop, number, state string) {
	s.Helper()
	out := httptest.NewRecorder()
	s.ServeHTTP(out, httptest.NewRequest("POST", "/sim/refunds/"+number, strings.NewReader(fmt.Sprintf(`{"state":%q}`, state))))
	if out.Code != 200 {
		s.Fatal(out.Body)
	}
}

func TestOrderQueries(t *testing.T) {
	s := open(t)
	id := s.pay("ORDER0001", nil, channelsim.Coupon{ID: "1", Scope: "GLOBAL", Type: "CASH", Amount: 100})
	sub := s.pay("ORDER0002", map[string]string{"sub_mchid": "1900000109"})
	own := url.QueryEscape(s.account["mchid"])
	for target, want := range map[string]string{
		"/v3/pay/transactions/id/" + id + "?mchid=" + own:                                               "200 SUCCESS 1000 900",
		"/v3/pay/transactions/out-trade-no/ORDER0001?mchid=" + own:                                      "200 SUCCESS 1000 900",
		"/v3/pay/partner/transactions/id/" + sub + "?sp_mchid=" + own + "&sub_mchid=1900000109":         "200 SUCCESS 1000 1000",
		"/v3/pay/partner/transactions/out-trade-no/ORDER0002?sp_mchid=" + own + "&sub_mchid=1900000108": "404 ORDER_NOT_EXIST",
		"/v3/pay/transactions/id/" + sub + "?mchid=" + own:                                              "404 ORDER_NOT_EXIST",
		"/v3/pay/transactions/id/" + id + "?mchid=1":                                                    "400 PARAM_ERROR",
		"/v3/pay/transactions/by-magic/" + id + "?mchid=" + own:                                         "404 NOT_FOUND",
	} {
		status, got := s.call("GET", target, "")
		text := fmt.Sprint(status, " ", got["code"])
		if amount, ok := got["amount"].(map[string]any); ok {
			text = fmt.Sprint(status, " ", got["trade_state"], " ", amount["total"], " ", amount["payer_total"])
		}
		if text != want {
			t.Errorf("%s: %s, want %s", target, text, want)
		}
	}
	s.call("POST", pathRefunds, body(id, "r1", 1, ""))
	if _, got := s.call("GET", "/v3/pay/transactions/id/"+id+"?mchid="+own, ""); got["trade_state"] != "REFUND" {
		t.Error(got)
	}
}

func TestTheCertificateIsSealedAndSignedByItself(t *testing.T) {
	s := open(t)
	status, header, text := s.send("GET", "/v3/certificates", "", s.authorization("GET", "/v3/certificates", "", nil))
	var got struct {
		Data []struct {
			Serial string         `json:"serial_no"`
			Sealed map[string]any `json:"encrypt_certificate"`
		} `json:"data"`
	}
	if err := json.Unmarshal(text, &got); status != 200 || err != nil || len(got.Data) != 1 {
		t.Fatalf("%d %s", status, text)
	}
	if by := s.verify(header, text); by != s.account["platform_serial"] || got.Data[0].Serial != by {
		t.Error("signed by ", by)
	}
	if plain := string(s.unsealed(got.Data[0].Sealed)); plain != s.account["platform_certificate"] {
		t.Error(plain)
	}
}

func TestABill(t *testing.T) {
	s := open(t)
	id := s.pay("ORDER0001", nil, channelsim.Coupon{ID: "1", Scope: "GLOBAL", Type: "NOCASH", Amount: 100})
	s.call("POST", pathRefunds, body(id, "r1", 500, ""))
	const target = "/v3/bill/tradebill?bill_date=2026-11-29&bill_type=REFUND"
	for _, test := range []struct {
		after time.Duration
		code  any
	}{{0, "NO_STATEMENT_EXIST"}, {9 * time.Hour, "STATEMENT_CREATING"}, {9 * time.Hour, nil}} {
		s.pass(test.after)
		if _, got := s.call("GET", target, ""); got["code"] != test.code {
			t.Errorf("at %v: %v", s.now, got)
		}
	}
	_, got := s.call("GET", target, "")
	file, _ := got["download_url"].(string)
	own := strings.TrimPrefix(file, s.account["base_url"])
	_, header, text := s.send("GET", own, "", s.authorization("GET", "/wechatpay"+own, "", nil))
	sum := sha1.Sum(text)
	if hex.EncodeToString(sum[:]) != got["hash_value"] || header.Get("Wechatpay-Signature") != "" {
		t.Errorf("%v\n%s", header, text)
	}
	lines := strings.Split(string(text), "\r\n")
	if len(lines) != 5 || strings.Count(lines[0], ",") != 28 || strings.Count(lines[1], ",`") != 28 || lines[3] != "`1,`0.00,`4.50,`0.00,`0.00000,`0.00,`5.00" {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	if !strings.Contains(lines[1], "`r1,`4.50,`0.00,`ORIGINAL,`SUCCESS,") || !strings.HasSuffix(lines[1], "`0.00,`5.00,`") {
		t.Error(lines[1])
	}
	s.pass(6 * time.Minute)
	if status, _, _ := s.send("GET", own, "", s.authorization("GET", "/wechatpay"+own, "", nil)); status != 400 {
		t.Error("an old address is answered ", status)
	}
}

func TestAReturnedRefundIsClosed(t *testing.T) {
	s := open(t)
	s.call("POST", pathRefunds, body(s.pay("ORDER0001", nil), "r1", 100, ""))
	s.pass(time.Minute)
	decide(s, "r1", "returned")
	s.pass(time.Minute)
	if _, got := s.call("GET", pathRefunds+"/r1", ""); got["status"] != "CLOSED" || got["success_time"] != nil || len(s.notices) != 2 || s.notices[1]["event"] != "REFUND.CLOSED" {
		t.Error(got, s.notices)
	}
}

func TestPaymentsThatWeChatPayCannotHaveHad(t *testing.T) {
	s := open(t)
	for name, p := range map[string]channelsim.Payment{
		"dollars":            {Number: "ORDER0009", Amount: 1, Currency: "USD"},
		"a short number":     {Number: "T1", Amount: 1, Currency: "CNY"},
		"an attribute":       {Number: "ORDER0009", Amount: 1, Currency: "CNY", Attributes: map[string]string{"colour": "red"}},
		"a fee above all":    {Number: "ORDER0009", Amount: 1, Currency: "CNY", Attributes: map[string]string{"fee": "2"}},
		"coupons above all":  {Number: "ORDER0009", Amount: 1, Currency: "CNY", Coupons: []channelsim.Coupon{{ID: "1", Scope: "GLOBAL", Type: "CASH", Amount: 2}}},
		"a coupon of a kind": {Number: "ORDER0009", Amount: 9, Currency: "CNY", Coupons: []channelsim.Coupon{{ID: "1", Scope: "GLOBAL", Type: "GOLD", Amount: 2}}},
	} {
		p.Channel = wechatpay.Name
		if _, err := s.AddPayment(p); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestFaultsOfSignatures(t *testing.T) {
	s := open(t)
	id := s.pay("ORDER0001", nil)
	submit := func(fault channelsim.Fault, number string) (http.Header, []byte) {
		if err := s.Inject(channelsim.Injection{Channel: wechatpay.Name, Step: channelsim.StepSubmit, Fault: fault, Phase: channelsim.AfterMove}); err != nil {
			t.Fatal(err)
		}
		text := body(id, number, 1, "")
		_, header, answer := s.send("POST", pathRefunds, text, s.authorization("POST", "/wechatpay"+pathRefunds, text, nil))
		s.pass(time.Minute)
		return header, answer
	}
	if header, text := submit(channelsim.CertificateSwitch, "r1"); s.verify(header, text) != s.account["platform_serial"] {
		t.Error("no other key signed")
	}
	if header, _ := submit(channelsim.WrongSignature, "r2"); !strings.HasPrefix(header.Get("Wechatpay-Signature"), "WECHATPAY/SIGNTEST/") {
		t.Error(header)
	}
}
