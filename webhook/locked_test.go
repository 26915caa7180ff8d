package webhook_test

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

// Another session holds a row of the shop: its feed counter, its new events, or a
// delivery that is being recorded. Another merchant's webhooks come while it is
// held, and the shop's afterwards.
func TestALockedRowOfOneMerchantHoldsUpNoOthersWebhooks(t *testing.T) {
	for name, lock := range map[string]string{
		"its feed counter": `SELECT last_number FROM feed_counters WHERE merchant_id = 'mer_1' FOR UPDATE`,
		"its events":       `SELECT id FROM events WHERE merchant_id = 'mer_1' FOR UPDATE`,
		"its deliveries":   `SELECT id FROM deliveries WHERE merchant_id = 'mer_1' FOR UPDATE`,
		"the merchant":     `SELECT id FROM merchants WHERE id = 'mer_1' FOR UPDATE`,
	} {
		t.Run(name, func(t *testing.T) {
			url := storetest.Postgres(t)
			w := newWorld(t, storetest.Open(t, url))
			w.endpoint(t, "ep_1", "https://shop.example/hook")
			c := w.other(t, "other.example")
			conn, err := pgx.Connect(t.Context(), url)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(context.Background()) }()
			hold := sync.OnceFunc(func() {
				for _, text := range []string{"BEGIN", lock} {
					if _, err := conn.Exec(context.Background(), text); err != nil {
						t.Error(err)
					}
				}
			})
			told, shop := make(chan string, 16), make(chan string, 64)
			network := roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.URL.Host == "other.example" {
					told <- r.URL.Host
				} else {
					hold() // at the latest now, before the try is recorded
					shop <- r.URL.Host
				}
				return answer(r, http.StatusOK)
			})
			s := webhook.New(w.Store, map[string]webhook.Renderer{"plain": plain{schedule: schedule}}, &http.Client{Transport: network},
				webhook.Options{Log: slog.New(slog.DiscardHandler)})
			ctx, cancel := context.WithCancel(t.Context())
			var running sync.WaitGroup
			defer func() {
				cancel()
				running.Wait()
			}()
			w.refund(t)
			if name == "its deliveries" {
				running.Go(func() { s.Run(ctx) })
				<-shop
			} else {
				if _, err := conn.Exec(t.Context(), "INSERT INTO feed_counters (merchant_id) VALUES ('mer_1')"); err != nil {
					t.Fatal(err)
				}
				hold()
				running.Go(func() { s.Run(ctx) })
			}
			var longest time.Duration
			for n := range 5 {
				w.accept(t, c, "re_other_"+string(rune('a'+n)))
				start := time.Now()
				s.Wake()
				select {
				case <-told:
					longest = max(longest, time.Since(start))
				case <-time.After(3 * time.Minute):
					t.Fatal("another merchant's webhook did not come while the row was held")
				}
			}
			t.Logf("another merchant's webhooks came within %v", longest)
			if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(3 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
				waiting, _, err := w.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: "mer_1", State: merchant.DeliveryWaiting}, refund.Page{Limit: 10})
				if left, err2 := w.MerchantsWithNewEvents(t.Context(), "", 10); err == nil && err2 == nil && len(waiting) == 0 && len(left) == 0 {
					break
				}
				if time.Now().After(end) {
					t.Fatalf("the shop's webhooks did not come once the row was free: %+v", waiting)
				}
			}
		})
	}
}
