package native_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/wechatpay"
)

// Every way from a number to a refund leads to the same one, in lists and alone.
func TestARefundIsFoundByAnyNumberThatAPersonMayHold(t *testing.T) {
	s := dialecttest.Start(t)
	send(t, s, demo, "POST", "/charges", documented, http.StatusCreated)
	send(t, s, demo, "POST", "/refunds", `{"charge": "ch_native", "amount": 100, "number": "S-0"}`, http.StatusCreated, "Prefer", "wait=10")
	made := send(t, s, demo, "POST", "/refunds", `{"charge": "ch_native", "amount": 200, "number": "S-1"}`, http.StatusCreated,
		"Prefer", "wait=10", "Idempotency-Key", "key-s-1")
	send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": %q, "amount": 7, "number": "S-2"}`, paid(t, s, 100)), http.StatusCreated)
	id := text(made, "id")
	at, ok := refund.IDTime(strings.TrimPrefix(id, "re_"))
	if !ok {
		t.Fatalf("%s holds no time", id)
	}
	search := func(number string) string {
		answer := send(t, s, demo, "GET", "/refunds?q="+url.QueryEscape(number), "", http.StatusOK)
		var found []string
		for _, name := range []string{"S-0", "S-1", "S-2"} {
			if strings.Contains(answer, `"number":"`+name+`"`) {
				found = append(found, name)
			}
		}
		return strings.Join(found, " ")
	}
	for name, number := range map[string]string{
		"our id":                      id,
		"the merchant's number":       "S-1",
		"the idempotency key":         "key-s-1",
		"the number the channel sees": text(made, "channel_refund_number"),
		"the channel's number":        text(made, "channel_refund_id"),
		"WeChat's refund_id":          wechatpay.MakeRefundID(id, at.UnixMilli()),
		"Payin's refund":              "M948164T1_R2",
		"the transaction it is there": "M948164T1_3",
	} {
		if found := search(number); found != "S-1" {
			t.Errorf("%s, %q, finds %q", name, number, found)
		}
		// Every address of one refund takes them too; a refund at its end can't be
		// changed, but is found.
		at := "/refunds/" + url.PathEscape(number)
		if got := send(t, s, demo, "GET", at, "", http.StatusOK); !strings.Contains(got, `"id":"`+id+`"`) {
			t.Errorf("%s, %q, shows %s", name, number, got)
		}
		for action, body := range map[string]string{"/cancel": "", "/retry": "", "/resolve": `{"state": "failed", "proof": "p"}`} {
			if got := send(t, s, demo, "POST", at+action, body, http.StatusConflict); !strings.Contains(got, `"refund":"`+id+`"`) {
				t.Errorf("%s, %q, %s: %s", name, number, action, got)
			}
		}
	}
	for _, number := range []string{"ch_native", "native1", "native", "M948164T1", "T1", text(made, "charge"), "4200000000000000000000000042"} {
		if found := search(number); found != "S-0 S-1" {
			t.Errorf("the charge's %q finds %q", number, found)
		}
	}
	for _, number := range []string{"S-", "50" + strings.Repeat("0", 27), "50" + strings.Repeat("x", 27), "M948164T1_R9", "%"} {
		if found := search(number); found != "" {
			t.Errorf("%q finds %q", number, found)
		}
	}
	for _, number := range []string{"ch_native", "T1", "S-", "M948164T1_R9"} { // of its charge, or of nothing
		send(t, s, demo, "GET", "/refunds/"+number, "", http.StatusNotFound)
	}
	other := s.Merchant(t, "other", merchant.Test, nil)
	if answer := send(t, s, other.Key(merchant.Native), "GET", "/refunds?q=S-1", "", http.StatusOK); strings.Contains(answer, "S-1") {
		t.Errorf("another merchant finds %s", answer)
	}
	page := send(t, s, demo, "GET", "/refunds?q=ch_native&limit=1", "", http.StatusOK)
	next := send(t, s, demo, "GET", "/refunds?q=ch_native&limit=1&cursor="+text(page, "next"), "", http.StatusOK)
	if !strings.Contains(page, `"S-1"`) || !strings.Contains(next, `"S-0"`) || !strings.Contains(next, `"has_more":false`) {
		t.Errorf("the pages are\n%s%s", page, next)
	}
	// The key of one refund is the number of another.
	twin := send(t, s, demo, "POST", "/refunds", `{"charge": "ch_native", "amount": 1, "number": "key-s-1"}`, http.StatusCreated)
	if got := send(t, s, demo, "GET", "/refunds/key-s-1", "", http.StatusBadRequest); !strings.Contains(got, text(twin, "id")+", "+id) {
		t.Errorf("a number of two refunds: %s", got)
	}
	if got := send(t, s, demo, "GET", "/refunds/"+id, "", http.StatusOK); !strings.Contains(got, `"number":"S-1"`) {
		t.Errorf("by its id: %s", got)
	}
}
