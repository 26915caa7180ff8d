package intake_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/store/storetest"
)

// BenchmarkDurableRefunds measures refunds that are accepted and on disk, each
// with a refund number of its own, per second of wall time:
//
//	go test ./intake -run '^$' -bench DurableRefunds -benchtime 30000x
//
// "many" spreads them over 10,000 charges, "hot" refunds one charge again and
// again. The engine has no room, so that only the intake's commit is measured.
func BenchmarkDurableRefunds(b *testing.B) {
	engines := []struct {
		name string
		url  func(testing.TB) string
	}{{"SQLite", storetest.SQLite}, {"PostgreSQL", storetest.Postgres}}
	for _, engine := range engines {
		for _, spread := range []string{"many", "hot"} {
			for _, callers := range []int{1, 8, 64} {
				b.Run(fmt.Sprintf("%s/%s/%d", engine.name, spread, callers), func(b *testing.B) {
					durableRefunds(b, engine.url(b), spread == "hot", callers)
				})
			}
		}
	}
}

func durableRefunds(b *testing.B, url string, hot bool, callers int) {
	s := storetest.Open(b, url)
	number := 10_000
	if hot {
		number = 1
	}
	// Each charge holds all of the benchmark's refunds of 1.
	paid := chargesOf(b, s, newMerchant(), number, 1_000_000_000)
	var batches atomic.Int64
	workers := 4 // as the service has it
	if s.SQLite() {
		workers = 1
	}
	desk := open(b, s, intake.Options{Workers: workers, Observe: func(int) { batches.Add(1) }})
	var next atomic.Int64
	b.ResetTimer()
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				unit := ask(paid[n%int64(len(paid))], 1, fmt.Sprintf("R%d", n), "")
				if _, err := desk.Accept(context.Background(), unit, 0); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	running.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "refunds/s")
	b.ReportMetric(float64(b.N)/float64(batches.Load()), "refunds/commit")
}
