package wechatpay_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/wechatpay"
)

const awaitTime = 3 * time.Minute

// hook is a notification as a receiver gets it.
type hook struct {
	path   string
	header http.Header
	body   string
}

// receiver takes notifications on loopback.
func receiver(t *testing.T) (url string, hooks chan hook) {
	t.Helper()
	hooks = make(chan hook, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		hooks <- hook{r.URL.Path, r.Header, string(body)}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL, hooks
}

func onLoopback(o *service.Options) {
	o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
}

func next(t *testing.T, hooks chan hook) hook {
	t.Helper()
	select {
	case h := <-hooks:
		return h
	case <-time.After(awaitTime):
		t.Fatal("no notification came")
		return hook{}
	}
}

// open verifies and opens a notification like an official client.
func (c client) open(t *testing.T, h hook) (wire.Notification, wire.Notice) {
	t.Helper()
	signature, err := wire.ReadAnswerSignature(h.header)
	if err != nil {
		t.Fatalf("%v: %v", h.header, err)
	}
	if err := c.keys.Verify(signature, []byte(h.body), c.now()); err != nil {
		t.Errorf("%s: %v", h.body, err)
	}
	n, notice, err := wire.OpenNotification(exact(t, h.body), demoKey)
	if err != nil {
		t.Fatalf("%s: %v", h.body, err)
	}
	return n, notice
}

// The request's own notify_url is told, in the name of the account that asked,
// and overrides the endpoints on record.
func TestANotifyURLIsToldInTheNameOfWhoAsked(t *testing.T) {
	s := dialecttest.Start(t, onLoopback)
	url, hooks := receiver(t)
	onRecord(t, s, url+"/record", "")
	for n, test := range []struct {
		mchID, more   string
		amount        int
		event, status string
	}{
		{direct, "", 100, "REFUND.SUCCESS", "SUCCESS"},
		{partner, asPartner, 100, "REFUND.SUCCESS", "SUCCESS"},
		{direct, "", 52, "REFUND.ABNORMAL", "ABNORMAL"},
		{direct, "", 51, "REFUND.CLOSED", "CLOSED"},
	} {
		c := demo(t, s, test.mchID)
		number := fmt.Sprint("R", n)
		answer := decoded(t, c.post(t, refundPath, refundBody(number, test.amount, test.more+`"notify_url":"`+url+`/own",`), 200, "Prefer", "wait=5"))
		h := next(t, hooks)
		notification, notice := c.open(t, h)
		if h.path != "/own" || notification.EventType != test.event || notice.RefundStatus != test.status {
			t.Errorf("%s: %s %s %s", number, h.path, notification.EventType, notice.RefundStatus)
		}
		if notice.RefundID != answer["refund_id"] || notice.OutRefundNo != number || notice.OutTradeNo != demoOrder || notice.TransactionID != demoTrade {
			t.Errorf("%s: %+v", number, notice)
		}
		if notice.Amount.Total != 1000 || notice.Amount.Refund != int64(test.amount) || notice.Amount.PayerTotal != 800 {
			t.Errorf("%s: %+v", number, notice.Amount)
		}
		if (notice.SuccessTime != nil) != (test.status == "SUCCESS") {
			t.Errorf("%s: success_time %v", number, notice.SuccessTime)
		}
		named := notice.MchID + " " + notice.SpMchID + " " + notice.SubMchID
		if want := map[string]string{direct: direct + "  ", partner: " " + partner + " " + subMchID}[test.mchID]; named != want {
			t.Errorf("%s is told in the name of %q", number, named)
		}
		if len(notification.ID) > 36 || !strings.HasPrefix(notification.ID, "EV-") || len(notification.Resource.Nonce) != 12 {
			t.Errorf("%s: id %q, nonce %q", number, notification.ID, notification.Resource.Nonce)
		}
		if notification.Resource.AssociatedData != "refund" || notification.Resource.OriginalType != "refund" || notification.ResourceType != "encrypt-resource" {
			t.Errorf("%s: %+v", number, notification.Resource)
		}
	}
	select {
	case h := <-hooks:
		t.Errorf("another one came to %s", h.path)
	default:
	}
}

// onRecord adds an endpoint of the demo merchant over the native API.
func onRecord(t *testing.T, s *dialecttest.Service, url, more string) {
	t.Helper()
	r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/endpoints", fmt.Sprintf(`{"url":%q,"dialect":"wechatpay"%s}`, url, more), "Authorization", "Bearer rk_test_demo")
	if answer, text := dialecttest.Do(t, r); answer.StatusCode != 201 {
		t.Fatalf("answered %d %s", answer.StatusCode, text)
	}
}

// A refund of any dialect is told to the endpoints on record.
func TestEndpointsAreToldOfRefundsOfEveryDialect(t *testing.T) {
	s := dialecttest.Start(t, onLoopback)
	url, hooks := receiver(t)
	onRecord(t, s, url+"/all", "")
	onRecord(t, s, url+"/abnormal", `,"events":["refund.abnormal"]`)
	c := demo(t, s, direct)
	r := dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", `{"charge":"`+demoOrder+`","amount":52}`, "Authorization", "Bearer rk_test_demo")
	if answer, text := dialecttest.Do(t, r); answer.StatusCode != 201 {
		t.Fatal(text)
	}
	told := map[string]bool{}
	for range 2 {
		h := next(t, hooks)
		told[h.path] = true
		if _, notice := c.open(t, h); notice.RefundStatus != "ABNORMAL" || notice.MchID != direct {
			t.Errorf("%s: %+v", h.path, notice)
		}
	}
	c.post(t, refundPath, refundBody("R1", 10, ""), 200)
	if h := next(t, hooks); h.path != "/all" {
		t.Errorf("a success came to %s", h.path)
	}
	if !told["/all"] || !told["/abnormal"] {
		t.Errorf("told %v", told)
	}
	charge := s.Charge(t, merchant.DemoID, 100, func(r *refund.Charge) { r.Currency = "SAR" })
	r = dialecttest.Request(t, "POST", s.URL+"/refundry/v1/refunds", `{"charge":"`+charge.ID+`","amount":10}`, "Authorization", "Bearer rk_test_demo")
	dialecttest.Do(t, r)
	c.post(t, refundPath, refundBody("R2", 10, ""), 200)
	if _, notice := c.open(t, next(t, hooks)); notice.OutRefundNo != "R2" {
		t.Errorf("told of %+v, which this dialect can't say", notice)
	}
}

// http, and private addresses, only where the operator allows it (W2.1-17). A
// repeat is about what is on disk, whatever became of its address.
func TestAnAddressThatMayNotBeCalledIsRefusedExceptInARepeat(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	for _, url := range []string{"http://1.1.1.1/hook", "https://127.0.0.1/hook", "https://10.0.0.1/hook", "http://localhost/hook"} {
		answer := decoded(t, c.post(t, refundPath, refundBody("R1", 1, `"notify_url":"`+url+`",`), 400))
		if answer["code"] != "PARAM_ERROR" || answer["detail"].(map[string]any)["field"] != "/notify_url" {
			t.Errorf("%s: %v", url, answer)
		}
	}
	c.post(t, refundPath, refundBody("R1", 1, `"notify_url":"https://1.1.1.1/hook",`), 200)
	c.post(t, refundPath, refundBody("R1", 1, `"notify_url":"https://10.0.0.1/hook",`), 200)
}

// A name server that fails is no fault of the request's: names are looked up
// when they are called.
func TestANameThatIsNotFoundIsNoReasonToRefuse(t *testing.T) {
	s := dialecttest.Start(t)
	c := demo(t, s, direct)
	c.post(t, refundPath, refundBody("R1", 1, `"notify_url":"https://shop.invalid/hook",`), 200)
}
