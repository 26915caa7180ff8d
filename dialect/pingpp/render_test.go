package pingpp

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

var (
	createdAt   = time.Unix(1409634160, 999_999_000).UTC()
	succeededAt = time.Unix(1409634192, 0).UTC()
)

// testCharge and testRefund are those of the published page.
func testCharge() refund.Charge {
	return refund.Charge{
		MerchantID: "mer_1", ID: "ch_L8qn10mLmr1GS8e5OODmHaL4", OrderNo: "123456789", Channel: "wx", Currency: "CNY", Amount: 100,
		TransactionID: "1224524301201505066067849274", PaidAt: createdAt.Add(10 * time.Second), CreatedAt: createdAt,
		Detail:  refund.Detail{ClientIP: "127.0.0.1", Subject: "Your Subject", Body: "Your Body"},
		Aliases: []refund.Alias{{Dialect: merchant.PingPP, Identity: "app_1Gqj58ynP0mHeX1q", Name: "ch_L8qn10mLmr1GS8e5OODmHaL4"}},
	}
}

func testRefund(state refund.State) refund.Refund {
	r := refund.Refund{
		MerchantID: "mer_1", ID: "re_y1u944PmfnrTHyvnL0nD0iD1", ChargeID: "ch_L8qn10mLmr1GS8e5OODmHaL4", Amount: 1, Currency: "CNY",
		State: state, Reason: "Refund Description", Channel: "wx", CreatedAt: createdAt,
		By: refund.Asker{RequestID: "iar_y1u944PmfnrTHyvnL0nD0iD2"},
	}
	if state == refund.Succeeded {
		r.SucceededAt, r.ChannelRefundID = succeededAt, "2004450349201512090096425284"
	}
	return r
}

// The published example, member for member: the newer of the two pages.
func TestASucceededRefundIsThePublishedExample(t *testing.T) {
	const want = `{"id":"re_y1u944PmfnrTHyvnL0nD0iD1","object":"refund","order_no":"y1u944PmfnrTHyvnL0nD0iD1","amount":1,` +
		`"created":1409634160,"succeed":true,"status":"succeeded","time_succeed":1409634192,"description":"Refund Description",` +
		`"failure_code":null,"failure_msg":null,"metadata":{},"charge":"ch_L8qn10mLmr1GS8e5OODmHaL4","charge_order_no":"123456789",` +
		`"transaction_no":"2004450349201512090096425284","funding_source":null,"extra":{}}`
	if got := marshal(t, refundObject(testRefund(refund.Succeeded), testCharge().Named(), wire.Chinese)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestEachStateShowsItsFields(t *testing.T) {
	type shown struct {
		Status      string  `json:"status"`
		Succeed     bool    `json:"succeed"`
		TimeSucceed *int64  `json:"time_succeed"`
		FailureCode *string `json:"failure_code"`
		FailureMsg  *string `json:"failure_msg"`
	}
	at := succeededAt.Unix()
	pending := shown{Status: "pending"}
	failed := func(code, text string) shown { return shown{Status: "failed", FailureCode: &code, FailureMsg: &text} }
	tests := []struct {
		name    string
		state   refund.State
		code    string
		message string
		want    shown
	}{
		{"held waits", refund.Held, "NOT_ENOUGH", "short", pending},
		{"created waits", refund.Created, "", "", pending},
		{"pending waits", refund.Pending, "", "", pending},
		{"pending after a refusal in doubt says no failure", refund.Pending, "REFUND_REFUSED", "no", pending},
		{"abnormal waits", refund.Abnormal, "ACCOUNT_ABNORMAL", "the account is closed", pending},
		{"succeeded has its time", refund.Succeeded, "", "", shown{Status: "succeeded", Succeed: true, TimeSucceed: &at}},
		{"refused with the channel's text", refund.Failed, "REFUND_REFUSED", "no", failed("refund_refused_msg", "退款 wx 已被支付渠道拒绝。来自渠道的信息：no")},
		{"refused without a text", refund.Failed, "REFUND_REFUSED", "", failed("refund_refused", "退款已被支付渠道拒绝。")},
		{"returned by a bank", refund.Failed, "RETURNED", "sent back", failed("refund_failed", "退款失败。来自渠道的信息：sent back")},
		{"withdrawn", refund.Canceled, "", "", failed("refund_failed", "退款已取消。")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := testRefund(test.state)
			r.FailureCode, r.FailureMessage = test.code, test.message
			var got shown
			if err := json.Unmarshal([]byte(marshal(t, refundObject(r, testCharge().Named(), wire.Chinese))), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, state := range refund.States() {
		if statuses[state] == "" {
			t.Errorf("state %s has no status", state)
		}
	}
}

func TestARefundEchoesWhatItWasGiven(t *testing.T) {
	source := wire.FundingRecharge
	r := testRefund(refund.Created)
	r.Detail = refund.RefundDetail{
		Metadata: json.RawMessage(`{"n":1.50}`), FundingSource: &source, Options: refund.ChannelOptions{HideReason: true},
	}
	got := refundObject(r, testCharge().Named(), wire.Chinese)
	if string(got.Metadata) != `{"n":1.50}` || *got.FundingSource != wire.FundingRecharge {
		t.Errorf("metadata %s, funding_source %s", got.Metadata, *got.FundingSource)
	}
	// extra of an answer is the channel's, not the request's.
	if string(got.Extra) != "{}" {
		t.Errorf("extra is %s", got.Extra)
	}
}

func TestACharge(t *testing.T) {
	changed := func(change func(*refund.Charge)) refund.Charge {
		c := testCharge()
		change(&c)
		return c
	}
	tests := []struct {
		name   string
		charge refund.Charge
		want   string // a part of the JSON
	}{
		{"is paid, and has no credential", testCharge(), `"paid":true,"refunded":false,"reversed":false`},
		{"has credential as an object", testCharge(), `"metadata":{},"credential":{},"description":null}`},
		{"embeds an empty list with its path", testCharge(), `"refunds":{"object":"list","url":"/v1/charges/ch_L8qn10mLmr1GS8e5OODmHaL4/refunds","has_more":false,"data":[]}`},
		{"shows the currency in small letters", testCharge(), `"currency":"cny"`},
		{"is refunded with its first refund, which may have failed", changed(func(c *refund.Charge) { c.Refunds = 1 }), `"refunded":true`},
		{"is refunded by what was refunded before", changed(func(c *refund.Charge) { c.AlreadyRefunded = 1 }), `"refunded":true`},
		{"counts what succeeded and not what is reserved", changed(func(c *refund.Charge) { c.Reserved, c.Refunded = 30, 20 }), `"amount_refunded":20`},
		{"without an address has 0.0.0.0", changed(func(c *refund.Charge) { c.Detail.ClientIP = "" }), `"client_ip":"0.0.0.0"`},
		{"without a transaction number has null", changed(func(c *refund.Charge) { c.TransactionID = "" }), `"transaction_no":null`},
		{"of WeChat expires after 2 h", testCharge(), `"time_paid":1409634170,"time_expire":1409641360,"time_settle":null`},
		{"of others expires after a day", changed(func(c *refund.Charge) { c.Channel = "alipay" }), `"time_expire":1409720560`},
		{"of another dialect's channel has its name here", changed(func(c *refund.Charge) { c.Channel = "wechat_qrcode" }), `"channel":"wx_pub_qr"`},
		{"of another dialect's channel expires as it does here", changed(func(c *refund.Charge) { c.Channel = "wechat_qrcode" }), `"time_expire":1409641360`},
		{"keeps the expiry it was given", changed(func(c *refund.Charge) { c.Detail.TimeExpire = 5 }), `"time_expire":5`},
		{"of another dialect has the name it got here", changed(func(c *refund.Charge) { c.Aliases[0].Name = "ch_x" }), `{"id":"ch_x"`},
		{"shows its app's id", testCharge(), `"app":"app_1Gqj58ynP0mHeX1q"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := marshal(t, plainCharge(test.charge, false)); !strings.Contains(got, test.want) {
				t.Errorf("no %s in\n%s", test.want, got)
			}
		})
	}
}

func TestAnEventNamesTheCallThatCausedIt(t *testing.T) {
	event := func(requestID, madeBy string) *string {
		r := testRefund(refund.Succeeded)
		r.By.RequestID = madeBy
		got, err := eventObject(refund.StoredEvent{
			ID: "evt_1", Type: "refund.succeeded", At: succeededAt, RequestID: requestID, Refund: r, Charge: testCharge(),
		}, true, 2, wire.Chinese)
		if err != nil {
			t.Fatal(err)
		}
		if got.Type != "refund.succeeded" || !got.Livemode || got.PendingWebhooks != 2 || got.Created != succeededAt.Unix() {
			t.Errorf("got %+v", got)
		}
		return got.Request
	}
	const own, maker = "iar_000000000000000000000001", "iar_000000000000000000000002"
	if got := event(own, maker); got == nil || *got != own {
		t.Errorf("got %v, want the event's own", got)
	}
	if got := event("", maker); got == nil || *got != maker {
		t.Errorf("got %v, want the one that made the refund", got)
	}
	if got := event("", "some-id-of-another-dialect"); got != nil {
		t.Errorf("got %q, want null", *got)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	text, err := wire.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
