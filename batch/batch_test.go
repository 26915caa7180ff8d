package batch_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/batch"
)

// slow is a flush that takes a second and remembers its batches; each item is
// answered with its double.
type slow struct {
	mu      sync.Mutex
	batches [][]int
	most    int // flushes that were under way at once
	now     int
}

func (s *slow) flush(_ context.Context, items []int) []batch.Result[int] {
	s.mu.Lock()
	s.batches = append(s.batches, items)
	s.now++
	s.most = max(s.most, s.now)
	s.mu.Unlock()
	<-time.After(time.Second)
	s.mu.Lock()
	s.now--
	s.mu.Unlock()
	results := make([]batch.Result[int], len(items))
	for n, item := range items {
		results[n].Value = 2 * item
	}
	return results
}

// run runs a group until stop is called, which waits for its end.
func run(g *batch.Group[int, int]) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

// ask puts items into the group, one after the other, and gives a function
// that waits for the answers.
func ask(g *batch.Group[int, int], items ...int) (answers func() ([]int, []error)) {
	values, errs := make([]int, len(items)), make([]error, len(items))
	var asking sync.WaitGroup
	for n, item := range items {
		asking.Go(func() { values[n], errs[n] = g.Do(context.Background(), item) })
		synctest.Wait() // it is queued, or under way
	}
	return func() ([]int, []error) {
		asking.Wait()
		return values, errs
	}
}

func TestALoneItemIsFlushedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 10}, s.flush)
		stop := run(g)
		defer stop()
		synctest.Wait() // idle
		began := time.Now()
		value, err := g.Do(t.Context(), 21)
		if took := time.Since(began); value != 42 || err != nil || took != time.Second {
			t.Errorf("%d, %v after %s; want 42 after the flush's second and no more", value, err, took)
		}
	})
}

func TestWhatArrivesDuringAFlushGoesTogetherWithTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 3}, s.flush)
		stop := run(g)
		defer stop()
		values, errs := ask(g, 1, 2, 3, 4, 5)()
		if !slices.Equal(values, []int{2, 4, 6, 8, 10}) || errors.Join(errs...) != nil {
			t.Errorf("%v, %v", values, errs)
		}
		want := [][]int{{1}, {2, 3, 4}, {5}}
		if !slices.EqualFunc(s.batches, want, slices.Equal[[]int]) {
			t.Errorf("batches %v, want %v", s.batches, want)
		}
	})
}

func TestAnItemBeyondMaxQueuedIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 10, MaxQueued: 2}, s.flush)
		stop := run(g)
		defer stop()
		answers := ask(g, 1, 2, 3) // one under way, two waiting
		if g.Len() != 2 {
			t.Errorf("%d wait, want 2", g.Len())
		}
		if _, err := g.Do(t.Context(), 4); !errors.Is(err, batch.ErrBusy) {
			t.Errorf("the fourth: %v, want busy", err)
		}
		if _, errs := answers(); errors.Join(errs...) != nil {
			t.Error(errs)
		}
		if value, err := g.Do(t.Context(), 5); value != 10 || err != nil {
			t.Errorf("when there is room again: %d, %v", value, err)
		}
	})
}

func TestAnItemThatWaitedTooLongIsBusyAndNotFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 10, MaxWait: 500 * time.Millisecond}, s.flush)
		stop := run(g)
		defer stop()
		early := ask(g, 1, 2) // 2 waits for a second
		<-time.After(700 * time.Millisecond)
		late := ask(g, 3) // 3 waits for 300 ms
		if _, errs := early(); errs[0] != nil || !errors.Is(errs[1], batch.ErrBusy) {
			t.Errorf("%v, want the second busy", errs)
		}
		if values, errs := late(); values[0] != 6 || errs[0] != nil {
			t.Errorf("%v, %v", values, errs)
		}
		if want := [][]int{{1}, {3}}; !slices.EqualFunc(s.batches, want, slices.Equal[[]int]) {
			t.Errorf("batches %v, want %v", s.batches, want)
		}
	})
}

func TestAFlushThatBreaksOffAnswersAllItsItems(t *testing.T) {
	for name, flush := range map[string]batch.Flush[int, int]{
		"panics":           func(context.Context, []int) []batch.Result[int] { panic("a fault") },
		"answers too few":  func(context.Context, []int) []batch.Result[int] { return nil },
		"answers too many": func(_ context.Context, i []int) []batch.Result[int] { return make([]batch.Result[int], len(i)+1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := batch.New(batch.Options[int]{MaxItems: 10}, flush)
				var asking sync.WaitGroup
				errs := make([]error, 3)
				for n := range errs {
					asking.Go(func() { _, errs[n] = g.Do(t.Context(), n) })
				}
				synctest.Wait()
				if took := g.Step(t.Context()); took != 3 {
					t.Errorf("took %d", took)
				}
				asking.Wait()
				for _, err := range errs {
					if !errors.Is(err, batch.ErrBroken) {
						t.Errorf("%v, want broken", err)
					}
				}
				if name == "panics" && !strings.Contains(errs[0].Error(), "a fault") {
					t.Errorf("%v does not say what happened", errs[0])
				}
			})
		})
	}
}

func TestRunEndsWhenWhatWasQueuedIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 2}, s.flush)
		stop := run(g)
		answers := ask(g, 1, 2, 3, 4, 5)
		began := time.Now()
		stop()
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("Run ended after %s, want the 3 s of its three flushes", took)
		}
		if values, errs := answers(); !slices.Equal(values, []int{2, 4, 6, 8, 10}) || errors.Join(errs...) != nil {
			t.Errorf("%v, %v", values, errs)
		}
		if _, err := g.Do(t.Context(), 6); !errors.Is(err, batch.ErrBusy) {
			t.Errorf("after the end: %v, want busy", err)
		}
	})
}

// Callers that never pause must not keep a group from ending.
func TestRunEndsUnderSteadyLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 4}, s.flush)
		stop := run(g)
		var asking sync.WaitGroup
		for range 16 {
			asking.Go(func() {
				for {
					if _, err := g.Do(context.Background(), 1); err != nil {
						return
					}
				}
			})
		}
		<-time.After(10 * time.Second)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Run ended after %s", took)
		}
		asking.Wait()
	})
}

func TestWorkersFlushSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 1, Workers: 3}, s.flush)
		stop := run(g)
		defer stop()
		answers := ask(g, 1, 2, 3, 4, 5, 6)
		began := time.Now()
		answers()
		if took := time.Since(began); s.most != 3 || took != 2*time.Second {
			t.Errorf("%d flushes at once, %s in all; want 3 and 2 s", s.most, took)
		}
	})
}

func TestAnotherFlushBeginsOnlyForACrowd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 10, Workers: 3, Crowd: 3}, s.flush)
		stop := run(g)
		defer stop()
		answers := ask(g, 1, 2, 3) // 2 and 3 are no crowd
		if len(s.batches) != 1 || g.Len() != 2 {
			t.Errorf("batches %v, %d wait", s.batches, g.Len())
		}
		more := ask(g, 4, 5) // with 4 they are, and 5 waits again
		if len(s.batches) != 2 || g.Len() != 1 {
			t.Errorf("batches %v, %d wait", s.batches, g.Len())
		}
		answers()
		more()
		if want := [][]int{{1}, {2, 3, 4}, {5}}; !slices.EqualFunc(s.batches, want, slices.Equal[[]int]) {
			t.Errorf("batches %v, want %v", s.batches, want)
		}
	})
}

func TestAContextThatHasEndedQueuesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := batch.New(batch.Options[int]{MaxItems: 1}, (&slow{}).flush)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := g.Do(ctx, 1); !errors.Is(err, context.Canceled) || g.Len() != 0 {
			t.Errorf("%v, %d wait", err, g.Len())
		}
	})
}

// Who asks is told what became of the item, even after giving up.
func TestAnItemThatIsQueuedIsAnsweredWhateverItsContextSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := batch.New(batch.Options[int]{MaxItems: 1}, (&slow{}).flush)
		stop := run(g)
		defer stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if value, err := g.Do(ctx, 4); value != 8 || err != nil {
			t.Errorf("%d, %v", value, err)
		}
	})
}

// Who only asks may give up; nothing is done for it then, and the others are answered.
func TestAnAskerThatLeavesIsNotFlushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 10}, s.flush)
		stop := run(g)
		defer stop()
		answers := ask(g, 1)
		ctx, cancel := context.WithCancel(t.Context())
		var asking sync.WaitGroup
		asking.Go(func() {
			if _, err := g.Ask(ctx, 2, time.Hour); !errors.Is(err, context.Canceled) {
				t.Errorf("given up: %v", err)
			}
		})
		asking.Go(func() {
			if _, err := g.Ask(t.Context(), 3, 100*time.Millisecond); !errors.Is(err, batch.ErrLate) {
				t.Errorf("waited for too long: %v", err)
			}
		})
		asking.Go(func() {
			if value, err := g.Ask(t.Context(), 4, time.Hour); value != 8 || err != nil {
				t.Errorf("%d, %v", value, err)
			}
		})
		synctest.Wait()
		cancel()
		answers()
		asking.Wait()
		if want := [][]int{{1}, {4}}; !slices.EqualFunc(s.batches, want, slices.Equal[[]int]) {
			t.Errorf("batches %v, want %v", s.batches, want)
		}
		if _, err := g.Ask(ctx, 5, time.Hour); !errors.Is(err, context.Canceled) || g.Len() != 0 {
			t.Errorf("%v, %d wait", err, g.Len())
		}
	})
}

// One that does its item's work itself is a flush to those who come meanwhile.
func TestOneThatEntersIsAFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(batch.Options[int]{MaxItems: 10, Crowd: 3}, s.flush)
		stop := run(g)
		defer stop()
		if !g.Enter() || g.Enter() {
			t.Fatal("one may enter, and one alone")
		}
		answers := ask(g, 1, 2)
		if g.Len() != 2 {
			t.Errorf("%d wait, want 2", g.Len())
		}
		g.Leave()
		if values, errs := answers(); !slices.Equal(values, []int{2, 4}) || errors.Join(errs...) != nil {
			t.Errorf("%v, %v", values, errs)
		}
		if want := [][]int{{1, 2}}; !slices.EqualFunc(s.batches, want, slices.Equal[[]int]) {
			t.Errorf("batches %v, want %v", s.batches, want)
		}
		synctest.Wait()
		if !g.Enter() {
			t.Error("nobody may enter afterwards")
		}
		g.Leave()
	})
}

// A group that ends answers what waits, though one that entered has not left.
func TestRunEndsBesideOneThatEntered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := batch.New(batch.Options[int]{MaxItems: 10, Crowd: 5}, (&slow{}).flush)
		stop := run(g)
		synctest.Wait()
		if !g.Enter() {
			t.Fatal("nobody may enter")
		}
		answers := ask(g, 1, 2)
		stop()
		if values, errs := answers(); !slices.Equal(values, []int{2, 4}) || errors.Join(errs...) != nil {
			t.Errorf("%v, %v", values, errs)
		}
		g.Leave()
		if _, err := g.Ask(t.Context(), 3, time.Hour); !errors.Is(err, batch.ErrEnded) || !errors.Is(err, batch.ErrBusy) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// With a pause, a lone item is flushed at once, and what comes until the pause is over
// goes with the next flush; the end waits for no pause.
func TestWhatComesInThePauseIsFlushedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s slow
		g := batch.New(batch.Options[int]{MaxItems: 100, Pause: time.Minute}, s.flush)
		ctx, cancel := context.WithCancel(t.Context())
		var running, asking sync.WaitGroup
		running.Go(func() { g.Run(ctx) })
		start := time.Now()
		if got, err := g.Do(t.Context(), 1); err != nil || got != 2 || time.Since(start) != time.Second {
			t.Errorf("the first is %d, %v, after %v", got, err, time.Since(start))
		}
		for _, item := range []int{2, 3} {
			time.Sleep(time.Second)
			asking.Go(func() {
				if got, err := g.Do(t.Context(), item); err != nil || got != 2*item {
					t.Errorf("%d is %d, %v", item, got, err)
				}
			})
		}
		asking.Wait()
		if since := time.Since(start); len(s.batches) != 2 || len(s.batches[1]) != 2 || since != time.Minute+2*time.Second {
			t.Errorf("flushed %v within %v", s.batches, since)
		}
		cancel()
		running.Wait()
		if since := time.Since(start); since != time.Minute+2*time.Second {
			t.Errorf("ended after %v", since)
		}
	})
}
