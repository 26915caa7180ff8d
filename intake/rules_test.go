package intake_test

import (
	"errors"
	"testing"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// withoutRules is a store whose merchants' limits can't be read just now.
type withoutRules struct{ *store.Store }

func (withoutRules) RuleBook(string) (refund.RuleBook, error) {
	return refund.RuleBook{}, errors.New("no connection is free")
}

// Nobody is told that a limit was broken when the limits are not known: the
// request is busy, nothing is written, and its number stays free.
func TestLimitsThatAreNotKnownMakeARequestBusy(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		paid := chargesOf(t, s, newMerchant(), 1, 100)
		for n, answer := range oneBatch(t, withoutRules{s}, []refund.Unit{ask(paid[0], 60, "A", "")}) {
			if refund.KindOf(answer.err) != refund.KindBusy {
				t.Errorf("unit %d: %v", n, answer.err)
			}
		}
		for _, answer := range oneBatch(t, s, []refund.Unit{ask(paid[0], 60, "A", "")}) {
			if answer.err != nil || answer.result.Repeated {
				t.Errorf("afterwards: %v, repeated %v", answer.err, answer.result.Repeated)
			}
		}
	})
}
