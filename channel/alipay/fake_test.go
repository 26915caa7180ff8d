package alipay_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is the platform's side as its documents describe it. It uses no code of the
// connector's or of wire/alipay, so that an error in these is none of its own.
type fake struct {
	*httptest.Server
	testing.TB
	app *rsa.PublicKey
	// signer signs answers. In certificate mode, certificates are checked in requests,
	// and answers name the signer's.
	signer       keyed
	certificates bool
	token        string

	mu      sync.Mutex
	entries map[string]*entry
	faults  map[string][]string // by number, one for each submit
	queries map[string]string   // a fault of every query, by number
	always  map[string]string   // an answer to every submit, "code sub_code"
	backs   map[string]string   // dback_status that a query shows, by number
	seen    []url.Values
	trade   map[string]any // what a trade query says besides its numbers
	bills   map[string]string
	archive []byte
	next    keyed // a certificate that can be downloaded
}

// keyed is a key of the platform's with what its certificate is called.
type keyed struct {
	sn, pem string
	key     *rsa.PrivateKey
}

type entry struct {
	fen   int64
	moves int
}

const (
	appID     = "2014072300007148"
	sellerID  = "2088101126708402"
	tradeNo   = "2013112011001004330000121536"
	orderNo   = "6823789339978248"
	alipaySN  = "e19be776316cceb038910d299d05f2c0" // as openssl prints them
	nextSN    = "abc9d648918dfb05a6954dc45f7264b5"
	appCertSN = "dec4f803a05ab75cc99b56dd98f71a0e"
	rootSN    = "b986032630f897dc88a5a42c12f101cc_f84a70f033908501a1de4fa9181a07d7"
)

// file is one of the files that openssl made for wire/alipay.
func file(name string) string {
	data, err := os.ReadFile("../../wire/alipay/testdata/" + name)
	if err != nil {
		panic(err)
	}
	return string(data)
}

func private(name string) *rsa.PrivateKey {
	block, _ := pem.Decode([]byte(file(name)))
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key.(*rsa.PrivateKey)
}

var otherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func publicPEM(key *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func newFake(t testing.TB, certificates bool) *fake {
	t.Helper()
	f := &fake{
		TB: t, app: &private("app_key.pem").PublicKey, signer: keyed{"", "", private("alipay_key.pem")}, certificates: certificates,
		entries: map[string]*entry{}, faults: map[string][]string{}, queries: map[string]string{}, always: map[string]string{}, backs: map[string]string{},
		trade: map[string]any{"trade_status": "TRADE_SUCCESS", "total_amount": "10.00", "send_pay_date": "2026-11-01 10:00:00"},
		bills: map[string]string{}, next: keyed{nextSN, file("next_cert.pem"), private("next_key.pem")},
	}
	if certificates {
		f.signer.sn = alipaySN
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func signature(t testing.TB, key *rsa.PrivateKey, message string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(message))
	signed, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, sum[:])
	if err != nil {
		t.Error(err)
	}
	return base64.StdEncoding.EncodeToString(signed)
}

// signedText is what a signature is over: all but some, none that is empty, by name.
func signedText(form url.Values, without ...string) string {
	var names []string
	for name := range form {
		names = append(names, name)
	}
	sort.Strings(names)
	text := ""
	for _, name := range names {
		if form.Get(name) == "" || strings.Contains(" "+strings.Join(without, " ")+" ", " "+name+" ") {
			continue
		}
		text += "&" + name + "=" + form.Get(name)
	}
	return strings.TrimPrefix(text, "&")
}

// wrong returns what the gateway says is wrong with a request, "" for nothing.
func (f *fake) wrong(r *http.Request, form url.Values) string {
	at, err := time.ParseInLocation(time.DateTime, form.Get("timestamp"), time.FixedZone("", 8*3600))
	raw, decodeErr := base64.StdEncoding.DecodeString(form.Get("sign"))
	sum := sha256.Sum256([]byte(signedText(form, "sign")))
	switch {
	case r.Method != http.MethodPost, r.Header.Get("Content-Type") != "application/x-www-form-urlencoded;charset=utf-8":
		return "isv.invalid-method"
	case form.Get("app_id") != appID:
		return "isv.invalid-app-id"
	case form.Get("sign_type") != "RSA2", form.Get("version") != "1.0", form.Get("charset") != "utf-8", form.Get("format") != "JSON":
		return "isv.invalid-parameter"
	case decodeErr != nil, rsa.VerifyPKCS1v15(f.app, crypto.SHA256, sum[:], raw) != nil:
		return "isv.invalid-signature"
	case err != nil || time.Since(at).Abs() > 24*time.Hour:
		return "isv.invalid-timestamp"
	case form.Get("app_auth_token") != f.token:
		return "isv.invalid-app-auth-token"
	case f.certificates && (form.Get("app_cert_sn") != appCertSN || form.Get("alipay_root_cert_sn") != rootSN):
		return "isv.app-cert-mismatch"
	case !f.certificates && (form.Has("app_cert_sn") || form.Has("alipay_root_cert_sn")):
		return "isv.invalid-parameter"
	}
	return ""
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/bill" {
		_, _ = w.Write(f.archive)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.Error(err)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		f.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, form)
	method := form.Get("method")
	if problem := f.wrong(r, form); problem != "" {
		fault := ""
		if problem == "isv.invalid-app-id" {
			fault = "unsigned"
		}
		f.write(w, method, status("40002", problem), fault)
		return
	}
	content := form.Get("biz_content")
	switch method {
	case "alipay.trade.refund":
		f.refund(w, content)
	case "alipay.trade.fastpay.refund.query":
		f.query(w, content)
	case "alipay.trade.query":
		f.order(w, content)
	case "alipay.data.dataservice.bill.downloadurl.query":
		f.bill(w, content)
	case "alipay.open.app.alipaycert.download":
		f.certificate(w, content)
	default:
		f.write(w, method, status("40002", "isv.invalid-method"), "")
	}
}

func status(code, sub string) map[string]any {
	out := map[string]any{"code": code, "msg": "the platform's words"}
	if code == "10000" {
		out["msg"] = "Success"
	}
	if sub != "" {
		out["sub_code"], out["sub_msg"] = sub, "the platform's reason"
	}
	return out
}

// read decodes a content, whose members are all documented.
func (f *fake) read(content string, into any) bool {
	decoder := json.NewDecoder(strings.NewReader(content))
	decoder.DisallowUnknownFields()
	return decoder.Decode(into) == nil
}

type royalty struct {
	Type    string `json:"royalty_type"`
	Out     string `json:"trans_out"`
	OutType string `json:"trans_out_type"`
	In      string `json:"trans_in"`
	InType  string `json:"trans_in_type"`
	Amount  string `json:"amount"`
	Desc    string `json:"desc"`
}

type refundContent struct {
	OutTradeNo   string    `json:"out_trade_no"`
	TradeNo      string    `json:"trade_no"`
	RefundAmount string    `json:"refund_amount"`
	OutRequestNo string    `json:"out_request_no"`
	RefundReason string    `json:"refund_reason"`
	Royalties    []royalty `json:"refund_royalty_parameters"`
	QueryOptions []string  `json:"query_options"`
}

// fen reads yuan with two decimals, which is how the connector has to write them.
func fen(text string) (amount int64, ok bool) {
	whole, cents, _ := strings.Cut(text, ".")
	if len(cents) != 2 {
		return 0, false
	}
	_, err := fmt.Sscan(whole+cents, &amount)
	return amount, err == nil && amount > 0
}

func yuan(amount int64) string { return fmt.Sprintf("%d.%02d", amount/100, amount%100) }

func (f *fake) refund(w http.ResponseWriter, content string) {
	const method = "alipay.trade.refund"
	var in refundContent
	ok := f.read(content, &in)
	amount, isAmount := fen(in.RefundAmount)
	if !ok || !isAmount || in.OutRequestNo == "" || len(in.OutRequestNo) > 64 || len([]rune(in.RefundReason)) > 256 || in.TradeNo == "" && in.OutTradeNo == "" {
		f.write(w, method, status("40004", "ACQ.INVALID_PARAMETER"), "")
		return
	}
	fault := ""
	if list := f.faults[in.OutRequestNo]; len(list) > 0 {
		fault, f.faults[in.OutRequestNo] = list[0], list[1:]
	}
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	for _, answer := range []string{fault, f.always[in.OutRequestNo]} {
		if code, sub, ok := strings.Cut(answer, " "); ok && len(code) == 5 && code < "50000" && code >= "10000" {
			f.write(w, method, status(code, sub), "")
			return
		}
	}
	e, again := f.entries[in.OutRequestNo]
	if again && e.fen != amount {
		f.write(w, method, status("40004", "ACQ.DISCORDANT_REPEAT_REQUEST"), "")
		return
	}
	if !again {
		e = &entry{fen: amount, moves: 1}
		f.entries[in.OutRequestNo] = e
	}
	sum := int64(0)
	for _, one := range f.entries {
		sum += one.fen
	}
	out := status("10000", "")
	for name, value := range map[string]any{
		"trade_no": tradeNo, "out_trade_no": orderNo, "buyer_logon_id": "159****5620", "fund_change": "Y", "refund_fee": yuan(sum), "send_back_fee": yuan(amount),
		"gmt_refund_pay": "2026-11-29 17:00:00", "refund_detail_item_list": []any{map[string]any{"fund_channel": "BANKCARD", "amount": yuan(amount)}},
	} {
		out[name] = value
	}
	switch {
	case fault == "no fund_change":
		delete(out, "fund_change")
	case fault == "fund_change X":
		out["fund_change"] = "X"
	case again, fault == "fund_change N":
		out["fund_change"] = "N"
	}
	f.write(w, method, out, fault)
}

func (f *fake) query(w http.ResponseWriter, content string) {
	const method = "alipay.trade.fastpay.refund.query"
	var in struct {
		OutTradeNo   string   `json:"out_trade_no"`
		TradeNo      string   `json:"trade_no"`
		OutRequestNo string   `json:"out_request_no"`
		QueryOptions []string `json:"query_options"`
	}
	if !f.read(content, &in) || in.OutRequestNo == "" {
		f.write(w, method, status("40004", "ACQ.INVALID_PARAMETER"), "")
		return
	}
	fault := f.queries[in.OutRequestNo]
	if code, sub, ok := strings.Cut(fault, " "); ok && len(code) == 5 && code < "50000" {
		f.write(w, method, status(code, sub), "")
		return
	}
	out := status("10000", "")
	e := f.entries[in.OutRequestNo]
	if e == nil || fault == "not done" {
		if fault == "error_code" {
			out["error_code"] = "ACQ.SELLER_BALANCE_NOT_ENOUGH"
		}
		f.write(w, method, out, fault)
		return
	}
	for name, value := range map[string]any{
		"trade_no": tradeNo, "out_trade_no": orderNo, "out_request_no": in.OutRequestNo, "refund_status": "REFUND_SUCCESS", "total_amount": "10.00",
		"refund_amount": yuan(e.fen), "gmt_refund_pay": "2026-11-29 17:00:00", "send_back_fee": yuan(e.fen),
	} {
		out[name] = value
	}
	if back := f.backs[in.OutRequestNo]; back != "" {
		out["deposit_back_info"] = map[string]any{"has_deposit_back": "true", "dback_status": back, "dback_amount": yuan(e.fen), "bank_ack_time": "2026-11-30 10:00:00"}
	}
	f.write(w, method, out, fault)
}
