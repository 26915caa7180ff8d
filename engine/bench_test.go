package engine_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/channel/sandbox"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// BenchmarkRefunds takes refunds of many charges from Accept to the recorded
// success, as many at once as a busy service has callers.
func BenchmarkRefunds(b *testing.B) {
	for _, database := range []struct {
		name string
		url  func(testing.TB) string
	}{{"SQLite", storetest.SQLite}, {"PostgreSQL", storetest.Postgres}} {
		b.Run(database.name, func(b *testing.B) { benchmark(b, storetest.Open(b, database.url(b))) })
	}
}

const (
	benchCallers = 1024
	benchCharges = 1000
)

func benchmark(b *testing.B, s *store.Store) {
	fresh, err := merchant.NewFresh("shop", merchant.Test, nil, nil, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	if err := s.AddMerchant(b.Context(), fresh, storetest.Record(fresh.Merchant.ID)); err != nil {
		b.Fatal(err)
	}
	charges := make([]refund.Charge, benchCharges)
	for n := range charges {
		id := refund.NewID(time.Now())
		charges[n] = refund.Charge{
			MerchantID: fresh.Merchant.ID, ID: "ch_" + id, OrderNo: id, Channel: "wx", ChannelAccount: fresh.Accounts[0].ID,
			TransactionID: id, Currency: "CNY", Amount: 1 << 49, PaidAt: time.Now(), CreatedAt: time.Now(),
		}
	}
	if _, err := s.RegisterCharges(b.Context(), charges, nil); err != nil {
		b.Fatal(err)
	}
	board := intake.NewBoard()
	box := sandbox.New(sandbox.NewDatabase(s), sandbox.Options{})
	e := engine.New(s, board, to(connectorOf(b, box, fresh.Accounts[0].ID)),
		engine.Options{Notifiers: []channel.Notifier{box}})
	in := intake.New(s, e, board, intake.Options{})
	ctx, cancel := context.WithCancel(b.Context())
	var running sync.WaitGroup
	for _, run := range []func(context.Context){box.Run, e.Run, in.Run} {
		running.Go(func() { run(ctx) })
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var callers sync.WaitGroup
	for range benchCallers {
		callers.Go(func() {
			for {
				n := left.Add(-1)
				if n < 0 {
					return
				}
				result, err := in.Accept(ctx, unit(fresh.Merchant.ID, charges[n%benchCharges].ID, 100), time.Minute)
				if err != nil || result.Refunds[0].State != refund.Succeeded {
					b.Error(err, result.Refunds)
					return
				}
			}
		})
	}
	callers.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refunds/s")
	cancel()
	running.Wait()
}
