package intake_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// slowCount is a database that counts one merchant's earlier refunds for as long as
// count says. together are the most merchants of whom one transaction locked charges
// before it counted.
type slowCount struct {
	*store.Store
	merchantID string
	count      func(ctx context.Context) error
	together   atomic.Int64
}

func (s *slowCount) InTx(ctx context.Context, work func(intake.Tx) error) error {
	return s.Store.InTx(ctx, func(tx intake.Tx) error { return work(&slowCountTx{Tx: tx, s: s, locked: map[string]bool{}}) })
}

type slowCountTx struct {
	intake.Tx
	s      *slowCount
	locked map[string]bool
}

func (t *slowCountTx) LockCharges(ctx context.Context, keys []refund.ChargeKey) (map[refund.ChargeKey]refund.Charge, error) {
	for _, key := range keys {
		t.locked[key.MerchantID] = true
	}
	return t.Tx.LockCharges(ctx, keys)
}

func (t *slowCountTx) FreeCharges(ctx context.Context, keys []refund.ChargeKey) (free map[refund.ChargeKey]refund.Charge, held map[refund.ChargeKey]bool, err error) {
	for _, key := range keys {
		t.locked[key.MerchantID] = true
	}
	return t.Tx.FreeCharges(ctx, keys)
}

func (t *slowCountTx) Recent(ctx context.Context, asks []refund.WindowAsk) (map[refund.WindowAsk]refund.Recent, error) {
	t.s.together.Store(max(t.s.together.Load(), int64(len(t.locked))))
	for _, ask := range asks {
		if ask.MerchantID == t.s.merchantID {
			if err := t.s.count(ctx); err != nil {
				return nil, err
			}
			break
		}
	}
	return t.Tx.Recent(ctx, asks)
}

const countsMerchant = "merchant.refunds_24h >= 1000"

// While one merchant's refunds are counted, or another session holds its gate,
// others are answered: one without policies, and one whose policies count too.
func TestACountThatIsSlowHoldsUpItsMerchantAlone(t *testing.T) {
	for _, name := range []string{"a slow count", "a held gate"} {
		t.Run(name, func(t *testing.T) {
			url := storetest.Postgres(t)
			s := storetest.Open(t, url)
			slow := chargesOf(t, s, judged(t, s, countsMerchant, merchant.PolicyHold), 2, 100)
			counts := chargesOf(t, s, judged(t, s, countsMerchant, merchant.PolicyHold), 1, 100)[0]
			plain := chargesOf(t, s, newMerchant(), 1, 100)[0]
			begun, letGo := make(chan struct{}, 16), make(chan struct{})
			scripted := &slowCount{Store: s, merchantID: slow[0].MerchantID, count: func(context.Context) error {
				begun <- struct{}{}
				<-letGo
				return nil
			}}
			free := sync.OnceFunc(func() { close(letGo) })
			desk := open(t, scripted, intake.Options{})
			t.Cleanup(func() { free() })
			if name == "a held gate" {
				end := hold(t, url, fmt.Sprintf("INSERT INTO policy_gates (merchant_id, gate, taken_at) VALUES ('%s', -1, 1)", slow[0].MerchantID))
				free = sync.OnceFunc(func() { end(); close(letGo) })
			}
			errs := make(chan error, len(slow))
			for n, c := range slow {
				go func() {
					_, err := desk.Accept(context.Background(), ask(c, 1, fmt.Sprint("S", n), ""), 0)
					if refund.KindOf(err) == refund.KindBusy { // the others took longer than a count may
						<-letGo
						_, err = desk.Accept(context.Background(), ask(c, 1, fmt.Sprint("S", n), ""), 0)
					}
					errs <- err
				}()
			}
			if name == "a slow count" {
				<-begun // its charges are locked
			}
			others := make(chan error, 2)
			go func() {
				for _, c := range []refund.Charge{plain, counts} {
					_, err := desk.Accept(context.Background(), ask(c, 1, "N1", ""), 0)
					others <- err
				}
			}()
			for range cap(others) {
				select {
				case err := <-others:
					if err != nil {
						t.Errorf("another merchant: %v", err)
					}
				case err := <-errs:
					t.Fatalf("the merchant's own was answered first: %v", err)
				case <-time.After(3 * time.Minute):
					t.Fatal("another merchant waits for the count")
				}
			}
			free()
			for range slow {
				if err := <-errs; err != nil {
					t.Errorf("once it is counted: %v", err)
				}
			}
			if most := scripted.together.Load(); most != 1 {
				t.Errorf("a transaction that counted locked charges of %d merchants", most)
			}
			checkHeld(t, s, plain, 1)
			checkHeld(t, s, counts, 1)
		})
	}
}

// A merchant's policy comes to be known after its unit was queued with others': the
// unit goes apart, and the others are answered.
func TestAUnitWhosePolicyIsNewIsNotCountedAmongOthers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		late := &lateCounts{slowCount: slowCount{Store: s}}
		desk := idle(late, intake.Options{})
		first := chargesOf(t, s, judged(t, s, countsMerchant, merchant.PolicyRefuse), 1, 100)[0]
		second := chargesOf(t, s, newMerchant(), 1, 100)[0]
		errs := make(chan error, 2)
		for n, c := range []refund.Charge{first, second} {
			go func() {
				_, err := desk.Accept(context.Background(), ask(c, 1, "N1", ""), 0)
				errs <- err
			}()
			waitUntil(t, "it is queued", func() bool { return desk.Waiting() == n+1 })
		}
		late.known.Store(true)
		for range 2 {
			waitUntil(t, "it is answered", func() bool { desk.Step(t.Context()); return len(errs) > 0 })
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
		if most := late.together.Load(); most != 1 {
			t.Errorf("a transaction that counted locked charges of %d merchants", most)
		}
	})
}

type lateCounts struct {
	slowCount
	known atomic.Bool
}

func (s *lateCounts) Apart(merchantID string) bool {
	return s.known.Load() && s.Store.Apart(merchantID)
}

// Whatever waits with a count that takes too long is busy at once, and nothing of it
// is accepted.
func TestACountThatTakesTooLongMakesItsUnitsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 50
		s := storetest.Open(t, storetest.SQLite(t))
		charges := chargesOf(t, s, judged(t, s, countsMerchant, merchant.PolicyRefuse), callers, 100)
		counted := 0
		desk := open(t, &slowCount{Store: s, merchantID: charges[0].MerchantID, count: func(ctx context.Context) error {
			counted++
			<-ctx.Done()
			return ctx.Err()
		}}, intake.Options{})
		var asking sync.WaitGroup
		for n, c := range charges {
			asking.Go(func() {
				if _, err := desk.Accept(t.Context(), ask(c, 1, fmt.Sprint("N", n), ""), 0); refund.KindOf(err) != refund.KindBusy {
					t.Errorf("request %d: %v", n, err)
				}
			})
		}
		asking.Wait()
		if counted > 3 {
			t.Errorf("it was counted %d times", counted)
		}
		for _, c := range charges {
			checkHeld(t, s, c, 0)
		}
	})
}

// slowPolicies take a second for each refund. They count nothing.
type slowPolicies struct{ asked atomic.Int64 }

func (p *slowPolicies) Windows() []refund.Window { return nil }
func (p *slowPolicies) Apart() bool              { return true }

func (p *slowPolicies) Judge(refund.Asked, func(refund.Window) refund.Recent) refund.Verdict {
	p.asked.Add(1)
	time.Sleep(time.Second)
	return refund.Verdict{}
}

// slowBook is a database whose merchants have slow policies.
type slowBook struct {
	*store.Store
	policies slowPolicies
}

func (s *slowBook) Apart(string) bool { return true }

func (s *slowBook) RuleBook(id string) (refund.RuleBook, error) {
	book, err := s.Store.RuleBook(id)
	book.Policies = &s.policies
	return book, err
}

// A batch whose time is over asks no policy any more, and nothing of it is accepted.
func TestPoliciesAreNotAskedOnceTheBatchHasNoTimeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const callers = 100
		s := &slowBook{Store: storetest.Open(t, storetest.SQLite(t))}
		desk := idle(s, intake.Options{})
		charges := chargesOf(t, s.Store, newMerchant(), callers, 100)
		var asking sync.WaitGroup
		for n, c := range charges {
			asking.Go(func() {
				if _, err := desk.Accept(t.Context(), ask(c, 1, fmt.Sprint("N", n), ""), 0); refund.KindOf(err) != refund.KindBusy {
					t.Errorf("request %d: %v", n, err)
				}
			})
		}
		synctest.Wait()
		desk.Step(t.Context())
		asking.Wait()
		if asked := s.policies.asked.Load(); asked >= callers {
			t.Errorf("they were asked %d times", asked)
		}
		for _, c := range charges {
			checkHeld(t, s.Store, c, 0)
		}
	})
}
