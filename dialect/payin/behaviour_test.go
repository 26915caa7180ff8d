package payin_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// Numbers are exact and without zeros at their end; other dialects' third
// decimals are shown (Y7.1-10 and Y7.1-14).
func TestAmountsAreExactInEveryCurrency(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	for _, test := range []struct {
		currency, in, out string
		paid              int64
	}{
		{"SAR", "7", "7", 1000},
		{"SAR", "7.00", "7", 1000},
		{"SAR", "3.2", "3.2", 1000},
		{"SAR", "3.20", "3.2", 1000},
		{"SAR", "3.23", "3.23", 1000},
		{"SAR", "0.01", "0.01", 1000},
		{"SAR", "999999999999.99", "999999999999.99", 99_999_999_999_999},
		{"KWD", "1.35", "1.35", 1350},
		{"BHD", "0.01", "0.01", 1000},
		{"OMR", "127", "127", 999_999},
		{"JPY", "127", "127", 999},
		{"CNY", "0.3", "0.3", 100},
	} {
		t.Run(test.currency+" "+test.in, func(t *testing.T) {
			order := paidOrder(t, s, merchant.DemoID, money.Minor(test.paid), money.Currency(test.currency))
			answer := c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"`+test.in+`"`), http.StatusOK)
			has(t, answer, map[string]string{"amount": test.out, "currency": `"` + test.currency + `"`})
		})
	}
}

// An order that was paid with a third decimal keeps it when it is shown; what
// can't be said here can't be refunded here, unless the switch is on.
func TestAThirdDecimalIsShownAndTakenOnlyByTheSwitch(t *testing.T) {
	s := dialecttest.Start(t)
	plain := demo(s)
	fresh := s.Merchant(t, "three", merchant.Test, func(f *merchant.Fresh) {
		setPublic(f, wire.SwitchThreeDecimals, wire.SwitchNumberAmount)
	})
	three := of(s, fresh)
	order := paidOrder(t, s, merchant.DemoID, 1357, "KWD")
	has(t, plain.send(t, "GET", "/orders/"+order, "", http.StatusOK), map[string]string{"amount": "1.357"})
	plain.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1.357"`), http.StatusBadRequest)
	order = paidOrder(t, s, fresh.Merchant.ID, 1357, "KWD")
	has(t, three.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1.001"`), http.StatusOK), map[string]string{"amount": "1.001"})
	// The other switch: a JSON number, as it stands.
	has(t, three.send(t, "POST", "/orders/"+order+"/refunds", amount(`0.1`), http.StatusOK), map[string]string{"amount": "0.1"})
	// SAR has no third decimal to switch on.
	order = paidOrder(t, s, fresh.Merchant.ID, 1000, "SAR")
	three.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1.001"`), http.StatusBadRequest)
}

// setPublic switches on some of a merchant's settings in this API.
func setPublic(f *merchant.Fresh, switches ...string) {
	for n := range f.Identities {
		if f.Identities[n].Dialect == merchant.Payin {
			f.Identities[n].Public = map[string]string{}
			for _, name := range switches {
				f.Identities[n].Public[name] = wire.SwitchOn
			}
		}
	}
}

// A repeat is known by merchantRefundId, by Idempotency-Key, and without either
// by the same bytes with the same timestamp (Y7.2-4 to Y7.2-15).
func TestARepeatIsTheSameRefund(t *testing.T) {
	s := dialecttest.Start(t)
	order := paidOrder(t, s, merchant.DemoID, 10_000, "SAR")
	path := "/orders/" + order + "/refunds"
	id := func(r *http.Request) string {
		response, body := dialecttest.Do(t, r)
		if response.StatusCode != http.StatusOK {
			t.Fatalf("answered %d %s", response.StatusCode, body)
		}
		return fmt.Sprint(decoded(t, body)["id"])
	}
	at := func(seconds int64, body string, prefix string, headers ...string) *http.Request {
		r := dialecttest.Request(t, "POST", s.URL+prefix+path, body, headers...)
		wire.Authenticate(demoKey, demoSecret, wire.CreateRefund, path, time.Unix(seconds, 0)).Set(r.Header)
		return r
	}
	now := time.Now().Unix()
	numbered := `{"amount":"1","reason":"first","merchantRefundId":"n-1"}`
	first := id(at(now, numbered, wire.Prefix))
	if first != order+"_R1" {
		t.Errorf("the first refund is %s", first)
	}
	for name, same := range map[string]*http.Request{
		"the same number later":                     at(now+5, numbered, ""),
		"the same number with another reason":       at(now, `{"amount":"1.00","reason":"second","merchantRefundId":"n-1"}`, ""),
		"the same number and an idempotency key":    at(now, numbered, "", "Idempotency-Key", "k-1"),
		"that key with that number at another time": at(now-5, numbered, "", "Idempotency-Key", "k-1"),
	} {
		if got := id(same); got != first {
			t.Errorf("%s: %s", name, got)
		}
	}
	bare := `{"amount":"1","reason":"r"}`
	second := id(at(now, bare, wire.Prefix))
	for name, same := range map[string]*http.Request{
		"the same bytes once more":                                 at(now, bare, wire.Prefix),
		"the same bytes without the prefix, which is the same uri": at(now, bare, ""),
	} {
		if got := id(same); got != second {
			t.Errorf("%s: %s, not %s", name, got, second)
		}
	}
	seen := map[string]bool{first: true, second: true}
	for name, other := range map[string]*http.Request{
		"another timestamp":       at(now+1, bare, ""),
		"another byte":            at(now, bare+" ", ""),
		"an idempotency key":      at(now, bare, "", "Idempotency-Key", "k-2"),
		"a number":                at(now, `{"amount":"1","reason":"r","merchantRefundId":"n-2"}`, ""),
		"another idempotency key": at(now, bare, "", "Idempotency-Key", "k-3"),
	} {
		got := id(other)
		if seen[got] {
			t.Errorf("%s was taken for a repeat: %s", name, got)
		}
		seen[got] = true
	}
}

// A signature covers no body; the optional header does, and a setting demands it.
func TestABodyCanBeHeldAgainstItsHash(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "strict", merchant.Test, func(f *merchant.Fresh) { setPublic(f, wire.SwitchRequireBodySHA256) })
	c := of(s, fresh)
	order := paidOrder(t, s, fresh.Merchant.ID, 1000, "SAR")
	path, body := "/orders/"+order+"/refunds", amount(`"1"`)
	c.send(t, "POST", path, body, http.StatusUnauthorized)
	sum := sha256.Sum256([]byte(body))
	c.send(t, "POST", path, body, http.StatusOK, wire.HeaderBodySHA256, hex.EncodeToString(sum[:]))
	c.send(t, "POST", path, body+" ", http.StatusUnauthorized, wire.HeaderBodySHA256, hex.EncodeToString(sum[:]))
	c.send(t, "GET", "/orders/"+order, "", http.StatusOK) // what has no body needs no hash
}

// By the sandbox's amounts (Y3.4-20 and Y7.4-10).
func TestAnOrderTellsHowItsRefundsStand(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	type step struct {
		amount, status         string // of the refund
		refundStatus, refunded string // of the order after
		times                  int
		result                 string
		finished               bool
	}
	for name, steps := range map[string][]step{
		"in part, then in full": {
			{"4", "success", "partial", "4", 1, "Approved", true},
			{"6", "success", "full", "10", 2, "Approved", true},
		},
		"refused, then in part": {
			{"1.51", "fail", "fail", "0", 1, "Declined_NoRetry", true},
			{"4", "success", "partial", "4", 2, "Approved", true},
		},
		"in part, then refused": {
			{"4", "success", "partial", "4", 1, "Approved", true},
			{"1.51", "fail", "partial", "4", 2, "Declined_NoRetry", true},
		},
		"open": {
			{"1.58", "pending", "processing", "0", 1, "Not_Yet", false},
			{"4", "success", "processing", "4", 2, "Approved", true},
		},
		"abnormal counts as open":       {{"1.52", "pending", "processing", "0", 1, "Not_Yet", false}},
		"short of funds counts as open": {{"1.55", "pending", "processing", "0", 1, "Not_Yet", false}},
	} {
		t.Run(name, func(t *testing.T) {
			order := paidOrder(t, s, merchant.DemoID, 1000, "SAR")
			has(t, c.send(t, "GET", "/orders/"+order, "", http.StatusOK), map[string]string{
				"refundStatus": `"none"`, "refundAmount": "0", "refundTimes": "0", "amount": "10", "status": `"paid"`, "clientIp": `"0.0.0.0"`,
			})
			for n, step := range steps {
				wait := "wait=5"
				if !step.finished {
					wait = "wait=0"
				}
				answer := c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"`+step.amount+`"`), http.StatusOK, "Prefer", wait)
				id, transaction := order+"_R"+strconv.Itoa(n+1), order+"_"+strconv.Itoa(n+2)
				has(t, answer, map[string]string{"status": `"` + step.status + `"`, "id": `"` + id + `"`, "originTransactionId": `"` + order + `_1"`, "merchantRefundId": "null"})
				whole := c.send(t, "GET", "/refunds/"+id, "", http.StatusOK)
				has(t, whole, map[string]string{"status": `"` + step.status + `"`, "refundTransactionId": `"` + transaction + `"`, "reason": `"r"`})
				if finished := decoded(t, whole)["finishedAt"] != nil; finished != step.finished {
					t.Errorf("finishedAt in %s", whole)
				}
				has(t, c.send(t, "GET", "/transactions/"+transaction+"/merchant", "", http.StatusOK), map[string]string{
					"type": `"refund"`, "result": `"` + step.result + `"`, "id": `"` + transaction + `"`, "orderId": `"` + order + `"`,
				})
				has(t, c.send(t, "GET", "/orders/"+order, "", http.StatusOK), map[string]string{
					"refundStatus": `"` + step.refundStatus + `"`, "refundAmount": step.refunded, "refundTimes": strconv.Itoa(step.times),
				})
			}
		})
	}
}

// A refund made through one dialect is visible through every other
// identity of the merchant, in that dialect's words.
func TestRefundsOfOtherDialectsAreShownHere(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	charge := s.Charge(t, merchant.DemoID, 100, func(c *refund.Charge) { c.Channel = "wx_pub_qr" })
	order, _ := charge.Alias(merchant.Payin)
	pingpp, _ := charge.Alias(merchant.PingPP)
	r := dialecttest.Request(t, "POST", s.URL+"/v1/charges/"+pingpp.Name+"/refunds", `{"amount":30,"description":"d"}`,
		"Authorization", "Bearer sk_test_ibbTe5jLGCi5rzfH4OqPW9KC", "Content-Type", "application/json")
	if response, body := dialecttest.Do(t, r); response.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	has(t, c.send(t, "GET", "/refunds/"+order.Name+"_R1", "", http.StatusOK), map[string]string{
		"amount": "0.3", "currency": `"CNY"`, "merchantRefundId": "null", "reason": `"d"`, "paymentMethod": `"wx_pub_qr"`, "status": `"success"`,
	})
	// And one made here is seen there, under the number that it has here.
	c.send(t, "POST", "/orders/"+order.Name+"/refunds", `{"amount":"0.2","reason":"x","merchantRefundId":"m1"}`, http.StatusOK)
	r = dialecttest.Request(t, "GET", s.URL+"/v1/charges/"+pingpp.Name, "", "Authorization", "Bearer sk_test_ibbTe5jLGCi5rzfH4OqPW9KC")
	if _, body := dialecttest.Do(t, r); !strings.Contains(body, `"amount": 20`) {
		t.Errorf("the refund is not in\n%s", body)
	}
}

// An order of a merchant in test mode is paid at once; the same order once more
// is the same order (Y3.4-15 and Y3.4-2).
func TestATestOrderIsPaidAtOnce(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	const body = `{"merchantOrderId":"O-1","amount":"12.50","currency":"SAR","name":"Dates","notificationURL":"https://merchant.example/n?a=1","clientIp":"192.0.2.1",
		"expiredAt":"2100-01-01T00:00:00.000Z","customer":{"nickname":"A"},"products":[{"name":"Dates","price":1.50}]}`
	answer := c.send(t, "POST", "/merchants/"+demoMerchant+"/orders", body, http.StatusOK)
	has(t, answer, map[string]string{
		"amount": "12.5", "status": `"paid"`, "merchantOrderId": `"O-1"`, "name": `"Dates"`, "clientId": `"CLT0948164"`, "clientIp": `"192.0.2.1"`,
		"products": `"[{\"name\":\"Dates\",\"price\":1.50}]"`, "customer": `"{\"nickname\":\"A\"}"`, "payerInfo": "null", "closedAt": "null",
		"expiredAt": `"2100-01-01T00:00:00.000Z"`, "notificationURL": `"https://merchant.example/n?a=1"`, "successPaymentMethod": `"mastercard"`,
		"tip": "0", "taxAmount": "0", "refundStatus": `"none"`,
	})
	id := fmt.Sprint(decoded(t, answer)["id"])
	if !wire.IsOrderID(id) || !strings.HasPrefix(id, demoMerchant+"T") {
		t.Errorf("the order's id is %s", id)
	}
	if again := c.send(t, "POST", "/merchants/"+demoMerchant+"/orders", body, http.StatusOK); again != answer {
		t.Errorf("once more\n%s\nfirst\n%s", again, answer)
	}
	charge, err := s.Store.ChargeByAlias(t.Context(), merchant.DemoID, merchant.Payin, id)
	if err != nil {
		t.Fatal(err)
	}
	names := 0
	for _, alias := range charge.Aliases {
		if alias.Dialect == merchant.Payin {
			names++
		}
	}
	if names != 1 {
		t.Errorf("the order has %d names here: %v", names, charge.Aliases)
	}
	if got := c.send(t, "GET", "/orders/"+id, "", http.StatusOK); got != answer {
		t.Errorf("read\n%s\nmade\n%s", got, answer)
	}
	has(t, c.send(t, "GET", "/transactions/"+id+"_1/merchant", "", http.StatusOK), map[string]string{
		"type": `"payment"`, "result": `"Approved"`, "amount": "12.5", "paymentMethod": `"mastercard"`,
	})
	c.send(t, "POST", "/orders/"+id+"/refunds", amount(`"12.5"`), http.StatusOK)
}

func TestALiveMerchantRegistersItsOrdersElsewhere(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "live", merchant.Live, nil)
	c := of(s, fresh)
	name := fresh.Identities[len(fresh.Identities)-1].Name
	for _, identity := range fresh.Identities {
		if identity.Dialect == merchant.Payin {
			name = identity.Name
		}
	}
	c.send(t, "GET", "/merchants/"+name, "", http.StatusOK)
	answer := c.send(t, "POST", "/merchants/"+name+"/orders", `{}`, http.StatusForbidden)
	if want := `{"code":"forbidden","message":"the key may not call merchant.addOrder","data":[]}`; answer != want {
		t.Errorf("got %s", answer)
	}
}

// Limits of the merchant itself, in the dialect's codes.
func TestAMerchantsLimitsAreTold(t *testing.T) {
	s := dialecttest.Start(t)
	for name, test := range map[string]struct {
		limits merchant.Limits
		status int
		want   string
	}{
		"an amount":    {merchant.Limits{MostAmount: 199}, 422, `{"code":"refundAmountExceeded","message":"amount: is above the limit for one refund","data":[]}`},
		"their number": {merchant.Limits{MostRefunds: 1}, 422, `{"code":"refundNotSupported","message":"the order has as many refunds as its channel allows","data":[]}`},
		"their pace":   {merchant.Limits{SpacingSeconds: 3600}, 429, `{"code":"tooManyRequests","message":"the order was refunded too recently, try again later","data":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			fresh := s.Merchant(t, name, merchant.Test, func(f *merchant.Fresh) { f.Merchant.Settings.Limits = test.limits })
			c, order := of(s, fresh), paidOrder(t, s, fresh.Merchant.ID, 1000, "SAR")
			c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1"`), http.StatusOK, "Prefer", "wait=5")
			s.Unchanged(t, func() {
				if got := c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"2"`), test.status); got != test.want {
					t.Errorf("got %s", got)
				}
			})
		})
	}
}

// Rules Y1-1, Y1-2 and Y7.3-10.
func TestPathsAreServedWithAndWithoutTheirPrefix(t *testing.T) {
	s := dialecttest.Start(t)
	const path = "/orders/" + demoOrder
	for name, test := range map[string]struct{ target, uri string }{
		"with":                     {wire.Prefix + path, path},
		"without":                  {path, path},
		"with a query":             {path + "?a=1&b=%2F", path},
		"with a query that counts": {wire.Prefix + path + "?a=1", path + "?a=1"},
		"escaped, as it was sent":  {"/orders/%4d948164T2023072607034709567189", "/orders/%4d948164T2023072607034709567189"},
	} {
		t.Run(name, func(t *testing.T) {
			r := dialecttest.Request(t, "GET", s.URL+test.target, "")
			wire.Authenticate(demoKey, demoSecret, wire.QueryOrder, test.uri, time.Now()).Set(r.Header)
			response, body := dialecttest.Do(t, r)
			if response.StatusCode != http.StatusOK {
				t.Errorf("answered %d %s", response.StatusCode, body)
			}
		})
	}
}

// Unknown addresses under the dialect's prefixes are answered in its form, with
// or without a signature.
func TestEveryAddressBelowIsAnsweredInThisForm(t *testing.T) {
	s := dialecttest.Start(t)
	for _, path := range []string{
		"/api_v1", "/api_v1/", "/api_v1/x", "/api_v1/v1/charges", "/orders", "/orders/", "/orders/a/b", "/refunds", "/refunds/a/b",
		"/merchants", "/merchants/a/b", "/transactions/a", "/transactions/a/b/c",
	} {
		response, body := dialecttest.Do(t, dialecttest.Request(t, "GET", s.URL+path, ""))
		if response.StatusCode != http.StatusNotFound || body != `{"code":"notFound","message":"nothing is served at this address","data":[]}` {
			t.Errorf("%s answered %d %s", path, response.StatusCode, body)
		}
	}
}
