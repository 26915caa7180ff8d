package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
)

// begins lists when n calls begin, of which each is made as soon as it may be.
func begins(turns *turns, n int) []time.Duration {
	now := time.UnixMicro(1_000_000_000)
	at := now
	var out []time.Duration
	for len(out) < n {
		if wait := turns.take(at, false); wait > 0 {
			at = at.Add(wait)
			continue
		}
		out = append(out, at.Sub(now))
	}
	return out
}

func TestTurnsKeepTheRateAndTheBurst(t *testing.T) {
	for _, test := range []struct {
		name  string
		calls channel.Calls
		want  []time.Duration
	}{
		{"any rate", channel.Calls{}, []time.Duration{0, 0, 0}},
		{"two a second", channel.Calls{PerSecond: 2}, []time.Duration{0, 500 * time.Millisecond, time.Second}},
		{"three a second, rounded up", channel.Calls{PerSecond: 3}, []time.Duration{0, 333334 * time.Microsecond, 666668 * time.Microsecond}},
		{"two a second and three at once", channel.Calls{PerSecond: 2, Burst: 3}, []time.Duration{0, 0, 0, 500 * time.Millisecond, time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := begins(&turns{calls: test.calls}, len(test.want)); !slices.Equal(got, test.want) {
				t.Errorf("calls begin after %v, want %v", got, test.want)
			}
		})
	}
}

func TestATurnThatIsGivenBackIsTheNextOne(t *testing.T) {
	now := time.UnixMicro(1_000_000_000)
	for _, shared := range []bool{false, true} {
		turns := turns{calls: channel.Calls{PerSecond: 1}, slots: []time.Time{now, now.Add(time.Second)}}
		if wait := turns.take(now, shared); wait != 0 {
			t.Fatalf("the first waits %s", wait)
		}
		turns.giveBack(now, shared)
		if wait := turns.take(now, shared); wait != 0 {
			t.Errorf("shared %v: after it was given back it waits %s", shared, wait)
		}
		if wait := turns.take(now, shared); wait != time.Second {
			t.Errorf("shared %v: the next waits %s", shared, wait)
		}
	}
}

func TestASharedTurnThatWasNotUsedInItsTimeIsLost(t *testing.T) {
	now := time.UnixMicro(1_000_000_000)
	turns := turns{calls: channel.Calls{PerSecond: 1}, slots: []time.Time{now.Add(-3 * time.Second), now.Add(-2 * time.Second), now.Add(time.Second)}}
	if wait := turns.take(now, true); wait != time.Second {
		t.Errorf("it waits %s: what was not used long ago is used now", wait)
	}
}
