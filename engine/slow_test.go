package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
)

func TestTooManyCallsHalveTheRateOnceForAllThatWereUnderWay(t *testing.T) {
	now := time.UnixMicro(1_000_000_000)
	var s slowing
	for n := range 5 { // of calls that began before the first of them said so
		if halved := s.throttled(now.Add(-time.Second), now.Add(time.Duration(n)*time.Millisecond), 0); halved != (n == 0) {
			t.Errorf("call %d halved the rate: %v", n, halved)
		}
	}
	if s.by != 2 {
		t.Errorf("1/%d of the rate, want a half", s.by)
	}
	for range 20 {
		now = now.Add(time.Second)
		s.throttled(now, now, 0)
	}
	if s.by != slowest {
		t.Errorf("1/%d of the rate, want 1/%d at the least", s.by, slowest)
	}
	var parts []int
	for s.by > 1 {
		now = now.Add(recoverAfter)
		s.recover(now)
		parts = append(parts, s.by)
	}
	if want := []int{32, 16, 8, 4, 2, 1}; !slices.Equal(parts, want) {
		t.Errorf("it recovers by %v, want %v", parts, want)
	}
}

func TestASlowedQueueIsCalledAtItsPartOfTheRate(t *testing.T) {
	at := func(seconds ...float64) (out []time.Duration) {
		for _, s := range seconds {
			out = append(out, time.Duration(s*float64(time.Second)))
		}
		return out
	}
	began := time.UnixMicro(1_000_000_000)
	for _, test := range []struct {
		name  string
		calls channel.Calls
		gap   time.Duration
		want  []time.Duration
	}{
		{"of a limit", channel.Calls{PerSecond: 2}, 0, at(0, 1, 2, 3)},
		{"of none, as often as it was called", channel.Calls{}, 100 * time.Millisecond, at(0, 0.2, 0.4, 0.6)},
		{"of none, called without a pause", channel.Calls{}, 0, at(0, 0.002, 0.004, 0.006)},
	} {
		turns := turns{calls: test.calls}
		turns.slow.throttled(began, began, test.gap)
		if got := begins(&turns, len(test.want)); !slices.Equal(got, test.want) {
			t.Errorf("%s: calls begin after %v, want %v", test.name, got, test.want)
		}
		if later := began.Add(recoverAfter); turns.take(later, false) != 0 || turns.slow.by != 1 {
			t.Errorf("%s: half a minute later it has 1/%d of the rate", test.name, turns.slow.by)
		}
	}
}
