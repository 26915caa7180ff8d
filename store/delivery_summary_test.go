package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// Two addresses in Payin and one in another dialect are told that a refund
// succeeded, one of them after a failed try.
func TestDeliveriesOfARefundAreSummedUpByDialect(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		shopCharge(t, s, "mer_1", "A")
		shopRefund(t, s, "mer_1", "ch_A", "1", 1, noon)
		shopRefund(t, s, "mer_1", "ch_A", "2", 1, noon)
		at := func(seconds int) time.Time { return noon.Add(time.Duration(seconds) * time.Second) }
		succeed(t, s, "mer_1", "1", at(1))
		succeed(t, s, "mer_1", "2", at(1)) // at the same moment
		news, err := s.News(t.Context(), "mer_1", 10)
		if err != nil {
			t.Fatal(err)
		}
		var made []merchant.Delivery
		for _, event := range news.Events {
			if event.Refund.ID != "re_1" || event.Type != "refund.succeeded" {
				continue
			}
			for n, dialect := range []string{merchant.Payin, merchant.Payin, merchant.Native} {
				made = append(made, merchant.Delivery{
					MerchantID: "mer_1", ID: fmt.Sprint(n), CreatedAt: at(1), EventID: event.ID, Dialect: dialect,
					URL: "https://shop.example", Body: []byte{}, DueAt: at(1), LeaseEpoch: 1, LeaseUntil: at(60),
				})
			}
		}
		if done, err := s.FanOut(t.Context(), news, made); err != nil || !done || len(made) != 3 {
			t.Fatalf("%d deliveries, done %v, %v", len(made), done, err)
		}
		for n, step := range []struct {
			attempt merchant.DeliveryAttempt
			want    merchant.DeliverySummary
		}{
			{merchant.DeliveryAttempt{Delivery: made[0], At: at(2), Delivered: false, Next: at(7)}, merchant.DeliverySummary{Tries: 1, LastAt: at(2)}},
			{merchant.DeliveryAttempt{Delivery: made[1], At: at(3), Delivered: true}, merchant.DeliverySummary{Tries: 2, LastAt: at(3), ReceivedAt: at(3)}},
			{merchant.DeliveryAttempt{Delivery: made[2], At: at(4), Delivered: true}, merchant.DeliverySummary{Tries: 2, LastAt: at(3), ReceivedAt: at(3)}},
		} {
			if _, err := s.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{step.attempt}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(step.want, summary(t, s, "re_1")); diff != "" {
				t.Errorf("after try %d (-want +got):\n%s", n+1, diff)
			}
		}
		if got := summary(t, s, "re_2"); got != (merchant.DeliverySummary{}) {
			t.Errorf("the other refund's is %+v", got)
		}
	})
}

func summary(t *testing.T, s *store.Store, refundID string) merchant.DeliverySummary {
	t.Helper()
	r, err := s.Refund(t.Context(), "mer_1", refundID)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := s.DeliverySummary(t.Context(), merchant.Payin, r)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}
