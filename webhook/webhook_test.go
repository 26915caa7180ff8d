package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/egress"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

func TestAnEventIsToldToEveryAddressThatSubscribed(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.endpoint(t, "ep_2", "https://two.example/hook", "refund.created")
		w.endpoint(t, "ep_3", "https://three.example/hook", "refund.succeeded")
		w.endpoint(t, "ep_4", "https://four.example/hook")
		if err := w.DisableEndpoint(t.Context(), shop, "ep_4", storetest.Record(shop), noon); err != nil {
			t.Fatal(err)
		}
		w.refund(t)
		told := map[string]string{}
		s := w.sender(w.Store, roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			told[r.URL.String()] = string(body)
			if r.Method != http.MethodPost || r.Header.Get("Signature") != "pk_1 over "+string(body) {
				t.Errorf("%s %v", r.Method, r.Header)
			}
			return answer(r, http.StatusOK)
		}))
		if n := fanOut(t, s); n != 1 {
			t.Fatalf("%d events", n)
		}
		if n := fanOut(t, s); n != 0 {
			t.Errorf("the event was fanned out again")
		}
		if n := send(t, s); n != 2 {
			t.Errorf("%d tries", n)
		}
		events, err := w.Feed(t.Context(), shop, 0, 10)
		if err != nil || len(events) != 1 {
			t.Fatalf("feed %v, %v", events, err)
		}
		body := events[0].ID + " pending 2 in test mode"
		if diff := cmp.Diff(map[string]string{"https://one.example/hook": body, "https://two.example/hook": body}, told); diff != "" {
			t.Error(diff)
		}
		for _, r := range w.records(t) {
			if r.State != merchant.Delivered || !r.EndedAt.Equal(noon) || r.Delivery.Attempts != 1 || len(r.Tries) != 1 || r.Tries[0].Status != 200 {
				t.Errorf("record %+v", r)
			}
		}
		w.forward(time.Hour)
		if n := send(t, s); n != 0 {
			t.Errorf("a delivered one was sent again")
		}
	})
}

func TestAFailedDeliveryIsTriedByTheScheduleAndThenDead(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		var bodies []string
		s := w.sender(w.Store, roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			bodies = append(bodies, string(body))
			return answer(r, http.StatusGone)
		}))
		fanOut(t, s)
		var triedAt []time.Duration
		for range 400 { // seconds
			if send(t, s) > 0 {
				triedAt = append(triedAt, w.now().Sub(noon))
			}
			w.forward(time.Second)
		}
		want := []time.Duration{0, 5 * time.Second, 15 * time.Second, 135 * time.Second}
		if diff := cmp.Diff(want, triedAt); diff != "" {
			t.Error(diff)
		}
		r := w.record(t)
		if r.State != merchant.DeliveryDead || r.Delivery.Attempts != 4 || len(r.Tries) != 4 || !r.Delivery.DueAt.IsZero() {
			t.Errorf("record %+v", r)
		}
		for n, try := range r.Tries {
			if try.Status != http.StatusGone || !try.At.Equal(noon.Add(want[n])) || bodies[n] != bodies[0] {
				t.Errorf("try %d is %+v with %q", n, try, bodies[n])
			}
		}
		dead, _, err := w.DeliveryList(t.Context(), merchant.DeliveryFilter{MerchantID: shop, State: merchant.DeliveryDead}, refund.Page{Limit: 1000})
		if err != nil || len(dead) != 1 {
			t.Errorf("among the dead: %v, %v", dead, err)
		}
	})
}

func TestADisabledEndpointsDeliveriesAreDeadAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		s := w.sender(w.Store, always(http.StatusInternalServerError))
		fanOut(t, s)
		send(t, s)
		if err := w.DisableEndpoint(t.Context(), shop, "ep_1", storetest.Record(shop), w.now()); err != nil {
			t.Fatal(err)
		}
		w.forward(time.Hour)
		if n := send(t, s); n != 0 || w.record(t).State != merchant.DeliveryDead {
			t.Errorf("%d tries, record %+v", n, w.record(t))
		}
	})
}

// Two processes look at the same moment; each delivery is sent by one.
func TestTwoSendersNeverSendOneTryAtTheSameTime(t *testing.T) {
	each := func(t *testing.T, url string) {
		const deliveries, senders = 12, 3
		w := newWorld(t, storetest.Open(t, url))
		w.endpoint(t, "ep_1", "https://one.example/hook")
		for range deliveries {
			w.refund(t)
		}
		// The fan-out's own process ends before it sends anything.
		fanOut(t, w.sender(w.Store, nil))
		w.forward(time.Minute)
		var mu sync.Mutex
		sent := map[string]int{}
		network := roundTrip(func(r *http.Request) (*http.Response, error) {
			body, _ := io.ReadAll(r.Body)
			mu.Lock()
			sent[string(body)]++
			mu.Unlock()
			return answer(r, http.StatusInternalServerError)
		})
		var all sync.WaitGroup
		for range senders {
			s := w.sender(storetest.Open(t, url), network)
			all.Go(func() {
				if _, err := s.StepSend(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(sent) != deliveries {
			t.Errorf("%d of %d were sent", len(sent), deliveries)
		}
		for body, times := range sent {
			if times != 1 {
				t.Errorf("%s was sent %d times", body, times)
			}
		}
	}
	t.Run("SQLite", func(t *testing.T) { each(t, storetest.SQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) { each(t, storetest.Postgres(t)) })
}

// forgetful loses what it is told to record, like a process that is killed.
type forgetful struct{ webhook.Store }

func (forgetful) SaveAttempts(context.Context, []merchant.DeliveryAttempt) ([]int, error) {
	return nil, errors.New("killed")
}

func TestADeliveryThatWasSentAndNotRecordedIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		sent := 0
		network := roundTrip(func(r *http.Request) (*http.Response, error) {
			sent++
			return answer(r, http.StatusOK)
		})
		killed := w.sender(forgetful{w.Store}, network)
		fanOut(t, killed)
		if _, err := killed.StepSend(t.Context()); err == nil || sent != 1 {
			t.Fatalf("sent %d, %v", sent, err)
		}
		next := w.sender(w.Store, network)
		if n := send(t, next); n != 0 {
			t.Errorf("sent again under the other's lease")
		}
		w.forward(time.Minute)
		if n := send(t, next); n != 1 || sent != 2 {
			t.Errorf("after the lease: %d tries, sent %d", n, sent)
		}
		if r := w.record(t); r.State != merchant.Delivered || len(r.Tries) != 1 {
			t.Errorf("record %+v", r)
		}
	})
}

func TestATryThatLostItsLeaseIsOnRecordAndChangesNothing(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		w.endpoint(t, "ep_1", "https://one.example/hook")
		w.refund(t)
		fanOut(t, w.sender(w.Store, nil))
		first := w.record(t).Delivery
		w.forward(time.Minute)
		keys, err := w.DueDeliveries(t.Context(), w.now(), 10)
		if err != nil || len(keys) != 1 {
			t.Fatalf("due %v, %v", keys, err)
		}
		claimed, err := w.ClaimDeliveries(t.Context(), keys, w.now(), w.now().Add(time.Minute))
		if err != nil || len(claimed) != 1 {
			t.Fatalf("claimed %v, %v", claimed, err)
		}
		if again, err := w.ClaimDeliveries(t.Context(), keys, w.now(), w.now().Add(time.Minute)); err != nil || len(again) != 0 {
			t.Errorf("claimed twice: %v, %v", again, err)
		}
		_, err = w.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{{Delivery: first, At: w.now(), Dead: true, Error: "late"}})
		if err != nil {
			t.Fatal(err)
		}
		if r := w.record(t); r.State != merchant.DeliveryWaiting || r.Delivery.Attempts != 0 || r.Delivery.LeaseEpoch != 2 || len(r.Tries) != 1 || r.Tries[0].Error != "late" {
			t.Errorf("record %+v", r)
		}
	})
}

func TestAPrivateAddressIsNotCalledAndARedirectNotFollowed(t *testing.T) {
	called := map[string]bool{}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		called[r.URL.Path] = true
		http.Redirect(rw, r, "/elsewhere", http.StatusFound)
	}))
	defer server.Close()
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	for name, step := range map[string]struct {
		allow  []netip.Prefix
		status int
		text   string
	}{"not allowed": {nil, 0, "not public"}, "allowed": {loopback, http.StatusFound, ""}} {
		clear(called)
		w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
		w.endpoint(t, "ep_1", server.URL+"/hook?secret=1")
		w.refund(t)
		client := egress.Client(step.allow, time.Second)
		client.CheckRedirect = nil // ours holds even so
		s := webhook.New(w.Store, map[string]webhook.Renderer{"plain": plain{schedule: schedule}}, client, webhook.Options{Now: w.now})
		fanOut(t, s)
		send(t, s)
		r := w.record(t)
		if r.State != merchant.DeliveryWaiting || len(r.Tries) != 1 || r.Tries[0].Status != step.status || !strings.Contains(r.Tries[0].Error, step.text) {
			t.Errorf("%s: %+v", name, r)
		}
		if strings.Contains(r.Tries[0].Error, "secret") {
			t.Errorf("%s: the address is in the record: %s", name, r.Tries[0].Error)
		}
		if called["/hook"] != (step.allow != nil) || called["/elsewhere"] {
			t.Errorf("%s: called %v", name, called)
		}
	}
}

// On SQLite the process that owns the file knows that every lease's holder has
// ended.
func TestTheOwnerOfAFileTakesDeliveriesOverAtOnce(t *testing.T) {
	w := newWorld(t, storetest.Open(t, storetest.SQLite(t)))
	w.endpoint(t, "ep_1", "https://one.example/hook")
	w.refund(t)
	fanOut(t, w.sender(w.Store, nil)) // its process is killed
	s := w.sender(w.Store, always(http.StatusOK))
	if n := send(t, s); n != 0 {
		t.Fatalf("%d tries under the other's lease", n)
	}
	if _, err := w.TakeOverLeases(t.Context(), w.now()); err != nil {
		t.Fatal(err)
	}
	if n := send(t, s); n != 1 {
		t.Errorf("%d tries after taking over", n)
	}
}

func TestManyMerchantsWithManyEventsAllHaveTheirTurn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		for range 300 {
			w.refund(t)
		}
		const others = 70 // more than one step takes
		for n := range others {
			name := fmt.Sprintf("%02d", n)
			c, _, err := w.RegisterCharge(t.Context(), refund.Charge{
				MerchantID: "mer_other" + name, ID: "ch_" + name, OrderNo: name, Channel: "wx", ChannelAccount: "sandbox_" + name,
				TransactionID: name, Currency: "CNY", Amount: 10, PaidAt: noon, CreatedAt: noon,
			}, nil)
			if err != nil {
				t.Fatal(err)
			}
			w.accept(t, c, "re_other"+name)
		}
		s, total := w.sender(w.Store, nil), 0
		for range 2 {
			total += fanOut(t, s)
		}
		if total != 300+others {
			t.Errorf("two steps took %d events", total)
		}
		events, err := w.Feed(t.Context(), shop, 299, 10)
		if err != nil || len(events) != 1 {
			t.Errorf("the last of the many: %v, %v", events, err)
		}
	})
}
