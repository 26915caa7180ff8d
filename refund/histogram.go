package refund

import (
	"maps"
	"math/bits"
	"slices"
	"time"
)

// TimeBounds are the steps in which times to success are counted: a step has those
// above the one before and up to itself. They may be made finer later: rows say which
// step they are of.
var TimeBounds = []time.Duration{
	100 * time.Millisecond, 200 * time.Millisecond, 300 * time.Millisecond, 500 * time.Millisecond, 700 * time.Millisecond,
	time.Second, 2 * time.Second, 3 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 20 * time.Second, 30 * time.Second, 45 * time.Second,
	time.Minute, 2 * time.Minute, 3 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 20 * time.Minute, 30 * time.Minute, 45 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 4 * time.Hour, 6 * time.Hour, 8 * time.Hour, 12 * time.Hour, 18 * time.Hour,
	day, 36 * time.Hour, 2 * day, 3 * day, 4 * day, 5 * day, 7 * day, 10 * day, 14 * day, 21 * day, 30 * day, 60 * day, 90 * day, 180 * day,
}

// BeyondBounds is the step of what took longer than the last of TimeBounds.
const BeyondBounds time.Duration = 0

// TimeBound is the step that a time to success is counted in.
func TimeBound(took time.Duration) time.Duration {
	at, _ := slices.BinarySearch(TimeBounds, took)
	if at == len(TimeBounds) {
		return BeyondBounds
	}
	return TimeBounds[at]
}

// Histogram counts times by their step.
type Histogram map[time.Duration]int64

// add adds another's counts.
func (h Histogram) add(o Histogram) {
	for bound, n := range o {
		h[bound] += n
	}
}

// Count is how many times there are.
func (h Histogram) Count() int64 {
	var n int64
	for _, of := range h {
		n += of
	}
	return n
}

// Percentile is a time that so many of a hundred did not exceed, told to milliseconds
// as if the times of a step lay evenly in it: it is wrong by less than the step is
// long. Of what took longer than all steps it is the last of them. False where nothing
// is counted.
func (h Histogram) Percentile(percent int64) (took time.Duration, some bool) {
	count := h.Count()
	if count <= 0 {
		return 0, false
	}
	rank := max(1, (count*percent+99)/100) // the place of the one that is asked for, from 1
	bounds := slices.Sorted(maps.Keys(h))
	for _, bound := range bounds {
		n := h[bound]
		if bound == BeyondBounds || n <= 0 {
			continue
		}
		if rank <= n {
			lower := lowerBound(bound)
			high, low := bits.Mul64(uint64((bound - lower).Milliseconds()), uint64(rank))
			part, _ := bits.Div64(high, low, uint64(n)) // rank is not above n, so it fits
			return lower + time.Duration(part)*time.Millisecond, true
		}
		rank -= n
	}
	return TimeBounds[len(TimeBounds)-1], true
}

// lowerBound is where a step begins.
func lowerBound(bound time.Duration) time.Duration {
	at, _ := slices.BinarySearch(TimeBounds, bound)
	if at == 0 {
		return 0
	}
	return TimeBounds[at-1]
}
