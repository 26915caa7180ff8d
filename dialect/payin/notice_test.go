package payin_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/dialect/payin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
	wire "github.com/refundry/refundry/wire/payin"
)

// told is what a merchant's program was sent.
type told struct{ Method, Query, Body string }

// sink is a merchant's program that takes notifications.
type sink struct {
	*httptest.Server
	mutex  sync.Mutex
	all    []told
	answer func(order string) string
}

func newSink(t *testing.T, answer func(order string) string) *sink {
	s := &sink{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mutex.Lock()
		s.all = append(s.all, told{r.Method, r.URL.RawQuery, string(body)})
		s.mutex.Unlock()
		_, _ = io.WriteString(w, s.answer(r.URL.Query().Get("_orderId")))
	}))
	t.Cleanup(s.Close)
	return s
}

// seen returns what was told of one kind, "payment" or "refund".
func (s *sink) seen(kind string) []told {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.DeleteFunc(slices.Clone(s.all), func(one told) bool { return !strings.Contains(one.Query, "&_type="+kind) })
}

func startLocal(t *testing.T) *dialecttest.Service {
	return dialecttest.Start(t, func(o *service.Options) { o.EgressAllow = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
}

// records waits until a merchant's deliveries have been tried.
func records(t *testing.T, s *dialecttest.Service, merchantID string, count int) []merchant.DeliveryRecord {
	t.Helper()
	const pause, most = 20 * time.Millisecond, 20 * time.Second
	for deadline := time.Now().Add(most); ; {
		all, _, err := s.Store.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: merchantID}, refund.Page{Limit: 1000})
		if err != nil {
			t.Fatal(err)
		}
		tried := 0
		for _, record := range all {
			if len(record.Tries) > 0 {
				tried++
			}
		}
		if tried >= count && tried == len(all) {
			return all
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d deliveries were tried, want %d", tried, len(all), count)
		}
		timer := time.NewTimer(pause)
		<-timer.C
	}
}

// The order's own address is told by GET, its query is kept, and the body
// COMPLETED::{orderId} ends it (Y5-6, Y7.5-4 and Y5-13).
func TestAnOrdersOwnAddressIsToldOfItsRefund(t *testing.T) {
	s := startLocal(t)
	fresh := s.Merchant(t, "told", merchant.Test, nil)
	c := of(s, fresh)
	own := newSink(t, func(order string) string { return "COMPLETED::" + order + "\n" })
	configured := newSink(t, wire.CompletedAnswer)
	endpoint(t, s, fresh, configured.URL, nil)
	order := newOrder(t, c, fresh, "T1", own.URL+"/n?shop=7")
	c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1.51"`), http.StatusOK, "Prefer", "wait=5") // refused: nobody is notified
	c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"2"`), http.StatusOK)
	all := records(t, s, fresh.Merchant.ID, 2) // the payment was told, too
	got := all[slices.IndexFunc(all, func(r merchant.DeliveryRecord) bool { return strings.Contains(r.Delivery.URL, "&_type=refund") })]
	if len(all) != 2 || got.State != merchant.Delivered || got.Tries[0].Status != http.StatusOK {
		t.Errorf("deliveries %+v", all)
	}
	want := []told{{"GET", "shop=7&_orderId=" + order + "&_type=refund&_refundId=" + order + "_R2", ""}}
	if diff := cmp.Diff(want, own.seen("refund")); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	has(t, c.send(t, "GET", "/transactions/"+order+"_3/merchant", "", http.StatusOK), map[string]string{
		"notificationTimes": "1", "lastNotifiedAt": shownAt(t, got.Tries[0].At), "successfullyNotifiedAt": shownAt(t, got.EndedAt),
	})
	has(t, c.send(t, "GET", "/transactions/"+order+"_2/merchant", "", http.StatusOK), map[string]string{
		"notificationTimes": "0", "lastNotifiedAt": "null", "successfullyNotifiedAt": "null",
	})
	if all := append(configured.seen("refund"), configured.seen("payment")...); len(all) != 0 {
		t.Errorf("the configured address was told too: %v", all)
	}
}

// Without an address of the order's own the configured ones are told; another
// body than COMPLETED::{orderId} is tried again 5 seconds later.
func TestAConfiguredAddressIsToldUntilItAnswersWell(t *testing.T) {
	s := startLocal(t)
	fresh := s.Merchant(t, "told", merchant.Test, func(f *merchant.Fresh) { setPublic(f, wire.SwitchOmitRefundID) })
	c := of(s, fresh)
	wrong := newSink(t, func(string) string { return "COMPLETED::M1" })
	both := newSink(t, wire.CompletedAnswer)
	endpoint(t, s, fresh, wrong.URL, nil)
	endpoint(t, s, fresh, both.URL, []string{"refund.failed", "refund.succeeded"})
	order := newOrder(t, c, fresh, "T1", "")
	c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1.51"`), http.StatusOK, "Prefer", "wait=5")
	c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"2"`), http.StatusOK, "Prefer", "wait=5")
	for _, record := range records(t, s, fresh.Merchant.ID, 4) {
		isWrong := record.Delivery.Host == wrong.Listener.Addr().String()
		if isWrong == (record.State == merchant.Delivered) {
			t.Errorf("%s is %s", record.Delivery.URL, record.State)
		}
		if wait := record.Delivery.DueAt.Sub(record.Tries[0].At); isWrong && (wait < 5*time.Second || wait > 6*time.Second) {
			t.Errorf("the next try is after %s", wait)
		}
	}
	query := "_orderId=" + order + "&_type=refund"
	if diff := cmp.Diff([]told{{"GET", query, ""}}, wrong.seen("refund")); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]told{{"GET", query, ""}, {"GET", query, ""}}, both.seen("refund")); diff != "" {
		t.Errorf("told of both (-want +got):\n%s", diff)
	}
}

func TestAnOrdersAddressIsToldOfFailuresByTheSwitch(t *testing.T) {
	s := startLocal(t)
	fresh := s.Merchant(t, "told", merchant.Test, func(f *merchant.Fresh) { setPublic(f, wire.SwitchNotifyFailures) })
	c := of(s, fresh)
	own := newSink(t, wire.CompletedAnswer)
	order := newOrder(t, c, fresh, "T1", own.URL)
	c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"1.51"`), http.StatusOK)
	records(t, s, fresh.Merchant.ID, 2)
	if diff := cmp.Diff([]told{{"GET", "_orderId=" + order + "&_type=refund&_refundId=" + order + "_R1", ""}}, own.seen("refund")); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func shownAt(t *testing.T, at time.Time) string {
	t.Helper()
	text, err := wire.Marshal(wire.Time(at))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func endpoint(t *testing.T, s *dialecttest.Service, fresh merchant.Fresh, address string, events []string) {
	t.Helper()
	now := time.Now()
	_, err := s.Store.AddEndpoint(t.Context(), merchant.Endpoint{
		ID: "ep_" + refund.NewID(now), MerchantID: fresh.Merchant.ID, Dialect: merchant.Payin, URL: address, Events: events, CreatedAt: now,
	}, storetest.Record(fresh.Merchant.ID))
	if err != nil {
		t.Fatal(err)
	}
}

// newOrder makes an order of 10.00 SAR through the API and gives its id.
func newOrder(t *testing.T, c client, fresh merchant.Fresh, number, address string) string {
	t.Helper()
	body := `{"merchantOrderId":"` + number + `","amount":"10","currency":"SAR","name":"n","notificationURL":"` + address + `"}`
	id, _ := decoded(t, c.send(t, "POST", "/merchants/"+payinName(fresh)+"/orders", body, http.StatusOK))["id"].(string)
	return id
}

func payinName(fresh merchant.Fresh) string {
	for _, identity := range fresh.Identities {
		if identity.Dialect == merchant.Payin {
			return identity.Name
		}
	}
	return ""
}

// The rules of who is notified of what, without a service.
func TestWhoIsToldOfWhat(t *testing.T) {
	here := []refund.Alias{{Dialect: merchant.Payin, Identity: "M1", Name: "M1T1"}}
	by := func(dialect string) refund.Asker { return refund.Asker{Dialect: dialect, Identity: "M1"} }
	const own = "https://shop.example/own"
	made := refund.Detail{NotifyURL: own, Extra: []byte(`{"payin":{}}`)}
	configured := merchant.Endpoint{ID: "ep_1", Dialect: merchant.Payin, URL: "https://shop.example/"}
	with := func(e merchant.Endpoint, identity string, events ...string) merchant.Endpoint {
		e.Identity, e.Events = identity, events
		return e
	}
	for _, test := range []struct {
		name     string
		event    string
		endpoint merchant.Endpoint
		by       string
		detail   refund.Detail
		aliases  []refund.Alias
		told     bool
		own      string
	}{
		{"one that succeeded", "refund.succeeded", configured, merchant.Payin, refund.Detail{}, here, true, ""},
		{"one made elsewhere", "refund.succeeded", configured, merchant.PingPP, refund.Detail{}, here, true, ""},
		{"one that failed", "refund.failed", configured, merchant.Payin, refund.Detail{}, here, false, ""},
		{"one that failed, by wish", "refund.failed", with(configured, "", "refund.failed"), merchant.Payin, refund.Detail{}, here, true, ""},
		{"one that was withdrawn, by wish", "refund.canceled", with(configured, "", "refund.failed"), merchant.Native, refund.Detail{}, here, true, ""},
		{"one that succeeded, against the wish", "refund.succeeded", with(configured, "", "refund.failed"), merchant.Payin, refund.Detail{}, here, false, ""},
		{"one on its way", "refund.pending", with(configured, "", "refund.pending"), merchant.Payin, refund.Detail{}, here, false, ""},
		{"an abnormal one", "refund.abnormal", with(configured, "", "refund.abnormal"), merchant.Payin, refund.Detail{}, here, false, ""},
		{"a payment", wire.EventPaymentSucceeded, configured, "", refund.Detail{}, here, true, ""},
		{"a payment, by wish", wire.EventPaymentSucceeded, with(configured, "", wire.EventPaymentSucceeded), "", refund.Detail{}, here, true, ""},
		{"a payment, against the wish", wire.EventPaymentSucceeded, with(configured, "", "refund.failed", "refund.succeeded"), "", refund.Detail{}, here, false, ""},
		{"a payment of an order with an address of its own", wire.EventPaymentSucceeded, configured, "", made, here, false, own},
		{"of this merchant", "refund.succeeded", with(configured, "M1"), merchant.Payin, refund.Detail{}, here, true, ""},
		{"of another merchant", "refund.succeeded", with(configured, "M2"), merchant.Payin, refund.Detail{}, here, false, ""},
		{"of a charge without a name here", "refund.succeeded", configured, merchant.Payin, refund.Detail{}, nil, false, ""},
		{"with an address of its own", "refund.succeeded", configured, merchant.Payin, refund.Detail{NotifyURL: own}, here, false, own},
		{"with another dialect's address", "refund.succeeded", configured, merchant.WeChatPay, refund.Detail{NotifyURL: own}, here, true, ""},
		{"of an order that was made here", "refund.succeeded", configured, merchant.PingPP, made, here, false, own},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := payin.New(payin.Services{})
			event := webhook.Event{
				Type:   test.event,
				Refund: refund.Refund{By: by(test.by), Sequence: 3},
				Charge: refund.Charge{Aliases: test.aliases, Detail: test.detail},
			}
			if got := d.Subscribed(webhook.Known{}, test.endpoint, event); got != test.told {
				t.Errorf("told %t", got)
			}
			var address string
			for _, e := range d.Addresses(event) {
				address = e.URL
				if !d.Subscribed(webhook.Known{}, e, event) {
					t.Error("the order's own address is not told")
				}
			}
			if address != test.own {
				t.Errorf("own address %q", address)
			}
		})
	}
}

func TestOnlyTheRightAnswerEndsANotification(t *testing.T) {
	d := payin.New(payin.Services{})
	delivery := merchant.Delivery{URL: "https://shop.example/?_orderId=mine&_orderId=M1T1&_type=refund"}
	for _, test := range []struct {
		name   string
		status int
		body   string
		want   bool
	}{
		{"the one", 200, "COMPLETED::M1T1", true},
		{"with blanks around", 200, " COMPLETED::M1T1\r\n", true},
		{"another order", 200, "COMPLETED::mine", false},
		{"no order", 200, "COMPLETED::", false},
		{"lower case", 200, "completed::M1T1", false},
		{"more behind it", 200, "COMPLETED::M1T1 ok", false},
		{"another status", 201, "COMPLETED::M1T1", false},
		{"an error", 500, "COMPLETED::M1T1", false},
		{"nothing", 200, "", false},
	} {
		if got := d.Succeeded(delivery, test.status, []byte(test.body)); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
	if d.Succeeded(merchant.Delivery{URL: "https://shop.example/"}, 200, []byte("COMPLETED::")) {
		t.Error("an address without an order was ended")
	}
}

func TestNotificationsGoOnForTwoDays(t *testing.T) {
	waits := payin.New(payin.Services{}).Schedule()
	var all time.Duration
	for n, wait := range waits {
		if want := map[bool]time.Duration{true: 5 * time.Second, false: 15 * time.Minute}[n < 3]; wait != want {
			t.Errorf("wait %d is %s", n+1, wait)
		}
		all += wait
	}
	if all != 15*time.Second+48*time.Hour {
		t.Errorf("in all %s", all)
	}
}

// A switch that is not known: the delivery is not made now, and whether an
// order's own address is notified of a failure is decided when it is made.
func TestANotificationWaitsForItsSwitches(t *testing.T) {
	charge := refund.Charge{
		Aliases: []refund.Alias{{Dialect: merchant.Payin, Identity: "M1", Name: "M1T1"}},
		Detail:  refund.Detail{NotifyURL: "https://shop.example", Extra: []byte(`{"payin":{}}`)},
	}
	failed := webhook.Event{Type: "refund.failed", Refund: refund.Refund{Sequence: 1}, Charge: charge}
	d := payin.New(payin.Services{Directory: noDirectory{}})
	if _, err := d.Know(t.Context(), "mer_1"); !errors.Is(err, errAway) {
		t.Errorf("read %v", err)
	}
	own := d.Addresses(failed)
	if len(own) != 1 {
		t.Fatalf("addresses %+v", own)
	}
	switches := func(names ...string) webhook.Known {
		identity := merchant.Identity{Dialect: merchant.Payin, Name: "M1", Public: map[string]string{}}
		for _, name := range names {
			identity.Public[name] = wire.SwitchOn
		}
		return webhook.Known{Identities: []merchant.Identity{identity}}
	}
	for _, test := range []struct {
		name  string
		known webhook.Known
		told  bool
		url   string
	}{
		{"nothing is known", webhook.Known{}, true, ""},
		{"no switch is on", switches(), false, "https://shop.example?_orderId=M1T1&_type=refund&_refundId=M1T1_R1"},
		{"failures are told", switches(wire.SwitchNotifyFailures), true, "https://shop.example?_orderId=M1T1&_type=refund&_refundId=M1T1_R1"},
		{"without the refund's id", switches(wire.SwitchNotifyFailures, wire.SwitchOmitRefundID), true, "https://shop.example?_orderId=M1T1&_type=refund"},
	} {
		if told := d.Subscribed(test.known, own[0], failed); told != test.told {
			t.Errorf("%s: told %t", test.name, told)
		}
		message, err := d.Render(test.known, own[0], failed)
		if (err != nil) != (test.url == "") || message.URL != test.url || message.KeyID != "" || len(message.Body) > 0 {
			t.Errorf("%s: %+v, %v", test.name, message, err)
		}
	}
}
