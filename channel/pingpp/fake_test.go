package pingpp_test

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
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	app      = "app_1Gqj58ynP0mHeX1q"
	testKey  = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"
	liveKey  = "sk_live_ibbTe5jLGCi5rzfH4OqPW9KC"
	chargeID = "ch_L8qn10mLmr1GS8e5OODmHaL4"
	orderNo  = "123456789"
)

// fake is Ping++'s side as its documents describe it. It uses no code of the
// connector's or of wire/pingpp, so that an error in these is none of its own.
type fake struct {
	*httptest.Server
	testing.TB
	merchant *rsa.PublicKey // whose signatures are checked, nil for none
	platform *rsa.PrivateKey
	page     int // refunds on a page at most

	mu      sync.Mutex
	refunds []map[string]any // newest first
	posts   int
	faults  []string // one for each POST
	lists   []string // one for each GET of a list
	gets    []string // one for each GET of a refund
	always  string   // an error for every POST, "status type code"
	ends    string   // the status and failure_code that each refund has when it is read
	charge  map[string]any
	seen    []*http.Request
	bodies  []string
}

type testKeys struct{ merchant, platform, other *rsa.PrivateKey }

var keysOnce = sync.OnceValue(func() (k testKeys) {
	for _, key := range []**rsa.PrivateKey{&k.merchant, &k.platform, &k.other} {
		made, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		*key = made
	}
	return k
})

func newFake(t testing.TB) *fake {
	t.Helper()
	keys := keysOnce()
	f := &fake{TB: t, merchant: &keys.merchant.PublicKey, platform: keys.platform, page: 20}
	f.charge = map[string]any{
		"id": chargeID, "object": "charge", "created": 1409634160, "livemode": false, "paid": true, "refunded": false, "reversed": false, "app": app, "channel": "wx",
		"order_no": orderNo, "client_ip": "127.0.0.1", "amount": 1000, "amount_settle": 1000, "currency": "cny", "time_paid": 1409634170,
		"transaction_no": "1224524301201505066067849274", "amount_refunded": 0, "metadata": map[string]any{}, "credential": map[string]any{},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
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

// authentic checks the key, and of a POST the signature over body, target and time.
func (f *fake) authentic(r *http.Request, body []byte) bool {
	if key := r.Header.Get("Authorization"); key != "Bearer "+testKey && key != "Bearer "+liveKey {
		return false
	}
	if f.merchant == nil || r.Method != http.MethodPost {
		return true
	}
	stamp := r.Header.Get("Pingplusplus-Request-Timestamp")
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	signed, err2 := base64.StdEncoding.DecodeString(r.Header.Get("Pingplusplus-Signature"))
	if err != nil || err2 != nil || time.Since(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	sum := sha256.Sum256([]byte(string(body) + r.RequestURI + stamp))
	return rsa.VerifyPKCS1v15(f.merchant, crypto.SHA256, sum[:], signed) == nil
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		f.Error(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.bodies = append(f.seen, r), append(f.bodies, string(body))
	if !f.authentic(r, body) {
		f.write(w, 401, problem("invalid_request_error", "", "", "提供了无效的 API KEY: sk_test_*************************。"), "unsigned")
		return
	}
	if r.Method == http.MethodPost && f.answered(w, f.always) {
		return
	}
	const charges = "/v1/charges"
	refunds := charges + "/" + chargeID + "/refunds"
	switch path := strings.TrimPrefix(r.URL.Path, "/behind"); {
	case r.Method == http.MethodPost && path == refunds:
		f.create(w, body)
	case r.Method == http.MethodGet && path == refunds:
		f.list(w, r)
	case r.Method == http.MethodGet && strings.HasPrefix(path, refunds+"/"):
		f.one(w, strings.TrimPrefix(path, refunds+"/"))
	case r.Method == http.MethodGet && path == charges+"/"+chargeID:
		f.write(w, 200, f.charge, next(&f.gets))
	case r.Method == http.MethodGet && path == charges:
		if r.URL.Query().Get("app[id]") != app {
			f.write(w, 404, problem("invalid_request_error", "", "app[id]", "未找到 app"), "")
			return
		}
		f.write(w, 200, map[string]any{"object": "list", "url": charges, "has_more": true, "data": []any{f.charge}}, next(&f.gets))
	default:
		f.write(w, 404, problem("invalid_request_error", "", "id", "未找到 charge : "+path+"。"), "")
	}
}

func next(faults *[]string) (fault string) {
	if len(*faults) > 0 {
		fault, *faults = (*faults)[0], (*faults)[1:]
	}
	return fault
}

func problem(kind, code, param, message string) map[string]any {
	e := map[string]any{"type": kind, "message": message}
	if code != "" {
		e["code"] = code
	}
	if param != "" {
		e["param"] = param
	}
	return map[string]any{"error": e}
}

// create makes a refund each time it is called: Ping++ knows no repeats.
func (f *fake) create(w http.ResponseWriter, body []byte) {
	var in map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	if err := decoder.Decode(&in); err != nil {
		f.Error(err)
	}
	fault := next(&f.faults)
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	if f.answered(w, fault) {
		return
	}
	amount, err := in["amount"].(json.Number).Int64()
	description, _ := in["description"].(string)
	if err != nil || amount < 1 || description == "" || len([]rune(description)) > 255 {
		f.write(w, 400, problem("invalid_request_error", "", "amount", "参数错误"), "")
		return
	}
	f.posts++
	one := f.refund(fmt.Sprintf("re_%024d", f.posts), amount, in["metadata"])
	one["description"] = description
	if strings.HasPrefix(fault, "failed") {
		f.settle(one, fault)
		fault = ""
	}
	f.refunds = append([]map[string]any{one}, f.refunds...)
	f.write(w, 200, clone(one), fault)
}

// answered answers a fault that is an error: "402 channel_error code param".
func (f *fake) answered(w http.ResponseWriter, fault string) bool {
	parts := strings.Split(fault+"   ", " ")
	status, err := strconv.Atoi(parts[0])
	if err != nil || status == 200 {
		return false
	}
	f.write(w, status, problem(parts[1], parts[2], parts[3], "Ping++'s words"), "")
	return true
}

func (f *fake) refund(id string, amount int64, metadata any) map[string]any {
	if metadata == nil {
		metadata = map[string]any{}
	}
	return map[string]any{
		"id": id, "object": "refund", "order_no": strings.TrimPrefix(id, "re_"), "amount": amount, "created": int64(1409634160 + f.posts), "succeed": false,
		"status": "pending", "time_succeed": nil, "description": "broken", "failure_code": nil, "failure_msg": nil, "metadata": metadata,
		"charge": chargeID, "charge_order_no": orderNo, "transaction_no": nil, "funding_source": nil, "extra": map[string]any{},
	}
}

// settle ends a refund: "succeeded", "failed code" or "pending code".
func (f *fake) settle(one map[string]any, how string) {
	status, code, _ := strings.Cut(how, " ")
	one["status"], one["succeed"] = status, status == "succeeded"
	if status == "succeeded" {
		one["time_succeed"] = int64(1409634192)
	}
	if code != "" {
		one["failure_code"], one["failure_msg"] = code, "来自渠道的信息"
	}
}

func clone(one map[string]any) map[string]any {
	out := make(map[string]any, len(one))
	for name, value := range one {
		out[name] = value
	}
	return out
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	fault := next(&f.lists)
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	if f.answered(w, fault) {
		return
	}
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	if err != nil || limit < 1 || limit > 20 {
		f.write(w, 400, problem("invalid_request_error", "", "limit", "参数错误"), "")
		return
	}
	begin := 0
	if after := r.URL.Query().Get("starting_after"); after != "" {
		for begin < len(f.refunds) && f.refunds[begin]["id"] != after {
			begin++
		}
		begin++
	}
	end := min(len(f.refunds), begin+min(limit, f.page))
	data := []any{}
	for _, one := range f.refunds[min(begin, end):end] {
		f.ended(one)
		data = append(data, clone(one))
	}
	f.write(w, 200, map[string]any{"object": "list", "url": "/v1/charges/" + chargeID + "/refunds", "has_more": end < len(f.refunds), "data": data}, fault)
}

func (f *fake) ended(one map[string]any) {
	if one["status"] == "pending" && f.ends != "" {
		f.settle(one, f.ends)
	}
}

func (f *fake) one(w http.ResponseWriter, id string) {
	fault := next(&f.gets)
	if fault == "drop before" {
		panic(http.ErrAbortHandler)
	}
	if f.answered(w, fault) {
		return
	}
	for _, one := range f.refunds {
		if one["id"] == id {
			f.ended(one)
			f.write(w, 200, clone(one), fault)
			return
		}
	}
	f.write(w, 404, problem("invalid_request_error", "", "id", "未找到 refund : "+id+"。"), "")
}

// write signs and sends an answer, or does what a fault says.
func (f *fake) write(w http.ResponseWriter, status int, content map[string]any, fault string) {
	first := content
	if data, ok := content["data"].([]any); ok && len(data) > 0 {
		first = data[0].(map[string]any)
	}
	signer := f.platform
	name, value, changed := strings.Cut(fault, "=")
	switch {
	case fault == "drop after":
		panic(http.ErrAbortHandler)
	case fault == "another's key":
		signer = keysOnce().other
	case changed && value == "none":
		delete(first, name)
	case changed:
		var decoded any
		if err := json.Unmarshal([]byte(value), &decoded); err != nil {
			f.Error(err)
		}
		first[name] = decoded
	}
	body, err := json.MarshalIndent(content, "", "    ")
	if err != nil {
		f.Error(err)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json;charset=utf-8")
	if fault != "unsigned" && (status == 200 || status == 400) {
		h.Set("X-Pingplusplus-Signature", signature(f, signer, string(body)))
	}
	switch fault {
	case "changed body":
		body = append(body, ' ')
	case "half":
		h.Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(status)
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "by 202":
		status = 202
	case "by 502":
		status, body = 502, []byte("<html>")
	case "long":
		body = append(body, make([]byte, 2<<20)...)
	}
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
