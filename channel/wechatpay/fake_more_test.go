package wechatpay_test

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// abnormal sends an abnormal refund elsewhere, as the page of that call says.
func (f *fake) abnormal(w http.ResponseWriter, r *http.Request, id string, body []byte) {
	named := r.Header.Get("Wechatpay-Serial")
	var in map[string]string
	if err := json.Unmarshal(body, &in); err != nil {
		f.Error(err)
	}
	e := f.entries[in["out_refund_no"]]
	if e == nil || e.id != id || e.status != "ABNORMAL" || in["sub_mchid"] != f.subMchID {
		f.problem(w, 400, "INVALID_REQUEST", named, "")
		return
	}
	if status, code, ok := strings.Cut(f.always["reroute"], " "); ok {
		n, _ := strconv.Atoi(status)
		f.problem(w, n, code, named, "")
		return
	}
	object := refundObject(e, "PROCESSING")
	if in["type"] == "USER_BANK_CARD" {
		key := f.certificate.key
		if named == f.public.name {
			key = f.public.key
		}
		card, holder := f.decrypted(key, in["bank_account"]), f.decrypted(key, in["real_name"])
		if in["bank_type"] != "ICBC_DEBIT" || card != cardNumber || holder != cardHolder {
			f.problem(w, 400, "PARAM_ERROR", named, "")
			return
		}
		object["channel"], object["user_received_account"] = "OTHER_BANKCARD", "工商银行储蓄卡"+card[len(card)-4:]
	}
	f.ends[e.number], e.status, e.moves = "SUCCESS", "PROCESSING", 1
	f.write(w, 200, object, named, "")
}

const (
	cardNumber = "6222020200112230403"
	cardHolder = "张三丰"
)

func (f *fake) decrypted(key *rsa.PrivateKey, text string) string {
	raw, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ""
	}
	clear, err := rsa.DecryptOAEP(sha1.New(), nil, key, raw, nil)
	if err != nil {
		return ""
	}
	return string(clear)
}

func (f *fake) order(w http.ResponseWriter, r *http.Request) {
	named := r.Header.Get("Wechatpay-Serial")
	want := "/v3/pay/transactions/id/" + transactionID + "?mchid=" + f.mchID
	if f.subMchID != "" {
		want = "/v3/pay/partner/transactions/id/" + transactionID + "?sp_mchid=" + f.mchID + "&sub_mchid=" + f.subMchID
	}
	if r.RequestURI != want {
		f.problem(w, 404, "ORDER_NOT_EXIST", named, "")
		return
	}
	state := "SUCCESS"
	if len(f.entries) > 0 {
		state = "REFUND"
	}
	f.write(w, 200, map[string]any{
		"out_trade_no": orderNo, "transaction_id": transactionID, "trade_state": state, "trade_state_desc": "支付成功",
		"success_time": "2026-11-01T10:00:00+08:00", "amount": map[string]any{"total": 1000, "payer_total": 1000, "currency": "CNY", "payer_currency": "CNY"},
	}, named, "")
}

func (f *fake) bill(w http.ResponseWriter, r *http.Request) {
	named, query := r.Header.Get("Wechatpay-Serial"), r.URL.Query()
	if query.Get("bill_date") != f.billDay || query.Get("bill_type") != "REFUND" || query.Get("sub_mchid") != f.subMchID {
		f.problem(w, 400, "NO_STATEMENT_EXIST", named, "")
		return
	}
	sum := sha1.Sum(f.billFile())
	hash := hex.EncodeToString(sum[:])
	if f.always["bill"] == "lies" {
		hash = strings.Repeat("0", 40)
	}
	at := f.URL
	switch f.always["bill"] {
	case "elsewhere":
		at = "https://bills.example"
	case "nowhere":
		at = "bills:"
	}
	f.write(w, 200, map[string]any{"hash_type": "SHA1", "hash_value": hash, "download_url": at + "/v3/billdownload/file?token=6XIv-K"}, named, "")
}

// billFile is a refund bill as the documents show it.
func (f *fake) billFile() []byte {
	var text strings.Builder
	text.WriteString("\uFEFF交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额," +
		"退款申请时间,退款成功时间,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注\r\n")
	sub := f.subMchID
	if sub == "" {
		sub = "0"
	}
	var rows []string
	for _, e := range f.entries {
		amount := fmt.Sprintf("%d.%02d", e.refund/100, e.refund%100)
		rows = append(rows, "`"+strings.Join([]string{
			f.billDay + " 08:00:00", "wx1", f.mchID, sub, "", e.transaction, orderNo, "oUpF8", "JSAPI", "REFUND", "CMB_CREDIT", "CNY", "0.00", "0.00",
			f.billDay + " 08:00:00", f.billDay + " 09:00:00", e.id, e.number, amount, "0.00", "ORIGINAL", "SUCCESS", "goods, with a comma", "", "0.00000", "0.60%", "0.00", amount, "",
		}, ",`")+"\r\n")
	}
	slices.Sort(rows)
	switch f.always["rows"] {
	case "other":
		rows[1] = strings.Replace(rows[1], ",`"+f.mchID+",", ",`1900009999,", 1)
	case "half":
		return []byte(text.String() + strings.Join(rows[:2], "") + rows[2][:40])
	}
	text.WriteString(strings.Join(rows, ""))
	text.WriteString("总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n")
	fmt.Fprintf(&text, "`%d,`0.00,`0.00,`0.00,`0.00000,`0.00,`0.00\r\n", len(rows))
	return []byte(text.String())
}

// certificates lists the platform's certificate, sealed with the APIv3 key.
func (f *fake) certificates(w http.ResponseWriter) {
	serial := f.certificate.name
	if f.always["certificates"] == "new" {
		serial = "7D0000000000000000000000000000000000AB01"
	}
	until := time.Now().AddDate(1, 0, 0)
	nonce, text := "61f9c719728a", certificatePEM(f, f.certificate.key, "Tenpay.com Root CA", serial, until)
	f.write(w, 200, map[string]any{"data": []any{map[string]any{
		"serial_no": serial, "effective_time": until.AddDate(-5, 0, 0).Format(time.RFC3339), "expire_time": until.Format(time.RFC3339),
		"encrypt_certificate": map[string]any{
			"algorithm": "AEAD_AES_256_GCM", "nonce": nonce, "associated_data": "certificate", "ciphertext": sealed(f, f.apiV3Key, nonce, "certificate", []byte(text)),
		},
	}}}, f.certificate.name, "")
}

func sealed(t testing.TB, key, nonce, data string, plain []byte) string {
	t.Helper()
	block, err := aes.NewCipher([]byte(key))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(seal.Seal(nil, []byte(nonce), plain, []byte(data)))
}

// notice is a refund notice as the platform sends it.
type notice struct {
	signer     keyed
	apiV3Key   string
	event      string
	stamp      time.Time
	content    map[string]any
	badSigning bool
}

func (f *fake) notice(number, status string) notice {
	content := map[string]any{
		"mchid": f.mchID, "transaction_id": transactionID, "out_trade_no": orderNo, "refund_id": "50000000382019052709732678859", "out_refund_no": number,
		"refund_status": status, "user_received_account": "招商银行信用卡0403",
		"amount": map[string]any{"total": 1000, "refund": 100, "payer_total": 1000, "payer_refund": 100},
	}
	if status == "SUCCESS" {
		content["success_time"] = "2026-11-29T09:00:00+08:00"
	}
	if f.subMchID != "" {
		delete(content, "mchid")
		content["sp_mchid"], content["sub_mchid"] = f.mchID, f.subMchID
	}
	return notice{signer: f.public, apiV3Key: f.apiV3Key, event: "REFUND." + status, stamp: time.Now(), content: content}
}

// request seals, signs and addresses a notice.
func (n notice) request(t testing.TB) *http.Request {
	t.Helper()
	plain, err := json.Marshal(n.content)
	if err != nil {
		t.Fatal(err)
	}
	nonce := "fdasflkja484"
	body, err := json.Marshal(map[string]any{
		"id": "EV-2018022511223320873", "create_time": "2026-11-29T09:00:01+08:00", "event_type": n.event, "summary": "退款", "resource_type": "encrypt-resource",
		"resource": map[string]any{
			"original_type": "refund", "algorithm": "AEAD_AES_256_GCM", "associated_data": "refund", "nonce": nonce,
			"ciphertext": sealed(t, n.apiV3Key, nonce, "refund", plain),
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, "https://pay.example/notify/wechatpay/w1", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	stamp := strconv.FormatInt(n.stamp.Unix(), 10)
	r.Header.Set("Wechatpay-Timestamp", stamp)
	r.Header.Set("Wechatpay-Nonce", "n0")
	r.Header.Set("Wechatpay-Serial", n.signer.name)
	r.Header.Set("Wechatpay-Signature", signature(t, n.signer.key, stamp+"\nn0\n"+string(body)+"\n"))
	if n.badSigning {
		r.Header.Set("Wechatpay-Signature", "WECHATPAY/SIGNTEST/"+r.Header.Get("Wechatpay-Signature")[19:])
	}
	return r
}
