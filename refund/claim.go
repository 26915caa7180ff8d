package refund

import "time"

// Due is a refund whose time has come, as a look without locks saw it.
type Due struct {
	Key
	LeaseEpoch int64
	// ChargeID, Account (its channel account), SubmitSpacing and State are the refund's;
	// Submits says that its next step was a submit.
	ChargeID         string
	Account          string
	SubmitSpacing    time.Duration
	State            State
	Submits          bool
	CreatedAt, DueAt time.Time
}

// Pausable reports whether a pause of its account holds the refund up: what was sent is
// asked about all the same, and what is held waits for something else.
func (d Due) Pausable() bool { return d.Submits && d.State != Held }

// PutOff is a due refund that nobody claims, and that is looked at again at DueAt.
type PutOff struct {
	Key
	LeaseEpoch int64
	DueAt      time.Time
}

// Apart is a refund that can't be claimed or recorded and is left alone until a
// time; Text is the alert about it.
type Apart struct {
	Key
	LeaseEpoch int64
	DueAt      time.Time
	Text       string
}

// DueAsk asks for the due refunds of one account whose next step is a submit, or
// is not, at most Limit.
type DueAsk struct {
	AccountKey
	Submits bool
	Limit   int
}

// Claimed is a refund under a lease, with its charge.
type Claimed struct {
	Refund Refund
	Charge Charge
}

// Posted is a refund with its charge as a commit left them.
type Posted struct {
	Refund Refund
	Charge Charge
	// Held says that another transaction holds one of them, so that nothing was
	// done.
	Held bool
}

// LongestLease bounds every lease: what was claimed and not given back was
// claimed no longer than this before its lease's end.
const LongestLease = time.Minute

// Claim is r under a new lease until the given time, before anyone calls the
// channel. When the last lease was not given back, whoever held it may have
// submitted without being able to say so: then the channel is asked first.
func Claim(r Refund, now, until time.Time) Refund {
	if !r.LeaseUntil.IsZero() && (r.Unknown || NextStep(r) == StepSubmit) {
		r.Unknown = true
		// The lost call left at some time before now; "not found" counts from
		// the latest that it can have been.
		r.SubmittedAt = later(r.SubmittedAt, now)
		// And not before the earliest.
		r.firstSubmitted(r.LeaseUntil.Add(-LongestLease))
	}
	r.LeaseEpoch++
	r.LeaseUntil, r.DueAt = until, until
	return r
}

// Space reports whether a submit for the charge may be sent at now, and notes on
// the charge when the next one may: after spacing.
func Space(c Charge, spacing time.Duration, now time.Time) (Charge, bool) {
	if spacing <= 0 {
		return c, true
	}
	if c.NotBefore.After(now) {
		return c, false
	}
	c.NotBefore = now.Add(spacing)
	return c, true
}

// Unclaim gives back the lease of an epoch under which nothing was done, so
// that the process that takes r next, from the time due on, need neither wait for the
// lease's end nor ask the channel first. False: the lease is not the epoch's
// any more, and r is as it was.
func Unclaim(r Refund, epoch int64, due time.Time) (Refund, bool) {
	if r.LeaseEpoch != epoch || r.LeaseUntil.IsZero() {
		return r, false
	}
	r.LeaseUntil, r.DueAt = time.Time{}, due
	if r.State.Final() && !r.Contradicted {
		// A notice has ended it meanwhile.
		r.DueAt = time.Time{}
	}
	return r, true
}
