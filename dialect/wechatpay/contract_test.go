package wechatpay_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

// Lines of the contract that no other test holds.

// native asks the native API as the demo merchant.
func native(t *testing.T, s *dialecttest.Service, method, path, body string, status int) string {
	t.Helper()
	r := dialecttest.Request(t, method, s.URL+"/refundry/v1"+path, body, "Authorization", "Bearer rk_test_demo", "Content-Type", jsonType)
	answer, text := dialecttest.Do(t, r)
	if answer.StatusCode != status {
		t.Fatalf("%s answered %d, want %d: %s", path, answer.StatusCode, status, text)
	}
	return text
}

// Whatever else a used number is sent with, it is told in the words that were
// recorded, and changes nothing (W3-14 and W3-15).
func TestAUsedNumberIsAConflictWhateverDiffers(t *testing.T) {
	s := dialecttest.Start(t)
	c, p := demo(t, s, direct), demo(t, s, partner)
	s.Charge(t, merchant.DemoID, 1000, func(r *refund.Charge) {
		r.Aliases = []refund.Alias{{Dialect: merchant.WeChatPay, Identity: direct, Name: "ORDER-2"}}
	})
	ask := func(order, amount, more string) string {
		return `{` + more + `"out_trade_no":"` + order + `","out_refund_no":"USED","amount":{` + amount + `,"currency":"CNY"}}`
	}
	const amount = `"refund":100,"total":1000`
	c.post(t, refundPath, ask(demoOrder, amount, ""), 200, "Prefer", "wait=5")
	anotherSub := strings.Replace(asPartner, subMchID, "1900000110", 1)
	s.Unchanged(t, func() {
		for name, test := range map[string]struct {
			as   client
			body string
		}{
			"another amount":             {c, ask(demoOrder, `"refund":101,"total":1000`, "")},
			"another total":              {c, ask(demoOrder, `"refund":100,"total":1001`, "")},
			"another order":              {c, ask("ORDER-2", amount, "")},
			"an order that there is not": {c, ask("ORDER-3", amount, "")},
			"another sub-merchant":       {p, ask(demoOrder, amount, anotherSub)},
			"an account that pays":       {c, ask(demoOrder, amount+`,"from":[{"account":"AVAILABLE","amount":100}]`, "")},
			"goods":                      {c, ask(demoOrder, amount, `"goods_detail":[`+goodsOf+`],`)},
			"more than is left":          {c, ask(demoOrder, `"refund":1000,"total":1000`, "")},
		} {
			answer, text := dialecttest.Do(t, test.as.request(t, http.MethodPost, refundPath, test.body))
			if got := told(t, answer.StatusCode, text); got != conflict {
				t.Errorf("%s: told %q", name, got)
			}
		}
		for name, more := range map[string]string{
			"another reason": `"reason":"r",`, "another address": `"notify_url":"https://1.1.1.1/n",`, "another account by its old word": `"funds_account":"AVAILABLE",`,
		} {
			if answer := decoded(t, c.post(t, refundPath, ask(demoOrder, amount, more), 200)); answer["status"] != "SUCCESS" {
				t.Errorf("%s: %v", name, answer)
			}
		}
	})
}

// Ours: a key does what a number does, and both must agree.
func TestAnIdempotencyKeyIsOneRefund(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	key := []string{"Idempotency-Key", "k1"}
	first := decoded(t, c.post(t, refundPath, refundBody("R1", 100, ""), 200, key...))
	if again := decoded(t, c.post(t, refundPath, refundBody("R1", 100, ""), 200, key...)); again["refund_id"] != first["refund_id"] {
		t.Errorf("made %v, then %v", first["refund_id"], again["refund_id"])
	}
	c.post(t, refundPath, refundBody("R2", 100, ""), 200)
	s.Unchanged(t, func() {
		for name, body := range map[string]string{"another amount": refundBody("R3", 101, ""), "the number of another refund": refundBody("R2", 100, "")} {
			if answer := decoded(t, c.post(t, refundPath, body, 400, key...)); answer["code"] != "INVALID_REQUEST" {
				t.Errorf("%s: %v", name, answer)
			}
		}
	})
}

// A refund that was closed gives its amount back and keeps its number, so that
// a new number is needed (W3-12 and W3-19).
func TestAClosedRefundNeedsANewNumber(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	first := decoded(t, c.post(t, refundPath, refundBody("R1", 951, ""), 200, "Prefer", "wait=5"))
	again := decoded(t, c.post(t, refundPath, refundBody("R1", 951, ""), 200))
	if first["status"] != "CLOSED" || again["status"] != "CLOSED" || first["refund_id"] != again["refund_id"] {
		t.Errorf("made %v, asked again %v", first, again)
	}
	whole := decoded(t, c.post(t, refundPath, refundBody("R2", 1000, ""), 200, "Prefer", "wait=5"))
	if got := whole["amount"].(map[string]any); whole["status"] != "SUCCESS" || fmt.Sprintf("%v %v %v", got["payer_refund"], got["settlement_refund"], got["refund_fee"]) != "800 900 6" {
		t.Errorf("the whole afterwards: %v", whole)
	}
	if order := decoded(t, c.get(t, "/v3/pay/transactions/id/"+demoTrade+"?mchid="+direct, 200)); order["trade_state"] != "REFUND" {
		t.Errorf("the order: %v", order["trade_state"])
	}
}

// What a bank sends back later shows CLOSED without a time of success, and is
// told as REFUND.CLOSED (W3-26).
func TestARefundThatABankSentBackIsClosed(t *testing.T) {
	s := dialecttest.Start(t, onLoopback)
	c := demo(t, s, direct)
	url, hooks := receiver(t)
	made := decoded(t, c.post(t, refundPath, refundBody("R1", 56, `"notify_url":"`+url+`/own",`), 200, "Prefer", "wait=5"))
	if _, notice := c.open(t, next(t, hooks)); made["status"] != "SUCCESS" || notice.RefundStatus != "SUCCESS" {
		t.Fatalf("made %v, told %+v", made, notice)
	}
	native(t, s, "POST", "/sandbox/clock", `{"advance_seconds":90000}`, 200)
	notification, notice := c.open(t, next(t, hooks))
	if notification.EventType != "REFUND.CLOSED" || notice.RefundStatus != "CLOSED" || notice.SuccessTime != nil {
		t.Errorf("told %s, %+v", notification.EventType, notice)
	}
	after := decoded(t, c.get(t, refundPath+"/R1", 200))
	if _, has := after["success_time"]; after["status"] != "CLOSED" || has {
		t.Errorf("shows %v", after)
	}
}

// Nobody is notified of PROCESSING (W2.4-13).
func TestNobodyIsToldOfARefundThatIsProcessing(t *testing.T) {
	s := dialecttest.Start(t, onLoopback)
	c := demo(t, s, direct)
	url, hooks := receiver(t)
	for _, amount := range []int{55, 58} {
		if made := decoded(t, c.post(t, refundPath, refundBody(fmt.Sprint("P", amount), amount, `"notify_url":"`+url+`/own",`), 200, "Prefer", "wait=5")); made["status"] != "PROCESSING" {
			t.Fatalf("made %v", made)
		}
	}
	c.post(t, refundPath, refundBody("R1", 10, `"notify_url":"`+url+`/own",`), 200, "Prefer", "wait=5")
	if _, notice := c.open(t, next(t, hooks)); notice.OutRefundNo != "R1" {
		t.Errorf("told of %+v", notice)
	}
	// Funds end the shortage: the refund goes on with its number.
	native(t, s, "POST", "/sandbox/funds", `{"amount":100000,"currency":"CNY"}`, 200)
	if _, notice := c.open(t, next(t, hooks)); notice.OutRefundNo != "P55" || notice.RefundStatus != "SUCCESS" {
		t.Errorf("told of %+v", notice)
	}
}

// HEAD is GET without a body, signed all the same; each request has an id of
// its own (W1.3-15 and W1.3-3).
func TestHeadAndRequestIDs(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	c.post(t, refundPath, refundBody("R1", 10, ""), 200, "Prefer", "wait=5")
	seen := map[string]bool{}
	for range 3 {
		whole, body := dialecttest.Do(t, c.request(t, http.MethodGet, refundPath+"/R1", ""))
		head, none := dialecttest.Do(t, c.request(t, http.MethodHead, refundPath+"/R1", ""))
		if head.StatusCode != 200 || none != "" || head.ContentLength != int64(len(body)) {
			t.Errorf("HEAD: %d, %d bytes of %d, %q", head.StatusCode, head.ContentLength, len(body), none)
		}
		c.verify(t, head, body) // it signs what GET would answer
		seen[whole.Header.Get("Request-ID")], seen[head.Header.Get("Request-ID")] = true, true
	}
	if len(seen) != 6 || seen[""] {
		t.Errorf("ids of six requests: %v", seen)
	}
	if head, _ := dialecttest.Do(t, c.request(t, http.MethodHead, "/v3/nowhere", "")); head.StatusCode != 404 {
		t.Errorf("HEAD of nothing: %d", head.StatusCode)
	}
}

// Each of the ten forms of user_received_account and of the six funds accounts
// is shown as the charge has it (W2.1a-9 and W2.1a-16).
func TestEveryAccountOfThePageIsShown(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	received := []string{
		wire.BankCardAccount("招商银行", "信用卡", "0403"), "支付用户零钱", "商户基本账户", "商户结算银行账户", "支付用户零钱通", "支付用户银行电子账户",
		"支付用户零花钱", "用户经营账户", "支付用户来华零钱包", "企业支付商户", "支付用户小金罐",
	}
	funds := []string{"UNSETTLED", "AVAILABLE", "UNAVAILABLE", "OPERATION", "BASIC", "ECNY_BASIC"}
	for n, account := range received {
		name := fmt.Sprint("ACCOUNT-", n)
		charge := s.Charge(t, merchant.DemoID, 1000, func(r *refund.Charge) {
			r.OrderNo, r.Detail.ReceivedAccount, r.Detail.FundsAccount = name, account, refund.Funds(funds[n%len(funds)])
		})
		body := fmt.Sprintf(`{"transaction_id":%q,"out_refund_no":%q,"amount":{"refund":10,"total":1000,"currency":"CNY"}}`, charge.TransactionID, name)
		answer := decoded(t, c.post(t, refundPath, body, 200, "Prefer", "wait=5"))
		if answer["user_received_account"] != account || answer["funds_account"] != funds[n%len(funds)] || answer["channel"] != "ORIGINAL" {
			t.Errorf("%s by %s: %v", account, funds[n%len(funds)], answer)
		}
	}
}

// The protocol has characters of 1 to 3 bytes. Orders come through APIs that
// take longer ones; they are left out of what is answered, told and billed.
func TestCharactersOfFourBytesNeverLeave(t *testing.T) {
	s := dialecttest.Start(t, onLoopback)
	c := demo(t, s, direct)
	url, hooks := receiver(t)
	charge := s.Charge(t, merchant.DemoID, 1000, func(r *refund.Charge) {
		r.OrderNo, r.Detail.ReceivedAccount, r.Detail.Subject = "EMOJI-1", "招商银行😀信用卡0403", "苹果🍎"
		r.Detail.Goods = []refund.Goods{{MerchantGoodsID: "g1", Name: "苹果🍎", UnitPrice: 1000, Quantity: 1}}
		r.Detail.Coupons = []refund.Coupon{{ID: "9", Scope: refund.ScopeGoods, Type: refund.TypeFunded, Amount: 100, Goods: []refund.CouponGoods{{MerchantGoodsID: "g1", Quantity: 1, Discount: 100}}}}
	})
	body := fmt.Sprintf(`{"transaction_id":%q,"out_refund_no":"E1","notify_url":%q,"amount":{"refund":10,"total":1000,"currency":"CNY"}}`, charge.TransactionID, url+"/own")
	answer := c.post(t, refundPath, body, 200, "Prefer", "wait=5")
	order := c.get(t, "/v3/pay/transactions/id/"+charge.TransactionID+"?mchid="+direct, 200)
	refused := c.post(t, refundPath, refundBody("E2", 1, `"reason":"😀",`), 400)
	if !strings.Contains(answer, `"招商银行信用卡0403"`) || !strings.Contains(order, `"goods_remark":"苹果"`) {
		t.Errorf("answered %s and %s", answer, order)
	}
	if _, notice := c.open(t, next(t, hooks)); notice.UserReceivedAccount != "招商银行信用卡0403" {
		t.Errorf("told %+v", notice)
	}
	for _, text := range []string{answer, order, refused} {
		if strings.IndexFunc(text, func(r rune) bool { return r > 0xFFFF }) >= 0 {
			t.Errorf("a character of 4 bytes in %s", text)
		}
	}
}

// Which key signs where a request names none is the merchant's setting
// (W1.3-10).
func TestAMerchantMayHaveThePublicKeyForItsStandard(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "moving", merchant.Test, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect == merchant.WeChatPay {
				f.Identities[n].Public["signs_with"] = "public_key"
			}
		}
	})
	identity, _ := fresh.Identity(merchant.WeChatPay)
	c := clientOf(t, s.URL, identity)
	for named, want := range map[string]string{"": c.publicKeyID, c.platformSerial: c.platformSerial} {
		answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, "/v3/nowhere", "", wire.HeaderSerial, named))
		if signature := c.verify(t, answer, body); signature.Serial != want {
			t.Errorf("named %q: signed by %s", named, signature.Serial)
		}
	}
	// The list of certificates is signed by one of them in any case.
	answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, certificates, ""))
	if signature := c.verify(t, answer, body); signature.Serial != c.platformSerial {
		t.Errorf("the list is signed by %s", signature.Serial)
	}
}

// While certificates are replaced both are listed, the one in use first, and
// either signs where it is named (W1.4-10 and W1.3-16).
func TestCertificatesAreReplacedWithoutAGap(t *testing.T) {
	s := dialecttest.Start(t)
	var donor, kept merchant.Identity
	s.Merchant(t, "donor", merchant.Test, func(f *merchant.Fresh) { donor, _ = f.Identity(merchant.WeChatPay) })
	s.Merchant(t, "replacing", merchant.Test, func(f *merchant.Fresh) {
		for n := range f.Identities {
			if f.Identities[n].Dialect == merchant.WeChatPay {
				f.Identities[n].Public[merchant.PlatformCertPEM] += donor.Public[merchant.PlatformCertPEM]
				f.Identities[n].Secrets[merchant.PlatformKeyPEM] += donor.Secrets[merchant.PlatformKeyPEM]
			}
		}
		kept, _ = f.Identity(merchant.WeChatPay)
	})
	c := clientOf(t, s.URL, kept)
	other := clientOf(t, s.URL, donor)
	c.keys[wire.NormalSerial(other.platformSerial)] = other.keys[wire.NormalSerial(other.platformSerial)]
	list := c.get(t, certificates, 200)
	keys, err := wire.OpenCertificates(exact(t, list), kept.Secrets[merchant.APIv3Key])
	if err != nil || len(keys) != 2 || !keys[wire.NormalSerial(other.platformSerial)].Equal(c.keys[wire.NormalSerial(other.platformSerial)]) {
		t.Errorf("listed %v, %v", keys, err)
	}
	if !strings.HasPrefix(list, `{"data":[{"serial_no":"`+c.platformSerial+`"`) {
		t.Errorf("the one in use is not first: %s", list)
	}
	for named, want := range map[string]string{"": c.platformSerial, c.platformSerial: c.platformSerial, other.platformSerial: other.platformSerial} {
		for _, target := range []string{certificates, "/v3/nowhere"} {
			answer, body := dialecttest.Do(t, c.request(t, http.MethodGet, target, "", wire.HeaderSerial, named))
			if signature := c.verify(t, answer, body); signature.Serial != want {
				t.Errorf("named %q at %s: signed by %s", named, target, signature.Serial)
			}
		}
	}
}
