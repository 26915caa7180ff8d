package sim_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/sim"
)

// BenchmarkRefundsThroughAChannel measures refunds from the merchant's request to the
// state that the channel's notice or answer brings, with the channel's other side in the
// same process: refunds/s is what a machine sustains that does the work of both. Where a
// channel allows less, its limit is what is measured (WeChat Pay: 150 a second).
func BenchmarkRefundsThroughAChannel(b *testing.B) {
	for _, channel := range sim.Channels() {
		b.Run(channel.Name, func(b *testing.B) {
			w := newThrough(b)
			w.account(channel.Name, channel.Charge, nil)
			for n := range b.N {
				w.payIn(channel, fmt.Sprintf("BENCH%06d", n))
			}
			b.ResetTimer()
			began := time.Now()
			orders := make(chan int)
			var asking sync.WaitGroup
			for range 16 {
				asking.Go(func() {
					for n := range orders {
						w.send(http.MethodPost, "/refundry/v1/refunds", fmt.Sprintf(`{"charge":"BENCH%06d","amount":100}`, n), demoKey, http.StatusCreated, nil)
					}
				})
			}
			for n := range b.N {
				orders <- n
			}
			close(orders)
			asking.Wait()
			w.allEnded(channel)
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "refunds/s")
		})
	}
}

// payIn makes a payment in the channel's currency and registers its charge.
func (w *through) payIn(channel sim.Played, number string) {
	w.Helper()
	id, err := w.AddPayment(channelsim.Payment{Channel: channel.Name, Number: number, Amount: 1000, Currency: channel.Currency})
	if err != nil {
		w.Fatal(err)
	}
	w.send(http.MethodPost, "/refundry/v1/charges", fmt.Sprintf(`{"order_no":%q,"amount":1000,"currency":%q,"channel":%q,"paid_at":%q,"transaction_id":%q}`,
		number, channel.Currency, channel.Charge, time.Now().UTC().Format(time.RFC3339), id), demoKey, http.StatusCreated, nil)
}

// allEnded waits until no refund is open, while the channel takes no time of its own.
func (w *through) allEnded(channel sim.Played) {
	w.Helper()
	for end := time.Now().Add(10 * ever); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if at, ok := w.NextDue(); ok {
			w.Advance(max(0, at.Sub(w.Now())))
		}
		open := 0
		for _, state := range []string{"held", "created", "pending", "abnormal"} {
			var page struct{ Data []any }
			w.send(http.MethodGet, "/refundry/v1/refunds?limit=1&state="+state, "", demoKey, http.StatusOK, &page)
			open += len(page.Data)
		}
		if open == 0 {
			for _, entry := range w.Books(channel.Name) {
				if entry.Moves != 1 {
					w.Fatalf("%+v", entry)
				}
			}
			return
		}
	}
	w.Fatal("refunds did not end")
}
