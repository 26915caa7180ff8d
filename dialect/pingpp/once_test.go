package pingpp_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// One Idempotency-Key is one request: whatever else it is sent with is told so
// with 400, never 409, and changes nothing.
func TestAKeyIsOneRequestWhateverTheCall(t *testing.T) {
	s := dialecttest.Start(t)
	const order = "2001708140000194811"
	charge, left := s.Charge(t, merchant.DemoID, 100, scanned), s.Charge(t, merchant.DemoID, 100, scanned)
	of := s.Charge(t, merchant.DemoID, 100, ofOrder(order))
	calls := []struct{ key, path, body, other string }{
		{"refund", "/v1/charges/" + charge.ID + "/refunds", `{"description":"d","amount":10}`, `{"description":"d","amount":11}`},
		{"reverse", "/v1/charges/" + charge.ID + "/reverse", "", ""},
		{"batch", "/v1/batch_refunds", batchOf(demoApp, "K001", quoted(left.ID)), batchOf(demoApp, "K002", quoted(left.ID))},
		{"order", "/v1/orders/" + order + "/order_refunds", `{"description":"d"}`, `{"description":"d","charge":"` + of.ID + `","charge_amount":1}`},
		{"charge", "/v1/charges", chargeOf("KEYSALL1", "wx", 100), chargeOf("KEYSALL2", "wx", 100)},
	}
	first := map[string]string{}
	for _, call := range calls {
		first[call.key] = post(t, s, demoKey, call.path, call.body, 200, "Idempotency-Key", call.key, "Prefer", "wait=5")
	}
	s.Unchanged(t, func() {
		taken := func(key, path, body string) {
			t.Helper()
			if answer := post(t, s, demoKey, path, body, 400, "Idempotency-Key", key); !strings.Contains(answer, `"param": "Idempotency-Key"`) {
				t.Errorf("%s with the key %s: %s", path, key, answer)
			}
		}
		for _, call := range calls {
			if again := post(t, s, demoKey, call.path, call.body, 200, "Idempotency-Key", call.key); decoded(t, again)["id"] != decoded(t, first[call.key])["id"] {
				t.Errorf("%s again: %s, first %s", call.key, again, first[call.key])
			}
			if call.other != "" {
				taken(call.key, call.path, call.other)
			}
			for _, other := range calls {
				if other.key != call.key {
					taken(call.key, other.path, other.body)
				}
			}
			// The same refund that was asked for, by the call that did not ask.
			for _, id := range []string{charge.ID, left.ID} {
				if call.key == "refund" && id == charge.ID {
					continue
				}
				taken(call.key, "/v1/charges/"+id+"/refunds", `{"description":"d"}`)
			}
		}
	})
	if refunds := s.Refunds(t, charge); len(refunds) != 2 || !slices.ContainsFunc(refunds, func(r refund.Refund) bool { return r.By.Call == refund.ByReverse }) {
		t.Errorf("refunds %+v", refunds)
	}
}

// A batch is found by its number and by its key, and the two agree.
func TestABatchHasANumberAndAKey(t *testing.T) {
	s := dialecttest.Start(t)
	charge, other := s.Charge(t, merchant.DemoID, 100, nil), s.Charge(t, merchant.DemoID, 100, nil)
	ask := func(number, key, id string, status int) string {
		t.Helper()
		return post(t, s, demoKey, "/v1/batch_refunds", batchOf(demoApp, number, quoted(id)), status, "Idempotency-Key", key, "Prefer", "wait=5")
	}
	made := decoded(t, ask("N001", "one", charge.ID, 200))
	for _, key := range []string{"one", "two"} { // a new key for a batch that is there means it from now on
		if again := decoded(t, ask("N001", key, charge.ID, 200)); again["id"] != made["id"] {
			t.Errorf("%s: %v, first %v", key, again["id"], made["id"])
		}
	}
	s.Unchanged(t, func() {
		for _, key := range []string{"one", "two"} {
			if answer := ask("N002", key, other.ID, 400); !strings.Contains(answer, `"param": "Idempotency-Key"`) {
				t.Error(answer)
			}
		}
		if answer := ask("N001", "three", other.ID, 400); !strings.Contains(answer, `"param": "batch_no"`) {
			t.Error(answer)
		}
	})
	ask("N002", "three", other.ID, 200) // which the refused one has not used up
}
