package refund

import "time"

// Ask is r under a new lease until the given time, for a question to its channel
// that somebody wants now. KindStateConflict: while a call is under way, for a
// refund that its channel was not told of, and for one that ended without success. A
// success is asked about like one that a bank may have sent back.
func Ask(r Refund, now, until time.Time) (Refund, *Error) {
	var fault *Error
	switch {
	case r.LeaseUntil.After(now):
		fault = Errorf(KindStateConflict, "refund", "the channel is being asked about the refund; try again")
	case r.State == Failed && !r.Contradicted, r.State == Canceled && !r.Contradicted:
		fault = Errorf(KindStateConflict, "refund", "the refund is at its end: %s", r.State)
	case (r.State == Created || r.State == Held) && NextStep(r) == StepSubmit:
		fault = Errorf(KindStateConflict, "refund", "the channel has nothing of the refund: there is nothing to ask about (hint: retry it)")
	}
	if fault != nil {
		fault.Refund = r.ID
		return r, fault
	}
	if r.State == Succeeded {
		r.WatchAt = now
	}
	return Claim(r, now, until), nil
}
