package wallet_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
)

// withNumber is a refund request with the merchant's own number.
func withNumber(charge string, amount int, number string) string {
	return strings.TrimSuffix(asking(charge, amount), "}") + fmt.Sprintf(`,"extra":{"refund_order":%q}}`, number)
}

// The same key or number with the same charge and amount is the same refund,
// whatever else differs; other content is an error; without either each call is
// a new refund.
func TestRepeats(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	charge, other := w.charge(t, 1000, nil), w.charge(t, 1000, nil)
	long, key := strings.Repeat("N", 32), strings.Repeat("~", 255)
	first := w.refund(t, withNumber(charge, 100, long), 200, "Prefer", "wait=5")
	second := w.refund(t, asking(charge, 200), 200, "Prefer", "wait=5", "Idempotency-Key", key)
	for _, test := range []struct {
		name, body string
		header     []string
		status     int
		want       string
	}{
		{"the number again", withNumber(charge, 100, long), nil, 200, first},
		{
			"the number again, with another address and text", `{"charges_id":"` + charge + `","client_ip":"::1","amount":100,"description":"x","extra":{"refund_order":"` + long + `","y":1}}`,
			nil, 200, first,
		},
		{"the key again", asking(charge, 200), []string{"Idempotency-Key", key}, 200, second},
		{"the number with another amount", withNumber(charge, 101, long), nil, 400, `{"code":10002,"message":"extra.refund_order was used for another refund","data":null}`},
		{"the number with another charge", withNumber(other, 100, long), nil, 400, `{"code":10002,"message":"extra.refund_order was used for another refund","data":null}`},
		{"the key with another amount", asking(charge, 201), []string{"Idempotency-Key", key}, 400, `{"code":10002,"message":"Idempotency-Key was used for another re`},
		{"the key with another charge", asking(other, 200), []string{"Idempotency-Key", key}, 400, `{"code":10002,"message":"Idempotency-Key was used for another re`},
		{"a number and a key of two refunds", withNumber(charge, 100, long), []string{"Idempotency-Key", key}, 400, `{"code":10002,"message":"`},
		{"the number in other letters is another number", withNumber(charge, 1100, strings.ToLower(long)), nil, 402, `{"code":100028,`},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Unchanged(t, func() {
				if got := w.refund(t, test.body, test.status, test.header...); !strings.HasPrefix(got, test.want) {
					t.Errorf("got %s", got)
				}
			})
		})
	}
	// The older generation has the same numbers, and says it in its own form.
	older := decoded(t, post(t, s, w.key, "/charges/"+charge+"/refunds", `{"amount":100,"description":"d","extra":{"refund_order":"`+long+`"}}`, 200))
	if older["id"] != decoded(t, first)["id"] || older["charge_id"] != charge {
		t.Errorf("older: %v", older)
	}
	// A refund that failed is the answer to its repeat too.
	failed := w.refund(t, withNumber(charge, 151, "FAILS"), 200, "Prefer", "wait=5")
	if again := w.refund(t, withNumber(charge, 151, "FAILS"), 200); again != failed || !strings.Contains(failed, `"status":"failed"`) {
		t.Errorf("got %s, first %s", again, failed)
	}
	// Neither: two refunds.
	one, two := w.refund(t, asking(charge, 1), 200), w.refund(t, asking(charge, 1), 200)
	if decoded(t, one)["id"] == decoded(t, two)["id"] {
		t.Error("two calls without a number are one refund")
	}
	// A refused request uses up neither.
	w.refund(t, withNumber(charge, 5000, "LATER"), 402, "Idempotency-Key", "later")
	w.refund(t, withNumber(charge, 1, "LATER"), 200, "Idempotency-Key", "later")
	// When nothing is left, a repeat still is one.
	w.refund(t, withNumber(other, 1000, "ALL"), 200, "Prefer", "wait=5")
	w.refund(t, withNumber(other, 1000, "ALL"), 200)
	w.refund(t, withNumber(other, 1000, "ALL2"), 402)
}

// A refund is answered with the state that it has reached within its time.
func TestTheAnswerComesInItsTime(t *testing.T) {
	s := dialecttest.Start(t)
	w := with(t, s, merchant.Test, nil)
	charge := w.charge(t, 10_000, nil)
	for _, test := range []struct {
		name   string
		amount int
		wait   string
		want   string // of which one is told
	}{
		{"at once", 101, "wait=0", "created pending succeeded"},
		{"final in time", 101, "wait=10", "succeeded"},
		{"refused in time is a 200 too", 151, "wait=10", "failed"},
		{"not final in time", 158, "wait=1", "pending"},
		{"a payer whose account can't take it", 152, "wait=1", "pending"},
		{"short of funds", 155, "wait=1", "created pending"},
		{"an unknown outcome is no error", 153, "wait=0", "created pending"},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			got := decoded(t, w.refund(t, asking(charge, test.amount), 200, "Prefer", test.wait))
			if !strings.Contains(test.want, got["status"].(string)) {
				t.Errorf("got %v after %v", got["status"], time.Since(began))
			}
		})
	}
}
