package chinaums_test

import (
	"cmp"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is the platform's side as its documents describe it. It uses no code of the
// connector's or of wire/chinaums, so that an error in these is none of its own.
type fake struct {
	*httptest.Server
	testing.TB
	appID, appKey string // of the open platform
	msgSrc, key   string // of the older messages
	signType      string
	// otherForm says that refund queries name the order, with the refund's number
	// beside it.
	otherForm bool

	mu      sync.Mutex
	orders  map[string]*order
	refunds map[string]*entry   // by number
	faults  map[string][]string // by refund number, one for each submit
	queries map[string]string   // a fault of every query, by refund number
	always  map[string]string   // a code for every submit, by refund number, and for every call of a path
	ends    map[string]string   // the refundStatus that a query finds
	seen    []seen
}

type order struct {
	number, instMID, billDate, status string
	total                             int64
	lacksData                         bool
	payTime                           string // of a bill; "" for 2026-11-01 10:00:00
}

type entry struct {
	number, order, target, status string
	amount                        int64
	moves                         int
}

type seen struct {
	path string
	body map[string]json.RawMessage
	raw  []byte
}

const (
	mid     = "898310000000001"
	tid     = "00000001"
	orderNo = "3194202611010000000000001"
	billNo  = "31942026110100000000000B1"
	appKey  = "6789012345678901234567890123456x"
	commKey = "fakeCommunicationKey0123456789"
)

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{
		TB: t, appID: "10037e6f000000000000000000000001", appKey: appKey, msgSrc: "WWW.SHOP.COM", key: commKey, signType: "MD5",
		orders: map[string]*order{
			orderNo: {number: orderNo, instMID: "H5DEFAULT", status: "TRADE_SUCCESS", total: 1000},
			billNo:  {number: billNo, instMID: "QRPAYDEFAULT", billDate: "2026-11-01", status: "PAID", total: 1000},
		},
		refunds: map[string]*entry{}, faults: map[string][]string{}, queries: map[string]string{}, always: map[string]string{}, ends: map[string]string{},
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// digested is the signature of fields by the documents' rule.
func digested(fields map[string]string, signType, key string, without ...string) string {
	var names []string
	for name, value := range fields {
		if name != "sign" && value != "" && !slices.Contains(without, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for n, name := range names {
		names[n] = name + "=" + fields[name]
	}
	text := []byte(strings.Join(names, "&") + key)
	if signType == "SHA256" {
		sum := sha256.Sum256(text)
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum(text)
	return hex.EncodeToString(sum[:])
}

// flat are a body's members as they are signed: texts decoded, the rest as it stands.
func flat(body map[string]json.RawMessage) map[string]string {
	out := map[string]string{}
	for name, raw := range body {
		text := string(raw)
		_ = json.Unmarshal(raw, &text) // what is no text stays as it is
		out[name] = text
	}
	return out
}

var headerForm = regexp.MustCompile(`^OPEN-BODY-SIG AppId="([^"]+)", Timestamp="(\d{14})", Nonce="([^"]{1,128})", Signature="([^"]+)"$`)

func hmacOf(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// authentic returns the code for what is wrong with a request's signature, "" for
// nothing.
func (f *fake) authentic(r *http.Request, raw []byte, body map[string]json.RawMessage) string {
	beijing := time.FixedZone("", 8*60*60)
	fields := flat(body)
	sentAt, err := time.ParseInLocation(time.DateTime, fields["requestTimestamp"], beijing)
	if err != nil || time.Since(sentAt).Abs() > 10*time.Minute {
		return "ABNORMAL_REQUEST_TIME"
	}
	if r.URL.Path == "/netpay-route-server/api/" {
		switch {
		case fields["msgSrc"] != f.msgSrc:
			return "INVALID_MSGSRC"
		case (fields["signType"] == "SHA256") != (f.signType == "SHA256"), !strings.EqualFold(fields["sign"], digested(fields, f.signType, f.key)):
			return "BAD_SIGN"
		}
		return ""
	}
	parts := headerForm.FindStringSubmatch(r.Header.Get("Authorization"))
	sum := sha256.Sum256(raw)
	switch {
	case parts == nil || parts[1] != f.appID || fields["sign"] != "" || fields["msgType"] != "":
		return "BAD_SIGN"
	case parts[4] != hmacOf(f.appKey, parts[1]+parts[2]+parts[3]+hex.EncodeToString(sum[:])):
		return "BAD_SIGN"
	}
	return ""
}

// operations are the older names of the open platform's paths.
var operations = map[string]string{
	"/v1/netpay/refund": "refund", "/v1/netpay/refund-query": "refundQuery", "/v1/netpay/query": "query",
	"/v1/netpay/bills/refund": "bills.refund", "/v1/netpay/bills/query": "bills.query",
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		f.Error(err)
	}
	var body map[string]json.RawMessage
	if err := json.Unmarshal(raw, &body); err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		f.Errorf("body %s: %v", raw, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = append(f.seen, seen{r.URL.Path, body, raw})
	fields := flat(body)
	operation := operations[r.URL.Path]
	if operation == "" {
		operation = fields["msgType"]
	}
	problem := f.authentic(r, raw, body)
	switch {
	case problem != "":
	case fields["mid"] != mid || fields["tid"] != tid:
		problem = "NO_MERCHANT"
	case f.always[operation] != "":
		problem = f.always[operation]
	}
	switch {
	case problem != "":
		f.fail(w, problem, "")
	case operation == "refund" || operation == "bills.refund":
		f.submit(w, fields)
	case operation == "refundQuery":
		f.refundQuery(w, fields)
	case operation == "bills.query":
		f.billQuery(w, fields)
	case operation == "query":
		f.orderQuery(w, fields)
	default:
		f.fail(w, "NO_SERVICE", "")
	}
}

// find is the original of a request, nil where there is none.
func (f *fake) find(fields map[string]string) *order {
	name := "merOrderId"
	if fields["instMid"] == "QRPAYDEFAULT" {
		name = "billNo"
	}
	o := f.orders[fields[name]]
	if o == nil || o.instMID != fields["instMid"] || o.billDate != fields["billDate"] {
		return nil
	}
	return o
}

func (f *fake) submit(w http.ResponseWriter, fields map[string]string) {
	number := fields["refundOrderId"]
	fault := ""
	if list := f.faults[number]; len(list) > 0 {
		fault, f.faults[number] = list[0], list[1:]
	}
	amount, err := strconv.ParseInt(fields["refundAmount"], 10, 64)
	o, e := f.find(fields), f.refunds[number]
	switch {
	case fault == "drop before":
		panic(http.ErrAbortHandler)
	case strings.HasPrefix(fault, "code "):
		f.fail(w, strings.TrimPrefix(fault, "code "), "")
		return
	case f.always[number] != "":
		f.fail(w, f.always[number], "")
		return
	case err != nil || amount < 1 || amount > 100000000 || len(number) < 6 || len(number) > 32:
		f.fail(w, "BAD_REQUEST", "")
		return
	case o == nil:
		f.fail(w, "NO_ORDER", "")
		return
	case o.lacksData:
		f.fail(w, "INVALID_ORDER", "")
		return
	case e == nil && (o.status == "TRADE_CLOSED" || o.status == "CLOSED"):
		f.fail(w, "OPERATION_NOT_ALLOWED", "")
		return
	case e == nil && f.refundedOf(o.number)+amount > o.total:
		f.fail(w, "TARGET_FAIL", "")
		return
	case e == nil:
		e = &entry{number: number, order: o.number, target: fmt.Sprintf("5030%024d", len(f.refunds)+1), status: "PROCESSING", amount: amount, moves: 1}
		f.refunds[number] = e
	}
	answer := f.about(e)
	answer["refundAmount"] = e.amount
	if o.billDate != "" {
		answer["billNo"], answer["billDate"], answer["billStatus"], answer["merOrderId"] = o.number, o.billDate, "REFUND", o.number+"0"
		answer["refundAmount"] = strconv.FormatInt(e.amount, 10)
		o.status = "REFUND"
	}
	f.write(w, answer, fault)
}

func (f *fake) refundedOf(number string) (sum int64) {
	for _, e := range f.refunds {
		if e.order == number {
			sum += e.amount
		}
	}
	return sum
}

// about is the recorded answer with an entry's values.
func (f *fake) about(e *entry) map[string]any {
	return map[string]any{
		"errCode": "SUCCESS", "responseTimestamp": "2026-11-29 08:00:00", "mid": mid, "tid": tid, "merOrderId": e.order, "seqId": "00438100010N",
		"refundStatus": e.status, "refundOrderId": e.number, "refundTargetOrderId": e.target, "totalAmount": f.orders[e.order].total,
		"status": "TRADE_SUCCESS", "targetStatus": "SUCCESS", "targetSys": "WXPay", "payTime": "2026-11-01 10:00:00",
	}
}

func (f *fake) refundQuery(w http.ResponseWriter, fields map[string]string) {
	number := fields["merOrderId"]
	if f.otherForm {
		number = fields["refundOrderId"]
	}
	e, fault := f.refunds[number], f.queries[number]
	switch {
	case strings.HasPrefix(fault, "code "):
		f.fail(w, strings.TrimPrefix(fault, "code "), "")
	case e == nil:
		f.fail(w, "NO_ORDER", fault)
	default:
		f.end(e)
		answer := f.about(e)
		answer["sendBackAmount"] = e.amount
		f.write(w, answer, fault)
	}
}

// end is what became of a refund by the time of a question.
func (f *fake) end(e *entry) {
	if e.status = f.ends[e.number]; e.status == "" {
		e.status = "SUCCESS"
	}
}

func (f *fake) billQuery(w http.ResponseWriter, fields map[string]string) {
	o, number := f.find(fields), fields["refundOrderId"]
	if fault := f.queries[number]; strings.HasPrefix(fault, "code ") {
		f.fail(w, strings.TrimPrefix(fault, "code "), "")
		return
	}
	if o == nil {
		f.fail(w, "NO_ORDER", "")
		return
	}
	o.lacksData = false
	answer := map[string]any{
		"errCode": "SUCCESS", "mid": mid, "tid": tid, "instMid": o.instMID, "billNo": o.number, "billDate": o.billDate, "billStatus": o.status, "totalAmount": o.total,
		"billPayment": map[string]any{
			"merOrderId": o.number + "0", "paySeqId": "00096057515N", "totalAmount": o.total, "payTime": cmp.Or(o.payTime, "2026-11-01 10:00:00"), "status": "TRADE_SUCCESS",
			"targetOrderId": "4200002026110100000001", "targetSys": "WXPay",
		},
	}
	if e := f.refunds[number]; e != nil && e.order == o.number {
		f.end(e)
		status := map[string]string{"SUCCESS": "TRADE_SUCCESS"}[e.status]
		if status == "" {
			status = e.status
		}
		answer["refundBillPayment"] = map[string]any{
			"merOrderId": e.number, "paySeqId": "00096057516N", "totalAmount": strconv.FormatInt(e.amount, 10), "payTime": "2026-11-29 09:00:00", "status": status,
			"targetOrderId": e.target, "targetSys": "WXPay",
		}
	}
	f.write(w, answer, f.queries[number])
}

func (f *fake) orderQuery(w http.ResponseWriter, fields map[string]string) {
	o := f.find(fields)
	if o == nil {
		f.fail(w, "NO_ORDER", "")
		return
	}
	o.lacksData = false
	f.write(w, map[string]any{
		"errCode": "SUCCESS", "mid": mid, "tid": tid, "merOrderId": o.number, "seqId": "00438100009N", "status": o.status, "totalAmount": o.total,
		"targetOrderId": "4200002026110100000001", "targetSys": "WXPay", "payTime": "2026-11-01 10:00:00",
	}, "")
}

func (f *fake) fail(w http.ResponseWriter, code, fault string) {
	f.write(w, map[string]any{"errCode": code, "errMsg": "the platform's words", "responseTimestamp": "2026-11-29 08:00:00"}, fault)
}

// write sends an answer, or does what a fault says.
func (f *fake) write(w http.ResponseWriter, content map[string]any, fault string) {
	status := http.StatusOK
	switch fault {
	case "drop after":
		panic(http.ErrAbortHandler)
	case "wrong amount":
		content["refundAmount"] = 101
	case "more given back":
		content["sendBackAmount"] = 101
	case "other refund":
		content["refundOrderId"] = "3194OTHER"
	case "no refund's number":
		delete(content, "refundOrderId")
	case "other order":
		content["merOrderId"], content["billNo"] = "3194OTHERORDER", "3194OTHERORDER"
	case "other merchant":
		content["mid"] = "898310000000009"
	case "smaller payment":
		content["totalAmount"] = 99
	case "unknown status":
		content["refundStatus"] = "MAYBE"
	case "small letters":
		content["refundStatus"] = strings.ToLower(content["refundStatus"].(string))
	case "no status":
		delete(content, "refundStatus")
	case "no code":
		delete(content, "errCode")
	case "errCode in small letters":
		content["errCode"] = "success"
	case "404", "429", "500", "502", "202", "302":
		status, _ = strconv.Atoi(fault)
	}
	body, err := json.Marshal(content)
	if err != nil {
		f.Error(err)
	}
	switch fault {
	case "signed", "badly signed":
		sum := sha256.Sum256(body)
		w.Header().Set("Authorization", fmt.Sprintf(`OPEN-BODY-SIG AppId="%s",Timestamp="20261129080000",Nonce="n",Signature="%s"`,
			f.appID, hmacOf(f.appKey, f.appID+"20261129080000n"+hex.EncodeToString(sum[:]))))
		if fault == "badly signed" {
			body = append(body, ' ')
		}
	case "half":
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write(body[:len(body)/2])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "html":
		body = []byte("<html>502</html>")
	case "twice":
		body = append([]byte(`{"refundStatus":"SUCCESS",`), body[1:]...)
	case "long":
		body = append(body, make([]byte, 2<<20)...)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
