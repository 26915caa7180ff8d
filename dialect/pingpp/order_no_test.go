package pingpp_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// chargeOf is the body of a charge of the demo app.
func chargeOf(orderNo, channel string, amount int) string {
	return fmt.Sprintf(`{"order_no":%q,"app":{"id":%q},"channel":%q,"amount":%d,"client_ip":"127.0.0.1","currency":"cny","subject":"s","body":"b"}`,
		orderNo, demoApp, channel, amount)
}

func TestOfManyChargesWithOneOrderNoOneIsMade(t *testing.T) {
	s := dialecttest.Start(t)
	for _, same := range []bool{true, false} {
		var all sync.WaitGroup
		var made atomic.Int64
		for n := range 12 {
			all.Go(func() {
				amount := 100
				if !same {
					amount += n
				}
				body := chargeOf("RACE"+strconv.FormatBool(same), "alipay", amount)
				response, answer := dialecttest.Do(t, dialecttest.Request(t, http.MethodPost, s.URL+"/v1/charges", body,
					"Authorization", "Bearer "+demoKey, "Content-Type", jsonType))
				switch {
				case response.StatusCode == 200:
					made.Add(1)
				case response.StatusCode != 400 || !strings.Contains(answer, `"code": "charge_order_no_used"`):
					t.Errorf("answered %d %s", response.StatusCode, answer)
				}
			})
		}
		all.Wait()
		if made.Load() != 1 {
			t.Errorf("%d charges were made of one order_no", made.Load())
		}
	}
}

func TestAnOrderNoIsUsedOnceInAFamily(t *testing.T) {
	s := dialecttest.Start(t)
	yesterday := func(channel string) func(*refund.Charge) {
		return func(c *refund.Charge) {
			c.OrderNo, c.Channel, c.CreatedAt = "OLD12345", channel, c.CreatedAt.Add(-24*time.Hour)
			c.Aliases = []refund.Alias{{Dialect: merchant.WeChatPay, Identity: "1900009191", Name: "OLD" + channel}}
		}
	}
	s.Charge(t, merchant.DemoID, 100, yesterday("cmb_wallet"))
	s.Charge(t, merchant.DemoID, 100, yesterday("upacp"))
	post(t, s, demoKey, "/v1/charges", chargeOf("NEW12345", "wx", 100), 200)
	post(t, s, demoKey, "/v1/charges", chargeOf("NEW12345", "cmb_wallet", 100), 200)
	tests := []struct {
		name, orderNo, channel string
		status                 int
	}{
		{"another channel of the family", "NEW12345", "wx_pub_qr", 400},
		{"another family", "NEW12345", "alipay", 200},
		{"the family's cross-border channels", "NEW12345", "cb_wx", 200},
		{"cmb_wallet on the same day", "NEW12345", "cmb_wallet", 400},
		{"cmb_wallet on the next day", "OLD12345", "cmb_wallet", 200},
		{"other channels on the next day, and UnionPay under another name", "OLD12345", "applepay_upacp", 400},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			// The same amount, so that nothing but the number tells them apart.
			answer := post(t, s, demoKey, "/v1/charges", chargeOf(test.orderNo, test.channel, 100), test.status)
			if test.status == 400 && !strings.Contains(answer, `"code": "charge_order_no_used"`) {
				t.Error(answer)
			}
		})
	}
	t.Run("another merchant's is its own", func(t *testing.T) {
		other := s.Merchant(t, "other", merchant.Test, nil)
		app, _ := other.Identity(merchant.PingPP)
		post(t, s, other.Key(merchant.PingPP), "/v1/charges", strings.Replace(chargeOf("NEW12345", "wx", 100), demoApp, app.Name, 1), 200)
	})
}

func TestACreatedChargeIsAnsweredAgainToItsOwnRequest(t *testing.T) {
	s := dialecttest.Start(t)
	private, _ := requestKey(t)
	body, at := chargeOf("AGAIN123", "wx", 100), time.Now().Unix()
	ask := func(body string, at int64, status int) string {
		return send(t, signedAt(t, s, private, demoKey, "/v1/charges", body, at), status)
	}
	first := decoded(t, ask(body, at, 200))["id"]
	s.Unchanged(t, func() {
		if again := decoded(t, ask(body, at, 200))["id"]; again != first {
			t.Errorf("a transport retry made %s after %s", again, first)
		}
		ask(body, at+1, 400)
		ask(chargeOf("AGAIN123", "wx", 101), at, 400)
		post(t, s, demoKey, "/v1/charges", body, 400, wire.HeaderRequestTimestamp, strconv.FormatInt(at, 10))
	})
	keyed := chargeOf("KEYED123", "wx", 100)
	made := decoded(t, post(t, s, demoKey, "/v1/charges", keyed, 200, "Idempotency-Key", "k"))["id"]
	s.Unchanged(t, func() {
		if again := decoded(t, post(t, s, demoKey, "/v1/charges", keyed, 200, "Idempotency-Key", "k"))["id"]; again != made {
			t.Errorf("the same key made %s after %s", again, made)
		}
		post(t, s, demoKey, "/v1/charges", keyed, 400, "Idempotency-Key", "other")
		for _, other := range []string{chargeOf("KEYED123", "wx", 101), chargeOf("KEYED124", "wx", 100)} {
			if answer := post(t, s, demoKey, "/v1/charges", other, 400, "Idempotency-Key", "k"); !strings.Contains(answer, `"param": "Idempotency-Key"`) {
				t.Error(answer)
			}
		}
		post(t, s, demoKey, "/v1/charges", keyed, 400)
	})
	if answer := get(t, s, demoKey, "/v1/charges/"+made.(string), 200); strings.Contains(answer, `"k"`) {
		t.Errorf("the key is shown: %s", answer)
	}
}
