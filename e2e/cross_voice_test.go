package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/refundry/refundry/e2e/strictclienttest"
	"github.com/refundry/refundry/wire/payin"
)

// crossCharge is a charge with its names in every dialect, from its native JSON.
type crossCharge struct {
	id, orderNo, transaction                string
	amount                                  int64
	currency                                string
	exponent                                int
	pingpp, walletID, wallet, order, payinM string
	payin                                   string
}

// cross registers a charge that every identity of the demo merchant knows.
func (d *desk) cross(t testing.TB, members map[string]any) crossCharge {
	t.Helper()
	shown := d.charge(t, members)
	c := crossCharge{
		id: shown["id"].(string), orderNo: shown["order_no"].(string), transaction: shown["transaction_id"].(string),
		amount: int64(shown["amount"].(float64)), currency: shown["currency"].(string), exponent: 2,
		pingpp: identity(t, shown, "pingpp", "charge"), walletID: identity(t, shown, "wallet", "wallet_id"), wallet: identity(t, shown, "wallet", "charges_id"),
		order:  identity(t, shown, "wechatpay", "out_trade_no"),
		payinM: identity(t, shown, "payin", "merchant_id"), payin: identity(t, shown, "payin", "order_id"),
	}
	switch c.currency {
	case "JPY":
		c.exponent = 0
	case "KWD":
		c.exponent = 3
	}
	return c
}

// decimal writes minor units as Payin does, in digits and a point alone.
func (c crossCharge) decimal(minor int64) string {
	if c.exponent == 0 {
		return fmt.Sprint(minor)
	}
	digits := fmt.Sprintf("%0*d", c.exponent+1, minor)
	at := len(digits) - c.exponent
	return digits[:at] + "." + digits[at:]
}

// crossRefund is a refund as the native API shows it.
type crossRefund struct {
	ID            string `json:"id"`
	Number        string `json:"number"`
	Amount        int64  `json:"amount"`
	State         string `json:"state"`
	Reason        string `json:"reason"`
	ChannelNumber string `json:"channel_refund_number"`
	UpdatedAt     string `json:"updated_at"`
	// sequence counts a charge's refunds from 1.
	sequence int
}

// refunds are a charge's, oldest first.
func (d *desk) refunds(t testing.TB, c crossCharge) []crossRefund {
	t.Helper()
	status, text := Call(t, http.MethodGet, d.URL+"/refundry/v1/refunds?limit=100&charge="+c.id, "")
	var page struct {
		Data []crossRefund `json:"data"`
	}
	if decode(t, text, &page); status != http.StatusOK {
		t.Fatalf("list refunds: %d %s", status, text)
	}
	slices.Reverse(page.Data)
	for n := range page.Data {
		page.Data[n].sequence = n + 1
	}
	return page.Data
}

// asking is one request for a refund. number and key may be empty; no amount
// (0) is all that is left, where a dialect can say that.
type asking struct {
	amount      int64
	number, key string
	reason      string
	// hurry does not wait for the channel's word.
	hurry bool
}

// voice is one identity of the merchant in one dialect: how it asks, and what
// it sees.
type voice struct {
	name string
	// numbers says whether a request can carry the merchant's own number.
	numbers bool
	ask     func(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error)
	see     func(d *desk, t testing.TB, c crossCharge, r crossRefund) (client.Object, error)
	// status is the member that tells the state, and words what it says of each.
	status string
	words  map[string]string
	// full says whether absent amounts mean everything.
	full bool
	// id is the member that names the refund, and names what stands there.
	id    string
	names func(c crossCharge, r crossRefund) string
	// exceeded, conflict and missing are what is told when a refund does not
	// fit any more, when a number was used, and of a charge that it can't show.
	exceeded, conflict, missing string
}

func states(held, created, pending, abnormal, succeeded, failed, canceled string) map[string]string {
	return map[string]string{
		"held": held, "created": created, "pending": pending, "abnormal": abnormal, "succeeded": succeeded, "failed": failed, "canceled": canceled,
	}
}

var (
	walletWords = states("created", "created", "pending", "pending", "succeeded", "failed", "failed")
	pingppWords = states("pending", "pending", "pending", "pending", "succeeded", "failed", "failed")
	wechatWords = states("PROCESSING", "PROCESSING", "PROCESSING", "ABNORMAL", "SUCCESS", "CLOSED", "CLOSED")
	payinWords  = states("pending", "pending", "pending", "pending", "success", "fail", "fail")
	nativeWords = states("held", "created", "pending", "abnormal", "succeeded", "failed", "canceled")
)

// voices are all identities of the demo merchant, the wallet's older generation
// among them.
var voices = []voice{
	{
		name: "Ping++", full: true, ask: askPingpp, see: seePingpp, status: "status", words: pingppWords, id: "id", names: nativeID,
		exceeded: "400", conflict: "400", missing: "404",
	},
	{
		name: "wallet", numbers: true, ask: askWallet, see: seeWallet, status: "status", words: walletWords, id: "id", names: nativeID,
		exceeded: "402", conflict: "400", missing: "404",
	},
	{
		name: "wallet, older generation", numbers: true, ask: askOldWallet, see: seeOldWallet, status: "status", words: walletWords, id: "id", names: nativeID,
		exceeded: "402", conflict: "400", missing: "404",
	},
	{
		name: "WeChat Pay, direct", numbers: true, ask: wechatAs(false).ask, see: wechatAs(false).see, status: "status", words: wechatWords, id: "out_refund_no", names: wechatNumber,
		exceeded: "400 INVALID_REQUEST", conflict: "400 INVALID_REQUEST", missing: "404 RESOURCE_NOT_EXISTS",
	},
	{
		name: "WeChat Pay, partner", numbers: true, ask: wechatAs(true).ask, see: wechatAs(true).see, status: "status", words: wechatWords, id: "out_refund_no", names: wechatNumber,
		exceeded: "400 INVALID_REQUEST", conflict: "400 INVALID_REQUEST", missing: "404 RESOURCE_NOT_EXISTS",
	},
	{
		name: "Payin", numbers: true, ask: askPayin, see: seePayin, status: "status", words: payinWords, id: "id",
		names:    func(c crossCharge, r crossRefund) string { return fmt.Sprintf("%s_R%d", c.payin, r.sequence) },
		exceeded: "422 refundAmountExceeded", conflict: "409 duplicateMerchantRefundId", missing: "404",
	},
	{
		name: "native", numbers: true, full: true, ask: askNative, see: seeNative, status: "state", words: nativeWords, id: "id", names: nativeID,
		exceeded: "422 amount_exceeded", conflict: "409", missing: "404",
	},
}

func nativeID(_ crossCharge, r crossRefund) string { return r.ID }

// wechatNumber is the merchant's number, or ours where it gave none.
func wechatNumber(_ crossCharge, r crossRefund) string {
	if r.Number != "" {
		return r.Number
	}
	return r.ChannelNumber
}

// read makes an object or a refusal of a plain HTTP answer.
func read(t testing.TB, status int, body string) (client.Object, error) {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(body))
	decoder.UseNumber()
	object := client.Object{}
	if err := decoder.Decode(&object); err != nil {
		t.Fatalf("%d %s: %v", status, body, err)
	}
	if status/100 == 2 {
		return object, nil
	}
	code := client.Text(object, "kind") + client.Text(object, "code")
	if failure, ok := object["error"].(client.Object); ok {
		code = client.Text(failure, "code")
	}
	return nil, &client.Refused{Status: status, Code: code, Message: body}
}

// told is how a refusal is written in the table of voices.
func told(err error) string {
	refused, ok := client.AsError(err)
	if !ok {
		return fmt.Sprint(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", refused.Status, refused.Code))
}

// headers are those of a request: name, value, ...
func (a asking) headers() []string {
	var all []string
	if a.key != "" {
		all = append(all, "Idempotency-Key", a.key)
	}
	if a.hurry {
		all = append(all, "Prefer", "wait=0")
	}
	return all
}

// fields are headers for the strict clients.
func (a asking) fields() []client.Field {
	var all []client.Field
	headers := a.headers()
	for n := 0; n < len(headers); n += 2 {
		all = append(all, client.Field{Name: headers[n], Value: headers[n+1]})
	}
	return all
}

func askPingpp(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error) {
	t.Helper()
	w := d.pingpp(t, client.Java)
	w.More = a.fields()
	params := client.Map{{Name: "description", Value: a.reason}}
	if a.reason == "" {
		params[0].Value = "r"
	}
	if a.amount != 0 {
		params = append(params, client.Pair{Name: "amount", Value: int(a.amount)})
	}
	return w.Post("refund", w.Path("charges", c.pingpp, "refunds"), params)
}

func seePingpp(d *desk, t testing.TB, c crossCharge, r crossRefund) (client.Object, error) {
	t.Helper()
	w := d.pingpp(t, client.CSharp)
	object, err := w.Get("refund", w.Path("charges", c.pingpp, "refunds", r.ID), nil)
	if err == nil {
		err = client.Letter("refund", object)
	}
	return object, err
}

func (d *desk) walletCall(t testing.TB, method, path string, body map[string]any, headers ...string) (client.Object, error) {
	t.Helper()
	text := ""
	if body != nil {
		raw, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		text = string(raw)
	}
	status, answer := Call(t, method, d.URL+path, text, append([]string{"X-API-KEY", d.known["wallet"]["api_key"], "Authorization", ""}, headers...)...)
	return read(t, status, answer)
}

func walletBody(c crossCharge, a asking) map[string]any {
	body := map[string]any{"charges_id": c.wallet, "client_ip": "127.0.0.1", "amount": a.amount, "description": a.reason}
	if a.number != "" {
		body["extra"] = map[string]any{"refund_order": a.number}
	}
	return body
}

func askWallet(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error) {
	t.Helper()
	return d.walletCall(t, http.MethodPost, "/wallet/"+c.walletID+"/refund", walletBody(c, a), a.headers()...)
}

func seeWallet(d *desk, t testing.TB, c crossCharge, r crossRefund) (client.Object, error) {
	t.Helper()
	return d.walletCall(t, http.MethodGet, "/wallet/"+c.walletID+"/obj/"+r.ID, nil)
}

func askOldWallet(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error) {
	t.Helper()
	if a.reason == "" {
		a.reason = "r"
	}
	return d.walletCall(t, http.MethodPost, "/charges/"+c.wallet+"/refunds", walletBody(c, a), a.headers()...)
}

func seeOldWallet(d *desk, t testing.TB, c crossCharge, r crossRefund) (client.Object, error) {
	t.Helper()
	return d.walletCall(t, http.MethodGet, "/charges/"+c.wallet+"/refunds/"+r.ID, nil)
}

// account is one of the two WeChat accounts.
type account struct{ partner bool }

func wechatAs(partner bool) account { return account{partner} }

func (a account) client(d *desk, t testing.TB) (w *client.WeChat, sub string) {
	known := d.known["wechatpay"]
	w = d.wechat(t, client.Java, known["platform_serial"])
	if a.partner {
		w.MchID, sub = known["sp_mchid"], known["sub_mchid"]
	}
	return w, sub
}

func (a account) ask(d *desk, t testing.TB, c crossCharge, r asking) (client.Object, error) {
	t.Helper()
	w, sub := a.client(d, t)
	w.More = r.fields()
	number := r.number
	if number == "" {
		number = "N" + orderNumber()
	}
	body := client.Map{
		text("transaction_id", c.transaction), text("out_refund_no", number), text("reason", r.reason),
		{Name: "amount", Value: client.Map{{Name: "refund", Value: int(r.amount)}, {Name: "total", Value: int(c.amount)}, text("currency", "CNY")}},
	}
	if r.reason == "" {
		body = slices.Delete(body, 2, 3)
	}
	if sub != "" {
		body = append(body, text("sub_mchid", sub))
	}
	return w.Post("wechat refund", refundsPath, body)
}

func (a account) see(d *desk, t testing.TB, c crossCharge, r crossRefund) (client.Object, error) {
	t.Helper()
	w, sub := a.client(d, t)
	query := ""
	if sub != "" {
		query = "sub_mchid=" + sub
	}
	return w.Get("wechat refund", refundsPath+"/{"+wechatNumber(c, r)+"}", query)
}

func (d *desk) payinCall(t testing.TB, method, path, body string, headers ...string) (client.Object, error) {
	t.Helper()
	operation, _, _ := payin.FindOperation(method, path)
	signed := http.Header{}
	payin.Authenticate(d.known["payin"]["client_key"], d.known["payin"]["secret"], operation, path, time.Now()).Set(signed)
	for name, values := range signed {
		headers = append(headers, name, values[0])
	}
	status, answer := Call(t, method, d.URL+"/api_v1"+path, body, headers...)
	return read(t, status, answer)
}

func askPayin(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error) {
	t.Helper()
	if a.reason == "" {
		a.reason = "r"
	}
	number := a.number
	if number == "" && a.key == "" {
		number = "N" + orderNumber() // else the same bytes would be a repetition
	}
	members := map[string]any{"amount": c.decimal(a.amount), "reason": a.reason}
	if c.exponent == 3 { // a third decimal is taken only where a merchant wants that
		members["amount"] = strings.TrimSuffix(c.decimal(a.amount), "0")
	}
	if number != "" {
		members["merchantRefundId"] = number
	}
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return d.payinCall(t, http.MethodPost, "/orders/"+c.payin+"/refunds", string(body), a.headers()...)
}

func seePayin(d *desk, t testing.TB, c crossCharge, r crossRefund) (client.Object, error) {
	t.Helper()
	return d.payinCall(t, http.MethodGet, fmt.Sprintf("/refunds/%s_R%d", c.payin, r.sequence), "")
}

func askNative(d *desk, t testing.TB, c crossCharge, a asking) (client.Object, error) {
	t.Helper()
	members := map[string]any{"charge": c.id, "reason": a.reason}
	if a.amount != 0 {
		members["amount"] = a.amount
	}
	if a.number != "" {
		members["number"] = a.number
	}
	body, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := Call(t, http.MethodPost, d.URL+"/refundry/v1/refunds", string(body), a.headers()...)
	return read(t, status, answer)
}

func seeNative(d *desk, t testing.TB, _ crossCharge, r crossRefund) (client.Object, error) {
	t.Helper()
	status, answer := Call(t, http.MethodGet, d.URL+"/refundry/v1/refunds/"+r.ID, "")
	return read(t, status, answer)
}
