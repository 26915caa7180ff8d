package channel_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

func TestWhatIsKeptOfACallNamesARefundAndNoPerson(t *testing.T) {
	for name, one := range map[string]struct {
		body       string
		keeps, not []string
	}{
		"JSON": {
			`{"out_refund_no": "R1", "amount": {"refund": 100, "currency": "CNY"}, "status": "SUCCESS", "user_received_account": "SECRET 0403", "bank_account": "SECRET", "goods": [{"name": "SECRET"}], "reason": "SECRET", "12": 34567}`,
			[]string{`"out_refund_no": "R1"`, `"refund": 100`, `"status": "SUCCESS"`, `"reason": "…"`, `"bank_account": "…"`},
			[]string{"34567"},
		},
		"a form": {"amount=100&charge=ch_1&metadata%5Bname%5D=SECRET&refund%5Bamount%5D=7&api_key=SECRET", []string{"amount=100", "charge=ch_1", "metadata[name]=…", "refund[amount]=7"}, nil},
		"Alipay's form": {
			"app_id=SECRET&biz_content=%7B%22out_request_no%22%3A%22R1%22%2C%22buyer%22%3A%22SECRET%22%7D&sign=SECRET",
			[]string{`"out_request_no": "R1"`, "sign=…"},
			nil,
		},
		"a page": {"<html>SECRET</html>", []string{"(19 bytes)"}, nil},
		"text":   {"SECRET", []string{"(6 bytes)"}, nil},
	} {
		request, answer := channel.RedactedRequest("POST", "/v3/refunds?name=SECRET", []byte(one.body)), channel.RedactedAnswer(200, []byte(one.body))
		if !strings.HasPrefix(request, "POST /v3/refunds\n") || !strings.HasPrefix(answer, "HTTP 200\n") {
			t.Errorf("%s: %q %q", name, request, answer)
		}
		for _, text := range one.keeps {
			if !strings.Contains(request, text) {
				t.Errorf("%s lacks %q: %s", name, text, request)
			}
		}
		for _, text := range append(one.not, "SECRET") {
			if strings.Contains(request+answer, text) {
				t.Errorf("%s keeps %q: %s", name, text, request)
			}
		}
	}
	if long := channel.RedactedAnswer(500, []byte(`{"message": "`+strings.Repeat("长", 5000)+`", "status": ["`+strings.Repeat(`x", "`, 5000)+`"]}`)); len(long) > refund.MaxExchange {
		t.Errorf("%d bytes", len(long))
	}
	if none := channel.RedactedRequest("GET", "/x", nil); none != "GET /x" {
		t.Errorf("without a body: %q", none)
	}
}
