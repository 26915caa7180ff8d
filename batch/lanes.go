package batch

import "slices"

// lanes is a queue of queues: items of one lane stay in their order, and lanes
// take turns, so that nobody waits for more than one item of each other lane
// and of its own. It is not safe for concurrent use.
type lanes[T, R any] struct {
	byName map[string]*lane[T, R]
	turns  []*lane[T, R] // those with something in them; the first is next
	count  int           // items in all lanes
}

type lane[T, R any] struct {
	name    string
	waiting []*waiter[T, R]
}

// waiting is how many items a lane has.
func (q *lanes[T, R]) waiting(name string) int {
	if l := q.byName[name]; l != nil {
		return len(l.waiting)
	}
	return 0
}

// push puts an item at the end of its lane; a lane that was empty comes last.
func (q *lanes[T, R]) push(name string, w *waiter[T, R]) {
	l := q.byName[name]
	if l == nil {
		l = &lane[T, R]{name: name}
		if q.byName == nil {
			q.byName = make(map[string]*lane[T, R])
		}
		q.byName[name] = l
		q.turns = append(q.turns, l)
	}
	l.waiting = append(l.waiting, w)
	q.count++
}

// peek returns the item whose turn it is, nil if there is none.
func (q *lanes[T, R]) peek() *waiter[T, R] {
	if len(q.turns) == 0 {
		return nil
	}
	return q.turns[0].waiting[0]
}

// pop takes the item whose turn it is out. Its lane keeps the turn if that is
// said, and otherwise comes last.
func (q *lanes[T, R]) pop(keepTurn bool) {
	l := q.turns[0]
	l.waiting[0] = nil
	l.waiting = l.waiting[1:]
	q.count--
	if keepTurn && len(l.waiting) > 0 {
		return
	}
	q.turns[0] = nil
	q.turns = q.turns[1:]
	if len(l.waiting) > 0 {
		q.turns = append(q.turns, l)
	} else {
		delete(q.byName, l.name)
	}
}

// free is the place of the first lane that is not busy, -1 if there is none.
func (q *lanes[T, R]) free(busy map[string]bool) int {
	return slices.IndexFunc(q.turns, func(l *lane[T, R]) bool { return !busy[l.name] })
}

// turnTo gives the turn to the lane at a place. The others stay in their order.
func (q *lanes[T, R]) turnTo(n int) {
	next := q.turns[n]
	copy(q.turns[1:n+1], q.turns[:n])
	q.turns[0] = next
}

// putBack makes a lane the last one, if there is something in it.
func (q *lanes[T, R]) putBack(l *lane[T, R]) {
	if n := slices.Index(q.turns, l); n >= 0 {
		q.turns = append(slices.Delete(q.turns, n, n+1), l)
	}
}
