package webhook_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

// other is a merchant besides the shop, with an endpoint at host.
func (w *world) other(t *testing.T, host string) refund.Charge {
	t.Helper()
	c := w.crowd(t, 1)[0]
	fresh := merchant.Fresh{Merchant: merchant.Merchant{ID: c.MerchantID, Name: "other", Mode: merchant.Test, CreatedAt: noon}}
	if err := w.AddMerchant(t.Context(), fresh, storetest.Record(c.MerchantID)); err != nil {
		t.Fatal(err)
	}
	endpoint := merchant.Endpoint{ID: "ep_other", MerchantID: c.MerchantID, Dialect: "plain", URL: "https://" + host + "/other", CreatedAt: noon}
	if _, err := w.AddEndpoint(t.Context(), endpoint, storetest.Record(c.MerchantID)); err != nil {
		t.Fatal(err)
	}
	return c
}

// Two hundred receivers of one merchant hang, each with more waiting than may
// wait in memory. Another merchant's webhooks come at once, also at a host that
// hangs for the first merchant, and when they are found in the database.
func TestHangingReceiversOfOneMerchantHoldUpNoOther(t *testing.T) {
	for name, host := range map[string]string{"a host of its own": "fast.example", "a host that both use": "h000.example"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				const receivers, refunds = 200, 20
				addresses := make([]merchant.Endpoint, receivers)
				for n := range addresses {
					addresses[n] = merchant.Endpoint{MerchantID: shop, Dialect: "plain", URL: fmt.Sprintf("https://h%03d.example/hook", n)}
				}
				c := w.other(t, host)
				told := make(chan time.Time, 16)
				var refuse atomic.Bool
				s, stop := running(t, w, plain{schedule: schedule, addresses: func(e webhook.Event) []merchant.Endpoint {
					if e.MerchantID == shop {
						return addresses
					}
					return nil
				}}, roundTrip(func(r *http.Request) (*http.Response, error) {
					if r.URL.Path == "/other" {
						told <- time.Now()
						if refuse.Load() {
							return answer(r, http.StatusServiceUnavailable)
						}
						return answer(r, http.StatusOK)
					}
					<-r.Context().Done()
					return nil, r.Context().Err()
				}))
				defer stop()
				for range refunds {
					w.refund(t)
				}
				s.Wake()
				time.Sleep(2 * time.Second)
				for n := range 5 {
					refuse.Store(n%2 == 1) // each second one is tried again after five seconds
					w.accept(t, c, fmt.Sprint("re_other_", n))
					start := time.Now()
					s.Wake()
					after := (<-told).Sub(start)
					t.Logf("webhook %d after %v", n, after)
					if after > 5*time.Second {
						t.Errorf("webhook %d of another merchant came after %v", n, after)
					}
					if refuse.Swap(false) {
						again := (<-told).Sub(start) - schedule[0]
						t.Logf("tried again %v later than planned", again)
						if again > 5*time.Second {
							t.Errorf("webhook %d was tried again %v too late", n, again)
						}
					}
					time.Sleep(7 * time.Second)
				}
				synctest.Wait()
				late := 0
				for _, r := range w.records(t) {
					if !strings.HasPrefix(r.Delivery.Host, "h") || r.State == merchant.Delivered {
						late++
					}
				}
				if late > 0 {
					t.Errorf("%d deliveries to hosts that hang are said to be delivered", late)
				}
			})
		})
	}
}

// A host that hangs is asked less and less, in each domain once at a time, while
// what its merchant has at other hosts is sent; and when it answers again, all
// that waited is sent within the longest pause. The tries that go on at once hang
// until the same moment, and some may be followed by another before the one that
// makes the limit full is counted: one fewer than the limit at most.
func TestAHostThatHangsIsLeftAloneUntilItAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		address  func(n int) string
		maxTries int64 // in the first hour
	}{
		"one host":                            {func(int) string { return "https://hangs.example.com/hook" }, 8 + 7 + 3 + 12 + 2},
		"a host of one domain for each event": {func(n int) string { return fmt.Sprintf("https://h%d.example.com/hook", n) }, 48 + 7 + 3 + 12 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, w *world) {
				const refunds = 100
				var hangs atomic.Bool
				var tries, sent, fast atomic.Int64
				hangs.Store(true)
				asked := 0
				s, stop := running(t, w, plain{schedule: schedule, addresses: func(webhook.Event) []merchant.Endpoint {
					asked++
					return []merchant.Endpoint{{MerchantID: shop, Dialect: "plain", URL: test.address(asked)}}
				}}, roundTrip(func(r *http.Request) (*http.Response, error) {
					switch {
					case r.URL.Host == "fast.org":
						fast.Add(1)
					case hangs.Load():
						tries.Add(1)
						<-r.Context().Done()
						return nil, r.Context().Err()
					default:
						sent.Add(1)
					}
					return answer(r, http.StatusOK)
				}))
				defer stop()
				w.endpoint(t, "ep_fast", "https://fast.org/hook")
				for range refunds {
					w.refund(t)
				}
				s.Wake()
				time.Sleep(12 * time.Second) // one try that hangs, at as many hosts as one merchant may try at once
				synctest.Wait()
				if fast.Load() != refunds {
					t.Errorf("%d of %d reached the host that answers, in 12 s", fast.Load(), refunds)
				}
				time.Sleep(time.Hour)
				synctest.Wait()
				t.Logf("%d tries in an hour", tries.Load())
				if tries.Load() > test.maxTries {
					t.Errorf("a host that hangs was tried %d times in an hour", tries.Load())
				}
				hangs.Store(false)
				time.Sleep(11 * time.Minute) // until the next try, and until what it put off is due
				synctest.Wait()
				lost := 0
				for _, r := range w.records(t) {
					if r.State == merchant.DeliveryWaiting {
						lost++
					}
				}
				if lost > 0 || sent.Load() == 0 {
					t.Errorf("%d were sent when it answered again, and %d wait still", sent.Load(), lost)
				}
			})
		})
	}
}
