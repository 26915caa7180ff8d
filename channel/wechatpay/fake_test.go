package wechatpay_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is the platform's side as its documents describe it. It uses no code of the
// connector's or of wire/wechatpay, so that an error in these is none of its own.
type fake struct {
	*httptest.Server
	testing.TB
	mchID, subMchID string // subMchID is "" for a direct merchant
	apiV3Key        string
	merchant        *rsa.PublicKey
	merchantSerial  string
	certificate     keyed
	public          keyed

	mu      sync.Mutex
	entries map[string]*entry
	faults  map[string][]string // by number, one for each submit
	queries map[string]string   // a fault of every query, by number
	always  map[string]string   // an error for every submit, "status code"
	ends    map[string]string   // the status that a query finds
	seen    []seen
	billDay string
}

// keyed is a key of the platform's with its name.
type keyed struct {
	name string
	key  *rsa.PrivateKey
}

type entry struct {
	number, id, transaction string
	refund, total           int64
	status                  string
	moves                   int
}

type seen struct {
	method, uri string
	body        []byte
	header      http.Header
}

type testKeys struct{ merchant, certificate, public, other *rsa.PrivateKey }

var keysOnce = sync.OnceValue(func() (k testKeys) {
	for _, key := range []**rsa.PrivateKey{&k.merchant, &k.certificate, &k.public, &k.other} {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		*key = made
	}
	return k
})

const (
	merchantSerial = "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"
	platformSerial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	publicKeyID    = "PUB_KEY_ID_0114232134912410000000000000"
	apiV3Key       = "0123456789abcdef0123456789abcdef"
	mchID          = "1900009191"
	spMchID        = "1900000100"
	subMchID       = "1900000109"
	transactionID  = "4200000000202607010000000001"
	orderNo        = "1217752501201407033233368018"
)

func newFake(t testing.TB, mchID, subMchID string) *fake {
	t.Helper()
	keys := keysOnce()
	f := &fake{
		TB: t, mchID: mchID, subMchID: subMchID, apiV3Key: apiV3Key, merchant: &keys.merchant.PublicKey, merchantSerial: merchantSerial,
		certificate: keyed{platformSerial, keys.certificate}, public: keyed{publicKeyID, keys.public},
		entries: map[string]*entry{}, faults: map[string][]string{}, queries: map[string]string{}, always: map[string]string{}, ends: map[string]string{},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// certificatePEM is a certificate of a number, serial and life.
func certificatePEM(t testing.TB, key *rsa.PrivateKey, name, serial string, until time.Time) string {
	t.Helper()
	number, ok := new(big.Int).SetString(serial, 16)
	if !ok {
		t.Fatal(serial)
	}
	template := &x509.Certificate{SerialNumber: number, Subject: pkix.Name{CommonName: name}, NotBefore: until.AddDate(-5, 0, 0), NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func privatePEM(t testing.TB, key *rsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

func publicPEM(t testing.TB, key *rsa.PrivateKey) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
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

var attribute = regexp.MustCompile(`(\w+)="([^"]*)"`)

// authentic returns what is wrong with a request's signature, "" for nothing.
func (f *fake) authentic(r *http.Request, body []byte) string {
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	got := map[string]string{}
	for _, pair := range attribute.FindAllStringSubmatch(rest, -1) {
		got[pair[1]] = pair[2]
	}
	stamp, err := strconv.ParseInt(got["timestamp"], 10, 64)
	switch {
	case scheme != "WECHATPAY2-SHA256-RSA2048":
		return "scheme"
	case err != nil || time.Since(time.Unix(stamp, 0)).Abs() > 5*time.Minute:
		return "timestamp"
	case got["mchid"] != f.mchID:
		return "mchid"
	case !strings.EqualFold(got["serial_no"], f.merchantSerial):
		return "serial_no"
	case r.UserAgent() != "refundry":
		return "User-Agent"
	}
	message := r.Method + "\n" + r.RequestURI + "\n" + got["timestamp"] + "\n" + got["nonce_str"] + "\n" + string(body) + "\n"
	signed, err := base64.StdEncoding.DecodeString(got["signature"])
	sum := sha256.Sum256([]byte(message))
	if err != nil || rsa.VerifyPKCS1v15(f.merchant, crypto.SHA256, sum[:], signed) != nil {
		return "signature"
	}
	return ""
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, seen{r.Method, r.RequestURI, body, r.Header})
	if problem := f.authentic(r, body); problem != "" {
		f.problem(w, 401, "SIGN_ERROR", "", "unsigned")
		return
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	switch number, isRefund := strings.CutPrefix(path, "/v3/refund/domestic/refunds/"); {
	case r.Method == "POST" && path == "/v3/refund/domestic/refunds":
		f.submit(w, r, body)
	case r.Method == "POST" && strings.HasSuffix(path, "/apply-abnormal-refund"):
		f.abnormal(w, r, strings.TrimSuffix(number, "/apply-abnormal-refund"), body)
	case r.Method == "GET" && isRefund:
		f.query(w, r, number)
	case strings.HasPrefix(path, "/v3/pay/"):
		f.order(w, r)
	case path == "/v3/certificates" && f.always["certificates"] != "":
		f.certificates(w)
	case path == "/v3/bill/tradebill":
		f.bill(w, r)
	case path == "/v3/billdownload/file":
		_, _ = w.Write(f.billFile())
	default:
		f.problem(w, 404, "NOT_FOUND", r.Header.Get("Wechatpay-Serial"), "")
	}
}

type refundBody struct {
	SubMchID      string `json:"sub_mchid"`
	TransactionID string `json:"transaction_id"`
	OutRefundNo   string `json:"out_refund_no"`
	Reason        string `json:"reason"`
	NotifyURL     string `json:"notify_url"`
	FundsAccount  string `json:"funds_account"`
	Amount        struct {
		Refund   int64  `json:"refund"`
		Total    int64  `json:"total"`
		Currency string `json:"currency"`
		From     []struct {
			Account string `json:"account"`
			Amount  int64  `json:"amount"`
		} `json:"from"`
	} `json:"amount"`
	Goods []map[string]any `json:"goods_detail"`
}

func (f *fake) submit(w http.ResponseWriter, r *http.Request, body []byte) {
	named := r.Header.Get("Wechatpay-Serial")
	var in refundBody
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&in)
	if err != nil || in.SubMchID != f.subMchID || in.Amount.Currency != "CNY" || in.Amount.Refund < 1 || in.Amount.Total < in.Amount.Refund ||
		!regexp.MustCompile(`^[0-9A-Za-z_|*@-]{1,64}$`).MatchString(in.OutRefundNo) || len(in.Reason) > 80 || len(in.NotifyURL) > 256 {
		f.problem(w, 400, "PARAM_ERROR", named, "")
		return
	}
	fault := ""
	if list := f.faults[in.OutRefundNo]; len(list) > 0 {
		fault, f.faults[in.OutRefundNo] = list[0], list[1:]
	}
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	if status, code, ok := strings.Cut(fault, " "); ok && len(status) == 3 && status < "600" {
		number, _ := strconv.Atoi(status)
		f.problem(w, number, code, named, "")
		return
	}
	if status, code, ok := strings.Cut(f.always[in.OutRefundNo], " "); ok {
		number, _ := strconv.Atoi(status)
		f.problem(w, number, code, named, "")
		return
	}
	e := f.entries[in.OutRefundNo]
	switch {
	case e != nil && (e.refund != in.Amount.Refund || e.total != in.Amount.Total || e.transaction != in.TransactionID):
		f.problem(w, 400, "INVALID_REQUEST", named, "")
		return
	case e == nil:
		e = &entry{
			number: in.OutRefundNo, id: fmt.Sprintf("50%027d", len(f.entries)+1), transaction: in.TransactionID,
			refund: in.Amount.Refund, total: in.Amount.Total, status: "PROCESSING", moves: 1,
		}
		if f.ends[e.number] == "ABNORMAL" {
			e.moves = 0
		}
		f.entries[e.number] = e
	}
	f.write(w, 200, refundObject(e, e.status), named, fault)
}

func (f *fake) query(w http.ResponseWriter, r *http.Request, number string) {
	named := r.Header.Get("Wechatpay-Serial")
	number, err := url.PathUnescape(number)
	if err != nil || r.URL.Query().Get("sub_mchid") != f.subMchID {
		f.problem(w, 400, "PARAM_ERROR", named, "")
		return
	}
	if status, code, ok := strings.Cut(f.queries[number], " "); ok && len(status) == 3 && status < "600" {
		n, _ := strconv.Atoi(status)
		f.problem(w, n, code, named, "")
		return
	}
	e := f.entries[number]
	if e == nil {
		f.problem(w, 404, "RESOURCE_NOT_EXISTS", named, f.queries[number])
		return
	}
	if e.status = f.ends[number]; e.status == "" {
		e.status = "SUCCESS"
	}
	f.write(w, 200, refundObject(e, e.status), named, f.queries[number])
}

// refundObject is the page's example with the entry's numbers.
func refundObject(e *entry, status string) map[string]any {
	out := map[string]any{
		"refund_id": e.id, "out_refund_no": e.number, "transaction_id": e.transaction, "out_trade_no": orderNo, "channel": "ORIGINAL",
		"user_received_account": "招商银行信用卡0403", "create_time": "2026-11-29T08:00:00+08:00", "status": status, "funds_account": "UNSETTLED",
		"amount": map[string]any{
			"total": e.total, "refund": e.refund, "payer_total": e.total, "payer_refund": e.refund, "settlement_refund": e.refund,
			"settlement_total": e.total, "discount_refund": 0, "currency": "CNY",
		},
	}
	if status == "SUCCESS" {
		out["success_time"] = "2026-11-29T09:00:00+08:00"
	}
	return out
}

func (f *fake) problem(w http.ResponseWriter, status int, code, named, fault string) {
	f.write(w, status, map[string]any{"code": code, "message": "the platform's words"}, named, fault)
}

// write signs and sends an answer, or does what a fault says.
func (f *fake) write(w http.ResponseWriter, status int, content map[string]any, named, fault string) {
	signer := f.certificate
	if named == f.public.name {
		signer = f.public
	}
	stamp := time.Now().Unix()
	switch fault {
	case "drop after":
		panic(http.ErrAbortHandler)
	case "wrong amount":
		content["amount"].(map[string]any)["refund"] = content["amount"].(map[string]any)["refund"].(int64) + 1
	case "wrong currency":
		content["amount"].(map[string]any)["currency"] = "USD"
	case "other refund":
		content["out_refund_no"] = "another"
	case "other order":
		content["transaction_id"] = "4200000000202607010000000009"
	case "other total":
		content["amount"].(map[string]any)["total"] = int64(77777)
	case "unknown status":
		content["status"] = "MAYBE"
	case "old":
		stamp -= 301
	case "early":
		stamp += 310
	case "unknown serial":
		signer.name = "4C9F2B"
	case "another's key":
		signer.key = keysOnce().other
	case "switched": // the platform signs with its other key
		signer = f.certificate
		if named == f.certificate.name {
			signer = f.public
		}
	}
	body, err := json.Marshal(content)
	if err != nil {
		f.Error(err)
	}
	nonce := "c5ac7061fccab6bf3e254dcf98995b8c"
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h["Request-ID"] = []string{"08F7-" + strconv.Itoa(len(f.seen))}
	if fault != "unsigned" {
		h.Set("Wechatpay-Timestamp", strconv.FormatInt(stamp, 10))
		h.Set("Wechatpay-Nonce", nonce)
		h.Set("Wechatpay-Serial", signer.name)
		h.Set("Wechatpay-Signature", signature(f, signer.key, strconv.FormatInt(stamp, 10)+"\n"+nonce+"\n"+string(body)+"\n"))
	}
	switch fault {
	case "wrong signature":
		h.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+h.Get("Wechatpay-Signature")[19:])
	case "changed body":
		body = []byte(strings.Replace(string(body), `"status":"PROCESSING"`, `"status":"SUCCESS"`, 1) + " ")
	case "half":
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "by 202":
		status = 202
	case "long":
		body = append(body, make([]byte, 2<<20)...)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
