package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// A channel that takes 4 submits a second and says so, of an account that may make
// 16: it is called less often, and all refunds succeed, each once.
func TestAnAccountIsCalledLessOftenWhileItsChannelIsCalledTooOften(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		fake.limits = channel.Limits{Submit: channel.Calls{PerSecond: 16}}
		r := newRig(t, s, fake)
		there := &timed{scripted: fake, now: r.clock.Now, calls: map[string][]time.Time{}}
		refused, second := 0, map[int64]int{}
		fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
			now := r.clock.Now().Unix()
			if second[now]++; second[now] > 4 {
				refused++
				return refund.Outcome{Kind: refund.OutcomeTryLater, Throttled: true}
			}
			return fake.move(i)
		}
		r.engine = r.newEngine(there)
		r.startIntake()
		c := r.charge(10000)
		var ids []string
		for range 100 {
			ids = append(ids, r.accept(c.ID, 10).ID)
		}
		for range 120 * 10 {
			r.steps(r.engine)
			r.clock.advance(100 * time.Millisecond)
		}
		for _, id := range ids {
			if got := r.refund(id); got.State != refund.Succeeded {
				t.Fatalf("after two minutes it is %s", got.State)
			}
		}
		if refused == 0 || refused > 40 {
			t.Errorf("%d of %d calls were too many", refused, len(there.calls["submit"]))
		}
		if alerts := r.alertsRaised(); len(alerts) != 0 {
			t.Errorf("alerts %q", alerts)
		}
	})
}
