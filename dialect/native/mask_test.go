package native_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
)

// What is masked shows masked wherever it showed: in answers, lists, events, and
// in a notification that is sent again. The books stay.
func TestAPersonsDataIsMaskedWhereverItShows(t *testing.T) {
	var mu sync.Mutex
	var told []string
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := make([]byte, 1<<16)
		n, _ := io.ReadFull(r.Body, body)
		mu.Lock()
		told = append(told, string(body[:n]))
		mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	s := dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	send(t, s, demo, "POST", "/endpoints", fmt.Sprintf(`{"url": %q, "dialect": "native", "events": ["refund.succeeded"]}`, receiver.URL), http.StatusCreated)
	send(t, s, demo, "POST", "/charges", `{"order_no": "P-1", "amount": 1000, "currency": "CNY", "channel": "wx", "customer": "zhangsan", "received_account": "zhangsan's card", "client_ip": "203.0.113.7"}`, http.StatusCreated)
	const asked = `{"charge": "P-1", "amount": 100, "number": "P-R1", "reason": "zhangsan moved", "reason_code": "moved"}`
	made := send(t, s, demo, "POST", "/refunds", asked, http.StatusCreated, "Prefer", "wait=10")
	_, delivery, _ := strings.Cut(sendUntilHas(t, s, "/deliveries?limit=1", `"state":"delivered"`), `"data":[{"id":"`)
	delivery, _, _ = strings.Cut(delivery, `"`)

	masked := send(t, s, demo, "POST", "/charges/P-1/mask", "", http.StatusOK, "Idempotency-Key", "mask-1")
	if masked != `{"charges":1,"refunds":1,"deliveries":1,"in_flight":0,"open_refunds":[],"bulk_lines":0,"open_bulk_lines":0}`+"\n" {
		t.Errorf("the masking is %s", masked)
	}
	again := send(t, s, demo, "POST", "/charges/P-1/mask", "", http.StatusOK, "Idempotency-Key", "mask-1")
	if again != `{"charges":0,"refunds":0,"deliveries":0,"in_flight":0,"open_refunds":[],"bulk_lines":0,"open_bulk_lines":0}`+"\n" {
		t.Errorf("the repeat is %s", again)
	}
	replay := text(send(t, s, demo, "POST", "/deliveries/"+delivery+"/replay", "", http.StatusCreated), "id")
	sendUntilHas(t, s, "/deliveries?limit=1&state=delivered", replay)
	shows := map[string]string{
		"the repeat of the request": send(t, s, demo, "POST", "/refunds", asked, http.StatusOK),
		"the refund":                send(t, s, demo, "GET", "/refunds/P-R1", "", http.StatusOK),
		"the list":                  send(t, s, demo, "GET", "/refunds?reason_code=moved", "", http.StatusOK),
		"the file":                  send(t, s, demo, "GET", "/refunds.csv?reason_code=moved", "", http.StatusOK),
		"the event":                 send(t, s, demo, "GET", "/events?limit=100", "", http.StatusOK),
	}
	for name, answer := range shows {
		if strings.Contains(answer, "zhangsan") || !strings.Contains(answer, refund.Masked) || !strings.Contains(answer, text(made, "id")) {
			t.Errorf("%s is %s", name, answer)
		}
	}
	charge := send(t, s, demo, "GET", "/charges/P-1", "", http.StatusOK)
	if strings.Contains(charge, "zhangsan") || strings.Contains(charge, "203.0.113.7") || !strings.Contains(charge, `"customer":"***"`) || !strings.Contains(charge, `"refundable":900`) || strings.Contains(charge, `"masked_at":null`) {
		t.Errorf("the charge is %s", charge)
	}
	if audit := send(t, s, demo, "GET", "/audit?limit=100", "", http.StatusOK); strings.Contains(audit, "zhangsan") || strings.Count(audit, "charge.mask") != 1 {
		t.Errorf("the records are %s", audit)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 2 || !strings.Contains(told[0], "zhangsan") || strings.Contains(told[1], "zhangsan") || !strings.Contains(told[1], refund.Masked) {
		t.Errorf("the receiver was told %q", told)
	}
}

func TestACustomerIsMaskedInEveryChargeAndRefundThatHasEnded(t *testing.T) {
	s := dialecttest.Start(t)
	for n := range 3 {
		send(t, s, demo, "POST", "/charges", fmt.Sprintf(`{"order_no": "M-%d", "amount": 1000, "currency": "CNY", "channel": "wx", "customer": "lisi"}`, n), http.StatusCreated)
		send(t, s, demo, "POST", "/refunds", fmt.Sprintf(`{"charge": "M-%d", "amount": 100, "reason": "lisi's"}`, n), http.StatusCreated, "Prefer", "wait=10")
	}
	// A refund of somebody else's charge, and one that does not end (58).
	send(t, s, demo, "POST", "/charges", `{"order_no": "M-9", "amount": 1000, "currency": "CNY", "channel": "wx", "customer": "wangwu"}`, http.StatusCreated)
	send(t, s, demo, "POST", "/refunds", `{"charge": "M-9", "amount": 100, "customer": "lisi", "reason": "lisi's"}`, http.StatusCreated, "Prefer", "wait=10")
	open := send(t, s, demo, "POST", "/refunds", `{"charge": "M-2", "amount": 58}`, http.StatusCreated)
	sendUntilHas(t, s, "/events?limit=100", `"id":"`+text(open, "id")+`"`)

	masked := ""
	for masked == "" || strings.Contains(masked, `"in_flight":1`) {
		masked = send(t, s, demo, "POST", "/customers/mask", `{"customer": "lisi"}`, http.StatusOK)
	}
	if !strings.Contains(masked, `"open_refunds":["`+text(open, "id")+`"]`) {
		t.Errorf("the masking is %s", masked)
	}
	if left := send(t, s, demo, "GET", "/charges?customer=lisi", "", http.StatusOK); strings.Count(left, `"customer":"lisi"`) != 1 || !strings.Contains(left, `"order_no":"M-2"`) {
		t.Errorf("left are %s", left)
	}
	if other := send(t, s, demo, "GET", "/charges/M-9", "", http.StatusOK); !strings.Contains(other, `"customer":"wangwu"`) {
		t.Errorf("the other's charge is %s", other)
	}
	if got := send(t, s, demo, "GET", "/refunds?charge=M-9", "", http.StatusOK); !strings.Contains(got, `"reason":"***","reason_code":null,"customer":"***"`) {
		t.Errorf("its refund is %s", got)
	}
	refused := send(t, s, demo, "POST", "/charges/M-2/mask", "", http.StatusConflict, "Idempotency-Key", "m-2")
	if !strings.Contains(refused, `"refund":"`+text(open, "id")+`"`) {
		t.Errorf("the refusal is %s", refused)
	}
	send(t, s, demo, "POST", "/refunds/"+text(open, "id")+"/resolve", `{"state": "failed", "proof": "statement 7"}`, http.StatusOK)
	if done := send(t, s, demo, "POST", "/charges/M-2/mask", "", http.StatusOK, "Idempotency-Key", "m-2"); !strings.Contains(done, `"charges":1,"refunds":1`) {
		t.Errorf("then it is %s", done) // a refusal uses up no key
	}
	for _, body := range []string{`{"customer": ""}`, `{"customer": "***"}`, `{}`} {
		send(t, s, demo, "POST", "/customers/mask", body, http.StatusBadRequest)
	}
	send(t, s, demo, "POST", "/charges/none/mask", "", http.StatusNotFound)
	other := s.Merchant(t, "other", merchant.Test, nil)
	send(t, s, other.Key(merchant.Native), "POST", "/charges/M-0/mask", "", http.StatusNotFound)
}
