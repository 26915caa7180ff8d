package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func verifiedOnce(t *testing.T, f *fixture) {
	c := f.registered(t, f.charge(1000))
	open := f.accept(t, c, at(3), request(c, 900))[0]
	key := refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}
	var callers sync.WaitGroup
	var counted atomic.Int64
	for n := range 5 {
		callers.Go(func() {
			v := refund.Verified{RefundID: fmt.Sprintf("re_%s_%d", f.merchant, n), Refunded: money.Minor(200)}
			change, err := f.VerifyCharge(t.Context(), key, v, at(5))
			for refund.KindOf(err) == refund.KindBusy { // the others take longer than a lock is waited for
				change, err = f.VerifyCharge(t.Context(), key, v, at(5))
			}
			if err != nil {
				t.Error(err)
				return
			}
			counted.Add(int64(len(change.Refunds)))
			if got := change.Charge; got.Refunded != 200 || got.Counted != 200 || !got.VerifiedAt.Equal(at(5)) {
				t.Errorf("refunded %d, counted %d, verified at %v", got.Refunded, got.Counted, got.VerifiedAt)
			}
		})
	}
	callers.Wait()
	if n := counted.Load(); n != 2 {
		t.Errorf("%d refunds changed, want the counted one and the one that no longer fits", n)
	}
	after := f.readCharge(t, c.ID)
	if err := after.Check(); err != nil || after.Refunded != 200 || after.Reserved != 0 || after.Counted != 200 || !after.VerifiedAt.Equal(at(5)) || after.Excess != 0 {
		t.Errorf("%+v, %v", after, err)
	}
	if got := f.readRefund(t, open.ID); got.State != refund.Canceled {
		t.Errorf("a refund that no longer fits is %s", got.State)
	}
	_, err := f.VerifyCharge(t.Context(), refund.ChargeKey{MerchantID: newMerchant(), ID: c.ID}, refund.Verified{}, at(5))
	wantKind(t, err, refund.KindChargeNotFound)
}

func sentIsNotCounted(t *testing.T, f *fixture) {
	for _, test := range []struct {
		kind    refund.OutcomeKind
		counted money.Minor
	}{{refund.OutcomeAccepted, 0}, {refund.OutcomeDone, 0}, {refund.OutcomeUnknown, 0}, {refund.OutcomeRefused, 200}, {refund.OutcomeTryLater, 200}} {
		c := f.registered(t, f.charge(1000))
		f.accept(t, c, at(3), request(c, 100))
		claimed := f.claimed(t, f.due(t, at(4)), at(4))
		if len(claimed) != 1 {
			t.Fatalf("claimed %d", len(claimed))
		}
		r := claimed[0].Refund
		w := refund.Report{Key: keyOf(r), ChargeID: c.ID, Outcome: refund.Outcome{Kind: test.kind, Source: refund.Submit, Epoch: r.LeaseEpoch}}
		if _, err := f.Record(t.Context(), []refund.Report{w}, true, apply(at(5))); err != nil {
			t.Fatal(err)
		}
		v := refund.Verified{RefundID: "re_" + f.merchant, Refunded: 200}
		change, err := f.VerifyCharge(t.Context(), refund.ChargeKey{MerchantID: f.merchant, ID: c.ID}, v, at(6))
		if err != nil || change.Charge.Counted != test.counted || change.Charge.VerifiedAt.IsZero() {
			t.Errorf("after a submit that was %s: counted %d, %v", test.kind, change.Charge.Counted, err)
		}
		f.merchant = newMerchant()
	}
}
