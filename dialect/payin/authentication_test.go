package payin_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/payin"
)

// What some calls send besides the five headers is not signed, and changes
// nothing (Y2-13).
func TestOtherHeadersArePartOfNothing(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	for name, headers := range map[string][]string{
		"a UUID":                 {"x-auth-uuid", "5f0c7b1e-0f0c-4a53-9f4d-1a2b3c4d5e6f"},
		"a customer's address":   {"x-customer-ip", "192.0.2.1"},
		"a user agent":           {"User-Agent", "STCPay/1"},
		"a charset":              {"Content-Type", "application/json; charset=UTF-8"},
		"no JSON, by its header": {"Content-Type", "text/plain"},
	} {
		t.Run(name, func(t *testing.T) {
			has(t, c.send(t, "POST", "/orders/"+demoOrder+"/refunds", `{"amount":"1","reason":"`+name+`"}`, http.StatusOK, headers...), map[string]string{"amount": "1"})
		})
	}
}

// Who is not authenticated learns nothing about orders, bodies or addresses
// that take an id (Y7.3-4).
func TestAWrongSignatureIsToldBeforeAnythingElse(t *testing.T) {
	s := dialecttest.Start(t)
	c := client{s.URL, demoKey, "wrong"}
	for name, test := range map[string]struct{ method, path, body string }{
		"an unknown order":             {"POST", "/orders/M1T2/refunds", amount(`"1"`)},
		"an unknown refund":            {"GET", "/refunds/M1T2_R1", ""},
		"an id that none can be":       {"GET", "/orders/" + strings.Repeat("x", 200), ""},
		"a body that is none":          {"POST", "/orders/" + demoOrder + "/refunds", "{"},
		"a body that is too large":     {"POST", "/orders/" + demoOrder + "/refunds", strings.Repeat("x", 2<<20)},
		"a call that is not served":    {"POST", "/orders/" + demoOrder + "/payment/stcpay/transactions", ""},
		"another merchant":             {"GET", "/merchants/M000001", ""},
		"an order of another merchant": {"POST", "/merchants/M000001/orders", "{}"},
	} {
		t.Run(name, func(t *testing.T) {
			if body := c.send(t, test.method, test.path, test.body, http.StatusUnauthorized); !strings.Contains(body, `"uri":"`+test.path+`"`) {
				t.Errorf("got %s", body)
			}
		})
	}
}

// What the server saw: the path as it was sent, without the prefix and the
// query.
func TestTheURIThatWasSeenIsTheOneThatWasSent(t *testing.T) {
	s := dialecttest.Start(t)
	for name, test := range map[string]struct{ target, uri string }{
		"with its prefix":              {"/api_v1/orders/M1T2", "/orders/M1T2"},
		"without":                      {"/orders/M1T2", "/orders/M1T2"},
		"without the query":            {"/api_v1/orders/M1T2?a=1&b=2", "/orders/M1T2"},
		"with its escapes":             {"/api_v1/orders/%4d1T2%2F", "/orders/%4d1T2%2F"},
		"with the letter case of them": {"/orders/%c3%A9", "/orders/%c3%A9"},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialecttest.Request(t, "GET", s.URL+test.target, "")
			wire.Authenticate(demoKey, "wrong", wire.QueryOrder, test.uri, time.Now()).Set(r.Header)
			response, body := dialecttest.Do(t, r)
			if response.StatusCode != http.StatusUnauthorized || !strings.Contains(body, `{"uri":"`+test.uri+`","key":`) {
				t.Errorf("%d %s", response.StatusCode, body)
			}
			// The same path, signed with the secret, is opened: there is no such order.
			wire.Authenticate(demoKey, demoSecret, wire.QueryOrder, test.uri, time.Now()).Set(r.Header)
			if response, body := dialecttest.Do(t, r); response.StatusCode != http.StatusNotFound {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
	}
}

// 300 s either way, and not one more (Y7.3-2).
func TestTheServersClockDecidesTo300Seconds(t *testing.T) {
	const now = 1_790_000_000
	s := dialecttest.Start(t, func(o *service.Options) { o.Now = func() time.Time { return time.Unix(now, 0) } })
	const uri = "/merchants/" + demoMerchant
	for away, status := range map[int64]int{-301: 401, -300: 200, 0: 200, 300: 200, 301: 401} {
		t.Run(strconv.FormatInt(away, 10)+" seconds", func(t *testing.T) {
			r := dialecttest.Request(t, "GET", s.URL+uri, "")
			wire.Authenticate(demoKey, demoSecret, wire.QueryMerchant, uri, time.Unix(now+away, 0)).Set(r.Header)
			if response, body := dialecttest.Do(t, r); response.StatusCode != status {
				t.Errorf("%d %s", response.StatusCode, body)
			}
		})
	}
}

// A client's key may be for reading alone.
func TestAKeyWithoutTheScopeIsForbidden(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "reader", merchant.Test, nil)
	reader, _, _ := newClient(t, s, fresh, `{"dialect":"payin","scopes":["read"]}`)
	order := paidOrder(t, s, fresh.Merchant.ID, 1000, "SAR")
	reader.send(t, "GET", "/orders/"+order, "", http.StatusOK)
	s.Unchanged(t, func() {
		got := reader.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1"`), http.StatusForbidden)
		if want := `{"code":"forbidden","message":"the key may not call order.refund","data":[]}`; got != want {
			t.Errorf("got %s", got)
		}
	})
}

// Addresses that a client can't have signed are answered in this API's form,
// and never by a redirect, which a signed call could not follow.
func TestUncleanAddressesAreUnknown(t *testing.T) {
	s := dialecttest.Start(t)
	for _, test := range []struct{ method, target string }{
		{"GET", "/api_v1//orders/" + demoOrder},
		{"GET", "/api_v1/orders/../orders/" + demoOrder},
		{"GET", "/orders//" + demoOrder},
		{"GET", "/orders/" + demoOrder + "/"},
		{"GET", "/api_v1/api_v1/orders/" + demoOrder},
		{"HEAD", "/orders/" + demoOrder},
		{"OPTIONS", "/orders/" + demoOrder},
		{"post", "/orders/" + demoOrder + "/refunds"},
	} {
		r := dialecttest.Request(t, test.method, s.URL+test.target, "")
		response, body := dialecttest.Do(t, r)
		if response.StatusCode != http.StatusNotFound || test.method != "HEAD" && !strings.HasPrefix(body, `{"code":"notFound",`) {
			t.Errorf("%s %s: %d %s", test.method, test.target, response.StatusCode, body)
		}
	}
}
