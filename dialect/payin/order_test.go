package payin_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/payin"
)

// An order's id tells its merchant, the moment in GMT+3 and five digits more
// (Y3.3-1 and Y3.3-2).
func TestAnOrdersIDTellsItsMoment(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "orders", merchant.Test, nil)
	c := of(s, fresh)
	id := newOrder(t, c, fresh, "T1", "")
	order := decoded(t, c.send(t, "GET", "/orders/"+id, "", http.StatusOK))
	created, err := wire.ParseTime(fmt.Sprint(order["createdAt"]))
	if err != nil {
		t.Fatal(err)
	}
	local := created.In(time.FixedZone("", 3*60*60))
	want := payinName(fresh) + "T" + local.Format("20060102150405") + fmt.Sprintf("%03d", local.Nanosecond()/1_000_000)
	if len(id) != 30 || id[:25] != want {
		t.Errorf("%s was made at %s: want %s and five digits", id, created, want)
	}
	// It can be paid for 30 minutes when it does not say (Y3.4-10).
	if expired, err := wire.ParseTime(fmt.Sprint(order["expiredAt"])); err != nil || expired.Sub(created) != 30*time.Minute {
		t.Errorf("it expires at %v, %v; made at %v", order["expiredAt"], err, created)
	}
}

// Limits per payment bind an order and not its refunds (Y3.4-32).
func TestPaymentLimitsBindOrdersAndNotRefunds(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	order := func(number, amount, currency string, status int) string {
		body := `{"merchantOrderId":"` + number + `","amount":"` + amount + `","currency":"` + currency + `","name":"n"}`
		return c.send(t, "POST", "/merchants/"+demoMerchant+"/orders", body, status)
	}
	for _, test := range []struct{ name, amount, currency, want string }{
		{"below the least", "0.09", "SAR", "amount: must be from 0.1 to 10000 SAR"},
		{"above the most", "10000.01", "SAR", "amount: must be from 0.1 to 10000 SAR"},
		{"dinars from their least", "0.24", "KWD", "amount: must be at least 0.25 KWD"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Unchanged(t, func() {
				want := `{"code":"badRequest","message":"` + test.want + `","data":[]}`
				if got := order(test.name, test.amount, test.currency, http.StatusBadRequest); got != want {
					t.Errorf("got %s", got)
				}
			})
		})
	}
	id := fmt.Sprint(decoded(t, order("most", "10000", "SAR", http.StatusOK))["id"])
	c.send(t, "POST", "/orders/"+id+"/refunds", amount(`"0.01"`), http.StatusOK)
}

// Without the switch the last thousandths can't be refunded here, and nothing
// is rounded to reach them (Y7.1-15).
func TestTheLastThousandthsStay(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	order := paidOrder(t, s, merchant.DemoID, 1357, "KWD")
	path := "/orders/" + order
	c.send(t, "POST", path+"/refunds", amount(`"1.35"`), http.StatusOK, "Prefer", "wait=5")
	for text, status := range map[string]int{"0.01": 422, "0.007": 400, "0.00": 400} {
		s.Unchanged(t, func() { c.send(t, "POST", path+"/refunds", amount(`"`+text+`"`), status) })
	}
	has(t, c.send(t, "GET", path, "", http.StatusOK), map[string]string{"amount": "1.357", "refundAmount": "1.35", "refundStatus": `"partial"`})
}

// The switches read what they say and no more.
func TestSwitchesOfAmountsHaveTheirLimits(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "switched", merchant.Test, func(f *merchant.Fresh) { setPublic(f, wire.SwitchThreeDecimals, wire.SwitchNumberAmount) })
	c := of(s, fresh)
	order := decoded(t, c.send(t, "POST", "/merchants/"+payinName(fresh)+"/orders", `{"merchantOrderId":"O1","amount":3.255,"currency":"BHD","name":"n"}`, http.StatusOK))
	if fmt.Sprint(order["amount"]) != "3.255" {
		t.Errorf("an order of 3.255 is %v", order)
	}
	path := "/orders/" + fmt.Sprint(order["id"]) + "/refunds"
	for text, status := range map[string]int{
		"1e0": 400, "-1": 400, "1.2345": 400, "true": 400, "0": 400, "1000000000000": 400, `"1.001"`: 200, "1.001": 200, "0.1": 200, "0.100": 200,
	} {
		c.send(t, "POST", path, amount(text), status)
	}
}

// A member that a refund or an order lacks is null here, or what stands for it
// (Y7.4-14 and Y7.4-15).
func TestWhatComesFromElsewhereLacksAMember(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	charge := s.Charge(t, merchant.DemoID, 100, func(c *refund.Charge) { c.Currency = "JPY" })
	r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", `{"charge":"`+charge.ID+`","amount":30}`, "Authorization", "Bearer rk_test_demo", "Prefer", "wait=5")
	if response, body := dialecttest.Do(t, r); response.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", response.StatusCode, body)
	}
	alias, _ := charge.Alias(merchant.Payin)
	has(t, c.send(t, "GET", "/refunds/"+alias.Name+"_R1", "", http.StatusOK), map[string]string{
		"amount": "30", "currency": `"JPY"`, "merchantRefundId": "null", "reason": "null", "status": `"success"`,
	})
	has(t, c.send(t, "GET", "/orders/"+alias.Name, "", http.StatusOK), map[string]string{
		"clientIp": `"0.0.0.0"`, "name": `""`, "notificationURL": "null", "products": "null", "customer": "null", "refundAmount": "30", "refundTimes": "1",
	})
}

// Ids of orders that were imported are opaque, up to the longest; their refunds
// and transactions are longer still (Y3.3-6).
func TestImportedIDsAreOpaque(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	for name, id := range map[string]string{
		"the longest":                      strings.Repeat("x", 64),
		"one that ends as a refund's":      "order_R1",
		"one that ends as a transaction's": "order_1",
		"one with signs that are escaped":  "A!~*'()_-.:@",
	} {
		t.Run(name, func(t *testing.T) {
			s.Charge(t, merchant.DemoID, 1000, func(c *refund.Charge) {
				c.Currency = "SAR"
				c.Aliases = []refund.Alias{{Dialect: merchant.Payin, Identity: demoMerchant, Name: id}}
			})
			has(t, c.send(t, "POST", "/orders/"+id+"/refunds", amount(`"1"`), http.StatusOK), map[string]string{"id": `"` + id + `_R1"`, "orderId": `"` + id + `"`})
			has(t, c.send(t, "GET", "/refunds/"+id+"_R1", "", http.StatusOK), map[string]string{"id": `"` + id + `_R1"`, "refundTransactionId": `"` + id + `_2"`})
			has(t, c.send(t, "GET", "/transactions/"+id+"_2/merchant", "", http.StatusOK), map[string]string{"id": `"` + id + `_2"`, "type": `"refund"`})
			has(t, c.send(t, "GET", "/orders/"+id, "", http.StatusOK), map[string]string{"id": `"` + id + `"`})
		})
	}
}

// An Idempotency-Key stands for one request, of whatever kind.
func TestAnOrdersKeyStandsForIt(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(s)
	const path, body = "/merchants/" + demoMerchant + "/orders", `{"merchantOrderId":"K1","amount":"5","currency":"SAR","name":"n"}`
	const other, conflict = `{"merchantOrderId":"K2","amount":"5","currency":"SAR","name":"n"}`, `{"code":"duplicateMerchantRefundId","message":"Idempotency-Key: was used for another request","data":[]}`
	first := c.send(t, "POST", path, body, http.StatusOK, "Idempotency-Key", "k-1")
	if again := c.send(t, "POST", path, body, http.StatusOK, "Idempotency-Key", "k-1"); again != first {
		t.Errorf("once more\n%s\nfirst\n%s", again, first)
	}
	s.Unchanged(t, func() {
		if got := c.send(t, "POST", path, other, http.StatusConflict, "Idempotency-Key", "k-1"); got != conflict {
			t.Errorf("another order: %s", got)
		}
		refunds := "/orders/" + fmt.Sprint(decoded(t, first)["id"]) + "/refunds"
		if got := c.send(t, "POST", refunds, amount(`"1"`), http.StatusConflict, "Idempotency-Key", "k-1"); got != conflict {
			t.Errorf("a refund: %s", got)
		}
	})
}

// createdAt and updatedAt are what they are called, though the page's comments
// have them the other way round (Y0-13).
func TestARefundTellsWhenItWasMadeAndWhenItChanged(t *testing.T) {
	const later = 2 * time.Second // within what a client's clock may differ
	var ahead atomic.Int64
	s := dialecttest.Start(t, func(o *service.Options) {
		o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	c := demo(s)
	order := paidOrder(t, s, merchant.DemoID, 1000, "SAR")
	body := c.send(t, "POST", "/orders/"+order+"/refunds", `{"amount":"1.58","reason":"r","merchantRefundId":"w-1"}`, http.StatusOK)
	made := decoded(t, body)
	if made["createdAt"] != made["updatedAt"] {
		t.Errorf("at first %s", body)
	}
	ahead.Store(int64(later))
	native := func(method, path string) map[string]any {
		_, answer := dialecttest.Do(t, dialecttest.Request(t, method, s.URL+"/refundry/v1"+path, "", "Authorization", "Bearer rk_test_demo"))
		return decoded(t, answer)
	}
	data, _ := native("GET", "/refunds?number=w-1")["data"].([]any)
	if len(data) != 1 {
		t.Fatalf("found %v", data)
	}
	refundID := fmt.Sprint(data[0].(map[string]any)["id"])
	var now map[string]any
	for deadline := time.Now().Add(3 * time.Minute); ; {
		native("POST", "/sandbox/refunds/"+refundID+"/settle") // once more until the channel has it
		if now = decoded(t, c.send(t, "GET", "/refunds/"+order+"_R1", "", http.StatusOK)); now["status"] == "success" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not settled: %v", now)
		}
	}
	created, err := wire.ParseTime(fmt.Sprint(now["createdAt"]))
	if err != nil || now["createdAt"] != made["createdAt"] {
		t.Errorf("made %v, now %v, %v", made, now, err)
	}
	if updated, err := wire.ParseTime(fmt.Sprint(now["updatedAt"])); err != nil || updated.Sub(created) < later {
		t.Errorf("changed %v, %v", now, err)
	}
}
