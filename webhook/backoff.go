package webhook

import "time"

const (
	// firstPause is how long something that failed is left alone at first; it
	// is doubled from then on.
	firstPause = time.Second
	// maxPauses bounds the memory of what failed.
	maxPauses = 4096
)

// backoff remembers what failed and until when it is left alone, so that it
// costs little and holds up nothing else. Only the goroutine that plans uses it.
type backoff struct {
	max    time.Duration // the longest pause
	pauses map[string]pause
}

type pause struct {
	wait  time.Duration
	until time.Time
	why   error
}

func newBackoff(longest time.Duration) backoff { return backoff{longest, make(map[string]pause)} }

// waits returns why something is left alone, nil if it is not. An end that is
// further away than any pause comes from a clock that was set back.
func (b backoff) waits(name string, now time.Time) error {
	one, failed := b.pauses[name]
	if left := one.until.Sub(now); !failed || left <= 0 || left > b.max {
		return nil
	}
	return one.why
}

// failed notes a failure and returns the pause that follows.
func (b backoff) failed(name string, now time.Time, why error) time.Duration {
	if len(b.pauses) >= maxPauses {
		for other := range b.pauses {
			if b.waits(other, now) == nil {
				delete(b.pauses, other)
			}
		}
	}
	before, known := b.pauses[name]
	wait := min(max(firstPause, 2*before.wait), b.max)
	if known || len(b.pauses) < maxPauses {
		b.pauses[name] = pause{wait, now.Add(wait), why}
	}
	return wait
}

// succeeded forgets what failed before.
func (b backoff) succeeded(name string) { delete(b.pauses, name) }
