package wechatpay_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// still is a clock that the test moves by hand.
type still struct{ at time.Time }

func (s *still) now() time.Time { return s.at }

func (s *still) options(o *service.Options) { o.Now = s.now }

// bound is a direct merchant whom the channels' rules bind, or not.
func bound(t *testing.T, s *dialecttest.Service, clock *still, wants bool) (client, string) {
	t.Helper()
	fresh := s.Merchant(t, "bound", merchant.Test, func(f *merchant.Fresh) { f.Merchant.Settings.ChannelRules = wants })
	for _, identity := range fresh.Identities {
		if identity.Dialect == merchant.WeChatPay && identity.Sub == "" {
			c := clientOf(t, s.URL, identity)
			c.now = clock.now
			return c, fresh.Merchant.ID
		}
	}
	t.Fatal("there is no direct merchant")
	return client{}, ""
}

// askOf asks for a fen of a charge of 1000.
func (c client) askOf(t *testing.T, charge refund.Charge, number string) string {
	t.Helper()
	body := fmt.Sprintf(`{"transaction_id":%q,"out_refund_no":%q,"amount":{"refund":1,"total":1000,"currency":"CNY"}}`, charge.TransactionID, number)
	answer, text := dialecttest.Do(t, c.request(t, http.MethodPost, refundPath, body))
	c.verify(t, answer, text)
	if answer.StatusCode == http.StatusOK {
		return "200"
	}
	return told(t, answer.StatusCode, text)
}

const (
	tooLate    = "400 INVALID_REQUEST 订单已超过可退款的最大期限"
	tooMany    = "400 INVALID_REQUEST 订单已达到最大退款次数"
	tooSoon    = "429 FREQUENCY_LIMITED 同一订单的退款请求过于频繁，请稍后再试"
	tooManyOld = "429 FREQUENCY_LIMITED 频率限制，1个月之前的订单申请退款请降低频率再重试"
	tooOften   = "429 FREQUENCY_LIMITED 请求过于频繁，请降低频率后使用原参数重试"
)

// 365 days from the payment, for every name of the channel; the sandbox has no
// rules until asked (W3-1 and W3-5).
func TestARefundIsTooLateAYearAfterThePayment(t *testing.T) {
	clock := &still{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	s := dialecttest.Start(t, clock.options)
	c, id := bound(t, s, clock, true)
	free, freeID := bound(t, s, clock, false)
	for n, test := range []struct {
		channel string
		paid    time.Duration
		want    string
	}{
		{"wx", 365 * 24 * time.Hour, "200"},
		{"wx", 365*24*time.Hour + time.Microsecond, tooLate},
		{"wx_pub", 366 * 24 * time.Hour, tooLate},
		{"wx_lite", 366 * 24 * time.Hour, tooLate},
		{"wx_wap", 366 * 24 * time.Hour, tooLate},
		{"wx_pub_qr", 366 * 24 * time.Hour, tooLate},
		{"wx_pub_scan", 366 * 24 * time.Hour, tooLate},
		{"wechat_qrcode", 366 * 24 * time.Hour, tooLate},
	} {
		clock.at = clock.at.Add(time.Second) // so that failures are not too many
		number := fmt.Sprint("R", n)
		edit := func(r *refund.Charge) { r.Channel, r.PaidAt = test.channel, clock.at.Add(-test.paid) }
		if got := c.askOf(t, s.Charge(t, id, 1000, edit), number); got != test.want {
			t.Errorf("%s after %s: %s, want %s", test.channel, test.paid, got, test.want)
		}
		if got := free.askOf(t, s.Charge(t, freeID, 1000, edit), number); got != "200" {
			t.Errorf("%s after %s without the rules: %s", test.channel, test.paid, got)
		}
	}
}

// A minute between two refunds of one order, and fifty in all (W3-2 and W3-3).
// A repeat is none, and is answered whatever the limits say.
func TestRefundsOfAnOrderAreSpacedAndCounted(t *testing.T) {
	clock := &still{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	s := dialecttest.Start(t, clock.options)
	c, id := bound(t, s, clock, true)
	paid := func(r *refund.Charge) { r.PaidAt = clock.at }
	charge, other := s.Charge(t, id, 1000, paid), s.Charge(t, id, 1000, paid)
	for n := range 50 {
		if got := c.askOf(t, charge, fmt.Sprint("R", n)); got != "200" {
			t.Fatalf("the refund %d: %s", n+1, got)
		}
		if n == 0 {
			for number, want := range map[string]string{"R0": "200", "X": tooSoon} {
				if got := c.askOf(t, charge, number); got != want {
					t.Errorf("%s at once: %s, want %s", number, got, want)
				}
			}
			if got := c.askOf(t, other, "O"); got != "200" {
				t.Errorf("another order at once: %s", got)
			}
			clock.at = clock.at.Add(59 * time.Second)
			if got := c.askOf(t, charge, "X"); got != tooSoon {
				t.Errorf("after 59 seconds: %s", got)
			}
			clock.at = clock.at.Add(time.Second)
			continue
		}
		clock.at = clock.at.Add(time.Minute)
	}
	if got := c.askOf(t, charge, "R50"); got != tooMany {
		t.Errorf("the 51st refund: %s", got)
	}
	if got := c.askOf(t, charge, "R49"); got != "200" {
		t.Errorf("the 50th again: %s", got)
	}
}

// The rates of one mchid: 150 requests a second, 6 that fail, 5000 a minute of
// orders older than a month (W3-7 and W3-8). The clock stands still, so that
// all come in one second.
func TestAnAccountAsksTooOften(t *testing.T) {
	clock := &still{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	s := dialecttest.Start(t, clock.options)
	c, id := bound(t, s, clock, true)
	free, freeID := bound(t, s, clock, false)
	paid := func(r *refund.Charge) { r.PaidAt = clock.at }
	charge, freeCharge := s.Charge(t, id, 1000, paid), s.Charge(t, freeID, 1000, paid)
	for n := range 151 {
		want := "200"
		if n == 150 {
			want = tooOften
		}
		if got := c.askOf(t, charge, "R"); got != want {
			t.Fatalf("request %d: %s, want %s", n+1, got, want)
		}
		if got := free.askOf(t, freeCharge, "R"); got != "200" {
			t.Fatalf("request %d without the rules: %s", n+1, got)
		}
	}
	clock.at = clock.at.Add(time.Second)
	unknown := charge
	unknown.TransactionID = "4200000000202607019999999999"
	for n := range 6 {
		if got := c.askOf(t, unknown, "F"); got != noOrder {
			t.Fatalf("failure %d: %s", n+1, got)
		}
	}
	if got := c.askOf(t, charge, "R"); got != tooOften {
		t.Errorf("after six failures: %s", got)
	}
	// Nothing else is limited, and the next second begins anew.
	c.get(t, refundPath+"/R", 200)
	clock.at = clock.at.Add(time.Second)
	if got := c.askOf(t, charge, "R"); got != "200" {
		t.Errorf("a second later: %s", got)
	}
	// The real limit of abnormal refunds is that of refunds.
	path := refundPath + "/50000000000000000000000000000/apply-abnormal-refund"
	for range 150 {
		c.post(t, path, `{"out_refund_no":"nobody","type":"MERCHANT_BANK_CARD"}`, 404)
	}
	if answer := decoded(t, c.post(t, path, `{"out_refund_no":"nobody","type":"MERCHANT_BANK_CARD"}`, 429)); answer["code"] != "RATELIMIT_EXCEEDED" {
		t.Errorf("answered %v", answer)
	}
}

// Whoever wants the rules turns them on over the native API.
func TestTheSwitchOfTheChannelsRules(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	c.post(t, refundPath, refundBody("R1", 1, ""), 200)
	c.post(t, refundPath, refundBody("R2", 1, ""), 200)
	native(t, s, "PATCH", "/merchant/settings", `{"channel_rules":true}`, 200)
	if answer := decoded(t, c.post(t, refundPath, refundBody("R3", 1, ""), 429)); answer["code"] != "FREQUENCY_LIMITED" {
		t.Errorf("answered %v", answer)
	}
	native(t, s, "PATCH", "/merchant/settings", `{"channel_rules":false}`, 200)
	c.post(t, refundPath, refundBody("R3", 1, ""), 200)
}
