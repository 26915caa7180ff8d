package wallet

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheExampleOfThePageIsWrittenByteForByte(t *testing.T) {
	example, err := os.ReadFile("testdata/refund.json")
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(example))
	decoder.DisallowUnknownFields()
	var refund Refund
	if err := decoder.Decode(&refund); err != nil {
		t.Fatal(err)
	}
	got, err := Marshal(refund)
	if err != nil {
		t.Fatal(err)
	}
	var want bytes.Buffer
	if err := json.Compact(&want, example); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestObjectsAndRepliesAreWrittenInFull(t *testing.T) {
	number := "7"
	refund := Refund{ID: "re_1", Created: 1410778843, ChargesID: "c1", Channel: ChannelWeChatQRCode, ClientIP: "::1", Amount: 100, Currency: "CHY", Status: StatusCreated}
	ended := refund
	ended.Status = StatusSucceeded
	failed := refund
	failed.Status = StatusFailed
	const old = `,"charge_id":"c1","charges_id":"c1","channel":"wechat_qrcode","client_ip":"::1","amount":100,"currency":"CHY",`
	tests := []struct {
		name   string
		object any
		want   string
	}{
		{
			"a refund of another route has an empty extra, and no description is an empty one", refund,
			`{"id":"re_1","type":"refund","created":1410778843,"charges_id":"c1","channel":"wechat_qrcode","client_ip":"::1","amount":100,"extra":{},"description":"","currency":"CHY","status":"created"}`,
		},
		{
			"an old refund that is open", refund.Old(time.Time{}, nil),
			`{"id":"re_1","type":"refund","created":"2014-09-15 19:00:43","status":"created","time_succeeded":null,"time_failed":null` + old + `"transaction_no":null,"description":"","extra":{}}`,
		},
		{
			"an old refund that succeeded", ended.Old(time.Unix(1410778900, 0), &number),
			`{"id":"re_1","type":"refund","created":"2014-09-15 19:00:43","status":"succeeded","time_succeeded":1410778900,"time_failed":null` + old + `"transaction_no":"7","description":"","extra":{}}`,
		},
		{
			"an old refund that failed", failed.Old(time.Unix(1410778900, 0), nil),
			`{"id":"re_1","type":"refund","created":"2014-09-15 19:00:43","status":"failed","time_succeeded":null,"time_failed":1410778900` + old + `"transaction_no":null,"description":"","extra":{}}`,
		},
		{
			"an old refund that succeeded at a time nobody knows", ended.Old(time.Time{}, nil),
			`{"id":"re_1","type":"refund","created":"2014-09-15 19:00:43","status":"succeeded","time_succeeded":null,"time_failed":null` + old + `"transaction_no":null,"description":"","extra":{}}`,
		},
		{
			"a charge",
			Charge{ID: "c1", Status: StatusRefund, Refunds: []Refund{refund}, AmountRefunded: 100, Subject: "<a&b>"},
			`{"id":"c1","type":"charge","created":0,"wallet_id":"","status":"refund","channel":"","order_no":"","client_ip":"","amount":0,"currency":"","subject":"<a&b>","body":"","time_paid":null,` +
				`"refunds":[{"id":"re_1","type":"refund","created":1410778843,"charges_id":"c1","channel":"wechat_qrcode","client_ip":"::1","amount":100,"extra":{},"description":"","currency":"CHY","status":"created"}],` +
				`"amount_refunded":100,"credential":{},"description":"","extra":{}}`,
		},
		{
			"a wallet",
			Wallet{ID: "wallet_demo", AppID: "a", Reviewed: true, Status: StatusSucceeded, Channel: ChannelUnipayB},
			`{"id":"wallet_demo","type":"wallet","created":0,"appid":"a","extra":{},"block":false,"reviewed":true,"available_balance":0,"withdrawable_balance":0,"freeze_balance":0,"status":"succeeded","channel":"unipay_merchant"}`,
		},
		{
			"an event has create, not created",
			Event{ID: "evt_1", Create: 5, Event: EventRefundSucceeded, Data: json.RawMessage(`{"id":"re_1"}`)},
			`{"id":"evt_1","type":"event","create":5,"event":"refund.succeeded","data":{"id":"re_1"}}`,
		},
		{"a list without objects", Success(List[Refund]{}), `{"code":0,"message":"success","data":{"total":0,"data":[]}}`},
		{"an old list is a bare array", Success([]OldRefund{}), `{"code":0,"message":"success","data":[]}`},
		{"an error with a text", Failure(CodeParam, "charge not found"), `{"code":10002,"message":"charge not found","data":null}`},
		{"an error without a text has its name", Failure(CodeKeyRequired, ""), `{"code":401,"message":"api_key_require","data":null}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Marshal(test.object)
			if diff := cmp.Diff(test.want, string(got)); err != nil || diff != "" {
				t.Errorf("%v (-want +got)\n%s", err, diff)
			}
		})
	}
}

func TestASignatureIsShownOnlyWhereItIsSwitchedOn(t *testing.T) {
	extra := Extra{Routed: true, MsgType: "refund", Sign: "0123"}
	if got := extra.Masked(false); got.Sign != "XXX" || got.MsgType != "refund" {
		t.Errorf("hidden: %+v", got)
	}
	if got := extra.Masked(true); got.Sign != "0123" {
		t.Errorf("shown: %+v", got)
	}
	for _, extra := range []Extra{{}, {Routed: true}} {
		if got := extra.Masked(false); got != extra {
			t.Errorf("nothing was sent, and %+v became %+v", extra, got)
		}
	}
}

// The numbers, names and statuses as the page prints them.
func TestTheTableOfErrors(t *testing.T) {
	tests := []struct {
		code   Code
		name   string
		status int
	}{
		{401, "api_key_require", 401},
		{-1, "unknown", 500},
		{10001, "wallet_not_exist", 404},
		{10002, "param_error", 400},
		{10003, "charge_closed", 402},
		{10004, "charge_unexpected_status", 402},
		{10005, "refund_wait_operation", 402},
		{10006, "refund_refused", 402},
		{10007, "refund_retry", 402},
		{10008, "refund_manual_intervention", 402},
		{10009, "refund_unexpected_status", 402},
		{100010, "channel_connection_error", 402},
		{100011, "channel_request_error", 402},
		{100012, "channel_parse_error", 402},
		{100013, "channel_sign_error", 402},
		{100014, "channel_unexpected_error", 402},
		{100015, "channel_parameter_error", 402},
		{100016, "channel_auth_error", 402},
		{100017, "channel_response_code_fail", 402},
		{100018, "channel_parameters_consistency_error", 402},
		{100021, "channel_request_info", 402},
		{100024, "charge_order_no_used", 402},
		{100026, "refund_refused_msg", 402},
		{100027, "refund_pending", 402},
		{100028, "refund_failed", 402},
		{100029, "refund_info_from_channel", 402},
		{100030, "refund_not_found", 404},
		{100034, "api_key_wallet_mismatching", 404},
		{100035, "wallet_not_exist", 404},
		{100036, "wallet_not_use", 402},
		{100043, "request_body_walletid_not_exist", 400},
		{100044, "request_body_not_exist", 400},
		{100045, "request_time_out", 504},
		{100048, "walletid_is_null", 400},
		{100051, "page_is_null", 400},
		{100052, "count_is_null", 400},
		{5, "unknown", 500},
	}
	for _, test := range tests {
		if test.code.Name() != test.name || test.code.Status() != test.status {
			t.Errorf("%d: got %s %d, want %s %d", test.code, test.code.Name(), test.code.Status(), test.name, test.status)
		}
	}
	if len(tests) != len(codes) { // success is not in the table here, 5 is not in the other
		t.Errorf("%d codes are tested, %d exist", len(tests)-1, len(codes)-1)
	}
}

func TestWebhooksAreSentAgainForAboutADay(t *testing.T) {
	delays := WebhookRetryDelays()
	var sum time.Duration
	for _, delay := range delays {
		sum += delay
	}
	if sum != 24*time.Hour+47*time.Minute+15*time.Second || delays[0] != 5*time.Second || delays[9] != 15*time.Hour {
		t.Errorf("%v, %v in all", delays, sum)
	}
}
