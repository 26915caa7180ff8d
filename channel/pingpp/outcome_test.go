package pingpp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/pingpp"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

const (
	refused  = refund.OutcomeRefused
	unknown  = refund.OutcomeUnknown
	tryLater = refund.OutcomeTryLater
	failed   = refund.OutcomeFailed
)

// documented are errors and what they say of a submit. To a query each is unknown.
var documented = map[string]refund.OutcomeKind{
	"400 invalid_request_error":                              refused,
	"400 invalid_request_error request_param_error":          refused,
	"400 invalid_request_error charge_closed":                refused,
	"400 invalid_request_error charge_request_invalid":       refused,
	"400 invalid_request_error  Refund_time":                 refused,
	"401 invalid_request_error":                              tryLater,
	"402 channel_error refund_refused":                       refused,
	"402 channel_error refund_refused_msg":                   refused,
	"402 channel_error refund_failed":                        refused,
	"402 channel_error refund_retry":                         refused,
	"402 channel_error refund_manual_intervention":           refused,
	"403 invalid_request_error":                              tryLater,
	"404 invalid_request_error  id":                          refused,
	"400 invalid_request_error charge_unexpected_status":     unknown,
	"400 invalid_request_error refund_pending":               unknown,
	"400 invalid_request_error something_new":                unknown,
	"400 api_error":                                          unknown,
	"402 channel_error":                                      unknown,
	"402 channel_error channel_connection_error":             unknown,
	"402 channel_error refund_unexpected_status":             unknown,
	"408 invalid_request_error":                              unknown,
	"409 invalid_request_error":                              unknown,
	"429 invalid_request_error":                              unknown,
	"500 api_error":                                          unknown,
	"500 invalid_request_error":                              unknown,
	"502 api_error":                                          unknown,
	"503 api_error":                                          unknown,
	"302 invalid_request_error":                              unknown,
	"201 invalid_request_error":                              unknown,
	"402 invalid_request_error charge_order_no_used":         unknown,
	"402 channel_error channel_response_code_fail something": unknown,
}

func TestEveryErrorMeansWhatTheDocumentsSay(t *testing.T) {
	tested := make(map[string]bool)
	for fault, want := range documented {
		parts := strings.Split(fault+"  ", " ")
		if want != unknown {
			tested[parts[0]+" "+parts[2]] = true
		}
		t.Run(fault, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction("R1")
			f.faults = []string{fault}
			code := parts[2]
			if code == "" {
				code = "HTTP_" + parts[0]
			}
			o := connector.Submit(t.Context(), i)
			if o.Kind != want || o.Code != code || len(o.Sent.Digest) != 64 || o.Sent.Request == "" || o.Amount != nil || o.ChannelRefundID != "" {
				t.Errorf("%+v, want %s %s", o, want, code)
			}
			told := fault == "401 invalid_request_error"
			if (o.Alert != "") != told {
				t.Errorf("an operator is told %q", o.Alert)
			}
			f.lists = []string{fault}
			if o := connector.Query(t.Context(), i); o.Kind != unknown || o.Code != code || (o.Alert != "") != told {
				t.Errorf("a query: %+v", o)
			}
		})
	}
	for _, row := range pingpp.Faults() {
		if !tested[row] {
			t.Errorf("%s is in the table and not tested", row)
		}
	}
}

func TestEveryStateOfARefundMeansWhatTheDocumentsSay(t *testing.T) {
	rows := map[string]refund.OutcomeKind{
		"succeeded": refund.OutcomeDone, "pending": refund.OutcomeAccepted, "pending refund_wait_operation": refund.OutcomeAccepted, "pending refund_pending": refund.OutcomeAccepted,
		"failed": failed, "failed refund_refused": failed, "failed refund_refused_msg": failed, "failed refund_failed": failed, "failed refund_retry": failed,
		"failed refund_manual_intervention": failed, "failed refund_info_from_channel": failed,
		"failed refund_pending": unknown, "failed refund_unexpected_status": unknown, "failed channel_connection_error": unknown, "failed channel_sign_error": unknown,
		"failed something_new": unknown, "maybe": unknown,
	}
	for _, code := range pingpp.Failures() {
		if _, ok := rows[strings.TrimSpace("failed "+code)]; !ok {
			t.Errorf("%q is in the table and not tested", code)
		}
	}
	for state, want := range rows {
		t.Run(state, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction("R1")
			connector.Submit(t.Context(), i)
			f.ends = state
			for call, o := range map[string]refund.Outcome{"query": connector.Query(t.Context(), i), "submit": connector.Submit(t.Context(), i)} {
				if o.Kind != want || len(o.Sent.Digest) != 64 {
					t.Errorf("%s: %+v, want %s", call, o, want)
				}
				if want == unknown {
					continue
				}
				if o.ChannelRefundID == "" || o.Amount == nil || *o.Amount != 100 || o.SucceededAt.IsZero() == (want == refund.OutcomeDone) || want == failed && o.Code == "" {
					t.Errorf("%s: %+v", call, o)
				}
			}
			if f.posts != 1 {
				t.Errorf("submitted %d times", f.posts)
			}
		})
	}
}

// What can't be verified or understood is unknown, whatever it says, and the list
// finds what happened.
func TestAnAnswerThatCantBeBelievedIsUnknown(t *testing.T) {
	for fault, code := range map[string]string{
		"drop before": "NO_ANSWER", "drop after": "NO_ANSWER", "half": "NOT_BELIEVED", "another's key": "NOT_BELIEVED", "unsigned": "NOT_BELIEVED", "changed body": "NOT_BELIEVED",
		"long": "NOT_BELIEVED", "by 202": "UNREADABLE", "by 502": "NOT_BELIEVED", `charge="ch_other0000000000000000000"`: "OTHER_CHARGE", `metadata={}`: "OTHER_REFUND",
		`metadata={"refundry_number":"R2"}`: "OTHER_REFUND", "metadata=none": "UNREADABLE", `metadata=["R1"]`: "UNREADABLE", `succeed=true`: "UNREADABLE",
		`object="charge"`: "UNREADABLE", `amount="100"`: "UNREADABLE", `amount=1.5`: "UNREADABLE", `amount=0`: "UNREADABLE", `amount=-1`: "UNREADABLE", `status="done"`: "STATUS",
		`id=null`: "UNREADABLE",
	} {
		t.Run(fault, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction("R1")
			f.faults = []string{fault}
			o := connector.Submit(t.Context(), i)
			if o.Kind != unknown || o.Code != code || o.Message == "" || o.ChannelRefundID != "" {
				t.Errorf("submit: %+v, want unknown %s", o, code)
			}
			want := refund.OutcomeAccepted
			if fault == "drop before" {
				want = refund.OutcomeNotFound
			}
			if o := connector.Query(t.Context(), i); o.Kind != want {
				t.Errorf("query: %+v", o)
			}
			if !strings.HasPrefix(fault, "drop ") { // net/http asks once more by itself; the first refund of a list that is spoilt
				f.lists = []string{fault}
				if o := connector.Query(t.Context(), i); o.Kind != unknown && !strings.HasPrefix(fault, "metadata={") {
					t.Errorf("a spoilt list: %+v", o)
				}
			}
			f.lists = nil
			if o := connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted || f.posts != 1 {
				t.Errorf("again: %+v, submitted %d times", o, f.posts)
			}
		})
	}
	t.Run("an error that is not signed refuses nothing", func(t *testing.T) {
		f := newFake(t)
		f.platform = keysOnce().other
		f.lists = []string{"200"}
		connector := f.open(f.account(map[string]string{"platform_public_key": publicPEM(t, keysOnce().platform)}))
		if o := connector.Submit(t.Context(), instruction("R1")); o.Kind != tryLater || o.Code != "NOT_LISTED" || f.posts != 0 {
			t.Errorf("%+v", o)
		}
	})
	t.Run("wrong amount", func(t *testing.T) {
		f := newFake(t)
		f.faults = []string{"amount=101"}
		if o := f.open(f.account(nil)).Submit(t.Context(), instruction("R1")); o.Amount == nil || *o.Amount != 101 {
			t.Errorf("%+v", o) // the engine's to disbelieve
		}
	})
}

func TestNothingIsSentWithoutTheCompleteList(t *testing.T) {
	for _, fault := range []string{"drop before", "drop after", "half", "by 202", "500 api_error", "401 invalid_request_error", "has_more=true", "data=none", "url=7"} {
		t.Run(fault, func(t *testing.T) {
			f := newFake(t)
			connector, i := f.open(f.account(nil)), instruction("R1")
			f.lists = []string{fault}
			o := connector.Submit(t.Context(), i)
			if fault == "url=7" { // nobody reads it
				if o.Kind != refund.OutcomeAccepted {
					t.Errorf("%+v", o)
				}
				return
			}
			if o.Kind != tryLater || o.Code != "NOT_LISTED" || f.posts != 0 || (o.Alert != "") != strings.HasPrefix(fault, "401") {
				t.Errorf("%+v, submitted %d times", o, f.posts)
			}
			f.lists = []string{fault}
			if _, err := connector.List(t.Context(), channel.PaymentRef{TransactionID: chargeID, Charge: i.Charge}); err == nil {
				t.Error("the list is complete")
			}
		})
	}
}

// The number is found on whatever page it is, and a list is read to its end.
func TestAListIsReadToItsEnd(t *testing.T) {
	f := newFake(t)
	f.page = 3
	connector := f.open(f.account(nil))
	for n := range 10 {
		i := instruction(fmt.Sprintf("R%d", n))
		if o := connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted {
			t.Fatalf("%+v", o)
		}
	}
	f.refunds[4]["metadata"] = map[string]any{} // made elsewhere
	f.settle(f.refunds[4], "succeeded")
	f.refunds[5]["metadata"] = f.refunds[8]["metadata"] // made twice
	for _, one := range []int{0, 2, 3, 9} {
		if o := connector.Query(t.Context(), instruction(fmt.Sprintf("R%d", 9-one))); o.ChannelRefundID != f.refunds[one]["id"] {
			t.Errorf("R%d: %+v", 9-one, o)
		}
	}
	if o := connector.Query(t.Context(), instruction("R5")); o.Kind != refund.OutcomeNotFound {
		t.Errorf("%+v", o)
	}
	second := f.refunds[5]["id"].(string)
	if o := connector.Query(t.Context(), instruction("R1")); o.ChannelRefundID != f.refunds[8]["id"] || !slices.Equal(o.Twins, []string{second}) {
		t.Errorf("%+v", o)
	}
	known := instruction("R1")
	known.ChannelRefundID = second
	if o := connector.Query(t.Context(), known); o.ChannelRefundID != second || len(o.Twins) != 1 {
		t.Errorf("with the second's id: %+v", o)
	}
	adopted := instruction(f.refunds[4]["id"].(string))
	adopted.ChannelRefundID = adopted.Number
	if o := connector.Query(t.Context(), adopted); o.Kind != refund.OutcomeDone || o.ChannelRefundID != adopted.Number {
		t.Errorf("one that was made elsewhere: %+v", o)
	}
	list, err := connector.List(t.Context(), channel.PaymentRef{TransactionID: chargeID})
	if err != nil || len(list) != 10 {
		t.Fatalf("%+v, %v", list, err)
	}
	for n, one := range list {
		want := channel.Listed{
			Number: fmt.Sprintf("R%d", 9-n), ChannelRefundID: f.refunds[n]["id"].(string), TransactionID: chargeID, OrderNo: orderNo,
			Amount: money.Amount{Minor: 100, Currency: "CNY"}, Kind: refund.OutcomeAccepted, MadeAt: time.Unix(f.refunds[n]["created"].(int64), 0),
		}
		if n == 4 || n == 5 {
			want.Number = want.ChannelRefundID
		}
		if n == 4 {
			want.Kind, want.SucceededAt = refund.OutcomeDone, time.Unix(1409634192, 0)
		}
		if diff := cmp.Diff(want, one); diff != "" {
			t.Error(diff)
		}
	}
}

func TestARequestSaysWhatTheChannelTakes(t *testing.T) {
	f := newFake(t)
	connector := f.open(f.account(nil))
	for n, test := range []struct {
		change func(*channel.Instruction)
		want   string
	}{
		{func(*channel.Instruction) {}, `{"amount":100,"description":"broken","metadata":{"refundry_number":"R0"}}`},
		{func(i *channel.Instruction) { i.Reason = " " }, `{"amount":100,"description":"退款","metadata":{"refundry_number":"R1"}}`},
		{func(i *channel.Instruction) { i.Charge.Channel, i.Reason = "cmb_wallet", strings.Repeat("退", 40) }, `{"amount":100,"description":"` + strings.Repeat("退", 33) + `","metadata":{"refundry_number":"R2"}}`},
		{func(i *channel.Instruction) {
			i.Refund.Detail.PaidFrom, i.Refund.Detail.Options.HideReason = refund.FundsAvailable, true
		}, `{"amount":100,"description":"broken","metadata":{"refundry_number":"R3"},"funding_source":"recharge_funds","extra":{"hide_reason":true}}`},
		{func(i *channel.Instruction) {
			i.Charge.Channel = "upacp"
			i.Refund.Detail.PaidFrom, i.Refund.Detail.Options.HideReason = refund.FundsAvailable, true
		}, `{"amount":100,"description":"broken","metadata":{"refundry_number":"R4"}}`},
		{func(i *channel.Instruction) {
			i.Charge.Channel = "cb_alipay"
			i.Refund.Detail.Options.Splits = []refund.Split{{Account: "2088", Amount: 10, Description: "share"}}
		}, `{"amount":100,"description":"broken","metadata":{"refundry_number":"R5"},"extra":{"split_fund_info":[{"account":"2088","amount":10,"desc":"share"}]}}`},
		{func(i *channel.Instruction) {
			i.Charge.Channel, i.Refund.Detail.Options.Rate, i.Refund.Detail.Options.ExchangedAmount = "cb_alipay_qr", "6.1200", 612
		}, `{"amount":100,"description":"broken","metadata":{"refundry_number":"R6"},"extra":{"rate":6.1200,"refund_amount":612}}`},
	} {
		i := instruction(fmt.Sprintf("R%d", n))
		test.change(&i)
		if o := connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted || f.bodies[len(f.bodies)-1] != test.want {
			t.Errorf("%+v\n%s\n%s", o, f.bodies[len(f.bodies)-1], test.want)
		}
	}
	calls := len(f.seen)
	i := instruction("R9")
	i.Refund.Detail.From = []refund.FundsFrom{{Account: refund.FundsAvailable, Amount: 100}}
	if o := connector.Submit(t.Context(), i); o.Kind != refused || o.Code != "FUNDS" {
		t.Errorf("%+v", o)
	}
	i = instruction("R9")
	i.TransactionID = "4200000000202611290000000001"
	i.Charge.Aliases = []refund.Alias{{Dialect: "pingpp", Identity: "app_other00000000000", Name: chargeID}, {Dialect: "wallet", Identity: app, Name: chargeID}}
	if o := connector.Submit(t.Context(), i); o.Kind != refused || o.Code != "NO_CHARGE" || len(f.seen) != calls {
		t.Errorf("%+v", o)
	}
	i.Charge.Aliases = append(i.Charge.Aliases, refund.Alias{Dialect: "pingpp", Identity: app, Name: chargeID})
	if o := connector.Submit(t.Context(), i); o.Kind != refund.OutcomeAccepted {
		t.Errorf("%+v", o)
	}
	for _, r := range f.seen {
		if r.Header.Get("User-Agent") != "refundry" || r.Header.Get("Pingplusplus-Request-Timestamp") == "" || r.Header.Get("Pingplusplus-Signature") == "" {
			t.Errorf("%v", r.Header)
		}
	}
}

func TestARefundThatWaitsForAPasswordShowsItsAddress(t *testing.T) {
	f := newFake(t)
	connector, i := f.open(f.account(nil)), instruction("R1")
	f.faults = []string{`failure_code="refund_wait_operation"`}
	o := connector.Submit(t.Context(), i)
	if o.Kind != refund.OutcomeAccepted || o.Code != "refund_wait_operation" || o.Sent.Shown["failure_code"] != o.Code {
		t.Errorf("%+v", o)
	}
	const message = "需要打开地址进行下一步退款操作: https://mapi.alipay.com/gateway.do?service=refund_fastpay_by_platform_pwd&day=2"
	f.refunds[0]["failure_code"], f.refunds[0]["failure_msg"] = "refund_wait_operation", "an older address"
	text, err := json.Marshal(message)
	if err != nil {
		t.Fatal(err)
	}
	f.gets = []string{"failure_msg=" + string(text)}
	if o := connector.Query(t.Context(), i); o.Kind != refund.OutcomeAccepted || o.Message != message {
		t.Errorf("%+v", o)
	}
}

func TestAPaymentIsLookedUp(t *testing.T) {
	f := newFake(t)
	connector := f.open(f.account(nil))
	want := channel.Payment{
		TransactionID: chargeID, OrderNo: orderNo, Channel: "wx", Amount: money.Amount{Minor: 1000, Currency: "CNY"}, PaidAt: time.Unix(1409634170, 0), Paid: true,
	}
	if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: chargeID}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	connector.Submit(t.Context(), instruction("R1"))
	connector.Submit(t.Context(), instruction("R2"))
	connector.Submit(t.Context(), instruction("R3"))
	f.settle(f.refunds[0], "succeeded")
	f.settle(f.refunds[1], "failed refund_refused")
	f.charge["refunded"], f.charge["amount_refunded"] = true, 200
	want.Refunded = 100 // one is under way, whatever amount_refunded counts
	if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: chargeID}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	f.charge["reversed"], want.Refunded = true, 1000
	if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: chargeID}); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: "ch_000000000000000000000000"}); !errors.Is(err, channel.ErrNotFound) {
		t.Errorf("%v", err)
	}
	for _, ref := range []channel.PaymentRef{{OrderNo: orderNo}, {}} {
		if got, err := connector.Charge(t.Context(), ref); !errors.Is(err, channel.ErrUnsupported) {
			t.Errorf("%+v: %+v, %v", ref, got, err)
		}
	}
	for _, fault := range []string{`app="app_other00000000000"`, `livemode=true`, `currency="xyz"`, `id="ch_other0000000000000000000"`, "paid=none", "half"} {
		f.gets = []string{fault}
		if got, err := connector.Charge(t.Context(), channel.PaymentRef{TransactionID: chargeID}); err == nil {
			t.Errorf("%s: %+v", fault, got)
		}
		f.charge = newFake(t).charge
	}
}
