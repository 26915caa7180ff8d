package intake_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestMain(m *testing.M) { storetest.Main(m) }

var merchants atomic.Int64

// newMerchant returns an id that no other test uses.
func newMerchant() string { return fmt.Sprintf("mer_%d", merchants.Add(1)) }

// idleEngine takes refunds over as long as it has room, and does nothing.
type idleEngine struct {
	mu       sync.Mutex
	room     int
	reserved int
	taken    []refund.Claimed
	left     []refund.AccountKey
	paused   time.Time // until when refunds are put off
	putOff   []refund.AccountKey
}

func (e *idleEngine) Reserve(accounts []refund.AccountKey) []intake.Reservation {
	e.mu.Lock()
	defer e.mu.Unlock()
	reserved := make([]intake.Reservation, len(accounts))
	for n := range reserved {
		if reserved[n].PutOff = e.paused; !e.paused.IsZero() {
			continue
		}
		if reserved[n].Room = e.room > 0; reserved[n].Room {
			e.room--
			e.reserved++
		}
	}
	return reserved
}

func (e *idleEngine) PutOff(accounts []refund.AccountKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.putOff = append(e.putOff, accounts...)
}

func (e *idleEngine) Release(accounts []refund.AccountKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.room += len(accounts)
	e.reserved -= len(accounts)
}

func (e *idleEngine) Left(accounts []refund.AccountKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.left = append(e.left, accounts...)
}

func (e *idleEngine) Take(refunds []refund.Claimed) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reserved -= len(refunds)
	e.taken = append(e.taken, refunds...)
}

func (e *idleEngine) Lease() time.Duration { return 45 * time.Second }

// desk is an intake at work on a store.
type desk struct {
	*intake.Intake
	store  intake.Store
	engine *idleEngine
}

// idle makes an intake that the test steps itself.
func idle(s intake.Store, opts intake.Options) *desk {
	engine := &idleEngine{}
	return &desk{Intake: intake.New(s, engine, intake.NewBoard(), opts), store: s, engine: engine}
}

// open runs an intake on s until the end of the test.
func open(t testing.TB, s intake.Store, opts intake.Options) *desk {
	t.Helper()
	d := idle(s, opts)
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { d.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return d
}

// chargesOf registers n paid charges of amount.
func chargesOf(t testing.TB, s *store.Store, merchantID string, n int, amount money.Minor) []refund.Charge {
	t.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	list := make([]refund.Charge, n)
	for i := range list {
		id := refund.NewID(now)
		list[i] = refund.Charge{
			MerchantID: merchantID, ID: "ch_" + id, OrderNo: fmt.Sprintf("T%d", i), Channel: "wx", ChannelAccount: "sandbox_test",
			TransactionID: id, Currency: "CNY", Amount: amount, PaidAt: now, CreatedAt: now,
			Aliases: []refund.Alias{{Dialect: "pingpp", Identity: "app_1", Name: "ch_" + id}},
		}
	}
	results, err := s.RegisterCharges(t.Context(), list, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, result := range results {
		if result.Err != nil {
			t.Fatal(result.Err)
		}
		list[i] = result.Charge
	}
	return list
}

func minor(m money.Minor) *money.Minor { return &m }

// ask makes a unit of one request, with the content that a dialect gives it.
func ask(c refund.Charge, amount money.Minor, number, key string) refund.Unit {
	return refund.Unit{
		MerchantID: c.MerchantID, Key: key,
		Requests: []refund.Request{{ChargeID: c.ID, Amount: minor(amount), Number: number}},
		By:       refund.Asker{Key: "key_1", Dialect: "native", Address: "127.0.0.1", RequestID: "iar_1"},
		Members:  []refund.Content{{refund.ContentCharge: c.ID, refund.ContentAmount: fmt.Sprint(amount)}},
	}
}

// checkHeld compares what a charge holds for refunds with what it should.
func checkHeld(t testing.TB, s *store.Store, c refund.Charge, want money.Minor) {
	t.Helper()
	now, err := s.Charge(t.Context(), c.MerchantID, c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if now.Reserved != want {
		t.Errorf("charge %s holds %d, want %d", c.ID, now.Reserved, want)
	}
}

// waitUntil polls a condition for as long as a slow machine may need.
func waitUntil(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(3 * time.Minute); !condition(); {
		if time.Now().After(end) {
			t.Fatalf("waited too long until %s", what)
		}
		runtime.Gosched()
	}
}

// refundsOf lists the refunds of a charge, newest first.
func refundsOf(t testing.TB, s *store.Store, c refund.Charge) []refund.Refund {
	t.Helper()
	list, _, err := s.RefundList(t.Context(), refund.Filter{MerchantID: c.MerchantID, ChargeID: c.ID, Page: refund.Page{Limit: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	return list
}
