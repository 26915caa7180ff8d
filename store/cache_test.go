package store

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)

func give(value int) func(context.Context) (int, error) {
	return func(context.Context) (int, error) { return value, nil }
}

func TestAnEntryIsGivenFromMemoryUntilItsLifeIsOver(t *testing.T) {
	var c cache[string, int]
	for _, step := range []struct {
		after time.Duration
		load  int
		want  int
	}{{0, 1, 1}, {entryLife - 1, 2, 1}, {entryLife, 3, 3}, {-time.Hour, 4, 4}} {
		got, err := c.get(t.Context(), "k", start.Add(step.after), give(step.load))
		if err != nil || got != step.want {
			t.Errorf("after %v: %d, %v; want %d", step.after, got, err, step.want)
		}
	}
}

func TestAFailureIsNotKept(t *testing.T) {
	var c cache[string, int]
	broken := errors.New("broken")
	if _, err := c.get(t.Context(), "k", start, func(context.Context) (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	if got, err := c.get(t.Context(), "k", start, give(1)); got != 1 || err != nil {
		t.Errorf("%d, %v", got, err)
	}
}

func TestOneFetchesAnOldEntryAndTheOthersGoOnWithIt(t *testing.T) {
	var c cache[string, int]
	if _, err := c.get(t.Context(), "k", start, give(1)); err != nil {
		t.Fatal(err)
	}
	later := start.Add(entryLife)
	fetching, release := make(chan struct{}), make(chan struct{})
	var slow sync.WaitGroup
	slow.Go(func() {
		_, _ = c.get(t.Context(), "k", later, func(context.Context) (int, error) {
			close(fetching)
			<-release
			return 2, nil
		})
	})
	<-fetching
	if got, _ := c.get(t.Context(), "k", later, give(3)); got != 1 {
		t.Errorf("got %d: every caller fetches at once", got)
	}
	if got, _ := c.get(t.Context(), "k", start.Add(staleLife), give(4)); got != 4 {
		t.Errorf("got %d: an entry is given for ever while a fetch hangs", got)
	}
	close(release)
	slow.Wait()
}

func TestACacheIsBounded(t *testing.T) {
	var c cache[string, int]
	for n := range 2 * maxEntries {
		if _, err := c.get(t.Context(), strconv.Itoa(n), start, give(n)); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.entries) > maxEntries {
		t.Errorf("it holds %d entries", len(c.entries))
	}
}
