package batch_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/refundry/refundry/batch"
)

// lane is the hundreds of an item, weight its last digit.
func inLanes(opts batch.Options[int]) batch.Options[int] {
	opts.Lane = func(item int) string { return string(rune('a' + item/100)) }
	opts.Weight = func(item int) int { return item % 10 }
	return opts
}

// Lanes that are apart are flushed beside each other, each with one flush at once; a
// worker that finds only lanes that have one waits for the end of one.
func TestLanesThatAreApartShareNoFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &slow{}
		g := batch.New(inLanes(batch.Options[int]{MaxItems: 2, Workers: 2, Apart: true}), s.flush)
		stop := run(g)
		defer stop()
		synctest.Wait()
		answers := ask(g, 100, 101, 102, 103, 201, 301, 202)
		if _, errs := answers(); errors.Join(errs...) != nil {
			t.Error(errs)
		}
		want := [][]int{{100}, {201}, {101, 102}, {301}, {103}, {202}}
		got := slices.Clone(s.batches)
		slices.SortFunc(got[2:4], slices.Compare) // they begin at once
		slices.SortFunc(got[4:], slices.Compare)
		if !slices.EqualFunc(got, want, slices.Equal[[]int]) || s.most != 2 {
			t.Errorf("batches %v, want %v; at most %d at once", got, want, s.most)
		}
	})
}

func TestLanesTakeTurnsAndKeepTheirOrder(t *testing.T) {
	for name, test := range map[string]struct {
		opts  batch.Options[int]
		items []int // the first is flushed at once, alone
		want  [][]int
	}{
		"one item of each lane before the second of any": {
			batch.Options[int]{MaxItems: 3},
			[]int{100, 101, 102, 103, 201, 301, 202},
			[][]int{{100}, {101, 201, 301}, {102, 202, 103}},
		},
		"a lane that comes back comes last": {
			batch.Options[int]{MaxItems: 2},
			[]int{100, 101, 102, 103, 201, 202},
			[][]int{{100}, {101, 201}, {102, 202}, {103}},
		},
		"a flush ends before its weight is too large": {
			batch.Options[int]{MaxItems: 10, MaxWeight: 9},
			[]int{100, 105, 204, 103, 301},
			[][]int{{100}, {105, 204}, {301, 103}},
		},
		"what is heavier than a flush may be is flushed alone": {
			batch.Options[int]{MaxItems: 10, MaxWeight: 4},
			[]int{100, 109, 202, 209},
			[][]int{{100}, {109}, {202}, {209}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &slow{}
				g := batch.New(inLanes(test.opts), s.flush)
				answers := ask(g, test.items[0])
				stepped := make(chan struct{})
				go func() { defer close(stepped); g.Step(context.Background()) }()
				synctest.Wait()
				more := ask(g, test.items[1:]...)
				<-stepped
				for g.Step(t.Context()) > 0 {
				}
				answers()
				more()
				if !slices.EqualFunc(s.batches, test.want, slices.Equal[[]int]) {
					t.Errorf("batches %v, want %v", s.batches, test.want)
				}
			})
		})
	}
}

// However many lanes crowd in, there is room for one that comes later.
func TestALaneHasNoMoreThanTheRoomThatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const room = 120
		g := batch.New(inLanes(batch.Options[int]{MaxItems: 1000, MaxQueued: room}), (&slow{}).flush)
		queued := make(map[int]int)
		for lane := range 5 {
			for range room {
				before := g.Len()
				go func() { _, _ = g.Do(context.Background(), 100*lane) }()
				synctest.Wait()
				queued[lane] += g.Len() - before
			}
		}
		if queued[0] != room/2 || queued[1] == 0 || queued[4] == 0 {
			t.Errorf("queued %v, want half of the room for the first, and some for each other", queued)
		}
		before := g.Len()
		go func() { _, _ = g.Do(context.Background(), 900) }()
		synctest.Wait()
		if g.Len() != before+1 {
			t.Errorf("no room for one that comes later: %d wait of %d", g.Len(), room)
		}
		if _, err := g.Do(t.Context(), 0); !errors.Is(err, batch.ErrBusy) {
			t.Errorf("one more of a lane that is full: %v", err)
		}
		for g.Step(t.Context()) > 0 {
		}
	})
}

func TestHowLongTheOldestOfAllLanesHasWaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := batch.New(inLanes(batch.Options[int]{MaxItems: 1}), (&slow{}).flush)
		check := func(want time.Duration) {
			t.Helper()
			if got := g.Oldest(); got != want {
				t.Errorf("the oldest has waited for %v, want %v", got, want)
			}
		}
		check(0)
		answers := ask(g, 100)
		time.Sleep(3 * time.Second)
		answers2 := ask(g, 200, 101)
		time.Sleep(time.Second)
		check(4 * time.Second)
		g.Step(t.Context()) // takes a second
		check(2 * time.Second)
		for g.Step(t.Context()) > 0 {
		}
		check(0)
		answers()
		answers2()
	})
}
