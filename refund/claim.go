package refund

import "time"

// Claim is r under a new lease until the given time, before anyone calls the
// channel. When the last lease was not given back, whoever held it may have
// submitted without being able to say so: then the channel is asked first.
func Claim(r Refund, now, until time.Time) Refund {
	if !r.LeaseUntil.IsZero() && (r.Unknown || NextStep(r) == StepSubmit) {
		r.Unknown = true
		// The lost call left at some time before now; "not found" counts from
		// the latest that it can have been.
		r.SubmittedAt = later(r.SubmittedAt, now)
	}
	r.LeaseEpoch++
	r.LeaseUntil, r.DueAt = until, until
	return r
}
