package pingpp_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

func TestHeadersOfClientsChangeNothing(t *testing.T) {
	s := dialecttest.Start(t)
	path := "/v1/charges/" + s.Charge(t, merchant.DemoID, 1000, nil).ID + "/refunds"
	for name, headers := range map[string][]string{
		"Node 2.0.7's version":             {"Pingplusplus-Version", "2015-10-10"},
		"Go's version, misspelt":           {"Pingpluspplus-Version", "2025-04-08"},
		"who the client is":                {"X-Pingpp-Client-User-Agent", `{"bindings_version":"2.1.6"}`, "Pingpp-Client-User-Agent", "x"},
		"PHP's method override":            {"X-HTTP-Method-Override", "DELETE"},
		"versions that are forwarded":      {"Pingpp-Sdk-Version", "1", "Pingpp-One-Version", "2"},
		"a signature that is not checked":  {"Pingplusplus-Signature", "no base64 at all", "Pingplusplus-Request-Timestamp", "1"},
		"a timestamp that is no timestamp": {"Pingplusplus-Request-Timestamp", "yesterday"},
	} {
		t.Run(name, func(t *testing.T) {
			made := decoded(t, post(t, s, demoKey, path, `{"description":"d","amount":1}`, 200, headers...))
			if made["object"] != "refund" || made["amount"] != numberOf(1) {
				t.Errorf("answered %v", made)
			}
		})
	}
}

func TestUnknownMembersAreIgnored(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 1000, nil).ID
	path := "/v1/charges/" + charge + "/refunds"
	for name, ask := range map[string]func() string{
		"in JSON": func() string {
			return post(t, s, demoKey, path, `{"id":"ch_x","charge":"ch_y","new":{"a":[1,{"b":null}]},"description":"d","amount":1}`, 200)
		},
		"in a form": func() string {
			return post(t, s, demoKey, path, "id=ch_x&charge=ch_y&new[a][]=1&description=d&amount=1", 200, "Content-Type", formType)
		},
		"in a POST's query": func() string {
			return post(t, s, demoKey, path+"?id=ch_x&charge=ch_y&amount=500", `{"description":"d","amount":1}`, 200)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if made := decoded(t, ask()); made["charge"] != charge || made["amount"] != numberOf(1) {
				t.Errorf("answered %v", made)
			}
		})
	}
	t.Run("in a GET's query", func(t *testing.T) {
		for _, place := range []string{path + "?new=1", "/v1/charges/" + charge + "?a[b]=c", "/v1/events?livemode=false&app[id]=app_x&limit=1"} {
			get(t, s, demoKey, place, 200)
		}
	})
}

// addresses are one of each kind that there is, with what it is served by.
func addresses(t *testing.T, s *dialecttest.Service) map[string][]string {
	t.Helper()
	charge := s.Charge(t, merchant.DemoID, 1000, ofOrder(order)).ID
	re := ids(t, post(t, s, demoKey, "/v1/orders/"+order+"/order_refunds", `{"description":"d","charge_amount":1}`, 200))[0]
	batch := fmt.Sprint(decoded(t, post(t, s, demoKey, "/v1/batch_refunds", batchOf(demoApp, "ADDR", quoted(s.Charge(t, merchant.DemoID, 100, nil).ID)), 200))["id"])
	eventually(t, s, demoKey, "/v1/events", `"evt_`)
	event := ids(t, get(t, s, demoKey, "/v1/events", 200))[0]
	read, write, both := []string{"GET"}, []string{"POST"}, []string{"GET", "POST"}
	return map[string][]string{
		"/v1/charges": both, "/v1/charges/" + charge: read, "/v1/charges/" + charge + "/reverse": write, "/v1/charges/" + charge + "/refunds": both,
		"/v1/charges/" + charge + "/refunds/" + re: read, "/v1/batch_refunds": both, "/v1/batch_refunds/" + batch: read,
		"/v1/orders/" + order + "/order_refunds": both, "/v1/orders/" + order + "/order_refunds/" + re: read,
		"/v1/orders/" + order + "/charges": read, "/v1/orders/" + order + "/charges/" + charge: read,
		"/v1/events": read, "/v1/events/" + event: read,
	}
}

func TestEveryAddressIsServedByItsMethodsAlone(t *testing.T) {
	s := dialecttest.Start(t)
	for path, methods := range addresses(t, s) {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} {
			answer, body := dialecttest.Do(t, dialecttest.Request(t, method, s.URL+path, "", "Authorization", basic(demoKey)))
			served := slices.Contains(methods, method) || method == "HEAD" && slices.Contains(methods, "GET")
			if served == (answer.StatusCode == 405) {
				t.Errorf("%s %s answered %d", method, path, answer.StatusCode)
			}
			if !served && answer.Header.Get("Allow") != strings.Join(methods, ", ") {
				t.Errorf("%s %s allows %q", method, path, answer.Header.Get("Allow"))
			}
			if !served && method != "HEAD" && decoded(t, body)["error"] == nil {
				t.Errorf("%s %s has no envelope: %s", method, path, body)
			}
		}
	}
}

func TestEveryAddressMayEndInASlashAndABareQuestionMark(t *testing.T) {
	s := dialecttest.Start(t)
	for path, methods := range addresses(t, s) {
		if !slices.Contains(methods, "GET") {
			continue
		}
		query := "?"
		if path == "/v1/charges" {
			query += "app[id]=" + demoApp
		}
		plain := get(t, s, demoKey, path+query, 200)
		for _, form := range []string{path + "/" + query, path + query + "&", strings.Replace(path+query, "app[id]", "app%5Bid%5D", 1)} {
			if body := get(t, s, demoKey, form, 200); body != plain {
				t.Errorf("%s answered\n%s\nnot\n%s", form, body, plain)
			}
		}
	}
	post(t, s, demoKey, "/v1/charges/"+demoCharge+"/refunds/", `{"description":"d","amount":1}`, 200)
}

func TestTheKeyIsLookedAtFirst(t *testing.T) {
	s := dialecttest.Start(t)
	for _, r := range []*http.Request{
		dialecttest.Request(t, "GET", s.URL+"/v1/nothing", ""),
		dialecttest.Request(t, "DELETE", s.URL+"/v1/charges", ""),
		dialecttest.Request(t, "POST", s.URL+"/v1/charges/ch_x/refunds", "{"),
	} {
		if body := send(t, r, 401); !strings.Contains(body, "提供了无效的 API KEY") {
			t.Error(body)
		}
	}
}

func TestBothStylesOfKeysAreOneAccount(t *testing.T) {
	s := dialecttest.Start(t)
	charge := s.Charge(t, merchant.DemoID, 1000, nil).ID
	var bodies []string
	for _, style := range []string{basic(demoKey), "Basic " + strings.TrimPrefix(basic(demoKey+":password"), "Basic "), "Bearer " + demoKey} {
		bodies = append(bodies, send(t, dialecttest.Request(t, "GET", s.URL+"/v1/charges/"+charge, "", "Authorization", style), 200))
	}
	if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
		t.Errorf("answered %v", bodies)
	}
}

func TestLiveAndTestShareNothing(t *testing.T) {
	s := dialecttest.Start(t)
	live := s.Merchant(t, "live", merchant.Live, nil)
	app, _ := live.Identity(merchant.PingPP)
	now := time.Now().UTC().Truncate(time.Microsecond)
	id := "ch_" + refund.NewID(now)
	_, _, err := s.Store.RegisterCharge(t.Context(), refund.Charge{
		MerchantID: live.Merchant.ID, ID: id, OrderNo: "LIVE1", Channel: "wx", ChannelAccount: "live_1", TransactionID: "4200", Currency: "CNY", Amount: 100,
		PaidAt: now, CreatedAt: now, Aliases: []refund.Alias{{Dialect: merchant.PingPP, Identity: app.Name, Name: id}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := live.Key(merchant.PingPP)
	if !strings.HasPrefix(key, "sk_live_") || len(key) != 32 {
		t.Errorf("the live key is %q", key)
	}
	if got := decoded(t, get(t, s, key, "/v1/charges/"+id, 200)); got["livemode"] != true {
		t.Errorf("livemode %v", got["livemode"])
	}
	if got := decoded(t, get(t, s, demoKey, "/v1/charges/"+demoCharge, 200)); got["livemode"] != false {
		t.Errorf("livemode %v", got["livemode"])
	}
	get(t, s, key, "/v1/charges/"+demoCharge, 404)
	get(t, s, demoKey, "/v1/charges/"+id, 404)
}

func TestMetadataIsReturnedAsItCame(t *testing.T) {
	s := dialecttest.Start(t)
	path := "/v1/charges/" + s.Charge(t, merchant.DemoID, 10_000, nil).ID + "/refunds"
	for name, test := range map[string]struct{ sent, want string }{
		"a member called object":       {`{"object":"charge","id":"x"}`, `{"object":"charge","id":"x"}`},
		"names that are numbers":       {`{"1":"b","0":"a"}`, `{"1":"b","0":"a"}`},
		"what is no string":            {`{"a":1.50,"b":true,"c":null,"d":[{}],"e":{"f":[]}}`, `{"a":1.50,"b":true,"c":null,"d":[{}],"e":{"f":[]}}`},
		"the escapes of Java and Node": {`{"a":"\u003c苹果\u003e"}`, `{"a":"\u003c苹果\u003e"}`},
		"PHP's empty map":              {`[]`, `{}`},
		"nothing":                      {`null`, `{}`},
	} {
		t.Run(name, func(t *testing.T) {
			made := decoded(t, post(t, s, demoKey, path, `{"description":"d","amount":1,"metadata":`+test.sent+`}`, 200))
			if diff := cmp.Diff(decoded(t, test.want), made["metadata"]); diff != "" {
				t.Error(diff)
			}
			if read := get(t, s, demoKey, path+"/"+fmt.Sprint(made["id"]), 200); decoded(t, read)["metadata"] == nil {
				t.Errorf("read %s", read)
			}
		})
	}
	made := decoded(t, post(t, s, demoKey, path, "description=d&amount=1&metadata[color]=red&metadata%5B%E5%90%8D%5D=x+y", 200, "Content-Type", formType))
	if diff := cmp.Diff(map[string]any{"color": "red", "名": "x y"}, made["metadata"]); diff != "" {
		t.Error(diff)
	}
}
