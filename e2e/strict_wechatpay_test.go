package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	client "github.com/refundry/refundry/e2e/strictclienttest"
	"github.com/refundry/refundry/store/storetest"
)

// wechatWalk is one client of WeChat Pay on its way through the API.
type wechatWalk struct {
	*client.WeChat
	t *testing.T
	d *desk
	// sub is set for partners.
	sub string
}

const refundsPath = "/v3/refund/domestic/refunds"

// oddNumber has every character that clients spell differently.
func oddNumber() string { return orderNumber() + "|_-1*@" }

func (w wechatWalk) got(object client.Object, err error) client.Object {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%s: %v", w.Name(), err)
	}
	return object
}

// order registers a paid order and gives its number.
func (w wechatWalk) order(members map[string]any) string {
	w.t.Helper()
	all := map[string]any{"received_account": "支付用户零钱", "funds_account": "BASIC", "amount": 1000}
	for name, value := range members {
		all[name] = value
	}
	number := "W" + orderNumber()
	names := map[string]any{"mchid": w.MchID, "out_trade_no": number}
	if w.sub != "" {
		names["sub_mchid"] = w.sub
	}
	all["identities"] = map[string]any{"wechatpay": names}
	w.d.charge(w.t, all)
	return number
}

// body is a refund's; more members follow.
func (w wechatWalk) body(order, number string, refund, total int, more ...client.Pair) client.Map {
	all := client.Map{
		text("out_trade_no", order), text("out_refund_no", number),
		{Name: "amount", Value: client.Map{{Name: "refund", Value: refund}, {Name: "total", Value: total}, text("currency", "CNY")}},
	}
	if w.sub != "" {
		all = append(all, text("sub_mchid", w.sub))
	}
	return append(all, more...)
}

// refund asks and demands an object.
func (w wechatWalk) refund(order, number string, refund, total int, more ...client.Pair) client.Object {
	w.t.Helper()
	object, err := w.Post("wechat refund", refundsPath, w.body(order, number, refund, total, more...))
	return w.got(object, err)
}

// query reads a refund by its number.
func (w wechatWalk) query(number string) (client.Object, error) {
	query := ""
	if w.sub != "" {
		query = "sub_mchid=" + w.sub
	}
	return w.Get("wechat refund", refundsPath+"/{"+number+"}", query)
}

// until queries a refund until it has a status.
func (w wechatWalk) until(number, status string) client.Object {
	w.t.Helper()
	var seen client.Object
	Until(w.t, number+" is "+status, func() bool {
		object, err := w.query(number)
		seen = w.got(object, err)
		return client.Text(seen, "status") == status
	})
	return seen
}

// refusal demands an error of the platform's form.
func (w wechatWalk) refusal(status int, code string, object client.Object, err error) *client.Refused {
	w.t.Helper()
	refused, ok := client.AsError(err)
	if !ok || refused.Status != status || refused.Code != code {
		w.t.Errorf("%s: %v %v, want %d %s", w.Name(), err, object, status, code)
		return &client.Refused{}
	}
	return refused
}

// refused is refusal for those who need no more of it.
func (w wechatWalk) refused(status int, code string, object client.Object, err error) {
	w.t.Helper()
	_ = w.refusal(status, code, object, err)
}

// wechatHazards are what breaks a naive server (W1.2-5 to W1.2-16, W1.7-1 to
// W1.7-6 and W6-1 to W6-16 in docs/rules/wechatpay.md), each with the clients
// that bring it.
var wechatHazards = []struct {
	name    string
	clients []string
	try     func(w wechatWalk)
}{
	{"a number is found in each client's spelling of it, as it was signed", nil, func(w wechatWalk) {
		number, order := oddNumber(), w.order(nil)
		made := w.refund(order, number, 100, 1000)
		seen := w.until(number, "SUCCESS")
		if client.Text(seen, "out_refund_no") != number || client.Text(seen, "refund_id") != client.Text(made, "refund_id") {
			w.t.Errorf("%s: made %s, seen %s", w.Name(), client.RawJSON(made), client.RawJSON(seen))
		}
	}},
	{"a body is verified as it was written, escapes, newline and all", nil, func(w wechatWalk) {
		const reason = `<商品>'="&"/\ 已售完`
		number, order := oddNumber(), w.order(nil)
		w.refund(order, number, 100, 1000, text("reason", reason))
		if refunds := refundsNumbered(w.t, w.d.URL, number); len(refunds) != 1 || refunds[0].Reason != reason {
			w.t.Errorf("%s: the reason is %+v", w.Name(), refunds)
		}
	}},
	{"the same number is the same refund, and with another amount an error", nil, func(w wechatWalk) {
		number, order := oddNumber(), w.order(nil)
		made, again := w.refund(order, number, 100, 1000), w.refund(order, number, 100, 1000, text("reason", "another"))
		if client.Text(made, "refund_id") != client.Text(again, "refund_id") {
			w.t.Errorf("%s: made %v and %v", w.Name(), made["refund_id"], again["refund_id"])
		}
		object, err := w.Post("wechat refund", refundsPath, w.body(order, number, 101, 1000))
		w.refused(http.StatusBadRequest, "INVALID_REQUEST", object, err)
	}},
	{"every state of a refund has times and members as the models want them", nil, func(w wechatWalk) {
		for amount, status := range map[int]string{100: "SUCCESS", 151: "CLOSED", 152: "ABNORMAL", 158: "PROCESSING"} {
			number, order := oddNumber(), w.order(nil)
			w.refund(order, number, amount, 1000)
			w.until(number, status)
		}
	}},
	{"coupons, fees and goods are told in integers", nil, func(w wechatWalk) {
		number, order := oddNumber(), w.order(map[string]any{
			"fee": 6, "coupons": []any{
				map[string]any{"id": "109519", "scope": "GLOBAL", "type": "CASH", "amount": 100},
				map[string]any{"id": "109520", "scope": "GLOBAL", "type": "NOCASH", "amount": 100},
			},
		})
		made := w.refund(order, number, 500, 1000)
		amount, _ := made["amount"].(client.Object)
		for name, want := range map[string]int64{
			"total": 1000, "refund": 500, "payer_total": 800, "payer_refund": 400, "settlement_refund": 450, "settlement_total": 900, "discount_refund": 100, "refund_fee": 3,
		} {
			if client.Whole(amount, name) != want {
				w.t.Errorf("%s: %s is %v, want %d", w.Name(), name, amount[name], want)
			}
		}
		if promotions, _ := made["promotion_detail"].([]any); len(promotions) != 2 {
			w.t.Errorf("%s: promotions are %s", w.Name(), client.RawJSON(made["promotion_detail"]))
		}
	}},
	{"the order is found by both its numbers", nil, func(w wechatWalk) {
		order := w.order(nil)
		paths := []string{"/v3/pay/transactions/out-trade-no/{" + order + "}"}
		query := "mchid=" + w.MchID
		if w.sub != "" {
			paths[0] = strings.Replace(paths[0], "/pay/", "/pay/partner/", 1)
			query = "sp_mchid=" + w.MchID + "&sub_mchid=" + w.sub
		}
		object, err := w.Get("wechat order", paths[0], query)
		w.got(object, err)
		object, err = w.Get("wechat order", strings.Replace(paths[0], "out-trade-no/{"+order, "id/{"+client.Text(object, "transaction_id"), 1), query)
		if w.got(object, err); client.Text(object, "out_trade_no") != order || client.Text(object, "trade_state") != "SUCCESS" {
			w.t.Errorf("%s: the order is %s", w.Name(), client.RawJSON(object))
		}
	}},
	{"certificates open, and are signed by the certificate that they are about", nil, func(w wechatWalk) {
		// Only the certificate: Go checks later downloads by those it has.
		w.Verifying = ""
		w.Keys = map[string]*rsa.PublicKey{w.d.known["wechatpay"]["platform_serial"]: w.d.platform}
		for _, query := range []string{"", "algorithm_type=RSA"} {
			list, err := w.Get("wechat certificates", "/v3/certificates", query)
			texts, err := w.Certificates(w.got(list, err))
			if err != nil || texts[w.d.known["wechatpay"]["platform_serial"]] != string(w.d.file(w.t, "platform_cert.pem")) {
				w.t.Errorf("%s: %v, %v", w.Name(), texts, err)
			}
		}
	}},
	{"a bill is described signed, and downloaded unsigned where PHP and axios expect it", nil, walkBill},
	{"every kind of refusal is a JSON object with code and message, and signed", nil, walkWeChatRefusals},
	{"every corner of the address space answers in JSON", nil, func(w wechatWalk) {
		for _, path := range []string{
			"/v3", "/v3/", "/v3//", "/v3/x/..", "/v3//certificates", refundsPath + "/", refundsPath + "//", refundsPath + "/%2F", refundsPath + "/%00",
			refundsPath + "/" + strings.Repeat("x", 5000), "/v3/Certificates", "/v3/%E9%80%80", "/v3/refund/domestic/refunds/../refunds/x",
		} {
			object, err := w.Get("", path, "")
			if refused, ok := client.AsError(err); !ok || refused.Status < 400 || refused.Status >= 500 {
				w.t.Errorf("%s: GET %.60s: %v %v", w.Name(), path, object, err)
			}
		}
	}},
	{"an abnormal refund goes to another card, its fields encrypted", nil, walkAbnormal},
}

// Each client walks through the whole API as a direct merchant and as a
// partner, asking for each kind of key.
func TestEachWeChatPayClientWalksThroughTheAPI(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	known := d.known["wechatpay"]
	t.Run("clients", func(t *testing.T) {
		for _, hazard := range wechatHazards {
			clients := hazard.clients
			if clients == nil {
				clients = client.WeChatClients()
			}
			t.Run(hazard.name, func(t *testing.T) {
				for _, name := range clients {
					for as, keys := range map[string]struct{ verifying, mchID, sub string }{
						"direct, which asks for the certificate": {known["platform_serial"], known["mchid"], ""},
						"partner, which asks for the public key": {known["platform_public_key_id"], known["sp_mchid"], known["sub_mchid"]},
						"direct, which asks for no key":          {"", known["mchid"], ""},
					} {
						t.Run(name+" as "+as, func(t *testing.T) {
							t.Parallel()
							w := wechatWalk{d.wechat(t, name, keys.verifying), t, d, keys.sub}
							if name == client.PHP || name == client.Axios || name == client.NodeV3 {
								w.Verifying = "" // these name no key, and hold both
							}
							w.MchID = keys.mchID
							hazard.try(w)
							if len(w.Exchanges) == 0 {
								t.Error("nothing was asked")
							}
							for _, one := range w.Exchanges {
								if one.Err != nil || one.Status >= 500 || one.Exact("Request-ID") == "" {
									t.Errorf("%s %s: %d, %v, %v", one.Method, one.Target, one.Status, one.Incoming.Fields, one.Err)
								}
							}
						})
					}
				}
			})
		}
	})
	d.end(t)
}

// billDays is how many days of bills the clients have used: each has one of its
// own, so that nobody adds to it between description and download.
var billDays atomic.Int64

// billTurns are as many as a merchant may download daily files at once.
var billTurns = make(chan struct{}, 2)

func walkBill(w wechatWalk) {
	billTurns <- struct{}{}
	defer func() { <-billTurns }()
	// From the day before yesterday on, bills are made at any hour.
	day := time.Now().AddDate(0, 0, -1-int(billDays.Add(1)))
	order := w.order(map[string]any{"paid_at": day.UTC().Format(time.RFC3339)})
	date := day.In(time.FixedZone("", 8*60*60)).Format(time.DateOnly)
	for _, query := range []string{"bill_date=" + date + "&bill_type=ALL", "bill_date=" + date + "&bill_type=SUCCESS"} {
		bill, err := w.Get("wechat bill", "/v3/bill/tradebill", query)
		w.got(bill, err)
		address := client.Text(bill, "download_url")
		if !strings.HasPrefix(address, w.d.URL+"/v3/billdownload/file?") {
			w.t.Fatalf("%s: the file is at %q", w.Name(), address)
		}
		file, err := w.Download(address)
		if err != nil {
			w.t.Fatalf("%s: %v", w.Name(), err)
		}
		if client.Digest(file) != client.Text(bill, "hash_value") || !strings.Contains(string(file), "`"+order) {
			w.t.Errorf("%s: hash %v, order %s of\n%s", w.Name(), bill["hash_value"], order, file)
		}
	}
}

func walkWeChatRefusals(w wechatWalk) {
	order := w.order(nil)
	used := oddNumber()
	w.refund(order, used, 600, 1000)
	post := func(body client.Map) func() (client.Object, error) {
		return func() (client.Object, error) { return w.Post("wechat refund", refundsPath, body) }
	}
	replaced := func(name string, value any) client.Map {
		body := w.body(order, oddNumber(), 1, 1000)
		for n := range body {
			if body[n].Name == name {
				body[n].Value = value
			}
		}
		return body
	}
	amount := func(refund, total any, currency string) client.Map {
		return replaced("amount", client.Map{{Name: "refund", Value: refund}, {Name: "total", Value: total}, text("currency", currency)})
	}
	for _, test := range []struct {
		name   string
		status int
		code   string
		ask    func() (client.Object, error)
	}{
		{"more than is left", 400, "INVALID_REQUEST", post(amount(401, 1000, "CNY"))},
		{"another total", 400, "", post(amount(1, 999, "CNY"))},
		{"an amount of 0", 400, "PARAM_ERROR", post(amount(0, 1000, "CNY"))},
		{"an amount of text", 400, "PARAM_ERROR", post(amount("1", 1000, "CNY"))},
		{"another currency", 400, "PARAM_ERROR", post(amount(1, 1000, "USD"))},
		{"an empty number", 400, "PARAM_ERROR", post(replaced("out_refund_no", ""))},
		{"a number with a blank", 400, "PARAM_ERROR", post(replaced("out_refund_no", "a b"))},
		{"an unknown order", 404, "RESOURCE_NOT_EXISTS", post(replaced("out_trade_no", "NO_SUCH_ORDER"))},
		{"an empty body", 400, "PARAM_ERROR", post(client.Map{})},
		{"an unknown refund", 404, "RESOURCE_NOT_EXISTS", func() (client.Object, error) { return w.query("NO_SUCH_REFUND") }},
		{"an unknown address", 404, "", func() (client.Object, error) { return w.Get("", "/v3/nowhere", "") }},
		{"a wrong method", 405, "", func() (client.Object, error) { return w.Post("", "/v3/certificates", client.Map{}) }},
		{"a bill of tomorrow", 400, "", func() (client.Object, error) {
			return w.Get("", "/v3/bill/tradebill", "bill_date="+time.Now().Add(48*time.Hour).Format(time.DateOnly))
		}},
		{"an abnormal refund that is none", 400, "INVALID_REQUEST", func() (client.Object, error) {
			made := w.until(used, "SUCCESS")
			body := client.Map{text("out_refund_no", used), text("type", "MERCHANT_BANK_CARD")}
			if w.sub != "" {
				body = append(body, text("sub_mchid", w.sub))
			}
			return w.Post("", refundsPath+"/"+client.Text(made, "refund_id")+"/apply-abnormal-refund", body)
		}},
	} {
		object, err := test.ask()
		refused, ok := client.AsError(err)
		if !ok || refused.Status != test.status || test.code != "" && refused.Code != test.code {
			w.t.Errorf("%s, %s: %v %v, want %d %s", w.Name(), test.name, err, object, test.status, test.code)
		}
		last := w.Exchanges[len(w.Exchanges)-1]
		if last.Exact("Wechatpay-Signature") == "" || last.Exact("Content-Type") != "application/json; charset=utf-8" {
			w.t.Errorf("%s, %s: headers are %v", w.Name(), test.name, last.Incoming.Fields)
		}
	}
	// What was not verified is not signed, and is JSON as well.
	wrong := w.Signing
	var err error
	if w.Signing, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		w.t.Fatal(err)
	}
	object, err := w.query(used)
	w.refused(http.StatusUnauthorized, "SIGN_ERROR", object, err)
	w.Signing = wrong
	w.Now = func() time.Time { return time.Now().Add(-301 * time.Second) }
	object, err = w.query(used)
	w.refused(http.StatusUnauthorized, "SIGN_ERROR", object, err)
}

func walkAbnormal(w wechatWalk) {
	order, number := w.order(nil), oddNumber()
	w.refund(order, number, 152, 1000)
	made := w.until(number, "ABNORMAL")
	seal := func(text string) string {
		sealed, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, w.d.platform, []byte(text), nil)
		if err != nil {
			w.t.Fatal(err)
		}
		return base64.StdEncoding.EncodeToString(sealed)
	}
	body := client.Map{
		text("out_refund_no", number), text("type", "USER_BANK_CARD"), text("bank_type", "CMB_DEBIT"),
		text("bank_account", seal("6222020000000403")), text("real_name", seal("张三")),
	}
	if w.sub != "" {
		body = append(body, text("sub_mchid", w.sub))
	}
	object, err := w.Post("wechat refund", refundsPath+"/"+client.Text(made, "refund_id")+"/apply-abnormal-refund", body)
	w.got(object, err)
	end := w.until(number, "SUCCESS")
	if client.Text(end, "channel") != "OTHER_BANKCARD" || !strings.HasSuffix(client.Text(end, "user_received_account"), "0403") {
		w.t.Errorf("%s: it ended as %s", w.Name(), client.RawJSON(end))
	}
}

// A merchant's receivers verify, open and read each kind of notification with
// either key (W1.5-1 and W2.4-15).
func TestWeChatPayNotificationsAreTakenByEveryReceiver(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	r := listen(t)
	known := d.known["wechatpay"]
	for _, as := range []struct{ mchID, sub string }{{known["mchid"], ""}, {known["sp_mchid"], known["sub_mchid"]}} {
		w := wechatWalk{d.wechat(t, client.Java, known["platform_serial"]), t, d, as.sub}
		w.MchID = as.mchID
		for amount, want := range map[int][3]string{
			100: {"REFUND.SUCCESS", "SUCCESS", "退款成功"}, 151: {"REFUND.CLOSED", "CLOSED", "退款关闭"}, 152: {"REFUND.ABNORMAL", "ABNORMAL", "退款异常"},
		} {
			number := oddNumber()
			path := fmt.Sprintf("/%s%d", as.mchID, amount)
			made := w.refund(w.order(nil), number, amount, 1000, text("notify_url", r.URL+path))
			var outer, notice client.Object
			r.await(t, want[0], func(h hook) bool {
				for _, name := range client.WeChatClients() {
					var err error
					receiver := d.wechat(t, name, "")
					if outer, notice, err = receiver.Notification(h.Header.Get, h.Body); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				}
				return client.Text(notice, "refund_id") == client.Text(made, "refund_id")
			})
			if client.Text(outer, "event_type") != want[0] || client.Text(notice, "refund_status") != want[1] || client.Text(outer, "summary") != want[2] || client.Text(notice, "out_refund_no") != number {
				t.Errorf("told %s with %s, want %v", client.RawJSON(outer), client.RawJSON(notice), want)
			}
			names := map[string]string{"mchid": as.mchID, "sp_mchid": "", "sub_mchid": ""}
			if as.sub != "" {
				names = map[string]string{"mchid": "", "sp_mchid": as.mchID, "sub_mchid": as.sub}
			}
			for name, value := range names {
				if client.Text(notice, name) != value {
					t.Errorf("%s is %v, want %q", name, notice[name], value)
				}
			}
		}
	}
	d.end(t)
}
