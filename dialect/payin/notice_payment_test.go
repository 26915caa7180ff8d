package payin_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	wire "github.com/refundry/refundry/wire/payin"
)

// A payment that succeeded is told as a refund is, without an id behind it,
// once for an order (Y5-1, Y5-2 and Y7.5-6).
func TestAnOrdersOwnAddressIsToldOfItsPayment(t *testing.T) {
	s := startLocal(t)
	fresh := s.Merchant(t, "told", merchant.Test, nil)
	c := of(s, fresh)
	own, configured := newSink(t, wire.CompletedAnswer), newSink(t, wire.CompletedAnswer)
	endpoint(t, s, fresh, configured.URL, nil)
	order := newOrder(t, c, fresh, "T1", own.URL+"/n?shop=7")
	if again := newOrder(t, c, fresh, "T1", own.URL+"/n?shop=7"); again != order {
		t.Errorf("the order is %s, and once more %s", order, again)
	}
	paidOrder(t, s, fresh.Merchant.ID, 100, "SAR") // registered after it was paid elsewhere: it was told there
	got := records(t, s, fresh.Merchant.ID, 1)
	if len(got) != 1 || got[0].State != merchant.Delivered {
		t.Fatalf("deliveries %+v", got)
	}
	if diff := cmp.Diff([]told{{"GET", "shop=7&_orderId=" + order + "&_type=payment", ""}}, own.seen("payment")); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	if all := configured.seen("payment"); len(all) != 0 {
		t.Errorf("the configured address was told too: %v", all)
	}
	has(t, c.send(t, "GET", "/transactions/"+order+"_1/merchant", "", http.StatusOK), map[string]string{
		"notificationTimes": "1", "lastNotifiedAt": shownAt(t, got[0].Tries[0].At), "successfullyNotifiedAt": shownAt(t, got[0].EndedAt),
	})
	if findings, err := service.Verify(t.Context(), s.Store); err != nil || len(findings) > 0 {
		t.Errorf("verify: %v, %v", findings, err)
	}
}

// Without an address of the order's own the configured ones are told, and told
// again 5 seconds after an answer that is not the right one.
func TestConfiguredAddressesAreToldOfPayments(t *testing.T) {
	s := startLocal(t)
	fresh := s.Merchant(t, "told", merchant.Test, nil)
	c := of(s, fresh)
	sinks := map[string]*sink{}
	for name, one := range map[string]struct {
		events []string
		answer func(string) string
	}{
		"what is promised":         {nil, wire.CompletedAnswer},
		"payments alone":           {[]string{wire.EventPaymentSucceeded}, wire.CompletedAnswer},
		"refunds alone":            {[]string{"refund.failed", "refund.succeeded"}, wire.CompletedAnswer},
		"one that answers wrongly": {nil, func(string) string { return "ok" }},
	} {
		sinks[name] = newSink(t, one.answer)
		endpoint(t, s, fresh, sinks[name].URL, one.events)
	}
	order := newOrder(t, c, fresh, "T1", "")
	for _, record := range records(t, s, fresh.Merchant.ID, 3) {
		wrong := record.Delivery.Host == sinks["one that answers wrongly"].Listener.Addr().String()
		if wrong == (record.State == merchant.Delivered) {
			t.Errorf("%s is %s", record.Delivery.URL, record.State)
		}
		if wait := record.Delivery.DueAt.Sub(record.Tries[0].At); wrong && (wait < 5*time.Second || wait > 6*time.Second) {
			t.Errorf("the next try is after %s", wait)
		}
	}
	for name, sink := range sinks {
		var want []told
		if name != "refunds alone" {
			want = []told{{"GET", "_orderId=" + order + "&_type=payment", ""}}
		}
		if got := sink.seen("payment"); !cmp.Equal(want, got) && len(want)+len(got) > 0 {
			t.Errorf("%s: told %v, want %v", name, got, want)
		}
	}
}

// Only a payment that is new is told, and an order that no address is there for
// is told to nobody.
func TestAnOrderWithoutAnyAddressIsToldToNobody(t *testing.T) {
	s := startLocal(t)
	fresh := s.Merchant(t, "untold", merchant.Test, nil)
	c := of(s, fresh)
	order := newOrder(t, c, fresh, "T1", "")
	c.send(t, "POST", "/orders/"+order+"/refunds", amount(`"2"`), http.StatusOK, "Prefer", "wait=5")
	if got := records(t, s, fresh.Merchant.ID, 0); len(got) != 0 {
		t.Errorf("deliveries %+v", got)
	}
	has(t, c.send(t, "GET", "/transactions/"+order+"_1/merchant", "", http.StatusOK), map[string]string{
		"notificationTimes": "0", "lastNotifiedAt": "null", "successfullyNotifiedAt": "null",
	})
}
