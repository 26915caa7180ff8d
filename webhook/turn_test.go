package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
	"github.com/refundry/refundry/webhook"
)

// crowd is many merchants, each with a charge.
func (w *world) crowd(t *testing.T, count int) []refund.Charge {
	t.Helper()
	charges := make([]refund.Charge, count)
	for n := range charges {
		id := fmt.Sprintf("mer_crowd_%03d", n)
		charges[n] = refund.Charge{
			MerchantID: id, ID: "ch_" + id, OrderNo: "1", Channel: "wx", ChannelAccount: "sandbox_" + id, TransactionID: "4200",
			Currency: "CNY", Amount: 1_000_000, PaidAt: noon, CreatedAt: noon,
		}
	}
	if _, err := w.RegisterCharges(t.Context(), charges, nil); err != nil {
		t.Fatal(err)
	}
	return charges
}

// turns records whose events are taken over, and fails for some.
type turns struct {
	*store.Store
	fail   func(merchantID string) error
	served []string
	asked  map[string]int
}

func (u *turns) News(ctx context.Context, merchantID string, limit int) (webhook.News, error) {
	if u.asked == nil {
		u.asked = make(map[string]int)
	}
	u.asked[merchantID]++
	if u.fail != nil {
		if err := u.fail(merchantID); err != nil {
			return webhook.News{}, err
		}
	}
	u.served = append(u.served, merchantID)
	return u.Store.News(ctx, merchantID, limit)
}

// With a new event of each of a hundred merchants in each round, nobody is
// served twice before everybody was served once.
func TestOfManyMerchantsNobodyStarves(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const merchants, rounds = 100, 5
		charges := w.crowd(t, merchants)
		u := &turns{Store: w.Store}
		s := w.sender(u, nil)
		for round := range rounds {
			for n, c := range charges {
				w.accept(t, c, fmt.Sprintf("re_%d_%d", round, n))
			}
			fanOut(t, s)
		}
		most := map[string]int{}
		for n, id := range u.served {
			most[id]++
			if behind := n / merchants; most[id] > behind+1 {
				t.Fatalf("turn %d is the %d. of %s, while others had %d", n, most[id], id, behind)
			}
		}
		if len(most) != merchants {
			t.Errorf("%d of %d were served", len(most), merchants)
		}
	})
}

// Sixty-four merchants whose fan-out fails hold up nobody, and are asked less
// and less.
func TestMerchantsWhoseFanOutFailsAreLeftAlone(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const failing = 64
		charges := w.crowd(t, failing+2)
		broken := true
		u := &turns{Store: w.Store, fail: func(id string) error {
			if broken && id < fmt.Sprintf("mer_crowd_%03d", failing) {
				return errors.New("a lock is held")
			}
			return nil
		}}
		s := w.sender(u, nil)
		for n, c := range charges {
			w.accept(t, c, fmt.Sprint("re_first_", n))
		}
		fanOut(t, s)
		fanOut(t, s)
		if len(u.served) != 2 {
			t.Errorf("served are %v", u.served)
		}
		for range 10 * 60 { // ten minutes
			w.forward(time.Second)
			fanOut(t, s)
		}
		first := charges[0].MerchantID
		if asked := u.asked[first]; asked < 10 || asked > 20 { // 1, 2, 4, ... s, then each minute
			t.Errorf("one that fails was asked %d times in ten minutes", asked)
		}
		broken = false
		w.forward(time.Minute)
		fanOut(t, s)
		if left, err := w.MerchantsWithNewEvents(t.Context(), "", 1000); err != nil || len(left) != 0 {
			t.Errorf("left are %v, %v", left, err)
		}
	})
}

// Forty merchants whose keys can't be read in time have their numbers, and hold
// up the others by a few seconds: two in a step, and as many in the next.
func TestASlowKeyHoldsUpNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T, w *world) {
		const slow = 40
		charges := w.crowd(t, slow)
		for n, c := range charges {
			slow := merchant.Merchant{ID: c.MerchantID, Name: fmt.Sprint("slow ", n), Mode: merchant.Test, CreatedAt: noon}
			if err := w.AddMerchant(t.Context(), merchant.Fresh{Merchant: slow}, storetest.Record(slow.ID)); err != nil {
				t.Fatal(err)
			}
			endpoint := merchant.Endpoint{ID: fmt.Sprint("ep_slow_", n), MerchantID: slow.ID, Dialect: "plain", URL: "https://slow.example", CreatedAt: noon}
			if _, err := w.AddEndpoint(t.Context(), endpoint, storetest.Record(slow.ID)); err != nil {
				t.Fatal(err)
			}
			w.accept(t, c, fmt.Sprint("re_slow_", n))
		}
		w.endpoint(t, "ep_1", "https://one.example/hook")
		told := make(chan time.Time, 1)
		s, stop := running(t, w, plain{schedule: schedule, know: func(ctx context.Context, merchantID string) (webhook.Known, error) {
			if !strings.HasPrefix(merchantID, "mer_crowd_") {
				return webhook.Known{}, nil
			}
			<-ctx.Done()
			return webhook.Known{}, ctx.Err()
		}}, roundTrip(func(r *http.Request) (*http.Response, error) {
			told <- time.Now()
			return answer(r, http.StatusOK)
		}))
		defer stop()
		for n := range 20 {
			start := time.Now()
			w.refund(t)
			s.Wake()
			if after := (<-told).Sub(start); after > 6*time.Second {
				t.Errorf("event %d was told after %v", n, after)
			}
			time.Sleep(7 * time.Second)
		}
		synctest.Wait()
		for _, c := range charges {
			if feed, err := w.Feed(t.Context(), c.MerchantID, 0, 10); err != nil || len(feed) != 1 {
				t.Errorf("%s has %d events in its feed, %v", c.MerchantID, len(feed), err)
			}
		}
	})
}
