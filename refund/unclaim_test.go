package refund_test

import (
	"testing"
	"time"

	"github.com/refundry/refundry/refund"
)

func TestALeaseUnderWhichNothingWasDoneIsGivenBack(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	until := now.Add(45 * time.Second)
	cases := []struct {
		name    string
		r       refund.Refund
		epoch   int64
		given   bool
		dueAt   time.Time
		asksNow bool
	}{
		{"a refund that nobody told the channel of is due again", refund.Refund{State: refund.Created, LeaseEpoch: 1, LeaseUntil: until, DueAt: until}, 1, true, now, false},
		{"a doubt stays", refund.Refund{State: refund.Pending, LeaseEpoch: 2, LeaseUntil: until, DueAt: until, Unknown: true}, 2, true, now, true},
		{"a lease that another has is left alone", refund.Refund{State: refund.Created, LeaseEpoch: 2, LeaseUntil: until, DueAt: until}, 1, false, until, true},
		{"a lease that was given back is left alone", refund.Refund{State: refund.Created, LeaseEpoch: 1, DueAt: until}, 1, false, until, false},
		{"a refund that a notice ended meanwhile is not looked at again", refund.Refund{State: refund.Succeeded, LeaseEpoch: 1, LeaseUntil: until}, 1, true, time.Time{}, true},
		{"a contradicted end is", refund.Refund{State: refund.Failed, LeaseEpoch: 1, LeaseUntil: until, DueAt: until, Contradicted: true}, 1, true, now, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, given := refund.Unclaim(c.r, c.epoch, now)
			if given != c.given || !got.DueAt.Equal(c.dueAt) || given && !got.LeaseUntil.IsZero() {
				t.Errorf("given back %v, due %s, lease until %s", given, got.DueAt, got.LeaseUntil)
			}
			next := refund.Claim(got, now.Add(time.Minute), now.Add(2*time.Minute))
			if asks := refund.NextStep(next) == refund.StepQuery; asks != c.asksNow {
				t.Errorf("whoever takes it next asks first: %v, want %v", asks, c.asksNow)
			}
		})
	}
}
