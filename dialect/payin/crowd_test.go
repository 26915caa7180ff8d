package payin_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// sent is what came of one of many requests at once.
type sent struct {
	status int
	body   string
}

// together sends all requests at once.
func together(t *testing.T, requests []*http.Request) []sent {
	t.Helper()
	out := make([]sent, len(requests))
	var all sync.WaitGroup
	for n, r := range requests {
		all.Go(func() {
			response, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = response.Body.Close() }()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Error(err)
			}
			out[n] = sent{response.StatusCode, string(body)}
		})
	}
	all.Wait()
	return out
}

// A client or proxy that sends one request many times makes one refund; and an
// order is made once, also by many.
func TestManyRetransmissionsAtOnceAreOneRefundAndOneOrder(t *testing.T) {
	const copies = 16
	s := dialecttest.Start(t)
	c := demo(s)
	charge := s.Charge(t, merchant.DemoID, 10_000, func(c *refund.Charge) { c.Currency = "SAR" })
	alias, _ := charge.Alias(merchant.Payin)
	for name, first := range map[string]*http.Request{
		"refund": c.request(t, "POST", "/orders/"+alias.Name+"/refunds", amount(`"1"`)),
		"order":  c.request(t, "POST", "/merchants/"+demoMerchant+"/orders", `{"merchantOrderId":"many","amount":"1","currency":"SAR","name":"n"}`),
	} {
		requests := make([]*http.Request, copies)
		for n := range requests {
			requests[n] = first.Clone(t.Context())
			body, err := first.GetBody()
			if err != nil {
				t.Fatal(err)
			}
			requests[n].Body = body
		}
		ids := map[string]bool{}
		for _, answer := range together(t, requests) {
			if answer.status != http.StatusOK {
				t.Errorf("%s: answered %d %s", name, answer.status, answer.body)
				continue
			}
			ids[fmt.Sprint(decoded(t, answer.body)["id"])] = true
		}
		if len(ids) != 1 {
			t.Errorf("%s: %d were made: %v", name, len(ids), ids)
		}
	}
	if got := s.Refunds(t, charge); len(got) != 1 {
		t.Errorf("%d refunds were made", len(got))
	}
}

// While a secret is changed both are good: kept together, with a blank between.
func TestBothSecretsAreGoodDuringARotation(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "rotating", merchant.Test, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect == merchant.Payin {
				f.Identities[n].Secrets = map[string]string{merchant.ClientSecret: "new old"}
			}
		}
	})
	c, path := of(s, fresh), "/merchants/"+payinName(fresh)
	for secret, status := range map[string]int{"new": 200, "old": 200, "new old": 401, "": 401, "older": 401} {
		c.secret = secret
		c.send(t, "GET", path, "", status)
	}
	none := s.Merchant(t, "without", merchant.Test, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect == merchant.Payin {
				f.Identities[n].Secrets = nil
			}
		}
	})
	client{s.URL, none.Key(merchant.Payin), ""}.send(t, "GET", "/merchants/"+payinName(none), "", http.StatusUnauthorized)
}

// The daily file speaks of orders and refunds by the names that they have here.
func TestTheDailyFileNamesWhatThisAPINames(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	order := paidOrder(t, s, merchant.DemoID, 1000, "SAR")
	c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1.51"`), http.StatusOK, "Prefer", "wait=5")
	body := c.send(t, "POST", "/orders/"+order+"/refunds", `{"amount":"2","reason":"r","merchantRefundId":"m-1"}`, http.StatusOK, "Prefer", "wait=5")
	created, err := wire.ParseTime(fmt.Sprint(decoded(t, body)["createdAt"]))
	if err != nil {
		t.Fatal(err)
	}
	date := created.In(wire.Riyadh).Format("2006-01-02")
	r := dialecttest.Request(t, "GET", s.URL+"/refundry/v1/payin/reconciliation/"+demoMerchant+"/"+date+".csv", "", "Authorization", "Bearer rk_test_demo")
	_, file := dialecttest.Do(t, r)
	for _, want := range []string{
		"\nM948164," + order + ",", order + "_R1,,", order + "_R2,m-1,", ",1.51,SAR,R,F," + order + ",10.00,SAR\n", ",2.00,SAR,R,S," + order + ",10.00,SAR\n",
	} {
		if !strings.Contains(file, want) {
			t.Errorf("%q is not in\n%s", want, file)
		}
	}
}
