package payin_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
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

const (
	merchantID = "M948164"
	clientKey  = "AK000000000000000000000000000001"
	secret     = "payin-test-secret"
	orderID    = "M948164T2023072607034709567189"
	orderNo    = "TEST934759263495634"
	fileToken  = "rk_test_of_a_server_of_files"
)

// fake is Payin's side as its documents describe it. It uses no code of the
// connector's or of wire/payin, so that an error in these is none of its own.
type fake struct {
	*httptest.Server
	testing.TB
	secret string
	// repeats says that a merchantRefundId stands for one refund for ever, which the
	// documents leave open.
	repeats bool

	mu      sync.Mutex
	refunds []map[string]any
	hidden  int // so many of the last refunds are not shown yet
	faults  []string
	gets    []string
	ends    string // the status that each refund has when it is read
	order   map[string]any
	decimal int // of the order's currency
	posts   int
	bodies  []string
	seen    []*http.Request
	file    string
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{TB: t, secret: secret, repeats: true, decimal: 2}
	f.order = map[string]any{
		"id": orderID, "merchantId": merchantID, "merchantOrderId": orderNo, "name": "goods", "amount": json.Number("1000"), "tip": 0, "taxAmount": 0, "currency": "SAR",
		"status": "paid", "successPaymentMethod": "mastercard", "refundTimes": 0, "refundAmount": 0, "refundStatus": "none", "paidAt": "2023-07-26T04:05:33.227Z", "createdAt": "2023-07-26T04:03:33.227Z",
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

var operations = []struct {
	verb, name string
	path       *regexp.Regexp
}{
	{"POST", "order.refund", regexp.MustCompile(`^/orders/([^/]+)/refunds$`)},
	{"GET", "refund.detail", regexp.MustCompile(`^/refunds/([^/]+)$`)},
	{"GET", "order.detail", regexp.MustCompile(`^/orders/([^/]+)$`)},
	{"GET", "merchant.detail", regexp.MustCompile(`^/merchants/([^/]+)$`)},
}

// operation names what is called, and checks the signature over the six pairs.
func (f *fake) operation(r *http.Request) (name, id string, authentic bool) {
	path, found := strings.CutPrefix(r.RequestURI, "/api_v1")
	for _, one := range operations {
		if match := one.path.FindStringSubmatch(path); found && match != nil && r.Method == one.verb {
			name, id = one.name, match[1]
		}
	}
	h := r.Header
	stamp, err := strconv.ParseInt(h.Get("x-auth-timestamp"), 10, 64)
	text := "key=" + url.QueryEscape(h.Get("x-auth-key")) + "&method=" + name + "&signMethod=HmacSHA256&signVersion=1&timestamp=" + h.Get("x-auth-timestamp") + "&uri=" + url.QueryEscape(path)
	mac := hmac.New(sha256.New, []byte(f.secret))
	mac.Write([]byte(text))
	authentic = err == nil && time.Since(time.Unix(stamp, 0)).Abs() < 5*time.Minute && h.Get("x-auth-key") == clientKey && h.Get("x-auth-sign-method") == "HmacSHA256" &&
		h.Get("x-auth-sign-version") == "1" && h.Get("x-auth-signature") == base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return name, id, authentic
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if strings.HasPrefix(r.URL.Path, "/files/") {
		f.serveFile(w, r)
		return
	}
	f.seen, f.bodies = append(f.seen, r), append(f.bodies, string(body))
	name, id, authentic := f.operation(r)
	if !authentic {
		f.problem(w, 401, "notAllowed")
		return
	}
	fault := ""
	if faults := map[bool]*[]string{true: &f.faults, false: &f.gets}[name == "order.refund"]; len(*faults) > 0 {
		fault, *faults = (*faults)[0], (*faults)[1:]
	}
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	if status, code, ok := strings.Cut(fault, " "); ok && len(status) == 3 {
		number, _ := strconv.Atoi(status)
		f.problem(w, number, code)
		return
	}
	switch {
	case name == "order.refund" && id == orderID:
		f.create(w, body, r.Header, fault)
	case name == "refund.detail":
		f.detail(w, id, fault)
	case name == "order.detail" && id == orderID:
		f.write(w, f.order, fault)
	case name == "merchant.detail" && id == merchantID:
		f.write(w, map[string]any{"id": merchantID, "name": "shop", "status": "enabled"}, fault)
	default:
		f.problem(w, 404, "notFound")
	}
}

func (f *fake) problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": "Payin's words", "data": []any{}})
}

func (f *fake) create(w http.ResponseWriter, body []byte, header http.Header, fault string) {
	var in struct {
		Amount           string `json:"amount"`
		Reason           string `json:"reason"`
		MerchantRefundID string `json:"merchantRefundId"`
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	sum := sha256.Sum256(body)
	amount := regexp.MustCompile(`^(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?$`)
	if err := decoder.Decode(&in); err != nil || !amount.MatchString(in.Amount) || in.Reason == "" || len([]rune(in.Reason)) > 255 ||
		!regexp.MustCompile(`^[0-9A-Za-z_.-]{1,64}$`).MatchString(in.MerchantRefundID) || header.Get("x-auth-body-sha256") != hex.EncodeToString(sum[:]) {
		f.problem(w, 400, "badRequest")
		return
	}
	for _, one := range f.refunds {
		if f.repeats && one["merchantRefundId"] == in.MerchantRefundID {
			if one["amount"] != json.Number(in.Amount) {
				f.problem(w, 409, "duplicateMerchantRefundId")
				return
			}
			f.write(w, one, fault)
			return
		}
	}
	f.posts++
	one := f.refund(in.Amount, in.MerchantRefundID)
	if fault == "fail" {
		one["status"] = "fail"
	}
	f.refunds = append(f.refunds, one)
	f.order["refundTimes"] = len(f.refunds)
	f.write(w, clone(one), fault)
}

func (f *fake) refund(amount, number string) map[string]any {
	return map[string]any{
		"amount": json.Number(amount), "status": "pending", "id": fmt.Sprintf("%s_R%d", orderID, len(f.refunds)+1), "orderId": orderID, "paymentMethod": "mastercard",
		"merchantRefundId": number, "merchantId": merchantID, "originTransactionId": orderID + "_1", "currency": f.order["currency"],
		"updatedAt": "2023-07-26T04:06:33.227Z", "createdAt": "2023-07-26T04:06:33.227Z",
	}
}

func clone(one map[string]any) map[string]any {
	out := make(map[string]any, len(one))
	for name, value := range one {
		out[name] = value
	}
	return out
}

func (f *fake) detail(w http.ResponseWriter, id, fault string) {
	for _, one := range f.refunds[:len(f.refunds)-f.hidden] {
		if one["id"] != id {
			continue
		}
		if one["status"] == "pending" && f.ends != "" {
			one["status"], one["finishedAt"] = f.ends, "2023-07-26T04:07:33.227Z"
		}
		f.write(w, clone(one), fault)
		return
	}
	f.problem(w, 404, "notFound")
}

// write sends an answer, or does what a fault says.
func (f *fake) write(w http.ResponseWriter, content map[string]any, fault string) {
	content = clone(content)
	name, value, changed := strings.Cut(fault, "=")
	switch {
	case fault == "drop after":
		panic(http.ErrAbortHandler)
	case changed && value == "none":
		delete(content, name)
	case changed:
		var decoded any
		decoder := json.NewDecoder(strings.NewReader(value))
		decoder.UseNumber()
		if err := decoder.Decode(&decoded); err != nil {
			f.Error(err)
		}
		content[name] = decoded
	}
	body, err := json.Marshal(content)
	if err != nil {
		f.Error(err)
	}
	w.Header().Set("Content-Type", "application/json")
	switch fault {
	case "half":
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "by 202":
		w.WriteHeader(202)
	case "by 502":
		w.WriteHeader(502)
		body = []byte("<html>")
	case "long":
		body = append(body, make([]byte, 2<<20)...)
	}
	_, _ = w.Write(body)
}

func (f *fake) serveFile(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+fileToken:
		w.WriteHeader(401)
	case f.file == "" || r.URL.Path != "/files/"+merchantID+"/2023-07-26.csv":
		w.WriteHeader(404)
	default:
		_, _ = io.WriteString(w, f.file)
	}
}

// daily is the reconciliation file of the refunds, as the documents have it.
func (f *fake) daily() string {
	var text strings.Builder
	text.WriteString("Merchant_ID,Order_ID,Merchant_Order_ID,Order_Create_Time,Order_Complete_Time,Amount,Currency,Trans_Type,Order_Status,Ori_Order_ID,Ori_Order_Amount,Ori_Order_Currency\n")
	fmt.Fprintf(&text, "%s,%s,%s,2023-07-26 13:33:28(GMT+3),2023-07-26 13:34:28(GMT+3),1000.00,SAR,P,S,,,\n", merchantID, orderID, orderNo)
	for _, one := range f.refunds {
		fmt.Fprintf(&text, "%s,%s,%s,2023-07-26 13:35:28(GMT+3),2023-07-26 13:36:28(GMT+3),%s,SAR,R,S,%s,1000.00,SAR\n", merchantID, one["id"], one["merchantRefundId"], one["amount"], orderID)
	}
	return text.String()
}
