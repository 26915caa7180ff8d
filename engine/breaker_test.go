package engine_test

import (
	"strings"
	"testing"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// Where only throttled refunds are left, their account is no account that does not
// answer: each goes by its own back-off.
func TestThrottledRefundsLeaveTheirAccountOpen(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		r := newRig(t, s, nil)
		var throttled []string
		for range 40 {
			throttled = append(throttled, r.accept(r.charge(1000).ID, 59).ID)
		}
		r.run(30)
		for _, id := range throttled {
			if got := r.refund(id); got.State != refund.Succeeded {
				t.Errorf("%s is %s after %v", id, got.State, r.attempts(id))
			}
		}
		for _, alert := range r.alertsRaised() {
			if strings.Contains(alert, "does not answer") {
				t.Error(alert)
			}
		}
	})
}
