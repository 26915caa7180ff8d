package payin_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/dialect/dialecttest"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/service"
	"github.com/refundry/refundry/store/storetest"
	wire "github.com/refundry/refundry/wire/payin"
)

// A request without a number is known again for up to 10 minutes, from 300 s
// before its timestamp to 300 s after it (Y7.2-11).
func TestARetransmissionIsKnownForTenMinutes(t *testing.T) {
	var now atomic.Int64
	now.Store(1_790_000_000)
	s := dialecttest.Start(t, func(o *service.Options) { o.Now = func() time.Time { return time.Unix(now.Load(), 0) } })
	order := paidOrder(t, s, merchant.DemoID, 10_000, "SAR")
	uri, stamp := "/orders/"+order+"/refunds", time.Unix(now.Load()+300, 0)
	send := func(body string) (int, string) {
		r := dialecttest.Request(t, "POST", s.URL+wire.Prefix+uri, body)
		wire.Authenticate(demoKey, demoSecret, wire.CreateRefund, uri, stamp).Set(r.Header)
		response, answer := dialecttest.Do(t, r)
		if response.StatusCode != http.StatusOK {
			return response.StatusCode, ""
		}
		return response.StatusCode, fmt.Sprint(decoded(t, answer)["id"])
	}
	const body = `{"amount":"1","reason":"r"}`
	if status, id := send(body); status != http.StatusOK || id != order+"_R1" {
		t.Fatalf("%d %s", status, id)
	}
	// The same signature, for the body is not signed, and another refund.
	if status, id := send(`{"amount":"1","reason":"s"}`); status != http.StatusOK || id != order+"_R2" {
		t.Errorf("another body of the same second: %d %s", status, id)
	}
	for _, later := range []int64{1, 299, 600} {
		now.Store(1_790_000_000 + later)
		if status, id := send(body); status != http.StatusOK || id != order+"_R1" {
			t.Errorf("%d seconds later: %d %s", later, status, id)
		}
	}
	now.Store(1_790_000_000 + 601)
	if status, id := send(body); status != http.StatusUnauthorized {
		t.Errorf("601 seconds later: %d %s", status, id)
	}
}

// What was refused is no first request: the same bytes are looked at again.
func TestARefusedRequestIsNotKnownAgain(t *testing.T) {
	s := dialecttest.Start(t)
	fresh := s.Merchant(t, "limited", merchant.Test, func(f *merchant.Fresh) { f.Merchant.Settings.Limits.MostAmount = 99 })
	c, order := of(s, fresh), paidOrder(t, s, fresh.Merchant.ID, 1000, "SAR")
	uri, stamp := "/orders/"+order+"/refunds", time.Now()
	send := func() (int, string) {
		r := dialecttest.Request(t, "POST", s.URL+uri, amount(`"1"`))
		wire.Authenticate(c.key, c.secret, wire.CreateRefund, uri, stamp).Set(r.Header)
		response, body := dialecttest.Do(t, r)
		return response.StatusCode, body
	}
	if status, body := send(); status != http.StatusUnprocessableEntity {
		t.Fatalf("above the limit: %d %s", status, body)
	}
	_, err := s.Store.ChangeSettings(t.Context(), fresh.Merchant.ID, storetest.Record(fresh.Merchant.ID), func(settings *merchant.Settings, record audit.Record) (audit.Record, error) {
		settings.Limits.MostAmount = 0
		return record, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := send(); status != http.StatusOK {
		t.Errorf("without the limit: %d %s", status, body)
	}
}
