package refund

import "time"

// MaxWatches is how many times a channel asks for at most after a success.
const MaxWatches = 8

// The waits before a success is asked about again, where the question had no answer.
const (
	firstWatchRetry   = time.Hour
	longestWatchRetry = 24 * time.Hour
)

// nextWatch is when a refund that succeeded is asked about next, zero for never.
func (p Pace) nextWatch(succeededAt, now time.Time) time.Time {
	for _, after := range p.Watch {
		if at := succeededAt.Add(after); after > 0 && at.After(now) {
			return at
		}
	}
	return time.Time{}
}

// watch decides when a success is asked about again: a bank may send the money back
// without anybody's notice. What the answer says is taken like any word about a
// final state. A question without an answer is asked again, and one that a notice
// outran, or that was made under a lease that is lost, was not this question.
func (d *decision) watch() {
	switch {
	case d.r.State != Succeeded:
		d.r.WatchAt = time.Time{}
		return
	case d.before.State != Succeeded:
		d.r.WatchAt = d.pace.nextWatch(d.r.SucceededAt, d.now)
		return
	case d.o.Source != Query, d.o.Epoch != d.before.LeaseEpoch, d.r.WatchAt.IsZero(), d.r.WatchAt.After(d.now), d.r.Contradicted:
		return
	}
	d.r.DueAt = time.Time{}
	switch d.o.Kind {
	case OutcomeUnknown, OutcomeTryLater:
		d.r.Tries++
		d.r.WatchAt = d.now.Add(Pace{First: firstWatchRetry, Longest: longestWatchRetry}.Backoff(d.r.Tries))
	default:
		if d.agrees() && d.attempt.Note == olderWord {
			d.attempt.Note = "asked again: the success stands"
		}
		d.r.Tries = 0
		d.r.WatchAt = d.pace.nextWatch(d.r.SucceededAt, d.now)
	}
}
