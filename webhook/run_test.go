package webhook_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

// bubble runs a test on a SQLite file under the bubble's clock.
func bubble(t *testing.T, test func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(t, newWorld(t, storetest.Open(t, storetest.SQLite(t))))
	})
}

func running(t *testing.T, w *world, render plain, network http.RoundTripper) (s *webhook.Sender, stop func()) {
	t.Helper()
	return runningOver(t, w.Store, render, network)
}

func runningOver(t *testing.T, over webhook.Store, render plain, network http.RoundTripper) (s *webhook.Sender, stop func()) {
	t.Helper()
	s = webhook.New(over, map[string]webhook.Renderer{"plain": render}, &http.Client{Transport: network},
		webhook.Options{Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx)
	}()
	return s, func() {
		cancel()
		<-done
	}
}

func TestASenderThatIsWokenTellsAtOnceAndOneThatIsNotWithinASecond(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		told := make(chan time.Time, 2)
		s, stop := running(t, w, plain{schedule: schedule}, roundTrip(func(r *http.Request) (*http.Response, error) {
			told <- time.Now()
			return answer(r, http.StatusOK)
		}))
		defer stop()
		synctest.Wait()
		start := time.Now()
		w.refund(t)
		s.Wake()
		if after := (<-told).Sub(start); after > 50*time.Millisecond {
			t.Errorf("woken, told after %v", after)
		}
		start = time.Now()
		w.refund(t)
		if after := (<-told).Sub(start); after > 1100*time.Millisecond {
			t.Errorf("not woken, told after %v", after)
		}
	})
}

func TestAReceiverThatDoesNotAnswerIsLeftAfterTenSeconds(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://slow.example/hook")
		w.refund(t)
		s, stop := running(t, w, plain{schedule: schedule}, roundTrip(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}))
		defer stop()
		s.Wake()
		time.Sleep(12 * time.Second)
		synctest.Wait()
		tries := w.record(t).Tries
		if len(tries) != 1 || tries[0].Duration != 10*time.Second || tries[0].Error != "no answer within 10s" {
			t.Errorf("tries %+v", tries)
		}
	})
}

func TestASlowHostHoldsUpNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://slow.example/hook")
		w.endpoint(t, "ep_2", "https://fast.example/hook")
		const refunds = 150
		var slow, most, fast atomic.Int64
		s, stop := running(t, w, plain{schedule: schedule}, roundTrip(func(r *http.Request) (*http.Response, error) {
			if r.URL.Host == "fast.example" {
				fast.Add(1)
				return answer(r, http.StatusOK)
			}
			most.Store(max(most.Load(), slow.Add(1)))
			defer slow.Add(-1)
			select {
			case <-time.After(9 * time.Second):
			case <-r.Context().Done():
			}
			return answer(r, http.StatusOK)
		}))
		defer stop()
		for range refunds {
			w.refund(t)
		}
		s.Wake()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if fast.Load() != refunds {
			t.Errorf("%d of %d reached the fast host in 5 s", fast.Load(), refunds)
		}
		if most.Load() != 8 {
			t.Errorf("%d at once to the slow host", most.Load())
		}
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		for _, r := range w.records(t) {
			if r.State != merchant.Delivered || len(r.Tries) != 1 {
				t.Errorf("record %+v", r)
			}
		}
	})
}

func TestAStopFinishesWhatIsUnderWayAndGivesTheRestBack(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://slow.example/hook")
		for range 20 {
			w.refund(t)
		}
		s, stop := running(t, w, plain{schedule: schedule}, roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(3 * time.Second)
			return answer(r, http.StatusOK)
		}))
		s.Wake()
		time.Sleep(time.Second)
		stop()
		delivered, due := 0, 0
		for _, r := range w.records(t) {
			switch {
			case r.State == merchant.Delivered:
				delivered++
			case !r.Delivery.DueAt.After(time.Now()) && r.Delivery.LeaseUntil.IsZero():
				due++
			}
		}
		if delivered != 8 || due != 12 {
			t.Errorf("%d were delivered and %d are due", delivered, due)
		}
	})
}

func TestADatabaseThatFailsIsAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		failing := &unreliable{Store: w.Store}
		failing.down.Store(true)
		s := webhook.New(failing, map[string]webhook.Renderer{"plain": plain{schedule: schedule}}, &http.Client{Transport: always(http.StatusOK)},
			webhook.Options{Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(ctx)
		}()
		time.Sleep(10 * time.Second)
		if asked := failing.asked.Load(); asked < 8 || asked > 12 {
			t.Errorf("asked %d times in 10 s", asked)
		}
		failing.down.Store(false)
		time.Sleep(2 * time.Second)
		cancel()
		<-done
		if r := w.record(t); r.State != merchant.Delivered {
			t.Errorf("record %+v", r)
		}
	})
}

// unreliable is a store whose database is down for a while.
type unreliable struct {
	webhook.Store
	down  atomic.Bool
	asked atomic.Int64
}

func (u *unreliable) MerchantsWithNewEvents(ctx context.Context, after string, limit int) ([]string, error) {
	u.asked.Add(1)
	if u.down.Load() {
		return nil, errors.New("the database is down")
	}
	return u.Store.MerchantsWithNewEvents(ctx, after, limit)
}
