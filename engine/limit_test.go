package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

// timed is a scripted channel that notes when it was called.
type timed struct {
	*scripted
	now func() time.Time

	mu    sync.Mutex
	calls map[string][]time.Time // by step
}

func (c *timed) note(step string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[step] = append(c.calls[step], c.now())
}

func (c *timed) Submit(ctx context.Context, i channel.Instruction) refund.Outcome {
	c.note("submit")
	return c.scripted.Submit(ctx, i)
}

func (c *timed) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	c.note("query")
	return c.scripted.Query(ctx, i)
}

// most is the most calls of a step that began within a second.
func (c *timed) most(step string) int {
	most := 0
	for n, from := range c.calls[step] {
		within := 0
		for _, at := range c.calls[step][n:] {
			if at.Sub(from) < time.Second {
				within++
			}
		}
		most = max(most, within)
	}
	return most
}

func (r *rig) sharing(connector channel.Connector) *engine.Engine {
	return engine.New(r.store, r.board, to(connector), engine.Options{Now: r.clock.Now, Log: quiet(), Turns: r.store, Alert: r.alert})
}

// Two engines on one database, as two replicas are, keep each limit together.
func TestReplicasKeepALimitTogether(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		fake.limits = channel.Limits{Submit: channel.Calls{PerSecond: 4}, Query: channel.Calls{PerSecond: 2}}
		fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: refund.OutcomeAccepted}
		}
		fake.query = func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{Kind: refund.OutcomeDone}
		}
		r := newRig(t, s, fake)
		there := &timed{scripted: fake, now: r.clock.Now, calls: map[string][]time.Time{}}
		engines := []*engine.Engine{r.sharing(there), r.sharing(there)}
		c := r.charge(1000)
		var ids []string
		for n := range 40 { // both take some over from the intake
			r.engine = engines[n%2]
			if n < 2 {
				r.startIntake()
			}
			ids = append(ids, r.accept(c.ID, 10).ID)
		}
		const tenth = 100 * time.Millisecond
		for range 60 * 10 {
			for _, e := range engines {
				r.steps(e)
			}
			r.clock.advance(tenth)
		}
		for step, want := range map[string]int{"submit": 4, "query": 2} {
			if got := there.most(step); got > want+1 { // a tenth of a second is this clock's grain
				t.Errorf("%d %s calls within a second, want %d", got, step, want)
			}
		}
		for _, id := range ids {
			if got := r.refund(id); got.State != refund.Succeeded {
				t.Fatalf("after a minute it is %s, due %s", got.State, got.DueAt)
			}
		}
		// A limit that is kept by calling hardly at all would pass, too.
		if took := there.calls["submit"][len(ids)-1].Sub(there.calls["submit"][0]); took > 15*time.Second {
			t.Errorf("40 submits at 4 a second took %s", took)
		}
	})
}

// noTurns is a database that hands out no turns.
type noTurns struct{ fail, none bool }

func (n *noTurns) TakeTurns(_ context.Context, _ engine.TurnKey, _ int, _, _ time.Duration, now, _ time.Time) (time.Time, bool, error) {
	if n.fail {
		return time.Time{}, false, errors.New("no answer")
	}
	return now, !n.none, nil
}

func TestCallsWaitWhileTurnsCannotBeTaken(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.limits = channel.Limits{Submit: channel.Calls{PerSecond: 1}}
	r := newRig(t, s, fake)
	turns := &noTurns{fail: true}
	r.engine = engine.New(s, r.board, to(fake), engine.Options{Now: r.clock.Now, Log: quiet(), Turns: turns})
	r.startIntake()
	rf := r.accept(r.charge(1000).ID, 100)
	r.run(3)
	if got := fake.said(); len(got) != 0 {
		t.Fatalf("calls %v without a turn", got)
	}
	turns.fail = false
	r.run(2)
	if got := r.refund(rf.ID); got.State != refund.Succeeded {
		t.Errorf("it is %s", got.State)
	}
}

// A refund whose turn would come after its lease is not claimed, and no turn is
// lost: the channel is called at its full rate.
func TestARefundWhoseTurnComesTooLateIsNotClaimed(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.limits = channel.Limits{Submit: channel.Calls{PerSecond: 1}}
	r := newRig(t, s, fake)
	c := r.charge(1000)
	r.accept(c.ID, 1)
	r.steps(r.engine)
	var waiting []string
	for range 30 {
		waiting = append(waiting, r.accept(c.ID, 1).ID)
	}
	r.steps(r.engine)
	left := 0
	for _, id := range waiting {
		if got := r.refund(id); got.LeaseUntil.IsZero() && got.State == refund.Created {
			left++
			if got.LeaseEpoch != 0 || !got.DueAt.Equal(got.CreatedAt) {
				t.Errorf("it was claimed %d times, and is due %s after it was accepted", got.LeaseEpoch, got.DueAt.Sub(got.CreatedAt))
			}
		}
	}
	if left < 20 || left > 25 {
		t.Errorf("%d of 30 were left unclaimed, at one call a second and 15 s to spare", left)
	}
	r.run(40)
	if got := len(fake.said()); got < 30 {
		t.Errorf("%d calls after 40 s at one a second: turns were lost", got)
	}
	for _, id := range waiting {
		if got := r.refund(id); got.State != refund.Succeeded {
			t.Errorf("it is %s", got.State)
		}
	}
}

func TestReroutesHaveALimitOfTheirOwn(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.limits = channel.Limits{Reroute: channel.Calls{PerSecond: 1, Burst: 2}}
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
		return refund.Outcome{Kind: refund.OutcomeAbnormal}
	}
	there := &rerouting{scripted: fake}
	r := newRig(t, s, there)
	c := r.charge(1000)
	turns := &noTurns{none: true}
	shared := engine.New(s, r.board, to(there), engine.Options{Now: r.clock.Now, Log: quiet(), Turns: turns})
	ids := []string{r.accept(c.ID, 10).ID, r.accept(c.ID, 10).ID, r.accept(c.ID, 10).ID, r.accept(c.ID, 10).ID}
	r.steps(r.engine)
	for n, id := range ids[:3] {
		if n == 2 {
			r.clock.advance(time.Second)
		}
		if _, err := r.engine.Reroute(t.Context(), r.owner, id, channel.Destination{Kind: channel.ToMerchant}, r.record("refund.reroute")); err != nil {
			t.Fatal(err)
		}
	}
	_, err := shared.Reroute(t.Context(), r.owner, ids[3], channel.Destination{Kind: channel.ToMerchant}, r.record("refund.reroute"))
	if refund.KindOf(err) != refund.KindBusy || there.rerouted != 3 {
		t.Errorf("without a turn: %v, after %d reroutes", err, there.rerouted)
	}
	if got := r.refund(ids[3]); got.State != refund.Abnormal || !got.LeaseUntil.IsZero() {
		t.Errorf("it is %s", got.State)
	}
}

// rerouting is a scripted channel that reroutes.
type rerouting struct {
	*scripted
	rerouted int
}

func (c *rerouting) Capabilities() channel.Capabilities { return channel.Capabilities{Reroute: true} }

func (c *rerouting) Reroute(context.Context, channel.Instruction, channel.Destination) refund.Outcome {
	c.rerouted++
	return refund.Outcome{Kind: refund.OutcomeDone}
}

func TestTurnsAreTakenByOneReplicaAtATime(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		now := newClock().Now()
		key := engine.TurnKey{MerchantID: "m", Account: fmt.Sprint("a", now), Step: refund.StepSubmit}
		const many = 20
		var takers sync.WaitGroup
		firsts := make([]time.Time, many)
		for n := range firsts {
			takers.Go(func() {
				first, ok, err := s.TakeTurns(t.Context(), key, 2, time.Second, 0, now, now.Add(time.Hour))
				if err != nil || !ok {
					t.Errorf("%v, %v", ok, err)
				}
				firsts[n] = first
			})
		}
		takers.Wait()
		slices.SortFunc(firsts, time.Time.Compare)
		for n, first := range firsts {
			if want := now.Add(time.Duration(2*n) * time.Second); !first.Equal(want) {
				t.Errorf("block %d begins after %s, want %s", n, first.Sub(now), want.Sub(now))
			}
		}
		if _, ok, err := s.TakeTurns(t.Context(), key, 1, time.Second, 0, now, now.Add(many*2*time.Second-1)); ok || err != nil {
			t.Errorf("beyond the latest time a turn was taken: %v, %v", ok, err)
		}
		key.Step = refund.StepQuery
		if first, ok, err := s.TakeTurns(t.Context(), key, 3, time.Second, 2*time.Second, now, now); err != nil || !ok || !first.Equal(now.Add(-2*time.Second)) {
			t.Errorf("a burst of three begins %s before now: %v, %v", now.Sub(first), ok, err)
		}
	})
}
