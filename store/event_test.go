package store_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// shopCharge registers a charge of 1000 CNY fen under the names in the
// dialects.
func shopCharge(t *testing.T, s *store.Store, merchantID, name string, aliases ...refund.Alias) refund.Charge {
	t.Helper()
	c, _, err := s.RegisterCharge(t.Context(), refund.Charge{
		MerchantID: merchantID, ID: "ch_" + name, OrderNo: name, Channel: "wx", ChannelAccount: "sandbox_" + merchantID,
		TransactionID: "4200" + name, Currency: "CNY", Amount: 1000, PaidAt: noon, CreatedAt: noon, Aliases: aliases,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// shopUnit asks for one refund of a charge.
func shopUnit(merchantID, charge, refundID string, amount money.Minor) refund.Unit {
	return refund.Unit{
		MerchantID: merchantID, By: refund.Asker{RequestID: "iar_" + refundID}, Members: []refund.Content{{}},
		Requests: []refund.Request{{RefundID: "re_" + refundID, ChannelNumber: refundID, ChargeID: charge, Amount: &amount}},
	}
}

// insertUnit does in a transaction what the intake does.
func insertUnit(ctx context.Context, tx intake.Tx, unit refund.Unit, at time.Time) error {
	key := refund.ChargeKey{MerchantID: unit.MerchantID, ID: unit.Requests[0].ChargeID}
	charges, err := tx.LockCharges(ctx, []refund.ChargeKey{key})
	if err != nil {
		return err
	}
	changes, refused := refund.Accept(map[string]refund.Charge{key.ID: charges[key]}, unit, refund.RuleBook{}, at)
	if refused != nil {
		return refused
	}
	return tx.Insert(ctx, changes)
}

func shopRefund(t *testing.T, s *store.Store, merchantID, charge, refundID string, amount money.Minor, at time.Time) {
	t.Helper()
	for {
		err := s.InTx(t.Context(), func(tx intake.Tx) error {
			return insertUnit(t.Context(), tx, shopUnit(merchantID, charge, refundID, amount), at)
		})
		switch {
		case errors.Is(err, refund.ErrLocked): // on a busy machine; the intake tries again, too
		case err != nil:
			t.Fatal(err)
		default:
			return
		}
	}
}

// succeed records the channel's word that a refund succeeded.
func succeed(t *testing.T, s *store.Store, merchantID, refundID string, at time.Time) {
	t.Helper()
	word := refund.Report{Key: refund.Key{MerchantID: merchantID, ID: "re_" + refundID}}
	word.Outcome = refund.Outcome{Kind: refund.OutcomeDone, Source: refund.Notice, SucceededAt: at, ChannelRefundID: "5000" + refundID}
	_, err := s.Record(t.Context(), []refund.Report{word}, true, func(c refund.Charge, r refund.Refund, w refund.Report) refund.Change {
		return refund.Apply(c, r, w.Outcome, refund.Pace{First: time.Second, Longest: time.Hour}, at)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// number gives new events their feed numbers, without any deliveries. It
// returns how many it got.
func number(t *testing.T, s *store.Store, merchantID string) int {
	t.Helper()
	news, err := s.News(t.Context(), merchantID, 100)
	if err != nil {
		t.Fatal(err)
	}
	done, err := s.FanOut(t.Context(), news, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !done {
		return 0 // another was faster
	}
	return len(news.Events)
}

func feed(t *testing.T, s *store.Store, merchantID string, after int64) []refund.StoredEvent {
	t.Helper()
	events, err := s.Feed(t.Context(), merchantID, after, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return events
}

func TestAnEventShowsRefundAndChargeAsTheyWereThen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		shopCharge(t, s, "mer_1", "A")
		shopRefund(t, s, "mer_1", "ch_A", "1", 300, noon)
		succeed(t, s, "mer_1", "1", noon.Add(time.Minute))
		shopRefund(t, s, "mer_1", "ch_A", "2", 200, noon.Add(time.Hour))
		if n := number(t, s, "mer_1"); n != 3 {
			t.Fatalf("%d events were numbered", n)
		}
		type then struct {
			Type, RequestID    string
			Number             int64
			State              refund.State
			Reserved, Refunded money.Minor
			SucceededAt        time.Time
		}
		var got []then
		for _, e := range feed(t, s, "mer_1", 0) {
			got = append(got, then{e.Type, e.RequestID, e.FeedNumber, e.Refund.State, e.Charge.Reserved, e.Charge.Refunded, e.Refund.SucceededAt})
		}
		want := []then{
			{"refund.created", "iar_1", 1, refund.Created, 300, 0, time.Time{}},
			{"refund.succeeded", "", 2, refund.Succeeded, 0, 300, noon.Add(time.Minute)},
			{"refund.created", "iar_2", 3, refund.Created, 200, 300, time.Time{}},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAnEventIsFoundByItsIDAndByNoOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		shopCharge(t, s, "mer_1", "A")
		at := noon.Add(123456789 * time.Nanosecond).Truncate(time.Microsecond)
		shopRefund(t, s, "mer_1", "ch_A", "1", 300, at)
		list, more, err := s.EventList(t.Context(), refund.EventFilter{MerchantID: "mer_1", Page: refund.Page{Limit: 10}})
		if err != nil || len(list) != 1 || more {
			t.Fatalf("events %+v, %v, %v", list, more, err)
		}
		got, err := s.Event(t.Context(), "mer_1", list[0].ID)
		if diff := cmp.Diff(list[0], got); err != nil || diff != "" || !got.At.Equal(at) {
			t.Errorf("%v %s", err, diff)
		}
		for name, key := range map[string][2]string{
			"another merchant's": {"mer_2", got.ID}, "without its prefix": {"mer_1", got.ID[4:]},
			"no id": {"mer_1", "evt_1"}, "one that is not there": {"mer_1", "evt_" + refund.NewID(at)},
		} {
			if _, err := s.Event(t.Context(), key[0], key[1]); refund.KindOf(err) != refund.KindEventNotFound {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestEventsAreListedByTypeAndTimeInPages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		shopCharge(t, s, "mer_1", "A")
		for n := range 5 {
			shopRefund(t, s, "mer_1", "ch_A", fmt.Sprint(n), 1, noon.Add(time.Duration(n)*time.Hour))
		}
		succeed(t, s, "mer_1", "0", noon.Add(10*time.Hour))
		refunds := func(f refund.EventFilter) (ids []string, more bool) {
			t.Helper()
			f.MerchantID = "mer_1"
			list, more, err := s.EventList(t.Context(), f)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				ids = append(ids, e.Refund.ID)
			}
			return ids, more
		}
		created := []string{"refund.created"}
		for name, step := range map[string]struct {
			filter refund.EventFilter
			want   []string
			more   bool
		}{
			"by type":                      {refund.EventFilter{Types: []string{"refund.succeeded", "refund.failed"}, Page: refund.Page{Limit: 9}}, []string{"re_0"}, false},
			"the newest two":               {refund.EventFilter{Types: created, Page: refund.Page{Limit: 2}}, []string{"re_4", "re_3"}, true},
			"from inclusive, to exclusive": {refund.EventFilter{Types: created, CreatedFrom: noon.Add(time.Hour), CreatedTo: noon.Add(3 * time.Hour), Page: refund.Page{Limit: 9}}, []string{"re_2", "re_1"}, false},
			"older than a position":        {refund.EventFilter{Types: created, Page: refund.Page{Limit: 2, After: &refund.Position{CreatedAt: noon.Add(2 * time.Hour)}}}, []string{"re_1", "re_0"}, false},
			"next newer than a position":   {refund.EventFilter{Types: created, Page: refund.Page{Limit: 2, Before: &refund.Position{CreatedAt: noon, ID: "zzz"}}}, []string{"re_2", "re_1"}, true},
		} {
			got, more := refunds(step.filter)
			if diff := cmp.Diff(step.want, got); diff != "" || more != step.more {
				t.Errorf("%s: more %v %s", name, more, diff)
			}
		}
	})
}

func TestPendingDeliveriesAreThoseThatHaveNotSucceeded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		shopCharge(t, s, "mer_1", "A")
		shopRefund(t, s, "mer_1", "ch_A", "1", 1, noon)
		news, err := s.News(t.Context(), "mer_1", 10)
		if err != nil {
			t.Fatal(err)
		}
		var made []merchant.Delivery
		for n := range 3 {
			made = append(made, merchant.Delivery{
				MerchantID: "mer_1", ID: fmt.Sprint(n), CreatedAt: noon, EventID: news.Events[0].ID, Dialect: merchant.Native,
				URL: "https://shop.example", Body: []byte{}, DueAt: noon, LeaseEpoch: 1, LeaseUntil: noon.Add(time.Minute),
			})
		}
		if done, err := s.FanOut(t.Context(), news, made); err != nil || !done {
			t.Fatal(done, err)
		}
		for n, want := range []int64{3, 2, 2} {
			if got := feed(t, s, "mer_1", 0)[0].PendingDeliveries; got != want {
				t.Errorf("after %d tries %d are pending, not %d", n, got, want)
			}
			a := merchant.DeliveryAttempt{Delivery: made[n], At: noon, Delivered: n == 0, Dead: n == 1, Next: noon.Add(time.Hour)}
			if _, err := s.SaveAttempts(t.Context(), []merchant.DeliveryAttempt{a}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// A reader that has seen a number must never miss what is numbered later,
// although it happened before: here the first transaction commits last.
func TestTheFeedLosesNoEventWhoseTransactionWasSlowToCommit(t *testing.T) {
	s := storetest.Open(t, storetest.Postgres(t))
	shopCharge(t, s, "mer_1", "A")
	shopCharge(t, s, "mer_1", "B")
	inserted, commit := make(chan struct{}), make(chan struct{})
	ready := sync.OnceFunc(func() { close(inserted) }) // the transaction may be repeated
	var slow sync.WaitGroup
	slow.Go(func() {
		err := s.InTx(t.Context(), func(tx intake.Tx) error {
			err := insertUnit(t.Context(), tx, shopUnit("mer_1", "ch_A", "1", 1), noon)
			ready()
			<-commit
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	<-inserted
	shopRefund(t, s, "mer_1", "ch_B", "2", 1, noon.Add(time.Hour))
	number(t, s, "mer_1")
	seen := feed(t, s, "mer_1", 0)
	if len(seen) != 1 || seen[0].Refund.ID != "re_2" {
		t.Errorf("while the first is not committed the feed has %+v", seen)
	}
	close(commit)
	slow.Wait()
	number(t, s, "mer_1")
	later := feed(t, s, "mer_1", seen[0].FeedNumber)
	if len(later) != 1 || later[0].Refund.ID != "re_1" || !later[0].At.Before(seen[0].At) {
		t.Errorf("after its commit the reader sees %+v", later)
	}
}

func TestFanOutsOfManyProcessesGiveEachNumberOnceAndInTheOrderOfCommits(t *testing.T) {
	eachURL(t, func(t *testing.T, url string) {
		const processes, refunds = 3, 20
		first := storetest.Open(t, url)
		shopCharge(t, first, "mer_1", "A")
		done := make(chan struct{})
		var writers, others sync.WaitGroup
		for p := range processes {
			s := storetest.Open(t, url)
			writers.Go(func() {
				for n := range refunds {
					shopRefund(t, s, "mer_1", "ch_A", fmt.Sprintf("%d-%d", p, n), 1, noon.Add(time.Duration(n)*time.Minute))
				}
			})
			others.Go(func() {
				for {
					number(t, s, "mer_1")
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		// A reader that only ever asks for what comes after what it has seen.
		var seen []int64
		read := func() {
			after := int64(0)
			if len(seen) > 0 {
				after = seen[len(seen)-1]
			}
			for _, e := range feed(t, first, "mer_1", after) {
				seen = append(seen, e.FeedNumber)
			}
		}
		others.Go(func() {
			for {
				read()
				select {
				case <-done:
					return
				default:
				}
			}
		})
		writers.Wait()
		close(done)
		others.Wait()
		number(t, first, "mer_1")
		read()
		want := make([]int64, processes*refunds)
		for n := range want {
			want[n] = int64(n) + 1
		}
		if diff := cmp.Diff(want, seen, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
