package refund

import (
	"slices"
	"time"
)

const (
	// MaxHistory bounds the successes by which a promise is made, the last ones: a
	// channel of a year ago says nothing of today's.
	MaxHistory = 200
	// minHistory is how many it takes.
	minHistory = 5
	// promisedOf is how many of a hundred refunds were as quick as is promised.
	promisedOf = 95
)

// Promise is until when a refund should have succeeded, by what its channel account
// did before. It is an expectation, and no word of the channel.
type Promise struct {
	// By is when.
	By time.Time
	// Half is in what time half of the refunds before succeeded, Most in what time
	// 95 of a hundred did, from the first call on.
	Half, Most time.Duration
	// Of is how many they were.
	Of int
}

// Promised is the promise for a refund that its channel has, or will be told of now,
// by how long the last successes of its account took; the zero Promise for any other,
// and where too few are known.
func Promised(r Refund, took []time.Duration) Promise {
	if r.State != Created && r.State != Pending || r.NeedsPerson || len(took) < minHistory {
		return Promise{}
	}
	took = slices.Clone(took)
	for n := range took {
		took[n] = max(0, took[n]) // the channel's clock may be behind
	}
	slices.Sort(took)
	// The smallest that at least so many of a hundred do not exceed.
	percentile := func(of int) time.Duration { return took[(of*len(took)+99)/100-1] }
	from := r.FirstSubmittedAt
	if from.IsZero() {
		from = r.CreatedAt
	}
	p := Promise{Half: percentile(50), Most: percentile(promisedOf), Of: len(took)}
	p.By = from.Add(p.Most)
	return p
}
