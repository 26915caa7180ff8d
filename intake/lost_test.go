package intake_test

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// losesOne commits and does not know the result of one transaction, whose charge
// another session holds from then on.
type losesOne struct {
	*store.Store
	lost atomic.Bool
	hold func()
}

func (l *losesOne) InTx(ctx context.Context, work func(intake.Tx) error) error {
	err := l.Store.InTx(ctx, work)
	if err != nil || !l.lost.CompareAndSwap(false, true) {
		return err
	}
	l.hold()
	return fmt.Errorf("%w: %w", refund.ErrCommitUnknown, io.ErrUnexpectedEOF)
}

// The charge of a batch whose commit's result is not known may be held by another
// session, so that its lookup waits: other merchants' batches do not wait with it.
func TestABatchThatIsLookedUpStopsNoOther(t *testing.T) {
	t.Run("by id", func(t *testing.T) { isLookedUp(t, ask) })
	t.Run("by name", func(t *testing.T) { isLookedUp(t, askNamed) })
}

func isLookedUp(t *testing.T, ask func(refund.Charge, money.Minor, string, string) refund.Unit) {
	url := storetest.Postgres(t)
	s := storetest.Open(t, url)
	lost, other := chargesOf(t, s, newMerchant(), 1, 1000)[0], chargesOf(t, s, newMerchant(), 1, 1000)[0]
	var letGo func()
	held := make(chan struct{})
	l := &losesOne{Store: s, hold: func() {
		letGo = hold(t, url, fmt.Sprintf("SELECT id FROM charges WHERE merchant_id = '%s' AND id = '%s' FOR UPDATE", lost.MerchantID, lost.ID))
		close(held)
	}}
	d := open(t, l, intake.Options{Workers: 1})
	answers := make(chan error)
	go func() {
		_, err := d.Accept(t.Context(), ask(lost, 1, "R", ""), 0)
		answers <- err
	}()
	<-held
	var longest time.Duration
	for n := range 10 {
		start := time.Now()
		if _, err := d.Accept(t.Context(), ask(other, 1, fmt.Sprint("R", n), ""), 0); err != nil {
			t.Fatal(err)
		}
		longest = max(longest, time.Since(start))
	}
	select {
	case err := <-answers:
		t.Errorf("the lost refund was answered while its charge was held: %v", err)
	default:
	}
	t.Logf("another merchant was answered within %v", longest)
	letGo()
	if err := <-answers; err != nil {
		t.Errorf("the lost refund: %v", err)
	}
	checkHeld(t, s, lost, 1)
	checkHeld(t, s, other, 10)
}
