package native_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
)

// Whose a charge is goes on to its refunds, unless a request names another, and
// shows wherever they do: answers, lists, searches, events.
func TestARefundIsTheCustomersOfItsChargeUnlessItNamesAnother(t *testing.T) {
	s := dialecttest.Start(t)
	s.Merchant(t, "shop", merchant.Test, nil)
	charge := send(t, s, demo, "POST", "/charges", `{"order_no": "C-1", "amount": 1000, "currency": "CNY", "channel": "wx", "customer": "会员 7"}`, http.StatusCreated)
	if !strings.Contains(charge, `"customer":"会员 7"`) {
		t.Errorf("the charge is %s", charge)
	}
	first := send(t, s, demo, "POST", "/refunds", `{"charge": "C-1", "amount": 100, "number": "A", "reason_code": "requested_by_customer"}`, http.StatusCreated, "Prefer", "wait=10")
	if !strings.Contains(first, `"reason_code":"requested_by_customer","customer":"会员 7"`) {
		t.Errorf("the first refund is %s", first)
	}
	second := send(t, s, demo, "POST", "/refunds", `{"charge": "C-1", "amount": 100, "number": "B", "customer": "guest@example.com", "reason_code": ""}`, http.StatusCreated, "Prefer", "wait=10")
	if !strings.Contains(second, `"reason_code":null,"customer":"guest@example.com"`) {
		t.Errorf("the second refund is %s", second)
	}
	if none := send(t, s, demo, "POST", "/charges", `{"order_no": "C-2", "amount": 1, "currency": "CNY", "channel": "wx", "customer": ""}`, http.StatusCreated); !strings.Contains(none, `"customer":null`) {
		t.Errorf("nobody's charge is %s", none)
	}
	// They are no content: a repeat is the same, whatever it says.
	again := send(t, s, demo, "POST", "/refunds", `{"charge": "C-1", "amount": 100, "number": "A", "reason_code": "duplicate", "customer": "x"}`, http.StatusOK)
	if text(again, "id") != text(first, "id") || !strings.Contains(again, `"customer":"会员 7"`) {
		t.Errorf("the repeat is %s", again)
	}
	feed := send(t, s, demo, "GET", "/events?limit=100&wait=10", "", http.StatusOK)
	if strings.Count(feed, `"reason_code":"requested_by_customer","customer":"会员 7"`) == 0 || !strings.Contains(feed, `"customer":"guest@example.com"`) {
		t.Errorf("the feed is %s", feed)
	}
	if found := send(t, s, demo, "GET", "/refunds?q=guest@example.com", "", http.StatusOK); !strings.Contains(found, text(second, "id")) || strings.Contains(found, text(first, "id")) {
		t.Errorf("a search finds %s", found)
	}
	for name, body := range map[string]string{
		"a code with a blank":       `{"charge": "C-1", "amount": 1, "reason_code": "by customer"}`,
		"a code in capitals":        `{"charge": "C-1", "amount": 1, "reason_code": "Duplicate"}`,
		"a code of 65 letters":      `{"charge": "C-1", "amount": 1, "reason_code": "` + strings.Repeat("a", 65) + `"}`,
		"a customer on two lines":   `{"charge": "C-1", "amount": 1, "customer": "a\nb"}`,
		"a customer behind a blank": `{"charge": "C-1", "amount": 1, "customer": " a"}`,
		"a customer of 129":         `{"charge": "C-1", "amount": 1, "customer": "` + strings.Repeat("a", 129) + `"}`,
		"a customer that is a list": `{"charge": "C-1", "amount": 1, "customer": []}`,
	} {
		if got := send(t, s, demo, "POST", "/refunds", body, http.StatusBadRequest); !strings.Contains(got, `"param":"customer"`) && !strings.Contains(got, `"param":"reason_code"`) {
			t.Errorf("%s: %s", name, got)
		}
	}
	send(t, s, demo, "POST", "/charges", `{"order_no": "C-3", "amount": 1, "currency": "CNY", "channel": "wx", "customer": "1.38E+10"}`, http.StatusBadRequest)
}
