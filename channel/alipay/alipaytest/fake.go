// Package alipaytest plays Alipay for tests, as its documents describe it.
package alipaytest

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
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Fake is the platform's side as its documents describe it. It uses no code of the
// connector's or of wire/alipay, so that an error in these is none of its own.
type Fake struct {
	*httptest.Server
	testing.TB
	Now func() time.Time // default time.Now
	App *rsa.PublicKey
	// signer signs answers. In certificate mode, certificates are checked in requests,
	// and answers name the signer's.
	Signer       Keyed
	Certificates bool
	Token        string

	Mu      sync.Mutex
	Entries map[string]*Entry
	Faults  map[string][]string // by number, or "" for any, one for each submit
	Queries map[string]string   // a fault of every query, by number
	Always  map[string]string   // an answer to every submit, "code sub_code"
	Backs   map[string]string   // dback_status that a query shows, by number
	Seen    []url.Values
	// ContentType is the last request's.
	ContentType string
	Trade       map[string]any // what a trade query says besides its numbers
	Bills       map[string]string
	Archive     []byte
	Next        Keyed // a certificate that can be downloaded
}

// Keyed is a key of the platform's with what its certificate is called.
type Keyed struct {
	SN, PEM string
	Key     *rsa.PrivateKey
}

// Entry is a refund that was made.
type Entry struct {
	TradeNo string
	Fen     int64
	Moves   int
}

// Numbers of the app and of a trade.
const (
	AppID     = "2014072300007148"
	SellerID  = "2088101126708402"
	TradeNo   = TradePrefix + "21536"
	OrderNo   = OrderPrefix + "21536"
	AlipaySN  = "e19be776316cceb038910d299d05f2c0" // as openssl prints them
	NextSN    = "a1f68891494c549619e6fba727e72de9"
	AppCertSN = "dec4f803a05ab75cc99b56dd98f71a0e"
	RootSN    = "b986032630f897dc88a5a42c12f101cc_24f8823956865df346797e818a4e2dcf"
)

// TradePrefix and OrderPrefix, each with the same five digits, are the numbers of a trade.
const (
	TradePrefix = "20131120110010043300001"
	OrderPrefix = "68237893399"
)

// trade finds both numbers of a trade. There is no trade that ends in 29999.
func trade(tradeNo, orderNo string) (string, string, bool) {
	last, ok := strings.CutPrefix(tradeNo, TradePrefix)
	if !ok {
		last, ok = strings.CutPrefix(orderNo, OrderPrefix)
	}
	return TradePrefix + last, OrderPrefix + last, ok && len(last) == 5 && last != "29999"
}

// File is one of the files that openssl made for wire/alipay.
func File(name string) string {
	_, here, _, _ := runtime.Caller(0)
	data, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", "wire", "alipay", "testdata", name))
	if err != nil {
		panic(err)
	}
	return string(data)
}

// Private is a private key among them.
func Private(name string) *rsa.PrivateKey {
	block, _ := pem.Decode([]byte(File(name)))
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		panic(err)
	}
	return key.(*rsa.PrivateKey)
}

// OtherKey is nobody's.
var OtherKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// PublicPEM is a key's public half.
func PublicPEM(key *rsa.PrivateKey) string {
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// New starts a fake in key mode, or in certificate mode.
func New(t testing.TB, certificates bool) *Fake {
	t.Helper()
	f := &Fake{
		TB: t, Now: time.Now, App: &Private("app_key.pem").PublicKey, Signer: Keyed{"", "", Private("alipay_key.pem")}, Certificates: certificates,
		Entries: map[string]*Entry{}, Faults: map[string][]string{}, Queries: map[string]string{}, Always: map[string]string{}, Backs: map[string]string{},
		Trade: map[string]any{"trade_status": "TRADE_SUCCESS", "total_amount": "10.00", "send_pay_date": "2026-11-01 10:00:00"},
		Bills: map[string]string{}, Next: Keyed{NextSN, File("next_cert.pem"), Private("next_key.pem")},
	}
	if certificates {
		f.Signer.SN = AlipaySN
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
func (f *Fake) wrong(r *http.Request, form url.Values) string {
	at, err := time.ParseInLocation(time.DateTime, form.Get("timestamp"), time.FixedZone("", 8*3600))
	raw, decodeErr := base64.StdEncoding.DecodeString(form.Get("sign"))
	sum := sha256.Sum256([]byte(signedText(form, "sign")))
	switch {
	case r.Method != http.MethodPost, !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded"):
		return "isv.invalid-method"
	case form.Get("app_id") != AppID:
		return "isv.invalid-app-id"
	case form.Get("sign_type") != "RSA2", form.Get("version") != "1.0", form.Get("charset") != "utf-8", form.Get("format") != "JSON":
		return "isv.invalid-parameter"
	case decodeErr != nil, rsa.VerifyPKCS1v15(f.App, crypto.SHA256, sum[:], raw) != nil:
		return "isv.invalid-signature"
	case err != nil || f.Now().Sub(at).Abs() > 10*time.Minute:
		return "isv.invalid-timestamp"
	case form.Get("app_auth_token") != f.Token:
		return "isv.invalid-app-auth-token"
	case f.Certificates && (form.Get("app_cert_sn") != AppCertSN || form.Get("alipay_root_cert_sn") != RootSN):
		return "isv.app-cert-mismatch"
	case !f.Certificates && (form.Has("app_cert_sn") || form.Has("alipay_root_cert_sn")):
		return "isv.invalid-parameter"
	}
	return ""
}

func (f *Fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/bill" {
		_, _ = w.Write(f.Archive)
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
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Seen, f.ContentType = append(f.Seen, form), r.Header.Get("Content-Type")
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
func (f *Fake) read(content string, into any) bool {
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
	amount, err := strconv.ParseInt(whole+cents, 10, 64)
	return amount, err == nil && amount > 0
}

func yuan(amount int64) string { return fmt.Sprintf("%d.%02d", amount/100, amount%100) }

func (f *Fake) refund(w http.ResponseWriter, content string) {
	const method = "alipay.trade.refund"
	var in refundContent
	ok := f.read(content, &in)
	amount, isAmount := fen(in.RefundAmount)
	if !ok || !isAmount || in.OutRequestNo == "" || len(in.OutRequestNo) > 64 || len([]rune(in.RefundReason)) > 256 || in.TradeNo == "" && in.OutTradeNo == "" {
		f.write(w, method, status("40004", "ACQ.INVALID_PARAMETER"), "")
		return
	}
	fault := ""
	for _, number := range []string{in.OutRequestNo, ""} {
		if list := f.Faults[number]; len(list) > 0 && fault == "" {
			fault, f.Faults[number] = list[0], list[1:]
		}
	}
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	for _, answer := range []string{fault, f.Always[in.OutRequestNo]} {
		if code, sub, ok := strings.Cut(answer, " "); ok && len(code) == 5 && code < "50000" && code >= "10000" {
			f.write(w, method, status(code, sub), "")
			return
		}
	}
	tradeNo, orderNo, known := trade(in.TradeNo, in.OutTradeNo)
	if !known {
		f.write(w, method, status("40004", "ACQ.TRADE_NOT_EXIST"), "")
		return
	}
	e, again := f.Entries[in.OutRequestNo]
	if again && e.Fen != amount {
		f.write(w, method, status("40004", "ACQ.DISCORDANT_REPEAT_REQUEST"), "")
		return
	}
	if fault == "accepted and forgotten" {
		out := status("10000", "")
		out["trade_no"], out["out_trade_no"], out["fund_change"] = tradeNo, orderNo, "N"
		f.write(w, method, out, "")
		return
	}
	if !again {
		e = &Entry{TradeNo: tradeNo, Fen: amount, Moves: 1}
		f.Entries[in.OutRequestNo] = e
	}
	sum := int64(0)
	for _, one := range f.Entries {
		if one.TradeNo == tradeNo {
			sum += one.Fen
		}
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

func (f *Fake) query(w http.ResponseWriter, content string) {
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
	fault := f.Queries[in.OutRequestNo]
	if code, sub, ok := strings.Cut(fault, " "); ok && len(code) == 5 && code < "50000" {
		f.write(w, method, status(code, sub), "")
		return
	}
	out := status("10000", "")
	tradeNo, orderNo, _ := trade(in.TradeNo, in.OutTradeNo)
	e := f.Entries[in.OutRequestNo]
	if e == nil || e.TradeNo != tradeNo || fault == "not done" {
		if fault == "error_code" {
			out["error_code"] = "ACQ.SELLER_BALANCE_NOT_ENOUGH"
		}
		f.write(w, method, out, fault)
		return
	}
	for name, value := range map[string]any{
		"trade_no": tradeNo, "out_trade_no": orderNo, "out_request_no": in.OutRequestNo, "refund_status": "REFUND_SUCCESS", "total_amount": "10.00",
		"refund_amount": yuan(e.Fen), "gmt_refund_pay": "2026-11-29 17:00:00", "send_back_fee": yuan(e.Fen),
	} {
		out[name] = value
	}
	if back := f.Backs[in.OutRequestNo]; back != "" {
		out["deposit_back_info"] = map[string]any{"has_deposit_back": "true", "dback_status": back, "dback_amount": yuan(e.Fen), "bank_ack_time": "2026-11-30 10:00:00"}
	}
	f.write(w, method, out, fault)
}
