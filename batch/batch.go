// Package batch gathers what many callers want done into one flush at a time:
// while one flush is under way, what arrives waits and goes with the next.
// There is no timer: an idle group flushes a lone item at once.
package batch

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// ErrBusy says that an item was not taken: the queue was full, the item had
// waited too long in it, or the group has ended. Nothing was done with it.
var ErrBusy = errors.New("too many are waiting")

// ErrEnded is ErrBusy for what came after the group's end.
var ErrEnded = fmt.Errorf("%w: the group has ended", ErrBusy)

// ErrLate says that an item of Ask was waited for too long. It may have been
// flushed, or may still be.
var ErrLate = errors.New("the flush takes too long")

// ErrBroken says that the flush panicked with the item in it: what became of
// the item is not known.
var ErrBroken = errors.New("the flush broke off")

// Options of a group.
type Options[T any] struct {
	// MaxItems is the most items of one flush, at least 1.
	MaxItems int
	// MaxWeight bounds the sum of Weight of one flush's items; a heavier item is
	// flushed alone. 0 is no bound. Weight may be nil where it is 0.
	MaxWeight int
	Weight    func(T) int
	// MaxQueued is the most items that wait; one beyond it is ErrBusy. 0 is no
	// bound. With lanes, a lane may have as many as there is room left in the
	// queue: one lane alone fills half of it, two a third each, and however many
	// crowd in, there is room for one that comes later.
	MaxQueued int
	// Lane names an item's lane. Items of a lane are flushed in their order, and
	// lanes take turns, an item each. nil is one lane for all.
	Lane func(T) string
	// Apart has each flush take the items of one lane alone, and a lane have one flush
	// under way at once: one whose flushes are slow holds up itself, and one worker.
	Apart bool
	// MaxWait is how long an item may wait for its flush to begin; 0 is for
	// ever. It is looked at when a flush is put together.
	MaxWait time.Duration
	// Workers is how many flushes may be under way at once, at least 1.
	Workers int
	// Crowd is how many items must wait for another flush to begin beside one
	// that is under way; with fewer, gathering them is better. 0 is any.
	Crowd int
	// Pause is waited by Run after each flush, so that more is gathered for the next: a
	// lone item is still flushed at once. 0 is none.
	Pause time.Duration
	// Now is the clock; default time.Now.
	Now func() time.Time
}

// Result is what became of one item.
type Result[R any] struct {
	Value R
	Err   error
}

// Flush does the work for a batch and gives one result per item, in order.
type Flush[T, R any] func(ctx context.Context, items []T) []Result[R]

// Group is a queue with a flush. Run or Step must be called for anything to
// happen.
type Group[T, R any] struct {
	opts  Options[T]
	flush Flush[T, R]

	mu       sync.Mutex
	queue    lanes[T, R]
	flushing int             // flushes under way
	busy     map[string]bool // lanes that have one, where they are apart
	ended    bool
	bell     chan struct{}
}

type waiter[T, R any] struct {
	item  T
	since time.Time
	done  chan Result[R]
	left  atomic.Bool // nobody waits for it any more
}

// New makes a group.
func New[T, R any](opts Options[T], flush Flush[T, R]) *Group[T, R] {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	opts.MaxItems, opts.Workers = max(1, opts.MaxItems), max(1, opts.Workers)
	return &Group[T, R]{opts: opts, flush: flush, busy: make(map[string]bool), bell: make(chan struct{}, opts.Workers)}
}

// Do has item flushed and gives its result. Once an item is queued its end is
// waited for, whatever ctx says: who gave up waiting would not know whether it
// was done. A ctx that has ended before is the only use of it here.
func (g *Group[T, R]) Do(ctx context.Context, item T) (R, error) {
	if err := ctx.Err(); err != nil {
		var none R
		return none, err
	}
	w, err := g.add(item)
	if err != nil {
		var none R
		return none, err
	}
	result := <-w.done
	return result.Value, result.Err
}

// Ask is Do for an item of which it does not matter whether it is done, such as a
// question. It returns when ctx ends, and ErrLate after patience; an item that is
// still queued then is not flushed.
func (g *Group[T, R]) Ask(ctx context.Context, item T, patience time.Duration) (none R, err error) {
	if err := ctx.Err(); err != nil {
		return none, err
	}
	w, err := g.add(item)
	if err != nil {
		return none, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case result := <-w.done:
		return result.Value, result.Err
	case <-ctx.Done():
		err = ctx.Err()
	case <-timer.C:
		err = ErrLate
	}
	w.left.Store(true)
	return none, err
}

// Enter lets a caller do an item's work itself, at once, where no flush is under way
// and nothing waits: to hand it to another goroutine would only take longer. Until
// the caller calls Leave, this is a flush: what arrives meanwhile is gathered.
func (g *Group[T, R]) Enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.flushing > 0 || g.queue.count > 0 {
		return false
	}
	g.flushing++
	return true
}

// Leave ends what Enter began.
func (g *Group[T, R]) Leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flushing--
	if g.worthwhile() {
		g.ring()
	}
}

func (g *Group[T, R]) add(item T) (*waiter[T, R], error) {
	w := &waiter[T, R]{item: item, since: g.opts.Now(), done: make(chan Result[R], 1)}
	g.mu.Lock()
	defer g.mu.Unlock()
	lane := ""
	if g.opts.Lane != nil {
		lane = g.opts.Lane(w.item)
	}
	if g.ended {
		return nil, ErrEnded
	}
	if g.full(lane) {
		return nil, ErrBusy
	}
	g.queue.push(lane, w)
	if g.worthwhile() {
		g.ring()
	}
	return w, nil
}

// full reports whether a lane may have no more items.
func (g *Group[T, R]) full(lane string) bool {
	if g.opts.MaxQueued <= 0 {
		return false
	}
	room := g.opts.MaxQueued - g.queue.count
	if g.opts.Lane == nil {
		return room <= 0
	}
	return g.queue.waiting(lane) >= room
}

// worthwhile reports whether a flush should begin now. If not, the one under
// way is followed by another when it ends.
func (g *Group[T, R]) worthwhile() bool {
	if g.opts.Apart && g.queue.free(g.busy) < 0 {
		return false
	}
	// At the end, one that a caller does itself may go on, and nobody comes back.
	return g.queue.count > 0 && (g.flushing == 0 || g.ended || g.queue.count >= g.opts.Crowd)
}

func (g *Group[T, R]) ring() {
	select {
	case g.bell <- struct{}{}:
	default:
	}
}

// Len is how many items wait.
func (g *Group[T, R]) Len() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.queue.count
}

// Oldest is how long the item has waited that waits longest, 0 where none does.
func (g *Group[T, R]) Oldest() (wait time.Duration) {
	now := g.opts.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, lane := range g.queue.turns {
		wait = max(wait, now.Sub(lane.waiting[0].since))
	}
	return wait
}

// Run flushes until ctx ends; then what is queued is flushed, later items are
// ErrBusy, and Run returns when the last flush is over. Flushes get a context
// that does not end with ctx: what was taken is finished.
func (g *Group[T, R]) Run(ctx context.Context) {
	working := context.WithoutCancel(ctx)
	answered := runtime.Gosched
	if g.opts.Pause > 0 {
		answered = func() {
			select {
			case <-time.After(g.opts.Pause):
			case <-ctx.Done():
			}
		}
	}
	var workers sync.WaitGroup
	for range g.opts.Workers {
		workers.Go(func() {
			// Looked at each time: under steady load there is always more to do.
			for ctx.Err() == nil {
				// Who was just answered and has more to ask comes along with the
				// next batch, if it is ready to run. Nobody is waited for.
				if g.step(working, answered) > 0 {
					continue
				}
				select {
				case <-g.bell:
				case <-ctx.Done():
				}
			}
		})
	}
	workers.Wait()
	g.mu.Lock()
	g.ended = true
	g.mu.Unlock()
	for g.Step(working) > 0 {
	}
}

// Step takes one batch of what is queued now through a flush, and says how
// many items it took from the queue.
func (g *Group[T, R]) Step(ctx context.Context) int { return g.step(ctx, func() {}) }

// step is Step; after the answers, and before another flush may begin in its
// place, it calls answered.
func (g *Group[T, R]) step(ctx context.Context, answered func()) int {
	taken, late := g.take()
	for _, w := range late {
		w.done <- Result[R]{Err: ErrBusy}
	}
	if len(taken) == 0 {
		return len(late)
	}
	items := make([]T, len(taken))
	for n, w := range taken {
		items[n] = w.item
	}
	for n, result := range g.guarded(ctx, items) {
		taken[n].done <- result
	}
	answered()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flushing--
	if g.opts.Apart {
		delete(g.busy, g.opts.Lane(items[0]))
	}
	return len(taken) + len(late)
}

// guarded flushes, and answers ErrBroken for all when the flush panics or does
// not give one result for each: callers would wait for ever otherwise.
func (g *Group[T, R]) guarded(ctx context.Context, items []T) (results []Result[R]) {
	broken := func(problem any) {
		results = make([]Result[R], len(items))
		for n := range results {
			results[n].Err = fmt.Errorf("%w: %v", ErrBroken, problem)
		}
	}
	defer func() {
		if problem := recover(); problem != nil {
			broken(problem)
		}
	}()
	if results = g.flush(ctx, items); len(results) != len(items) {
		broken(fmt.Sprintf("%d results for %d items", len(results), len(items)))
	}
	return results
}

// take cuts a batch from the lanes' fronts, and what waited too long.
func (g *Group[T, R]) take() (taken, late []*waiter[T, R]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.worthwhile() {
		return nil, nil
	}
	if g.opts.Apart {
		g.queue.turnTo(g.queue.free(g.busy))
	}
	now, weight, lane := g.opts.Now(), 0, g.queue.turns[0]
	for len(taken) < g.opts.MaxItems {
		w := g.queue.peek()
		if w == nil || g.opts.Apart && g.queue.turns[0] != lane {
			break
		}
		if w.left.Load() || g.opts.MaxWait > 0 && now.Sub(w.since) > g.opts.MaxWait {
			g.queue.pop(true)
			late = append(late, w)
			continue
		}
		if g.opts.MaxWeight > 0 {
			weight += g.opts.Weight(w.item)
			if weight > g.opts.MaxWeight && len(taken) > 0 {
				break // it is the next flush's first
			}
		}
		g.queue.pop(g.opts.Apart)
		taken = append(taken, w)
	}
	if len(taken) > 0 {
		g.flushing++
		if g.opts.Apart {
			g.busy[lane.name] = true // it comes last when others have had their turns
			g.queue.putBack(lane)
		}
	}
	if g.worthwhile() {
		g.ring() // another worker may take the rest
	}
	return taken, late
}
