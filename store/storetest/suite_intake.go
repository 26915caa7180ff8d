package storetest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

func databaseHoldsCap(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	f.accept(t, c, at(2), request(c, 60))
	for _, set := range []string{"reserved = 101", "refunded = 41", "blocked = 41", "amount = 59", "reserved = -1", "excess = -1"} {
		_, err := f.exec(t, "UPDATE charges SET "+set+" WHERE merchant_id = $1 AND id = $2", f.merchant, c.ID)
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), "check") {
			t.Errorf("%s: %v, want a CHECK that refuses", set, err)
		}
	}
	f.must(t, "UPDATE charges SET reserved = 101, excess = 1 WHERE merchant_id = $1 AND id = $2", f.merchant, c.ID)
	f.must(t, "UPDATE charges SET reserved = 60, excess = 0 WHERE merchant_id = $1 AND id = $2", f.merchant, c.ID)
	if got := f.readCharge(t, c.ID); got.Refundable() != 40 {
		t.Errorf("%d is refundable, want 40", got.Refundable())
	}
}

func databaseForgetsNone(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	r := f.accept(t, c, at(2), request(c, 60))[0]
	for _, set := range []string{
		"due_at = 0", "state = 'succeeded'", "state = 'lost'", "succeeded_at = 1", "amount = 0", "charge_id = 'ch_none'",
	} {
		if _, err := f.exec(t, "UPDATE refunds SET "+set+" WHERE merchant_id = $1 AND id = $2", f.merchant, r.ID); err == nil {
			t.Errorf("%s was taken", set)
		}
	}
	if diff := cmp.Diff(r, f.readRefund(t, r.ID)); diff != "" {
		t.Errorf("(-accepted +read): %s", diff)
	}
}

func refundIsRead(t *testing.T, f *fixture) {
	c := f.registered(t, f.fullCharge())
	full := request(c, 300)
	full.Number, full.Reason, full.HoldUntil = "N1", "理由 <&>", at(60)
	full.Goods = []refund.RefundedGoods{{MerchantGoodsID: "g1", Quantity: 1, Amount: 300}}
	source := "unsettled_funds"
	full.Detail = refund.RefundDetail{
		Metadata: []byte(`{"a":"<"}`), FundingSource: &source, PaidFrom: refund.FundsUnsettled, From: []refund.FundsFrom{{Account: refund.FundsUnavailable, Amount: 300}},
		Options:  refund.ChannelOptions{Splits: []refund.Split{{Account: "2088", Amount: 2, Description: "d"}}, Rate: "6.4650", ExchangedAmount: 7, HideReason: true},
		ClientIP: "192.0.2.1", NotifyURL: "https://example.com/?a&b", Goods: full.Goods,
	}
	made := f.accept(t, c, at(2), full, request(c, 7))
	for _, r := range made {
		if diff := cmp.Diff(r, f.readRefund(t, r.ID)); diff != "" {
			t.Errorf("(-accepted +read): %s", diff)
		}
		transfers, err := f.Transfers(t.Context(), f.merchant, r.ID)
		if err != nil || len(transfers) != 1 || transfers[0].Amount.Minor != r.Amount || !transfers[0].At.Equal(at(2)) || transfers[0].ID == "" {
			t.Errorf("transfers %+v, %v", transfers, err)
		}
		attempts, err := f.Attempts(t.Context(), f.merchant, r.ID)
		if err != nil || len(attempts) != 0 {
			t.Errorf("attempts %+v, %v", attempts, err)
		}
	}
	after := f.readCharge(t, c.ID)
	if after.Reserved != 307 || after.Refunds != 2 || !after.LastRefundAt.Equal(at(2)) || len(after.GoodsUsed) == 0 || len(after.CouponUsed) != 2 {
		t.Errorf("the charge afterwards: %+v", after)
	}
	_, err := f.Refund(t.Context(), newMerchant(), made[0].ID)
	wantKind(t, err, refund.KindRefundNotFound)
}

// inTx begins a transaction of the intake that does first, then waits until
// the given function is called, which ends it and gives its error.
func (f *fixture) inTx(t *testing.T, first func(intake.Tx) error, last func(intake.Tx) error) (end func() error) {
	t.Helper()
	begun, proceed, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- f.InTx(t.Context(), func(tx intake.Tx) error {
			if err := first(tx); err != nil {
				return err
			}
			close(begun)
			select {
			case <-proceed:
				return last(tx)
			case <-t.Context().Done(): // the case has failed
				return t.Context().Err()
			}
		})
	}()
	select {
	case <-begun:
	case err := <-ended:
		t.Fatalf("begin: %v", err)
	}
	return func() error {
		close(proceed)
		return <-ended
	}
}

func nothing(intake.Tx) error { return nil }

var errGivenUp = errors.New("the transaction gives up")

func givesUp(intake.Tx) error { return errGivenUp }

// mustWait fails when work ends within a moment that is long for what it does
// when nothing is in its way.
func mustWait(t *testing.T, what string, done <-chan error) {
	t.Helper()
	select {
	case err := <-done:
		t.Fatalf("%s did not wait, and ended with %v", what, err)
	case <-time.After(200 * time.Millisecond):
	}
}

func chargeIsLocked(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	keys := []refund.ChargeKey{{MerchantID: f.merchant, ID: c.ID}, {MerchantID: f.merchant, ID: "ch_none"}}
	lock := func(tx intake.Tx) error {
		found, err := tx.LockCharges(t.Context(), keys)
		if err == nil && len(found) != 1 {
			t.Errorf("%d charges, want the one that exists", len(found))
		}
		return err
	}
	end := f.inTx(t, lock, nothing)
	other := make(chan error, 1)
	go func() { other <- f.InTx(t.Context(), lock) }()
	mustWait(t, "another transaction that locks the same charge", other)
	if err := end(); err != nil {
		t.Error(err)
	}
	if err := <-other; err != nil {
		t.Error(err)
	}
}

func (f *fixture) number(value, refundID string) refund.Number {
	return refund.Number{
		NumberKey: refund.NumberKey{MerchantID: f.merchant, Namespace: refund.NumberNamespace, Value: value},
		Refunds:   []string{refundID}, Contents: []refund.Content{{"charge": "c", "amount": "1"}}, CreatedAt: at(3),
	}
}

// claim claims numbers and notes who owned them before.
func claim(owners *map[refund.NumberKey]refund.Number, numbers ...refund.Number) func(intake.Tx) error {
	return func(tx intake.Tx) (err error) {
		*owners, err = tx.ClaimNumbers(context.Background(), numbers)
		return err
	}
}

func claimIsWaitedFor(t *testing.T, f *fixture) {
	var first, second map[refund.NumberKey]refund.Number
	end := f.inTx(t, claim(&first, f.number("A", "re_1"), f.number("B", "re_1")), nothing)
	other := make(chan error, 1)
	go func() { other <- f.InTx(t.Context(), claim(&second, f.number("C", "re_2"), f.number("B", "re_2"))) }()
	mustWait(t, "another transaction that claims the same number", other)
	if err := errors.Join(end(), <-other); err != nil {
		t.Fatal(err)
	}
	if len(first) != 0 {
		t.Errorf("the first finds owners %v", first)
	}
	b := f.number("B", "re_1")
	if diff := cmp.Diff(map[refund.NumberKey]refund.Number{b.NumberKey: b}, second); diff != "" {
		t.Errorf("the second (-want +got): %s", diff)
	}
}

func claimIsFreed(t *testing.T, f *fixture) {
	var first, second, third map[refund.NumberKey]refund.Number
	a, b := f.number("A", "re_1"), f.number("B", "re_1")
	end := f.inTx(t, claim(&first, a), givesUp)
	other := make(chan error, 1)
	go func() { other <- f.InTx(t.Context(), claim(&second, f.number("A", "re_2"))) }()
	if err := end(); !errors.Is(err, errGivenUp) {
		t.Error(err)
	}
	if err := <-other; err != nil || len(second) != 0 {
		t.Errorf("after a rollback the number is %v's, %v", second, err)
	}

	// Refused in the same transaction: deleted, or moved to another refund.
	err := f.InTx(t.Context(), func(tx intake.Tx) error {
		if err := claim(&first, b, f.number("C", "re_1"))(tx); err != nil {
			return err
		}
		gone, moved := b, f.number("C", "re_3")
		gone.Refunds, gone.Contents = nil, nil
		return tx.MoveNumbers(t.Context(), []refund.Number{gone, moved})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = f.InTx(t.Context(), claim(&third, f.number("B", "re_4"), f.number("C", "re_4")))
	c := f.number("C", "re_3")
	if diff := cmp.Diff(map[refund.NumberKey]refund.Number{c.NumberKey: c}, third); diff != "" || err != nil {
		t.Errorf("(-want +got): %s, %v", diff, err)
	}
}

// deadlockRepeats has two transactions lock two charges crosswise. SQLite has
// one writer, so there they come one after the other. A transaction that shares
// its commit waits for a lock less long than PostgreSQL waits before it looks for
// deadlocks.
func deadlockRepeats(t *testing.T, f *fixture) {
	a, b := f.registered(t, f.charge(100)), f.registered(t, f.charge(100))
	meet := make(chan struct{}, 2)
	tries := make(chan int, 100)
	cross := func(ctx context.Context, x, y refund.Charge) error {
		return f.DB().Write(ctx, func(q sqldb.Querier) error {
			tries <- 1
			for n, c := range []refund.Charge{x, y} {
				text := `SELECT c.id FROM charges c WHERE c.merchant_id = $1 AND c.id = $2` + q.Lock("")
				err := q.Query(ctx, text, []any{f.merchant, c.ID}, func(scan func(...any) error) error { return scan(new(string)) })
				if err != nil {
					return err
				}
				if n == 0 && !f.SQLite() && len(tries) <= 2 {
					meet <- struct{}{}
					for len(meet) < 2 && ctx.Err() == nil {
						runtime.Gosched()
					}
				}
			}
			return nil
		})
	}
	errs := within(t, "two transactions that lock crosswise have ended", func(ctx context.Context) error {
		other := make(chan error, 1)
		go func() { other <- cross(ctx, b, a) }()
		return errors.Join(cross(ctx, a, b), <-other)
	})
	if errs != nil {
		t.Error(errs)
	}
	if !f.SQLite() && len(tries) < 3 {
		t.Error("there was no deadlock, so nothing was shown")
	}
}

// settledWaits: what a transaction that still holds its locks will have done
// is not missed.
func settledWaits(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(100))
	lost := request(c, 10)
	key := refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}
	keys := []refund.Key{{MerchantID: f.merchant, ID: lost.RefundID}}
	var changes []refund.Change
	end := f.inTx(t, func(tx intake.Tx) error {
		locked, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
		if err != nil {
			return err
		}
		unit := refund.Unit{MerchantID: f.merchant, Requests: []refund.Request{lost}}
		changes, _ = refund.Accept(map[string]refund.Charge{c.ID: locked[key]}, unit, refund.RuleBook{}, at(2))
		return nil
	}, func(tx intake.Tx) error { return tx.Insert(t.Context(), changes) })

	type answer struct {
		found map[refund.Key]refund.Refund
		err   error
	}
	looked := make(chan answer, 1)
	waiting := make(chan error, 1)
	go func() {
		found, err := f.Settled(t.Context(), []refund.ChargeKey{key}, keys, 20*time.Second)
		looked <- answer{found, err}
		waiting <- err
	}()
	mustWait(t, "the lookup", waiting)
	if err := end(); err != nil {
		t.Fatal(err)
	}
	if got := <-looked; got.err != nil || len(got.found) != 1 || got.found[keys[0]].Amount != 10 {
		t.Errorf("found %+v, %v", got.found, got.err)
	}

	// A lock that nobody gives up in time leaves it unknown.
	if !f.SQLite() {
		end = f.inTx(t, func(tx intake.Tx) error {
			_, err := tx.LockCharges(t.Context(), []refund.ChargeKey{key})
			return err
		}, nothing)
		found, err := f.Settled(t.Context(), []refund.ChargeKey{key}, keys, 300*time.Millisecond)
		if err == nil {
			t.Errorf("found %v without the lock", found)
		}
		if err := end(); err != nil {
			t.Error(err)
		}
	}
	// With nothing locked there is only the look.
	found, err := f.Settled(t.Context(), nil, append(keys, refund.Key{MerchantID: f.merchant, ID: "re_none"}), time.Second)
	if err != nil || len(found) != 1 {
		t.Errorf("found %v, %v", found, err)
	}
}
