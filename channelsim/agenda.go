package channelsim

import (
	"container/heap"
	"time"
)

// agenda is what the simulator does later, by its own clock.
type agenda struct {
	entries []entry
	made    uint64
}

type entry struct {
	at    time.Time
	order uint64 // entries of one time keep the order in which they were made
	do    func()
}

func (a *agenda) Len() int      { return len(a.entries) }
func (a *agenda) Swap(i, j int) { a.entries[i], a.entries[j] = a.entries[j], a.entries[i] }
func (a *agenda) Push(x any)    { a.entries = append(a.entries, x.(entry)) }

func (a *agenda) Less(i, j int) bool {
	first, second := a.entries[i], a.entries[j]
	if !first.at.Equal(second.at) {
		return first.at.Before(second.at)
	}
	return first.order < second.order
}

func (a *agenda) Pop() any {
	last := a.entries[len(a.entries)-1]
	a.entries = a.entries[:len(a.entries)-1]
	return last
}

// later does something after a time by the simulator's clock. The lock is held, here
// and below.
func (s *Simulator) later(after time.Duration, do func()) {
	s.agenda.made++
	heap.Push(&s.agenda, entry{s.now().Add(after), s.agenda.made, do})
	s.ring()
}

// due does what is due.
func (s *Simulator) due() {
	for now := s.now(); s.agenda.Len() > 0 && !s.agenda.entries[0].at.After(now); {
		heap.Pop(&s.agenda).(entry).do()
	}
}

// postpone has a request arrive late: after a time, or for Reorder after the next
// submit of its channel, whichever comes first.
func (s *Simulator) postpone(c *Call, fault Fault) {
	late := *c
	late.quiet, late.fault, late.shown = true, "", false
	done := false
	arrive := func() {
		if !done {
			done = true
			again := late
			late.Books.side.Serve(&again)
		}
	}
	if fault == Reorder {
		s.overtaken[c.Books.side.Name()] = append(s.overtaken[c.Books.side.Name()], arrive)
	}
	s.later(lateBy, arrive)
}

// arrive brings the first of what a submit has overtaken: as much as waited before it.
func (s *Simulator) arrive(channel string, count int) {
	waiting := s.overtaken[channel][:count]
	s.overtaken[channel] = s.overtaken[channel][count:]
	for _, late := range waiting {
		late()
	}
}
