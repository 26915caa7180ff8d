package engine_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/engine"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
	"github.com/refundry/refundry/store/storetest"
)

func TestAStopFinishesCallsAndGivesBackWhatWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		noLeak(t)
		fake := newScripted()
		fake.limits = channel.Limits{Concurrent: 1}
		began, finish := make(chan struct{}, 8), make(chan struct{})
		fake.submit = func(_ context.Context, i channel.Instruction) refund.Outcome {
			began <- struct{}{}
			<-finish
			return fake.move(i)
		}
		r := newRig(t, s, fake)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { defer close(ended); r.engine.Run(ctx) }()
		c := r.charge(1000)
		called := r.accept(c.ID, 100)
		<-began
		waiting := r.accept(c.ID, 200)
		cancel()
		waitFor(t, func() bool { return r.refund(waiting.ID).LeaseUntil.IsZero() })
		if room(r.engine) != 0 {
			t.Error("an engine that stops takes refunds")
		}
		close(finish)
		<-ended
		if got := r.refund(called.ID); got.State != refund.Succeeded {
			t.Errorf("the refund that was being called is %s", got.State)
		}
		got := r.refund(waiting.ID)
		if got.State != refund.Created || got.DueAt.After(r.clock.Now()) || got.Unknown {
			t.Errorf("the refund that waited is %s, due %s, unknown %v; want created and due now", got.State, got.DueAt, got.Unknown)
		}
		// Another process carries it without asking first: nothing was sent.
		fake.submit = nil
		r.steps(r.newEngine(fake))
		if diff := cmp.Diff([]string{"submit", "submit"}, fake.said()); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestARunningEngineTellsWhoWaits(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		noLeak(t)
		r := newRig(t, s, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var loops sync.WaitGroup
		loops.Go(func() { r.engine.Run(ctx) })
		loops.Go(func() { r.sandbox.Run(ctx) })
		c := r.charge(1000)
		result, err := r.intake.Accept(t.Context(), unit(r.owner, c.ID, 100), 30*time.Second)
		if err != nil || result.Refunds[0].State != refund.Succeeded || result.Charges[c.ID].Refunded != 100 {
			t.Errorf("result %+v, %v; want succeeded", result, err)
		}
		// The notices of a 57 are taken although nobody asks for them.
		mixed := r.accept(c.ID, 57)
		waitFor(t, func() bool { return r.refund(mixed.ID).State == refund.Succeeded })
		cancel()
		loops.Wait()
	})
}

func TestAConnectorThatBreaksOffLeavesTheOutcomeUnknown(t *testing.T) {
	late := func(kind refund.OutcomeKind) func(context.Context, channel.Instruction) refund.Outcome {
		return func(ctx context.Context, _ channel.Instruction) refund.Outcome {
			if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > channel.CallTimeout {
				panic("the call has no deadline")
			}
			return refund.Outcome{Kind: kind}
		}
	}
	cases := map[string]struct {
		submit func(context.Context, channel.Instruction) refund.Outcome
		want   string
	}{
		"a panic is unknown":                {func(context.Context, channel.Instruction) refund.Outcome { panic("nil map") }, "submit unknown"},
		"an answer without a kind is":       {late(""), "submit unknown"},
		"an answer of a kind we don't know": {late("maybe"), "submit unknown"},
		"an answer of a kind we know is it": {late(refund.OutcomeTryLater), "submit try_later"},
	}
	s := storetest.Open(t, storetest.SQLite(t))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			fake := newScripted()
			fake.submit = c.submit
			r := newRig(t, s, fake)
			rf := r.accept(r.charge(1000).ID, 100)
			r.steps(r.engine)
			if got := r.attempts(rf.ID); len(got) != 1 || got[0] != c.want {
				t.Errorf("attempts %v, want %s", got, c.want)
			}
			fake.submit = nil
			r.run(5)
			if got := r.refund(rf.ID); got.State != refund.Succeeded {
				t.Errorf("it ends %s", got.State)
			}
			if asked := slices.Contains(fake.said(), "query"); asked != strings.HasSuffix(c.want, "unknown") {
				t.Errorf("calls %v", fake.said())
			}
		})
	}
}

func TestTextsThatNoDatabaseKeepsAreCleaned(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
			return refund.Outcome{
				Kind: refund.OutcomeRefused, Code: "A\x00B", Message: "broken \xff" + strings.Repeat("é", 1000), ChannelRefundID: "x\x00",
			}
		}
		r := newRig(t, s, fake)
		rf := r.accept(r.charge(1000).ID, 100)
		r.steps(r.engine)
		got := r.refund(rf.ID)
		if got.State != refund.Failed || got.FailureCode != "AB" || len(got.FailureMessage) > 1024 {
			t.Errorf("state %s, code %q, message of %d bytes", got.State, got.FailureCode, len(got.FailureMessage))
		}
	})
}

func TestLimitsOfAnAccountAreKept(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.limits = channel.Limits{Concurrent: 4, Submit: channel.Calls{PerSecond: 2}}
	r := newRig(t, s, fake)
	c := r.charge(1000)
	for range 10 {
		r.accept(c.ID, 10)
	}
	for second, want := range []int{1, 3, 5, 7, 9, 10} {
		r.steps(r.engine)
		if got := len(fake.said()); got != want {
			t.Fatalf("%d calls after %d s at 2 a second, want %d", got, second, want)
		}
		r.clock.advance(500 * time.Millisecond)
		r.steps(r.engine)
		r.clock.advance(500 * time.Millisecond)
	}
}

// picky is a store that can't record what is said of one refund.
type picky struct {
	*store.Store
	guilty string
}

func (p *picky) Record(ctx context.Context, words []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error) {
	if slices.ContainsFunc(words, func(w refund.Report) bool { return w.ID == p.guilty }) {
		return nil, errors.New("the row can't be written")
	}
	return p.Store.Record(ctx, words, wait, decide)
}

func TestOneRefundThatCannotBeRecordedHoldsUpNoOther(t *testing.T) {
	s := &picky{Store: storetest.Open(t, storetest.SQLite(t))}
	fake := newScripted()
	r := newRig(t, s.Store, fake)
	r.engine = engine.New(s, r.board, to(fake), engine.Options{Now: r.clock.Now, Log: quiet()})
	r.startIntake()
	c := r.charge(1000)
	var good []string
	guilty := []string{r.accept(c.ID, 1).ID}
	for n := range 20 {
		good = append(good, r.accept(c.ID, 10).ID)
		if n == 10 {
			guilty = append(guilty, r.accept(c.ID, 2).ID)
			s.guilty = guilty[1]
		}
	}
	for r.engine.StepCall(t.Context()) {
	}
	record := func() (n int) {
		t.Helper()
		n, err := r.engine.StepRecord(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	if got := record(); got != 21 {
		t.Errorf("%d outcomes were recorded in one step, want all but the guilty one", got)
	}
	for _, id := range good {
		if got := r.refund(id); got.State != refund.Succeeded {
			t.Fatalf("refund %s is %s", id, got.State)
		}
	}
	for range 3 { // alone, further and further apart
		if got := record(); got != 0 {
			t.Fatal("the guilty one was recorded, so this test shows nothing")
		}
		r.clock.advance(4 * time.Second)
	}
	// Then it is set apart for a while, and room is free again.
	if _, _, left := r.engine.Depth(); left != 0 || r.engine.SetAside() != 1 {
		t.Errorf("%d outcomes still wait, %d were set apart", left, r.engine.SetAside())
	}
	if got := r.refund(guilty[1]); got.DueAt.Sub(r.clock.Now()) < 14*time.Minute || got.LeaseUntil.IsZero() {
		t.Errorf("it is due %s from now, lease until %s", got.DueAt.Sub(r.clock.Now()), got.LeaseUntil)
	}
	roomIsFree(t, r.engine)
	// When it can be recorded, the channel is asked first.
	s.guilty = ""
	r.clock.advance(15 * time.Minute)
	r.run(1)
	if got := r.refund(guilty[1]); got.State != refund.Succeeded || fake.said()[len(fake.said())-1] != "query" {
		t.Errorf("it ends %s, after %v", got.State, fake.said())
	}
}

// roomIsFree fails unless an engine without work can take all that an empty
// one can.
func roomIsFree(t *testing.T, e *engine.Engine) {
	t.Helper()
	most := room(engine.New(nil, intake.NewBoard(), nil, engine.Options{}))
	if got := room(e); got != most {
		t.Errorf("room for %d refunds is left of %d", got, most)
	}
}

// room is for how many refunds of as many accounts the engine has room.
func room(e *engine.Engine) int {
	reserved := fill(e)
	e.Release(reserved)
	return len(reserved)
}

// fill reserves all the room that the intake may have.
func fill(e *engine.Engine) (reserved []refund.AccountKey) {
	for n := range engine.DefaultQueue {
		key := refund.AccountKey{MerchantID: fmt.Sprint("m", n), ID: fmt.Sprint("a", n)}
		if e.Reserve([]refund.AccountKey{key})[0].Room {
			reserved = append(reserved, key)
		}
	}
	return reserved
}

// lossy is a store whose next commits' results are unknown.
type lossy struct {
	*store.Store
	lose int
}

func (l *lossy) Record(ctx context.Context, words []refund.Report, wait bool, decide func(refund.Charge, refund.Refund, refund.Report) refund.Change) ([]refund.Posted, error) {
	posted, err := l.Store.Record(ctx, words, wait, decide)
	if l.lose > 0 && err == nil {
		l.lose--
		return nil, refund.ErrCommitUnknown
	}
	return posted, err
}

func TestACommitWhoseResultIsUnknownIsRecordedAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		r.engine = engine.New(&lossy{s, 2}, r.board, to(fake),
			engine.Options{Now: r.clock.Now, Log: quiet()})
		r.startIntake()
		c := r.charge(1000)
		rf := r.accept(c.ID, 100)
		r.steps(r.engine)
		got, charge := r.refund(rf.ID), r.chargeNow(c.ID)
		if got.State != refund.Succeeded || charge.Refunded != 100 || charge.Reserved != 0 || !got.DueAt.IsZero() {
			t.Errorf("state %s, refunded %d, reserved %d, due %s", got.State, charge.Refunded, charge.Reserved, got.DueAt)
		}
		if diff := cmp.Diff([]string{"refund.created", "refund.succeeded"}, events(t, r, rf.ID)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
		if n := len(fake.said()); n != 1 {
			t.Errorf("%d calls", n)
		}
		roomIsFree(t, r.engine)
	})
}

func TestJitterIsBounded(t *testing.T) {
	s := storetest.Open(t, storetest.SQLite(t))
	fake := newScripted()
	fake.submit = func(context.Context, channel.Instruction) refund.Outcome {
		return refund.Outcome{Kind: refund.OutcomeAccepted}
	}
	r := newRig(t, s, fake)
	r.engine = engine.New(s, r.board, to(fake),
		engine.Options{Now: r.clock.Now, Log: quiet(), Jitter: func(time.Duration) time.Duration { return time.Hour }})
	r.startIntake()
	rf := r.accept(r.charge(1000).ID, 100)
	r.steps(r.engine)
	wait := r.refund(rf.ID).DueAt.Sub(r.clock.Now()).Round(time.Millisecond)
	if wait != 1100*time.Millisecond {
		t.Errorf("due after %s, want the back-off of 1 s and a tenth", wait)
	}
}

// Recorded is called when the events are in the database, not before.
func TestRecordedIsCalledAfterTheCommit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		fake := newScripted()
		r := newRig(t, s, fake)
		var refundID string
		var seen [][]string
		r.engine = engine.New(s, r.board, to(fake),
			engine.Options{Now: r.clock.Now, Log: quiet(), Recorded: func() { seen = append(seen, events(t, r, refundID)) }})
		r.startIntake()
		refundID = r.accept(r.charge(1000).ID, 100).ID
		r.steps(r.engine)
		if diff := cmp.Diff([][]string{{"refund.created", "refund.succeeded"}}, seen); diff != "" {
			t.Errorf("events at each call (-want +got):\n%s", diff)
		}
	})
}
