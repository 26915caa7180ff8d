package native_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
)

// A coupon comes back to the payer only with the whole payment, and only one
// on the whole order can.
func TestAQuoteSaysWhichCouponsMayBeUsedAgain(t *testing.T) {
	s := dialecttest.Start(t)
	const charge = `{"order_no":"QUOTE1","amount":1000,"currency":"CNY","channel":"wx","paid_at":"2026-11-22T10:00:00Z","transaction_id":"quote1","coupons":[
		{"id":"whole","scope":"GLOBAL","type":"CASH","amount":100},{"id":"one","scope":"SINGLE","type":"CASH","amount":100}]}`
	send(t, s, demo, "POST", "/charges", charge, 201)
	for _, test := range []struct {
		name, amount, want string
	}{
		{"the whole payment", `,"amount":1000`, `"reusable_coupons":["whole"]`},
		{"the whole payment without an amount", ``, `"reusable_coupons":["whole"]`},
		{"all but one fen", `,"amount":999`, `"reusable_coupons":[]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			quote := send(t, s, demo, "POST", "/quotes", `{"charge":"QUOTE1"`+test.amount+`}`, 200)
			if !strings.Contains(quote, test.want) {
				t.Errorf("%s lacks %s", quote, test.want)
			}
		})
	}
	send(t, s, demo, "POST", "/refunds", `{"charge":"QUOTE1","amount":400}`, 201)
	if rest := send(t, s, demo, "POST", "/quotes", `{"charge":"QUOTE1"}`, 200); !strings.Contains(rest, `"reusable_coupons":[]`) {
		t.Errorf("the rest after a partial refund: %s", rest)
	}
}
