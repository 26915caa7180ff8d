package intake_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// costly is a database that needs a fifth of a millisecond for each refund, as
// SQLite does on two cores.
type costly struct{ *store.Store }

func (s costly) InTx(ctx context.Context, work func(intake.Tx) error) error {
	return s.Store.InTx(ctx, func(tx intake.Tx) error { return work(costlyTx{tx}) })
}

type costlyTx struct{ intake.Tx }

func (t costlyTx) Insert(ctx context.Context, changes []refund.Change) error {
	for _, change := range changes {
		time.Sleep(time.Duration(len(change.Refunds)) * 200 * time.Microsecond)
	}
	return t.Tx.Insert(ctx, changes)
}

// Without turns and a bound on refunds, one commit takes five seconds, and
// whoever comes during it is answered "busy".
func TestACrowdOfOneMerchantHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const (
			callers  = 256
			together = 100
			requests = 5
			bound    = 2 * time.Second
		)
		s := storetest.Open(t, storetest.SQLite(t))
		crowded, alone := chargesOf(t, s, newMerchant(), 1, 1_000_000_000), chargesOf(t, s, newMerchant(), 1, 1_000_000)
		desk := open(t, costly{s}, intake.Options{})
		many := refund.Unit{MerchantID: crowded[0].MerchantID}
		for range together {
			one := ask(crowded[0], 1, "", "")
			many.Requests, many.Members = append(many.Requests, one.Requests...), append(many.Members, one.Members...)
		}
		ended := make(chan struct{})
		var asking sync.WaitGroup
		for range callers {
			asking.Go(func() {
				for {
					select {
					case <-ended:
						return
					default:
						_, _ = desk.Accept(t.Context(), many, 0) // it may be busy
					}
				}
			})
		}
		time.Sleep(time.Second)
		for n := range requests {
			start := time.Now()
			_, err := desk.Accept(t.Context(), ask(alone[0], 1, "", ""), 0)
			took := time.Since(start)
			t.Logf("request %d: %v, %v", n, took, err)
			if err != nil || took > bound {
				t.Errorf("another merchant's request took %v: %v", took, err)
			}
		}
		close(ended)
		asking.Wait()
	})
}
