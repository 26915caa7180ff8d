package sim_test

import (
	"slices"
	"sync"
	"time"

	"github.com/refundry/refundry/refund"
)

// trace is when something happened to a refund.
type trace struct {
	shop                                    int
	asked, accepted, called, recorded, told time.Time
}

// stage is a way that is measured.
type stage struct {
	name string
	took func(trace) time.Duration
}

// stages begin with the request's answer, but for the first, which ends there.
var stages = []stage{
	{"to acceptance", func(t trace) time.Duration { return t.accepted.Sub(t.asked) }},
	{"to the call", func(t trace) time.Duration { return t.called.Sub(t.accepted) }},
	{"to the record", func(t trace) time.Duration { return t.recorded.Sub(t.accepted) }},
	{"to the webhook", func(t trace) time.Duration { return t.told.Sub(t.accepted) }},
}

// journal notes what happens to refunds, the first time each.
type journal struct {
	mu     sync.Mutex
	traces map[string]*trace
}

func newJournal() *journal { return &journal{traces: make(map[string]*trace)} }

func (j *journal) note(refundID string, set func(*trace)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.traces[refundID]
	if t == nil {
		t = &trace{}
		j.traces[refundID] = t
	}
	set(t)
}

func first(t *time.Time, at time.Time) {
	if t.IsZero() {
		*t = at
	}
}

func (j *journal) called(refundID string, at time.Time) {
	j.note(refundID, func(t *trace) { first(&t.called, at) })
}

func (j *journal) recorded(r refund.Refund) {
	if r.State.Final() {
		j.note(r.ID, func(t *trace) { first(&t.recorded, time.Now()) })
	}
}

func (j *journal) told(refundID string) {
	j.note(refundID, func(t *trace) { first(&t.told, time.Now()) })
}

// spans are how long each stage took, by shop and stage, the shortest first.
type spans map[int][][]time.Duration

func (j *journal) spans() spans {
	j.mu.Lock()
	defer j.mu.Unlock()
	times := make(spans)
	for _, t := range j.traces {
		if times[t.shop] == nil {
			times[t.shop] = make([][]time.Duration, len(stages))
		}
		for n, stage := range stages {
			times[t.shop][n] = append(times[t.shop][n], max(0, stage.took(*t)))
		}
	}
	for _, of := range times {
		for _, one := range of {
			slices.Sort(one)
		}
	}
	return times
}

// of are the times of a stage of some shops together.
func (s spans) of(shops []int, stage int) []time.Duration {
	var all []time.Duration
	for _, shop := range shops {
		all = append(all, s[shop][stage]...)
	}
	slices.Sort(all)
	return all
}

// p99 is the 99th percentile of sorted times.
func p99(times []time.Duration) time.Duration { return times[(len(times)*99-1)/100] }

// last is the longest of sorted times.
func last(times []time.Duration) time.Duration { return times[len(times)-1] }
