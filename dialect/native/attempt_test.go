package native_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/native"
	"github.com/refundry/refundry/refund"
)

func TestAnAttemptShowsWhatWasSentThroughWhichAccountAndWhoSaidIt(t *testing.T) {
	r := refund.Refund{ID: "re_1", ChannelAccount: "toy_1", State: refund.Succeeded}
	attempts := []refund.Attempt{
		{Source: refund.Submit, Sent: refund.Sent{Digest: "abc", AccountVersion: 3, UpstreamRequestID: "req-7"}},
		{Source: refund.Notice},
		{Source: refund.Operator, Message: "statement 7", Actor: audit.ByCommand("root")},
	}
	text, err := json.Marshal(native.WholeRefundJSON(r, refund.Charge{}, attempts, nil))
	if err != nil {
		t.Fatal(err)
	}
	type shown struct {
		Account           *string
		AccountVersion    *int    `json:"account_version"`
		SentDigest        *string `json:"sent_digest"`
		UpstreamRequestID *string `json:"upstream_request_id"`
		Message           string
		Actor             *struct{ Kind, Name string }
	}
	var got struct{ Attempts []shown }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	account, version, digest, request := "toy_1", 3, "abc", "req-7"
	want := []shown{
		{Account: &account, AccountVersion: &version, SentDigest: &digest, UpstreamRequestID: &request},
		{Account: &account},
		{Message: "statement 7", Actor: &struct{ Kind, Name string }{"command", "root"}},
	}
	if diff := cmp.Diff(want, got.Attempts); diff != "" {
		t.Errorf("(-want +shown): %s", diff)
	}
}
