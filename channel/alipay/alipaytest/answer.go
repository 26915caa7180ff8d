package alipaytest

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"
)

// write signs and sends an answer, or does what a fault says.
func (f *Fake) write(w http.ResponseWriter, method string, content map[string]any, fault string) {
	signer := f.Signer
	switch fault {
	case "drop after":
		panic(http.ErrAbortHandler)
	case "wrong amount":
		content["refund_amount"] = "7.77"
	case "no amount":
		delete(content, "refund_amount")
	case "amount with three decimals":
		content["refund_amount"] = "1.001"
	case "other refund":
		content["out_request_no"] = "another"
	case "other trade":
		content["trade_no"], content["out_trade_no"] = "2013112011001004330000129999", "another"
	case "other total":
		content["total_amount"] = "777.77"
	case "unknown status":
		content["refund_status"] = "REFUND_PROCESSING"
	case "another's key":
		signer.Key = OtherKey()
	case "next certificate":
		signer = f.Next
	case "unknown certificate":
		signer.SN = "00000000000000000000000000000000"
	}
	raw, err := json.Marshal(content)
	if err != nil {
		f.Error(err)
	}
	// The platform's own JSON is not what another would write.
	node := strings.Replace(strings.ReplaceAll(string(raw), "/", `\/`), `{"`, `{ "`, 1)
	sign := signature(f, signer.Key, node)
	switch fault {
	case "changed":
		node = strings.Replace(node, `{ "`, `{"`, 1)
	case "wrong signature":
		sign = base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", 256)))
	}
	name := strings.ReplaceAll(method, ".", "_") + "_response"
	if fault == "error_response" {
		name = "error_response"
	}
	body := `{"` + name + `":` + node
	if signer.SN != "" {
		body += `,"alipay_cert_sn":"` + signer.SN + `"`
	}
	if fault != "unsigned" && fault != "error_response" {
		body += `,"sign":"` + sign + `"`
	}
	body += "}"
	w.Header().Set("Content-Type", "text/html;charset=utf-8")
	switch fault {
	case "half":
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		_, _ = w.Write([]byte(body[:len(body)/2]))
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	case "half, whole":
		body = body[:len(body)/2]
	case "long":
		body += strings.Repeat(" ", 2<<20)
	case "page":
		body = "<html>busy</html>"
	case "500", "202", "302", "404":
		code, _ := strconv.Atoi(fault)
		w.WriteHeader(code)
	}
	_, _ = w.Write([]byte(body))
}

func (f *Fake) order(w http.ResponseWriter, content string) {
	const method = "alipay.trade.query"
	var in struct {
		OutTradeNo string `json:"out_trade_no"`
		TradeNo    string `json:"trade_no"`
	}
	if !f.read(content, &in) {
		f.write(w, method, status("40004", "ACQ.INVALID_PARAMETER"), "")
		return
	}
	if code, sub, ok := strings.Cut(f.Always["order"], " "); ok {
		f.write(w, method, status(code, sub), "")
		return
	}
	tradeNo, orderNo, known := trade(in.TradeNo, in.OutTradeNo)
	if !known {
		f.write(w, method, status("40004", "ACQ.TRADE_NOT_EXIST"), f.Always["order"])
		return
	}
	out := status("10000", "")
	out["trade_no"], out["out_trade_no"] = tradeNo, orderNo
	for name, value := range f.Trade {
		out[name] = value
	}
	f.write(w, method, out, f.Always["order"])
}

func (f *Fake) bill(w http.ResponseWriter, content string) {
	const method = "alipay.data.dataservice.bill.downloadurl.query"
	var in struct {
		Type string `json:"bill_type"`
		Date string `json:"bill_date"`
	}
	if !f.read(content, &in) || in.Type != "trade" {
		f.write(w, method, status("40004", "INVAILID_ARGUMENTS"), "")
		return
	}
	if _, err := time.Parse(time.DateOnly, in.Date); err != nil {
		f.write(w, method, status("40004", "INVAILID_ARGUMENTS"), "")
		return
	}
	if sub := f.Bills[in.Date]; sub != "" {
		f.write(w, method, status("40004", sub), "")
		return
	}
	if f.Archive == nil {
		f.Archive = Zipped(f, f.Rows())
	}
	out := status("10000", "")
	out["bill_download_url"] = f.URL + "/bill?file=1"
	f.write(w, method, out, "")
}

const billTitles = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,订单金额（元）,商家实收（元）,退款批次号/请求号,服务费（元）,备注\r\n"

// Rows is the bill of all refunds.
func (f *Fake) Rows() string {
	text := "#支付宝业务明细查询\r\n#账号：[20881021111111110156]\r\n" + billTitles +
		TradeNo + "\t," + OrderNo + "\t,交易\t,商品\t,2026-11-01 10:00:00,2026-11-01 10:00:05,10.00,10.00,\t,-0.06,\t\r\n"
	for number, e := range f.Entries {
		tradeNo, orderNo, _ := trade(e.TradeNo, "")
		text += tradeNo + "\t," + orderNo + "\t,退款\t,商品\t,2026-11-28 17:00:00,2026-11-28 17:00:00,-" + yuan(e.Fen) + ",-" + yuan(e.Fen) + "," + number + "\t,0.00,\t\r\n"
	}
	return text + "#业务明细列表结束\r\n"
}

// Zipped packs a file as the platform does.
func Zipped(t testing.TB, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	file, err := w.CreateHeader(&zip.FileHeader{Name: "20881021111111110156_20261128_\xd2\xb5\xce\xf1\xc3\xf7\xcf\xb8.csv", NonUTF8: true, Method: zip.Deflate})
	if err == nil {
		_, err = simplifiedchinese.GBK.NewEncoder().Writer(file).Write([]byte(text))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func (f *Fake) certificate(w http.ResponseWriter, content string) {
	const method = "alipay.open.app.alipaycert.download"
	var in struct {
		SN string `json:"alipay_cert_sn"`
	}
	if !f.read(content, &in) || in.SN != f.Next.SN {
		f.write(w, method, status("40004", "CERT_NOT_FOUND"), "")
		return
	}
	out := status("10000", "")
	out["alipay_cert_content"] = base64.StdEncoding.EncodeToString([]byte(f.Next.PEM))
	f.write(w, method, out, "next certificate")
}

// Notice is a trade notice about a refund, as the platform sends it; change alters it
// before it is signed.
func (f *Fake) Notice(number string, change map[string]string) url.Values {
	form := url.Values{}
	for name, value := range map[string]string{
		"notify_id": "91722adff935e8cfa58b3aabf4dead6ibe", "notify_type": "trade_status_sync", "notify_time": Beijing(time.Now()), "app_id": AppID, "charset": "utf-8",
		"version": "1.0", "sign_type": "RSA2", "trade_no": TradeNo, "out_trade_no": OrderNo, "out_biz_no": number, "trade_status": "TRADE_SUCCESS",
		"total_amount": "10.00", "refund_fee": "1.00", "gmt_refund": Beijing(time.Now()) + ".123", "subject": "商品 a+b&c", "seller_id": SellerID,
	} {
		form.Set(name, value)
	}
	for name, value := range change {
		form.Set(name, value)
	}
	form.Set("sign", signature(f, f.Signer.Key, signedText(form, "sign", "sign_type")))
	return form
}

// Message says that a bank has taken the money, or not. With signsType the signature is
// over sign_type too.
func (f *Fake) Message(number, back string, signsType bool, change map[string]string) url.Values {
	form := url.Values{}
	for name, value := range map[string]string{
		"notify_id": "2026112900222083000056480000000000", "utc_timestamp": strconv.FormatInt(time.Now().UnixMilli(), 10),
		"msg_method": "alipay.trade.refund.depositback.completed", "app_id": AppID, "version": "1.1", "charset": "UTF-8", "sign_type": "RSA2",
		"biz_content": `{"trade_no":"` + TradeNo + `","out_trade_no":"` + OrderNo + `","out_request_no":"` + number + `","dback_status":"` + back + `","bank_ack_time":"2026-11-29 16:00:00"}`,
	} {
		form.Set(name, value)
	}
	for name, value := range change {
		form.Set(name, value)
	}
	without := []string{"sign", "sign_type"}
	if signsType {
		without = without[:1]
	}
	form.Set("sign", signature(f, f.Signer.Key, signedText(form, without...)))
	return form
}

// Beijing writes a time.
func Beijing(t time.Time) string {
	return t.In(time.FixedZone("", 8*3600)).Format(time.DateTime)
}
