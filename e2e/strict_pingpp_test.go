package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/refundry/refundry/e2e/strictclienttest"
	"github.com/refundry/refundry/store/storetest"
)

// subject has what clients escape differently: marks of HTML, quotes, a slash,
// Chinese and a character of four bytes.
const subject = `<b>'苹果'="&"/\😀`

// walk is one client on its way through the API.
type walk struct {
	*client.Client
	t *testing.T
	d *desk
}

// got demands an object that the client and the documents' every word take.
func (w walk) got(name string, object client.Object, err error) client.Object {
	w.t.Helper()
	if err == nil && name != "" {
		err = client.Letter(name, object)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", w.Name(), err)
	}
	return object
}

func (w walk) get(name, path string, params client.Map) client.Object {
	w.t.Helper()
	object, err := w.Get(name, path, params)
	return w.got(name, object, err)
}

func (w walk) post(name, path string, params client.Map) client.Object {
	w.t.Helper()
	object, err := w.Post(name, path, params)
	return w.got(name, object, err)
}

// refusal demands an error of the client's library.
func (w walk) refusal(status int, param string, object client.Object, err error) *client.Refused {
	w.t.Helper()
	refused, ok := client.AsError(err)
	if !ok || refused.Status != status || refused.Param != param {
		w.t.Errorf("%s: %v %v, want %d with param %q", w.Name(), err, object, status, param)
		return &client.Refused{}
	}
	return refused
}

// refused is refusal for those who need no more of it.
func (w walk) refused(status int, param string, object client.Object, err error) {
	w.t.Helper()
	_ = w.refusal(status, param, object, err)
}

// order are the parameters of a charge.
func (w walk) order(channel string, amount int, more ...client.Pair) client.Map {
	return append(client.Map{
		{Name: "order_no", Value: orderNumber()},
		{Name: "app", Value: client.Map{{Name: "id", Value: w.d.known["pingpp"]["app"]}}},
		{Name: "channel", Value: channel},
		{Name: "amount", Value: amount},
		{Name: "client_ip", Value: "127.0.0.1"},
		{Name: "currency", Value: "cny"},
		{Name: "subject", Value: subject},
		{Name: "body", Value: subject},
	}, more...)
}

func (w walk) newCharge(amount int, more ...client.Pair) string {
	w.t.Helper()
	return client.Text(w.post("charge", w.Path("charges"), w.order("alipay", amount, more...)), "id")
}

func text(name, value string) client.Pair { return client.Pair{Name: name, Value: value} }

func description(value string) client.Map { return client.Map{text("description", value)} }

// hazards are what breaks a naive server (P7-1 to P7-11 in
// docs/rules/pingpp.md), each with the clients that bring it.
var hazards = []struct {
	name    string
	clients []string // all if none
	try     func(w walk)
}{
	{"a charge is made, read and listed in each client's own writing", nil, walkCharges},
	{"refunds are made, read and listed, and what was written comes back", nil, walkRefunds},
	{"pages are walked to the end, by every cursor", nil, walkPages},
	{"a charge carries the path by which its refunds are listed", []string{client.Java, client.Python, client.PHP, client.Ruby}, walkEmbedded},
	{"a charge that has no refunds embeds an empty list", nil, walkNoRefunds},
	{"a batch of refunds is made of objects or of ids", nil, walkBatches},
	{"an order's charges are refunded and listed", nil, walkOrders},
	{"a charge is reversed by an empty body of each kind", nil, walkReverse},
	{"events are listed and read", nil, walkEvents},
	{"every kind of refusal is a proper error of the client", nil, walkRefusals},
	{"a body of nothing means that description is missing", nil, func(w walk) {
		object, err := w.Post("refund", w.Path("charges", w.newCharge(100), "refunds"), nil)
		w.refused(http.StatusBadRequest, "description", object, err)
	}},
	{"an empty description counts as missing", []string{client.Go}, func(w walk) {
		object, err := w.Post("refund", w.Path("charges", w.newCharge(100), "refunds"), append(description(""), client.Pair{Name: "metadata", Value: client.Map{}}))
		w.refused(http.StatusBadRequest, "description", object, err)
	}},
	{"members that Go always sends count as missing when they are empty or 0", []string{client.Go}, func(w walk) {
		for _, name := range []string{"order_no", "channel", "amount", "client_ip", "currency", "subject", "body"} {
			params := w.order("alipay", 100)
			for n := range params {
				if params[n].Name == name {
					params[n].Value = ""
					if name == "amount" {
						params[n].Value = 0
					}
				}
			}
			object, err := w.Post("charge", w.Path("charges"), params)
			w.refused(http.StatusBadRequest, name, object, err)
		}
	}},
	{"created and created[gt] may come together", []string{client.Go}, func(w walk) {
		id := w.newCharge(100)
		page := w.get("list of charge", w.Path("charges"), client.Map{
			{Name: "app", Value: client.Map{text("id", w.d.known["pingpp"]["app"])}},
			{Name: "created", Value: 5},
			{Name: "created", Value: client.Map{{Name: "gt", Value: int(time.Now().Add(-time.Minute).Unix())}}},
			{Name: "limit", Value: 100},
		})
		if !strings.Contains(client.RawJSON(page), id) {
			w.t.Errorf("the charge is not on the page: %s", client.RawJSON(page))
		}
	}},
	{"an app that is expanded is an object, and is not by itself", []string{client.Java, client.Python, client.PHP, client.Ruby, client.CSharp}, func(w walk) {
		path := w.Path("charges", w.newCharge(100))
		for _, expand := range []any{client.List{"app"}, "app"} {
			object, err := w.Get("", path, client.Map{{Name: "expand", Value: expand}})
			if app, _ := object["app"].(client.Object); err != nil || client.Text(app, "id") != w.d.known["pingpp"]["app"] {
				w.t.Errorf("expanded by %v: %v, %v", expand, object["app"], err)
			}
		}
		w.get("charge", path, nil)
	}},
	{"filters are true and True, false and False", nil, func(w walk) {
		id := w.newCharge(100)
		for _, paid := range []bool{true, false} {
			page := w.get("list of charge", w.Path("charges"), client.Map{
				{Name: "app", Value: client.Map{text("id", w.d.known["pingpp"]["app"])}}, {Name: "paid", Value: paid}, {Name: "limit", Value: 100},
			})
			if strings.Contains(client.RawJSON(page), id) != paid {
				w.t.Errorf("%s: paid=%t lists %s", w.Name(), paid, client.RawJSON(page))
			}
		}
	}},
	{"amounts and times stay within 32 bits", []string{client.Java, client.CSharp}, func(w walk) {
		const most = 1<<31 - 1
		path := w.Path("charges", w.newCharge(most), "refunds")
		if r := w.post("refund", path, append(description("all of it"), client.Pair{Name: "amount", Value: most})); client.Whole(r, "amount") != most {
			w.t.Errorf("refunded %v", r["amount"])
		}
	}},
	{"Expect: 100-continue is answered before the body comes", []string{client.CSharp}, func(w walk) {
		w.newCharge(100)
		if last := w.Exchanges[len(w.Exchanges)-1]; !last.Continued {
			w.t.Error("no 100 Continue came")
		}
	}},
	{"a connection is not kept alive for Node, and is for the others", nil, func(w walk) {
		id := w.newCharge(100)
		for range 3 {
			w.get("charge", w.Path("charges", id), nil)
		}
		last := w.Exchanges[len(w.Exchanges)-1]
		if closes := strings.EqualFold(last.Any("Connection"), "close"); closes != (w.Name() == client.Node) {
			w.t.Errorf("%s: Connection is %q", w.Name(), last.Any("Connection"))
		}
	}},
	{"answers with 200 and 400 are signed over the bytes as sent, with the length of those", nil, func(w walk) {
		id := w.newCharge(100)
		_, _ = w.Post("refund", w.Path("charges", id, "refunds"), nil)
		for _, one := range w.Exchanges {
			if one.Any("Content-Length") != fmt.Sprint(len(one.Incoming.Body)) || one.Any("Content-Encoding") != "" || one.Exact("X-Pingplusplus-Signature") == "" {
				w.t.Errorf("%s: %d has headers %v", w.Name(), one.Status, one.Incoming.Fields)
			}
		}
	}},
	{"every corner of the address space answers in the envelope", nil, func(w walk) {
		for _, path := range []string{
			"/v1", "/v1/", "/v1//", "/v1//charges", "/v1/charges//refunds", "/v1/charges/%2F", "/v1/charges/%00", "/v1/charges/..", "/v1/charges/a/../../b",
			"/v1/charges/" + strings.Repeat("x", 5000), "/v1/Charges", "/v1/charges/a/refunds/b/c", "/v1/%E9%80%80", "/v1/charges/%ff",
		} {
			object, err := w.Get("", path, nil)
			if refused, ok := client.AsError(err); !ok || refused.Status != http.StatusNotFound && refused.Status != http.StatusBadRequest {
				w.t.Errorf("%s: GET %.40s: %v %v", w.Name(), path, object, err)
			}
		}
		for _, body := range []string{`{"description":`, `"text"`, "[1]", "\xff", `{"description":"\u0000"}`, `{"description":"\ud800"}`, `{"amount":1,"amount":2,"description":"d"}`} {
			object, err := w.PostRaw("refund", w.Path("charges", w.newCharge(100), "refunds"), []byte(body))
			if refused, ok := client.AsError(err); !ok || refused.Status != http.StatusBadRequest {
				w.t.Errorf("%s: POST %s: %v %v", w.Name(), body, object, err)
			}
		}
	}},
	{"a batch of Node's goes to a charge that is called undefined", []string{client.Node}, func(w walk) {
		object, err := w.Post("batch_refund", w.Path("charges", "undefined", "refunds"), description("d"))
		w.refused(http.StatusNotFound, "id", object, err)
	}},
}

// Each client walks through the whole API, and nothing on its way breaks it.
func TestEachPingppClientWalksThroughTheAPI(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	t.Run("clients", func(t *testing.T) {
		for _, hazard := range hazards {
			clients := hazard.clients
			if clients == nil {
				clients = client.Clients()
			}
			t.Run(hazard.name, func(t *testing.T) {
				for _, name := range clients {
					t.Run(name, func(t *testing.T) {
						t.Parallel()
						w := walk{d.pingpp(t, name), t, d}
						hazard.try(w)
						nothingTwice(w)
					})
				}
			})
		}
	})
	d.end(t)
}

// nothingTwice holds what all repetitions hang on: no answer on the whole way
// was one that makes a client send a POST again, take a failure for a success,
// or wait.
func nothingTwice(w walk) {
	w.t.Helper()
	if len(w.Exchanges) == 0 {
		w.t.Error("nothing was asked")
	}
	for _, one := range w.Exchanges {
		if one.Err != nil || one.Status >= 500 || one.Status == 408 || one.Status == 409 || one.Status == 403 || one.Status == 429 {
			w.t.Errorf("%s: %s %s: %d, %v", w.Name(), one.Method, one.Target, one.Status, one.Err)
		}
	}
}

func walkCharges(w walk) {
	params := w.order("wx_pub", 100,
		client.Pair{Name: "extra", Value: client.Map{text("open_id", "o_1")}},
		client.Pair{Name: "metadata", Value: client.Map{text("color", subject)}}, text("description", subject))
	made := w.post("charge", w.Path("charges"), params)
	for name, want := range map[string]string{"subject": subject, "body": subject, "description": subject, "channel": "wx_pub", "app": w.d.known["pingpp"]["app"]} {
		if client.Text(made, name) != want {
			w.t.Errorf("%s: %s is %q, want %q", w.Name(), name, client.Text(made, name), want)
		}
	}
	if metadata, _ := made["metadata"].(client.Object); client.Text(metadata, "color") != subject || made["paid"] != true {
		w.t.Errorf("%s: made %s", w.Name(), client.RawJSON(made))
	}
	read := w.get("charge", w.Path("charges", client.Text(made, "id")), nil)
	if client.RawJSON(read) != client.RawJSON(made) {
		w.t.Errorf("%s: made\n%s, read\n%s", w.Name(), client.RawJSON(made), client.RawJSON(read))
	}
	// Empty maps, which PHP writes as arrays.
	bare := w.post("charge", w.Path("charges"), w.order("alipay", 1, client.Pair{Name: "metadata", Value: client.Map{}}, client.Pair{Name: "extra", Value: client.Map{}}))
	if client.RawJSON(bare["metadata"]) != "{}" || client.RawJSON(bare["extra"]) != "{}" || client.RawJSON(bare["credential"]) != "{}" {
		w.t.Errorf("%s: empty maps come back as %v, %v", w.Name(), bare["metadata"], bare["extra"])
	}
	page := w.get("list of charge", w.Path("charges")+"/", client.Map{
		{Name: "app", Value: client.Map{text("id", w.d.known["pingpp"]["app"])}}, text("channel", "wx_pub"), {Name: "limit", Value: 100},
	})
	if !strings.Contains(client.RawJSON(page), client.Text(made, "id")) {
		w.t.Errorf("%s: the charge is not on the page", w.Name())
	}
}

func walkRefunds(w walk) {
	id := w.newCharge(100_000)
	path := w.Path("charges", id, "refunds")
	made := w.post("refund", path, append(description(subject), client.Pair{Name: "amount", Value: 30}, client.Pair{Name: "metadata", Value: client.Map{text("k", subject)}}))
	metadata, _ := made["metadata"].(client.Object)
	if client.Text(made, "description") != subject || client.Whole(made, "amount") != 30 || client.Text(made, "charge") != id ||
		client.Text(metadata, "k") != subject || made["succeed"] != true || client.Text(made, "status") != "succeeded" {
		w.t.Errorf("%s: made %s", w.Name(), client.RawJSON(made))
	}
	read := w.get("refund", w.Path("charges", id, "refunds", client.Text(made, "id")), nil)
	if client.RawJSON(read) != client.RawJSON(made) {
		w.t.Errorf("%s: made\n%s, read\n%s", w.Name(), client.RawJSON(made), client.RawJSON(read))
	}
	// Refused by the channel is 200, with a refund that failed.
	failed := w.post("refund", path, append(description("d"), client.Pair{Name: "amount", Value: 151}))
	if failed["succeed"] != false || client.Text(failed, "status") != "failed" || client.Text(failed, "failure_code") == "" || failed["time_succeed"] != nil {
		w.t.Errorf("%s: refused %s", w.Name(), client.RawJSON(failed))
	}
	// Still under way when it is answered.
	pending := w.post("refund", path, append(description("d"), client.Pair{Name: "amount", Value: 158}))
	if pending["succeed"] != false || client.Text(pending, "status") != "pending" || pending["failure_code"] != nil {
		w.t.Errorf("%s: pending %s", w.Name(), client.RawJSON(pending))
	}
	// An amount as a text, as PHP's samples have it; then all that is left.
	w.post("refund", path, append(description("d"), text("amount", "100")))
	rest := w.post("refund", path, description("the rest"))
	if client.Whole(rest, "amount") != 100_000-30-158-100 {
		w.t.Errorf("%s: the rest is %v", w.Name(), rest["amount"])
	}
}

func walkPages(w walk) {
	id := w.newCharge(1000)
	path := w.Path("charges", id, "refunds")
	var made []string
	for n := range 5 {
		made = append(made, client.Text(w.post("refund", path, append(description("d"), client.Pair{Name: "amount", Value: n + 1})), "id"))
	}
	slices.Reverse(made)
	for limit := 1; limit <= 6; limit++ {
		ids, err := w.Walk("refund", path, nil, limit)
		if err != nil || !slices.Equal(ids, made) {
			w.t.Errorf("%s, pages of %d: %v, %v, want %v", w.Name(), limit, ids, err, made)
		}
		back, err := w.WalkBack("refund", path, nil, limit, made[4])
		slices.Reverse(back)
		if err != nil || !slices.Equal(back, made[:4]) {
			w.t.Errorf("%s, pages of %d backwards: %v, %v, want %v", w.Name(), limit, back, err, made[:4])
		}
	}
	empty := w.get("list of refund", path, client.Map{text("starting_after", made[4])})
	if empty["has_more"] != false || client.RawJSON(empty["data"]) != "[]" {
		w.t.Errorf("%s: behind the last is %s", w.Name(), client.RawJSON(empty))
	}
}

func walkEmbedded(w walk) {
	id := w.newCharge(1000)
	for range 3 {
		w.post("refund", w.Path("charges", id, "refunds"), append(description("d"), client.Pair{Name: "amount", Value: 1}))
	}
	charge := w.get("charge", w.Path("charges", id), nil)
	for _, limit := range []int{2, 10} {
		page, err := w.Follow("refund", charge["refunds"], client.Map{{Name: "limit", Value: limit}})
		w.got("list of refund", page, err)
		if data, _ := page["data"].([]any); len(data) != min(limit, 3) || page["has_more"] != (limit < 3) {
			w.t.Errorf("%s: followed to %s", w.Name(), client.RawJSON(page))
		}
		// And a page leads to itself.
		again, err := w.Follow("refund", page, client.Map{{Name: "limit", Value: limit}})
		if w.got("list of refund", again, err); client.RawJSON(again) != client.RawJSON(page) {
			w.t.Errorf("%s: followed again to %s", w.Name(), client.RawJSON(again))
		}
	}
	// $ch->refunds->create and ->retrieve: the path with an id behind it.
	list, _ := charge["refunds"].(client.Object)
	path := client.Text(list, "url")
	made := w.post("refund", path, append(description("d"), client.Pair{Name: "amount", Value: 1}))
	w.get("refund", path+"/"+client.Text(made, "id"), nil)
}

func walkNoRefunds(w walk) {
	id := w.newCharge(100)
	charge := w.get("charge", w.Path("charges", id), nil)
	list, _ := charge["refunds"].(client.Object)
	if list["has_more"] != false || client.RawJSON(list["data"]) != "[]" || charge["refunded"] != false {
		w.t.Errorf("%s: %s", w.Name(), client.RawJSON(charge))
	}
	w.get("list of refund", w.Path("charges", id, "refunds"), nil)
}

func walkBatches(w walk) {
	entries := client.List{}
	for range 2 {
		id := w.newCharge(100)
		if w.Name() == client.Python || w.Name() == client.PHP {
			entries = append(entries, id)
		} else {
			entries = append(entries, client.Map{text("charge", id), {Name: "amount", Value: 10}, text("description", subject)})
		}
	}
	number := "b" + orderNumber()
	made := w.post("batch_refund", w.Path("batch_refunds"), client.Map{
		text("app", w.d.known["pingpp"]["app"]), text("batch_no", number), text("description", subject),
		{Name: "charges", Value: entries},
		{Name: "metadata", Value: client.Map{}},
	})
	read := w.get("batch_refund", w.Path("batch_refunds", client.Text(made, "id")), nil)
	if entries, _ := read["charges"].([]any); client.Text(read, "batch_no") != number || len(entries) != 2 {
		w.t.Errorf("%s: read %s", w.Name(), client.RawJSON(read))
	}
	page := w.get("list of batch_refund", w.Path("batch_refunds"), client.Map{
		text("app", w.d.known["pingpp"]["app"]), {Name: "page", Value: 1}, {Name: "per_page", Value: 100},
	})
	if !strings.Contains(client.RawJSON(page), number) {
		w.t.Errorf("%s: the batch is not on the page", w.Name())
	}
}

func walkOrders(w walk) {
	order := "20" + orderNumber()[1:]
	charge := w.d.charge(w.t, map[string]any{"identities": map[string]any{"pingpp": map[string]any{"app": w.d.known["pingpp"]["app"], "order": order}}})
	id := identity(w.t, charge, "pingpp", "charge")
	w.get("list of charge", w.Path("orders", order, "charges"), nil)
	w.get("charge", w.Path("orders", order, "charges", id), nil)
	made := w.post("list of refund", w.Path("orders", order, "order_refunds"), append(description(subject), text("charge", id), client.Pair{Name: "charge_amount", Value: 30}))
	data, _ := made["data"].([]any)
	if len(data) != 1 {
		w.t.Fatalf("%s: made %s", w.Name(), client.RawJSON(made))
	}
	re := client.Text(data[0].(client.Object), "id")
	w.get("refund", w.Path("orders", order, "order_refunds", re), nil)
	if page := w.get("list of refund", w.Path("orders", order, "order_refunds"), nil); !strings.Contains(client.RawJSON(page), re) {
		w.t.Errorf("%s: the refund is not on the page", w.Name())
	}
	// Such a charge is not refunded by itself.
	object, err := w.Post("refund", w.Path("charges", id, "refunds"), description("d"))
	if refused := w.refusal(http.StatusBadRequest, "", object, err); refused.Code != "charge_request_invalid" {
		w.t.Errorf("%s: the code is %q", w.Name(), refused.Code)
	}
}

func walkReverse(w walk) {
	id := client.Text(w.post("charge", w.Path("charges"), w.order("wx_pub_scan", 100)), "id")
	for range 2 {
		charge, err := w.Reverse(id)
		if w.got("charge", charge, err); charge["reversed"] != true || charge["refunded"] != true {
			w.t.Errorf("%s: reversed %s", w.Name(), client.RawJSON(charge))
		}
	}
	charge, err := w.Reverse(w.newCharge(100)) // of a channel that does not
	w.refused(http.StatusBadRequest, "", charge, err)
}

func walkEvents(w walk) {
	id := w.newCharge(100)
	made := w.post("refund", w.Path("charges", id, "refunds"), description("d"))
	var event client.Object
	Until(w.t, "the event is on the list", func() bool {
		page := w.get("list of event", w.Path("events"), client.Map{text("type", "refund.succeeded"), {Name: "limit", Value: 100}})
		data, _ := page["data"].([]any)
		for _, item := range data {
			if strings.Contains(client.RawJSON(item), client.Text(made, "id")) {
				event, _ = item.(client.Object)
			}
		}
		return event != nil
	})
	read := w.get("event", w.Path("events", client.Text(event, "id")), nil)
	data, _ := read["data"].(client.Object)
	object, _ := data["object"].(client.Object)
	if client.Text(object, "object") != "refund" || client.Letter("refund", object) != nil {
		w.t.Errorf("%s: the event has %s", w.Name(), client.RawJSON(read))
	}
}

func walkRefusals(w walk) {
	id, other := w.newCharge(100), w.newCharge(100)
	refunds := w.Path("charges", id, "refunds")
	made := client.Text(w.post("refund", refunds, append(description("d"), client.Pair{Name: "amount", Value: 1})), "id")
	whole := w.newCharge(10)
	w.post("refund", w.Path("charges", whole, "refunds"), description("d"))
	amount := func(value any) client.Map { return append(description("d"), client.Pair{Name: "amount", Value: value}) }
	app := client.Pair{Name: "app", Value: client.Map{text("id", w.d.known["pingpp"]["app"])}}
	for _, test := range []struct {
		name   string
		status int
		param  string
		ask    func() (client.Object, error)
	}{
		{"an unknown charge", 404, "id", func() (client.Object, error) { return w.Get("charge", w.Path("charges", "ch_none"), nil) }},
		{"a refund of an unknown charge", 404, "id", func() (client.Object, error) {
			return w.Post("refund", w.Path("charges", "ch_none", "refunds"), amount(1))
		}},
		{"an unknown refund", 404, "id", func() (client.Object, error) { return w.Get("refund", refunds+"/re_none", nil) }},
		{"a refund of another charge", 404, "id", func() (client.Object, error) { return w.Get("refund", w.Path("charges", other, "refunds", made), nil) }},
		{"an unknown event", 404, "id", func() (client.Object, error) { return w.Get("event", w.Path("events", "evt_none"), nil) }},
		{"an unknown batch", 404, "id", func() (client.Object, error) { return w.Get("batch_refund", w.Path("batch_refunds", "1"), nil) }},
		{"an unknown order", 404, "id", func() (client.Object, error) { return w.Get("list of charge", w.Path("orders", "2", "charges"), nil) }},
		{"an unknown address", 404, "", func() (client.Object, error) { return w.Get("", w.Path("nowhere"), nil) }},
		{"a wrong method", 405, "", func() (client.Object, error) { return w.Post("", w.Path("events"), description("d")) }},
		{"more than is left", 400, "amount", func() (client.Object, error) { return w.Post("refund", refunds, amount(100)) }},
		{"an amount of 0", 400, "amount", func() (client.Object, error) { return w.Post("refund", refunds, amount(0)) }},
		{"a negative amount", 400, "amount", func() (client.Object, error) { return w.Post("refund", refunds, amount(-1)) }},
		{"an amount of text", 400, "amount", func() (client.Object, error) { return w.Post("refund", refunds, amount("x")) }},
		{"all of a charge that has nothing left", 400, "", func() (client.Object, error) {
			return w.Post("refund", w.Path("charges", whole, "refunds"), description("d"))
		}},
		{"too long a description", 400, "description", func() (client.Object, error) {
			return w.Post("refund", refunds, description(strings.Repeat("长", 256)))
		}},
		{"too much metadata", 400, "metadata", func() (client.Object, error) {
			return w.Post("refund", refunds, append(amount(1), client.Pair{Name: "metadata", Value: client.Map{text("k", strings.Repeat("长", 1000))}}))
		}},
		{"an unknown funding_source", 400, "funding_source", func() (client.Object, error) {
			return w.Post("refund", refunds, append(amount(1), text("funding_source", "x")))
		}},
		{"a limit of 0", 400, "limit", func() (client.Object, error) {
			return w.Get("list of refund", refunds, client.Map{{Name: "limit", Value: 0}})
		}},
		{"an unknown cursor", 400, "starting_after", func() (client.Object, error) {
			return w.Get("list of refund", refunds, client.Map{text("starting_after", "re_none")})
		}},
		{"both cursors", 400, "ending_before", func() (client.Object, error) {
			return w.Get("list of refund", refunds, client.Map{text("starting_after", made), text("ending_before", made)})
		}},
		{"an app that is not the key's", 400, "app[id]", func() (client.Object, error) {
			return w.Get("list of charge", w.Path("charges"), client.Map{{Name: "app", Value: client.Map{text("id", "app_none")}}})
		}},
		{"a used order number", 400, "order_no", func() (client.Object, error) {
			params := w.order("alipay", 100)
			w.post("charge", w.Path("charges"), params)
			params[3].Value = 200
			return w.Post("charge", w.Path("charges"), params)
		}},
		{"a batch with a charge twice", 400, "charges", func() (client.Object, error) {
			return w.Post("batch_refund", w.Path("batch_refunds"), client.Map{
				{Name: "app", Value: app.Value.(client.Map)[0].Value},
				text("batch_no", "b"+orderNumber()), text("description", "d"),
				{Name: "charges", Value: client.List{client.Map{text("charge", id)}, client.Map{text("charge", id)}}},
			})
		}},
	} {
		object, err := test.ask()
		if refused, ok := client.AsError(err); !ok || refused.Status != test.status || refused.Param != test.param || refused.Type != "invalid_request_error" {
			w.t.Errorf("%s, %s: %v %v, want %d with param %q", w.Name(), test.name, err, object, test.status, test.param)
		}
	}
}
