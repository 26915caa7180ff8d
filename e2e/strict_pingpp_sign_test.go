package e2e

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/refundry/refundry/e2e/strictclienttest"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/wire/pemkey"
)

// setting changes the demo merchant's settings.
func (d *desk) setting(t testing.TB, settings map[string]any) {
	t.Helper()
	body, err := json.Marshal(settings)
	if err != nil {
		t.Fatal(err)
	}
	if status, text := Call(t, http.MethodPatch, d.URL+"/refundry/v1/merchant/settings", string(body)); status != http.StatusOK {
		t.Fatalf("change settings: %d %s", status, text)
	}
}

// newKey makes a merchant's key pair; the text is the public half to register.
func newKey(t testing.TB) (*rsa.PrivateKey, string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	public, err := pemkey.MarshalPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

// With the merchant's switch on, every generation of every client's signatures
// is taken, and none that signs something else (P1.6-1 to P1.6-5).
func TestEachGenerationOfPingppSignatures(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	key, public := newKey(t)
	stranger, _ := newKey(t)
	d.setting(t, map[string]any{"request_key": public, "check_signatures": true})
	for _, test := range []struct {
		name    string
		clients []string // all if none
		with    func(c *client.Client)
		taken   bool
	}{
		{"body, target and timestamp, as current clients sign", nil, func(c *client.Client) { c.Signing = key }, true},
		{"the body alone and no timestamp, as the first signed releases of all", nil, func(c *client.Client) {
			c.Signing, c.Generation = key, client.BodyOnly
		}, true},
		{"body and timestamp, as one release of Node", []string{client.Node}, func(c *client.Client) {
			c.Signing, c.Generation = key, client.BodyTime
		}, true},
		{"not at all, as Java does with a key in PKCS#1", nil, func(*client.Client) {}, false},
		{"with another key", nil, func(c *client.Client) { c.Signing = stranger }, false},
		{"the body alone with another key", nil, func(c *client.Client) { c.Signing, c.Generation = stranger, client.BodyOnly }, false},
		{"an hour ago", nil, func(c *client.Client) {
			c.Signing, c.Now = key, func() time.Time { return time.Now().Add(-time.Hour) }
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			clients := test.clients
			if clients == nil {
				clients = client.Clients()
			}
			for _, name := range clients {
				w := walk{d.pingpp(t, name), t, d}
				test.with(w.Client)
				charge := identity(t, d.charge(t, nil), "pingpp", "charge")
				object, err := w.Post("refund", w.Path("charges", charge, "refunds"), append(description(subject), client.Pair{Name: "amount", Value: 1}))
				if !test.taken {
					if refused := w.refusal(http.StatusUnauthorized, "", object, err); refused.Type != "invalid_request_error" {
						t.Errorf("%s: type %q", name, refused.Type)
					}
				} else if w.got("refund", object, err); client.Text(object, "description") != subject {
					t.Errorf("%s: %s", name, client.RawJSON(object))
				}
				// What is read is signed by clients and checked by nobody.
				w.get("charge", w.Path("charges", charge), nil)
				nothingTwice(w)
			}
		})
	}
	t.Run("a reversal signs an empty body of each kind", func(t *testing.T) {
		for _, name := range client.Clients() {
			w := walk{d.pingpp(t, name), t, d}
			w.Signing = key
			id := client.Text(w.post("charge", w.Path("charges"), w.order("wx_pub_scan", 100)), "id")
			charge, err := w.Reverse(id)
			w.got("charge", charge, err)
		}
	})
	d.end(t)
}

// An order's refunds are signed once the merchant has a key, switch or not
// (P1.6-8).
func TestOrderRefundsAreAlwaysSigned(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	key, public := newKey(t)
	d.setting(t, map[string]any{"request_key": public})
	for _, name := range client.Clients() {
		w := walk{d.pingpp(t, name), t, d}
		order := "20" + orderNumber()[1:]
		charge := d.charge(t, map[string]any{"identities": map[string]any{"pingpp": map[string]any{"app": d.known["pingpp"]["app"], "order": order}}})
		path := w.Path("orders", order, "order_refunds")
		params := append(description("d"), text("charge", identity(t, charge, "pingpp", "charge")), client.Pair{Name: "charge_amount", Value: 1})
		object, err := w.Post("list of refund", path, params)
		w.refused(http.StatusUnauthorized, "", object, err)
		w.Signing = key
		w.post("list of refund", path, params)
		w.Signing = nil
		w.newCharge(100) // everything else goes unsigned
	}
	d.end(t)
}

// A client's own repetition of a signed POST has the same bytes, timestamp and
// signature: it is the first refund, not a second one and no replay (P1.8-2).
// Ruby does so after a broken connection, Go and Python after a 502.
func TestATransportsRepetitionIsTheFirstRefund(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	key, public := newKey(t)
	d.setting(t, map[string]any{"request_key": public, "check_signatures": true})
	for _, name := range []string{client.Go, client.Python, client.Ruby, client.Node} {
		t.Run(name, func(t *testing.T) {
			w := walk{d.pingpp(t, name), t, d}
			w.Signing = key
			charge := identity(t, d.charge(t, nil), "pingpp", "charge")
			path := w.Path("charges", charge, "refunds")
			stopped := time.Now()
			w.Now = func() time.Time { return stopped }
			params := append(description("d"), client.Pair{Name: "amount", Value: 1})
			first, again := w.post("refund", path, params), w.post("refund", path, params)
			w.Now = func() time.Time { return stopped.Add(time.Second) }
			other := w.post("refund", path, params)
			if client.Text(first, "id") != client.Text(again, "id") || client.Text(first, "id") == client.Text(other, "id") {
				t.Errorf("made %v, %v and, a second later, %v", first["id"], again["id"], other["id"])
			}
		})
	}
	d.end(t)
}

// Each client's class of error, by status (P4.5-1), in the language it asks
// for.
func TestRefusalsHaveEachClientsClassAndLanguage(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	classes := map[string][3]string{ // 401, 404, 400
		client.Go:     {"*pingpp.Error", "*pingpp.Error", "*pingpp.Error"},
		client.Java:   {"AuthenticationException", "InvalidRequestException", "InvalidRequestException"},
		client.Python: {"AuthenticationError", "InvalidRequestError", "InvalidRequestError"},
		client.PHP:    {"Authentication", "InvalidRequest", "InvalidRequest"},
		client.Ruby:   {"AuthenticationError", "InvalidRequestError", "InvalidRequestError"},
		client.Node:   {"PingppAuthenticationError", "PingppInvalidRequest", "PingppInvalidRequest"},
		client.CSharp: {"PingppException", "PingppException", "PingppException"},
	}
	const unknown = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KX"
	for _, name := range client.Clients() {
		for _, english := range []bool{false, true} {
			w := walk{d.pingpp(t, name), t, d}
			w.English = english
			charge := w.newCharge(100)
			ask := func(n, status int, param string, object client.Object, err error) {
				t.Helper()
				refused := w.refusal(status, param, object, err)
				if refused.Class != classes[name][n] {
					t.Errorf("%s: %d is %q, want %q", name, status, refused.Class, classes[name][n])
				}
				if chinese := strings.ContainsFunc(refused.Message, func(r rune) bool { return r > 0x2e80 }); chinese == english {
					t.Errorf("%s: asked for English %t, told %q", name, english, refused.Message)
				}
				if strings.Contains(refused.Message, unknown) {
					t.Errorf("%s: a message repeats the key: %q", name, refused.Message)
				}
			}
			object, err := w.Get("charge", w.Path("charges", "ch_none"), nil)
			ask(1, http.StatusNotFound, "id", object, err)
			object, err = w.Post("refund", w.Path("charges", charge, "refunds"), nil)
			ask(2, http.StatusBadRequest, "description", object, err)
			w.Key = unknown
			object, err = w.Get("charge", w.Path("charges", charge), nil)
			ask(0, http.StatusUnauthorized, "", object, err)
			w.Key = ""
			object, err = w.Post("refund", w.Path("charges", charge, "refunds"), description("d"))
			ask(0, http.StatusUnauthorized, "", object, err)
			nothingTwice(w)
		}
	}
	d.end(t)
}

// curl sends forms whose values it does not encode, and every client's reader
// takes the answers (P1.3-9).
func TestFormsOfHandMadeClients(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	w := walk{d.pingpp(t, client.Go), t, d}
	form := func(path, body string) (int, string) {
		t.Helper()
		return Call(t, http.MethodPost, d.URL+path, body, "Authorization", "Bearer "+w.Key, "Content-Type", "application/x-www-form-urlencoded")
	}
	order := func() string {
		return fmt.Sprintf("order_no=%s&app[id]=%s&channel=alipay_wap&amount=100&client_ip=127.0.0.1&currency=cny&subject=Your Subject&body=Your Body", orderNumber(), d.known["pingpp"]["app"])
	}
	for name, test := range map[string]struct{ more, metadata, extra string }{
		"brackets as they are":      {"&metadata[color]=red&extra[success_url]=http://a.b/c?d", `{"color":"red"}`, `{"success_url":"http://a.b/c?d"}`},
		"brackets percent-encoded":  {"&metadata%5Bcolor%5D=red+1&extra%5Bsuccess_url%5D=http%3A%2F%2Fa.b", `{"color":"red 1"}`, `{"success_url":"http://a.b"}`},
		"maps in maps":              {"&extra[a][b]=1&metadata[k]=v=w", `{"k":"v=w"}`, `{"a":{"b":"1"}}`},
		"arrays of PHP and of Java": {"&extra[a][]=1&extra[a][]=2&extra[b][0]=3&extra[b][1]=4", `{}`, `{"a":["1","2"],"b":["3","4"]}`},
	} {
		status, body := form("/v1/charges", order()+test.more)
		var charge client.Object
		decode(t, body, &charge)
		if status != 200 || client.RawJSON(charge["metadata"]) != test.metadata || client.RawJSON(charge["extra"]) != test.extra {
			t.Errorf("%s: %d %s", name, status, body)
			continue
		}
		status, body = form("/v1/charges/"+client.Text(charge, "id")+"/refunds", "description=Refund Description&amount=1&metadata[a]=b&charge=x&id=y")
		decode(t, body, &charge)
		if status != 200 || client.Text(charge, "description") != "Refund Description" || client.RawJSON(charge["metadata"]) != `{"a":"b"}` {
			t.Errorf("%s: refund is %d %s", name, status, body)
		}
	}
	d.end(t)
}

// A merchant's receivers verify and read what comes, in every language (P5-1 to
// P5-4).
func TestPingppWebhooksAreTakenByEveryReceiver(t *testing.T) {
	d := open(t, storetest.SQLite(t))
	all, promised := listen(t), listen(t)
	d.endpoint(t, all.URL+"/hooks?a=b", "pingpp", "refund.succeeded", "refund.failed")
	d.endpoint(t, promised.URL, "pingpp")
	w := walk{d.pingpp(t, client.Java), t, d}
	about := func(id string) func(hook) bool {
		return func(h hook) bool { return strings.Contains(string(h.Body), id) }
	}
	for want, amount := range map[string]int{"refund.succeeded": 100, "refund.failed": 151} {
		charge := w.newCharge(1000)
		made := w.post("refund", w.Path("charges", charge, "refunds"), append(description(subject), client.Pair{Name: "amount", Value: amount}))
		id := client.Text(made, "id")
		got := all.await(t, want, about(id))
		event, err := client.Webhook(d.platform, got.Header.Get, got.Body)
		if err != nil {
			t.Fatal(err)
		}
		data, _ := event["data"].(client.Object)
		if client.Text(event, "type") != want || client.RawJSON(data["object"]) != client.RawJSON(w.get("refund", w.Path("charges", charge, "refunds", id), nil)) {
			t.Errorf("%s tells %s", want, got.Body)
		}
		if request := client.Text(event, "request"); !strings.HasPrefix(request, "iar_") {
			t.Errorf("request is %q", request)
		}
		read := w.get("event", w.Path("events", client.Text(event, "id")), nil)
		if client.Text(read, "type") != want {
			t.Errorf("the event reads %s", client.RawJSON(read))
		}
		if got.Query != "a=b" {
			t.Errorf("the address lost its query: %q", got.Query)
		}
		// A receiver that finds one byte changed refuses it.
		if _, err := client.Webhook(d.platform, got.Header.Get, append(slices.Clone(got.Body), '\n')); err == nil {
			t.Error("the signature holds for another body")
		}
	}
	promised.await(t, "the event that the documents promise", func(h hook) bool { return strings.Contains(string(h.Body), `"refund.succeeded"`) })
	for _, one := range promised.all() {
		if strings.Contains(string(one.Body), `"refund.failed"`) {
			t.Errorf("an endpoint that names no events was told %s", one.Body)
		}
	}
	d.end(t)
}
