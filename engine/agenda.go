package engine

import (
	"container/heap"
	"slices"
	"time"
)

const (
	// agendaGrain is how exactly due times are remembered. They are rounded up,
	// so that refunds which are due together are looked for once.
	agendaGrain = 10 * time.Millisecond
	// agendaAhead is how far ahead; what is due later is found by the poll.
	agendaAhead = time.Minute
	// maxAgenda bounds the times: a minute of the grain.
	maxAgenda = int(agendaAhead / agendaGrain)
)

// agenda remembers when refunds that were at this engine are due again, so
// that a wait of a second is not made longer by the poll.
type agenda struct {
	times heapOfTimes
	known map[int64]bool
}

func newAgenda() agenda { return agenda{known: make(map[int64]bool)} }

func (a *agenda) add(due, now time.Time) {
	if due.IsZero() || due.Sub(now) > agendaAhead || len(a.times) > maxAgenda {
		return
	}
	grain := agendaGrain.Microseconds()
	at := (due.UnixMicro() + grain - 1) / grain * grain
	if !a.known[at] {
		a.known[at] = true
		heap.Push(&a.times, at)
	}
}

// pass forgets the times up to now.
func (a *agenda) pass(now time.Time) {
	for len(a.times) > 0 && a.times[0] <= now.UnixMicro() {
		delete(a.known, a.times[0])
		heap.Pop(&a.times)
	}
}

// first is the next time, and false when there is none.
func (a *agenda) first() (time.Time, bool) {
	if len(a.times) == 0 {
		return time.Time{}, false
	}
	return time.UnixMicro(a.times[0]), true
}

// heapOfTimes holds microseconds, the least first.
type heapOfTimes []int64

func (h heapOfTimes) Len() int           { return len(h) }
func (h heapOfTimes) Less(i, j int) bool { return h[i] < h[j] }
func (h heapOfTimes) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *heapOfTimes) Push(x any)        { *h = append(*h, x.(int64)) }
func (h *heapOfTimes) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = slices.Delete(*h, last, last+1)
	return x
}
