package wallet_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// chargeOf is the body of a charge.
func chargeOf(orderNo string, amount int) string {
	return fmt.Sprintf(`{"channel":"wechat_qrcode","order_no":%q,"client_ip":"::1","amount":%d,"currency":"CHY","subject":"s"}`, orderNo, amount)
}

func TestOfManyChargesWithOneOrderNoOneIsMade(t *testing.T) {
	s := dialecttest.Start(t)
	var all sync.WaitGroup
	var made atomic.Int64
	for range 12 {
		all.Go(func() {
			response, answer := dialecttest.Do(t, dialecttest.Request(t, http.MethodPost, s.URL+"/wallet/"+demoWallet+"/charges", chargeOf("RACE", 100), "X-API-KEY", demoKey))
			switch {
			case response.StatusCode == 200:
				made.Add(1)
			case response.StatusCode != 402 || !strings.Contains(answer, `"code":100024,`):
				t.Errorf("answered %d %s", response.StatusCode, answer)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("%d charges were made of one order_no", made.Load())
	}
}

func TestAnOrderNoIsOneChargeOfOneWallet(t *testing.T) {
	s := dialecttest.Start(t)
	w, other := with(t, s, merchant.Test, nil), with(t, s, merchant.Test, nil)
	create := func(w world, body string, status int, headers ...string) string {
		t.Helper()
		return post(t, s, w.key, "/wallet/"+w.wallet+"/charges", body, status, headers...)
	}
	first := decoded(t, create(w, chargeOf("ORDER1", 100), 200, "Idempotency-Key", "k1"))
	const used = `{"code":100024,"message":"order_no was used for another charge","data":null}`
	for name, again := range map[string][]string{
		"with another amount": {chargeOf("ORDER1", 101), "Idempotency-Key", "k3"},
		"with another key":    {chargeOf("ORDER1", 100), "Idempotency-Key", "k2"},
		"without a key":       {chargeOf("ORDER1", 100)},
	} {
		s.Unchanged(t, func() {
			if got := create(w, again[0], 402, again[1:]...); got != used {
				t.Errorf("%s: %s", name, got)
			}
		})
	}
	s.Unchanged(t, func() {
		const taken = `{"code":10002,"message":"Idempotency-Key was used for another request","data":null}`
		if got := create(w, chargeOf("ORDER1", 101), 400, "Idempotency-Key", "k1"); got != taken {
			t.Error(got)
		}
		if got := create(w, chargeOf("ORDER2", 100), 400, "Idempotency-Key", "k1"); got != taken {
			t.Error(got)
		}
		if got := post(t, s, w.key, "/wallet/"+w.wallet+"/refund", asking(first["id"].(string), 30), 400, "Idempotency-Key", "k1"); got != taken {
			t.Error(got)
		}
	})
	// The same request again is the same charge, as it is by then.
	w.refund(t, asking(first["id"].(string), 30), 200, "Prefer", "wait=5")
	same := decoded(t, create(w, chargeOf("ORDER1", 100), 200, "Idempotency-Key", "k1"))
	if same["id"] != first["id"] || len(same["refunds"].([]any)) != 1 {
		t.Errorf("the repeat is %v", same)
	}
	if theirs := decoded(t, create(other, chargeOf("ORDER1", 100), 200)); theirs["id"] == first["id"] {
		t.Error("two wallets share a charge")
	}
	// One that came to us in another way has its number too.
	w.charge(t, 100, func(c *refund.Charge) { c.OrderNo = "REGISTERED1" })
	if got := create(w, chargeOf("REGISTERED1", 100), 402); got != used {
		t.Errorf("got %s", got)
	}
}
