package refund

import "time"

// Streak is the answer that a refund's last call got, while it is open: the same
// answer again is counted here and is no attempt of its own. When another answer
// comes, one attempt more stands for all that were counted.
type Streak struct {
	Source         Source      `json:"source"`
	Outcome        OutcomeKind `json:"outcome"`
	Code           string      `json:"code,omitempty"`
	Message        string      `json:"message,omitempty"`
	Note           string      `json:"note,omitempty"`
	AccountVersion int64       `json:"account_version,omitempty"`
	// Times counts the answers after the attempt, LastAt is when the last of them
	// came.
	Times  int64     `json:"times,omitempty"`
	LastAt time.Time `json:"last_at,omitzero"`
}

// same reports whether it is the same answer, however often it came.
func (s Streak) same(other Streak) bool {
	s.Times, s.LastAt, other.Times, other.LastAt = 0, time.Time{}, 0, time.Time{}
	return s == other
}

// Attempt is the attempt that stands for the answers that were counted, false for
// none.
func (s Streak) Attempt(refundID string) (Attempt, bool) {
	return Attempt{
		RefundID: refundID, Source: s.Source, Outcome: s.Outcome, Code: s.Code, Message: s.Message, Note: s.Note,
		At: s.LastAt, Times: s.Times, Sent: Sent{AccountVersion: s.AccountVersion},
	}, s.Times > 0
}

// streak counts the answer, or ends the streak before it: it returns the attempts
// to be recorded.
func (d *decision) streak() []Attempt {
	now := Streak{
		Source: d.attempt.Source, Outcome: d.attempt.Outcome, Code: d.attempt.Code, Message: d.attempt.Message,
		Note: d.attempt.Note, AccountVersion: d.attempt.Sent.AccountVersion,
	}
	before := d.before.Streak
	if d.counts() && before.same(now) {
		d.r.Streak.Times, d.r.Streak.LastAt = before.Times+1, d.now
		return nil
	}
	var attempts []Attempt
	if counted, some := before.Attempt(d.r.ID); some {
		attempts = append(attempts, counted)
	}
	d.r.Streak = Streak{}
	if d.counts() {
		d.r.Streak = now
	}
	return append(attempts, d.attempt)
}

// counts reports whether the answer may be counted instead of recorded: a question
// that changed nothing which anybody is told of, or a submit of which the channel
// says that nothing was created.
func (d *decision) counts() bool {
	switch {
	case d.o.Epoch != d.before.LeaseEpoch, d.r.State != d.before.State, len(d.alerts) > 0:
		return false
	case d.o.Source == Submit:
		return d.o.Kind == OutcomeTryLater || d.o.Kind == OutcomeShortOfFunds
	}
	return d.o.Source == Query
}
