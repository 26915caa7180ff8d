package engine

import (
	"context"
	"errors"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// commitRounds bounds how often one batch is recorded again after commits
	// whose result is unknown.
	commitRounds = 3
	// jitterShare is the part of a wait that jitter may add.
	jitterShare = 10
	// maxSkew is how far a decision's time may follow another clock: replicas
	// correct theirs by the database's and differ by milliseconds.
	maxSkew = time.Second
)

// word is what a call or a notice said, until it is recorded.
type word struct {
	refund.Report
	pace refund.Pace
	// until is the end of the lease; zero for notices.
	until time.Time
	// due, if not zero, says that no call was made: the lease is given back
	// and the refund due then.
	due time.Time
	// putOff is the account of a refund that a pause holds up, zero for any other.
	putOff refund.AccountKey
	// tries counts the failures to record it alone, and next is when it is tried
	// again; reduced says that it has lost what the channel said besides the outcome.
	tries   int
	next    time.Time
	reduced bool
	// hint says that the refund is to be asked about, and nothing else.
	hint bool
	// lane is the account's, in which the refund has room until the word is
	// recorded; nil for notices and operators. said is since when it waits.
	lane   *lane
	said   time.Time
	alerts []refund.Alert
	// raised are alerts besides those of the decision; unanswered says that the
	// channel did not answer, though the outcome is another.
	raised     []refund.Alert
	unanswered bool
	// operator is the action, where an operator says how the refund ended; refused
	// says why that does not count. resolvedAt is the time of the decision that a
	// commit may have recorded whose result is unknown.
	operator   *refund.Action
	refused    *refund.Error
	resolvedAt time.Time
	// correction is what a second person confirms by confirmed, where the operator's
	// word is about a final state.
	correction *refund.Approval
	confirmed  refund.Decision
}

// giveBack is the word of a job that was not called.
func giveBack(j job, due time.Time) *word {
	w := &word{until: j.Refund.LeaseUntil, due: due, lane: j.lane}
	w.Key = refund.Key{MerchantID: j.Refund.MerchantID, ID: j.Refund.ID}
	w.ChargeID, w.Outcome.Epoch = j.Refund.ChargeID, j.Refund.LeaseEpoch
	return w
}

// StepRecord takes the words that wait now through one commit and returns how many
// it took. Where the commit fails, its parts are recorded, so that a word that
// can't be recorded is found at once and set apart, and the others are not held
// up; those about rows that other transactions hold are left to StepHeld. An error
// says that the database recorded nothing: the words wait on.
func (e *Engine) StepRecord(ctx context.Context) (int, error) {
	s := splitting{engine: e}
	defer s.end()
	if batch := e.takeWords(); len(batch) > 0 {
		s.record(ctx, batch)
	}
	if w := e.takeApart(); w != nil && s.err == nil {
		s.record(ctx, []*word{w})
	}
	return s.took, s.err
}

// StepHeld is StepRecord of the words about rows that other transactions hold. It
// waits for these a moment, while StepRecord goes on with the words of others.
func (e *Engine) StepHeld(ctx context.Context) (int, error) {
	s := splitting{engine: e, wait: true}
	defer s.end()
	if batch := e.takeHeld(); len(batch) > 0 {
		s.record(ctx, batch)
	}
	return s.took, s.err
}

// recorded frees the room of recorded words.
func (e *Engine) recorded(batch []*word) {
	now := e.now()
	for _, w := range batch {
		if w.putOff.ID != "" {
			e.committedPutOff(w.putOff)
		}
		if w.lane != nil {
			e.hold(w.lane, -1)
			e.refill(w.lane, now)
		}
	}
}

// takeWords cuts the next batch from the queue's front.
func (e *Engine) takeWords() []*word {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := min(len(e.words), maxWords)
	batch := e.words[:n:n]
	e.words = e.words[n:]
	if len(e.words) == 0 {
		e.words = nil
	}
	return batch
}

// record takes words through one commit and tells who waits. A commit whose
// result is unknown is made again: a word that is recorded twice only leaves
// a second attempt. wait is that of Store.Record.
func (e *Engine) record(ctx context.Context, batch []*word, wait bool) ([]refund.Posted, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), commitTimeout)
	defer cancel()
	words := make([]refund.Report, len(batch))
	for n, w := range batch {
		w.Mark = n
		words[n] = w.Report
	}
	var posted []refund.Posted
	var err error
	for range commitRounds {
		posted, err = e.store.Record(ctx, words, wait, func(c refund.Charge, r refund.Refund, w refund.Report) refund.Change {
			return e.decide(batch[w.Mark], w.Outcome.IDTaken, c, r)
		})
		if !errors.Is(err, refund.ErrCommitUnknown) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	if e.opts.Recorded != nil {
		e.opts.Recorded()
	}
	e.tell(batch, posted)
	return posted, nil
}

// recordOne is record of a single word, which waits for what another transaction
// holds: refund.ErrLocked says in vain.
func (e *Engine) recordOne(ctx context.Context, w *word) (refund.Posted, error) {
	posted, err := e.record(ctx, []*word{w}, true)
	if err != nil {
		return refund.Posted{}, err
	}
	if posted[0].Held {
		fault := refund.Errorf(refund.KindBusy, "refund", "another change of the refund or its charge is under way; nothing was changed, try again")
		fault.Cause = refund.ErrLocked
		return refund.Posted{}, fault
	}
	return posted[0], nil
}

// decide returns what a word changes. It is run again with its transaction. idTaken
// is what the store found out about the channel's id of the refund.
func (e *Engine) decide(w *word, idTaken bool, charge refund.Charge, r refund.Refund) refund.Change {
	if !w.due.IsZero() {
		if free, ok := refund.Unclaim(r, w.Outcome.Epoch, w.due); ok {
			return refund.Change{Charge: charge, Refunds: []refund.Refund{free}}
		}
		return refund.Change{Charge: charge}
	}
	now := e.stamp(r.UpdatedAt)
	if w.hint {
		change := refund.Change{Charge: charge}
		if asked, ok := refund.AskNow(r, now); ok {
			change.Refunds = []refund.Refund{asked}
		}
		return change
	}
	if w.operator != nil {
		if !w.resolvedAt.IsZero() && r.UpdatedAt.Equal(w.resolvedAt) && r.ResolvedBy == w.says() {
			return refund.Change{Charge: charge} // the commit before has recorded it
		}
		if w.refused = w.mayResolve(r, now); w.refused != nil {
			return refund.Change{Charge: charge}
		}
		w.resolvedAt = now
	}
	outcome := w.Outcome
	outcome.IDTaken = idTaken
	change := refund.Apply(charge, r, outcome, w.pace, now)
	if w.operator != nil {
		change.Actions = append(change.Actions, *w.operator)
	}
	if w.reduced {
		change.Alerts = append(change.Alerts, refund.Alert{RefundID: r.ID, Text: reducedText})
	}
	change.Alerts = append(change.Alerts, w.raised...)
	w.alerts = change.Alerts
	for n := range change.Refunds {
		due := &change.Refunds[n].DueAt
		wait := due.Sub(now)
		if e.opts.Jitter == nil || due.IsZero() || wait <= 0 || !change.Refunds[n].LeaseUntil.IsZero() {
			continue
		}
		*due = due.Add(min(max(0, e.opts.Jitter(wait)), wait/jitterShare).Truncate(time.Microsecond))
	}
	return change
}

// stamp is the time of the next decision: later than every earlier one of this
// engine and than after, the refund's last change, so that its events and
// attempts sort as they happened. Another process's clock may be ahead by a
// moment; what is ahead by more is no reason to follow it.
func (e *Engine) stamp(after time.Time) time.Time {
	now := e.now()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, t := range []time.Time{e.stamped, after} {
		if !now.After(t) && t.Sub(now) < maxSkew {
			now = t.Add(time.Microsecond)
		}
	}
	e.stamped = now
	return now
}

// tell posts what was committed, and raises its alerts.
func (e *Engine) tell(batch []*word, posted []refund.Posted) {
	there := make([]refund.Posted, 0, len(posted))
	for n, p := range posted {
		if p.Held {
			continue
		}
		if p.Refund.ID == "" {
			e.opts.Log.Warn("an outcome is of a refund that is not there any more", "merchant_id", batch[n].MerchantID, "refund_id", batch[n].ID)
			continue
		}
		there = append(there, p)
	}
	e.board.Post(there)
	for _, w := range batch {
		for _, alert := range w.alerts {
			e.alert(w.MerchantID, alert)
		}
	}
}

// alert tells of an alert. What a decision about a refund raised was kept with
// it; any other is kept now.
func (e *Engine) alert(merchantID string, alert refund.Alert) {
	if alert.RefundID == "" {
		ctx, cancel := context.WithTimeout(context.Background(), commitTimeout)
		defer cancel()
		if err := e.store.SaveAlert(ctx, alert); err != nil {
			e.opts.Log.Error("an alert was not kept", "account_id", alert.Account, "error", err)
		}
	}
	e.tellAlert(merchantID, alert)
}

// tellAlert tells of an alert that is kept.
func (e *Engine) tellAlert(merchantID string, alert refund.Alert) {
	e.opts.Log.Warn("alert: "+alert.Text, "merchant_id", merchantID, "refund_id", alert.RefundID)
	if e.opts.Alert != nil {
		e.opts.Alert(alert)
	}
}
