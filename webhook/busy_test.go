package webhook_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/webhook"
)

// What a host takes in a moment waits in memory, under the lease that its fan-out
// took; what a host may take long for waits in the database.
func TestMoreWaitsInMemoryForAHostThatAnswersQuickly(t *testing.T) {
	for name, test := range map[string]struct {
		takes    time.Duration
		inMemory int
	}{
		"quick": {time.Millisecond, 100},
		"slow":  {9 * time.Second, 32},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, w *world) {
				w.endpoint(t, "ep_1", "https://shop.example/hook")
				s := w.sender(w.Store, roundTrip(func(r *http.Request) (*http.Response, error) {
					w.forward(test.takes)
					return answer(r, http.StatusOK)
				}))
				w.refund(t)
				fanOut(t, s)
				send(t, s)
				for range 100 {
					w.refund(t)
				}
				fanOut(t, s)
				left, err := w.DueDeliveries(t.Context(), w.now(), 1000)
				if inMemory := 100 - len(left); err != nil || inMemory != test.inMemory {
					t.Errorf("%d deliveries wait in memory, %v; want %d", inMemory, err, test.inMemory)
				}
			})
		})
	}
}

// stuck is a store whose records of tries wait.
type stuck struct {
	webhook.Store
	free chan struct{}
}

func (s stuck) SaveAttempts(ctx context.Context, attempts []merchant.DeliveryAttempt) ([]int, error) {
	<-s.free
	return s.Store.SaveAttempts(ctx, attempts)
}

// A try that is over leaves its place at the host to the next, before it is
// recorded; its worker is one of the merchant's until then, so that one for others is
// left.
func TestATryThatIsBeingRecordedHoldsNoPlaceAtItsHost(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		var atOnce, most, tries atomic.Int64
		w.endpoint(t, "ep_1", "https://shop.example/hook")
		over := stuck{w.Store, make(chan struct{})}
		s, stop := runningOver(t, over, plain{schedule: schedule}, roundTrip(func(r *http.Request) (*http.Response, error) {
			most.Store(max(most.Load(), atOnce.Add(1)))
			time.Sleep(time.Millisecond)
			atOnce.Add(-1)
			tries.Add(1)
			return answer(r, http.StatusOK)
		}))
		defer stop()
		for range 100 {
			w.refund(t)
		}
		s.Wake()
		time.Sleep(time.Second)
		synctest.Wait()
		if n := tries.Load(); n < 16 || n > 48 {
			t.Errorf("%d tries were made while none could be recorded; want those of half of the 96 workers at most", n)
		}
		if most.Load() > 8 {
			t.Errorf("%d tries were under way at one host", most.Load())
		}
		close(over.free)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, r := range w.records(t) {
			if r.State != merchant.Delivered || len(r.Tries) != 1 {
				t.Errorf("delivery %s is %s after %d tries", r.Delivery.ID, r.State, len(r.Tries))
			}
		}
		if tries.Load() != 100 {
			t.Errorf("%d tries of 100 deliveries", tries.Load())
		}
	})
}
