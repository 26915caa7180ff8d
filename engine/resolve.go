package engine

import (
	"context"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Resolve records that an operator says that an open refund succeeded
// (OutcomeDone) or failed (OutcomeFailed), with the proof as the outcome's
// message, and returns the refund as it is then. record is who says so.
// KindRefundNotFound; KindStateConflict while the channel is being called, whose
// answer would be older than the operator's word and look newer, and for a
// final state.
func (e *Engine) Resolve(ctx context.Context, merchantID, refundID string, o refund.Outcome, record refund.Action) (refund.Refund, error) {
	if err := record.Check(); err != nil {
		return refund.Refund{}, refund.Wrap(err, "resolve refund")
	}
	o.Source, o.Epoch = refund.Operator, 0
	o.Cause = refund.Cause{Actor: record.Actor, RequestID: record.RequestID}
	w := &word{pace: channel.BasicPace, operator: &record}
	w.Key = refund.Key{MerchantID: merchantID, ID: refundID}
	w.Outcome = cleaned(o)
	return e.resolve(ctx, w)
}

// Correct gives a refund in a final state the state that a correction asks for, which
// a second person confirms, and returns the refund as it is then. record is who
// confirms. KindForbidden for who asked; KindStateConflict where the correction was
// decided, its time is over, the refund has changed since or its channel is being
// called; KindRefundNotFound.
func (e *Engine) Correct(ctx context.Context, correction refund.Approval, by refund.Decision, record refund.Action) (refund.Refund, error) {
	if err := record.Check(); err != nil {
		return refund.Refund{}, refund.Wrap(err, "correct refund")
	}
	w := &word{pace: channel.BasicPace, operator: &record, correction: &correction, confirmed: by}
	w.Key = refund.Key{MerchantID: correction.MerchantID, ID: correction.RefundID}
	w.Outcome.Source = refund.Operator
	return e.resolve(ctx, w)
}

// resolve records an operator's word.
func (e *Engine) resolve(ctx context.Context, w *word) (refund.Refund, error) {
	posted, err := e.recordOne(ctx, w)
	switch {
	case err != nil && refund.As(err) != nil && refund.KindOf(err) == refund.KindStateConflict:
		return refund.Refund{}, err // another decision came first
	case err != nil:
		return refund.Refund{}, refund.Wrap(err, "resolve refund")
	case posted.Refund.ID == "":
		fault := refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
		fault.Refund = w.ID
		return refund.Refund{}, fault
	case w.refused != nil:
		return refund.Refund{}, w.refused
	}
	e.mu.Lock()
	e.remember(posted.Refund.DueAt)
	e.mu.Unlock()
	return posted.Refund, nil
}

// says is who says how the refund ended.
func (w *word) says() audit.Actor {
	if w.correction != nil {
		return w.correction.Requester
	}
	return w.operator.Actor
}

// mayResolve returns why an operator's word does not count, nil if it does. A
// correction's word is made here, of the refund as it is under its lock.
func (w *word) mayResolve(r refund.Refund, now time.Time) (fault *refund.Error) {
	if w.correction == nil {
		return unresolvable(r, now)
	}
	if r.LeaseUntil.After(now) {
		return beingAsked(r)
	}
	w.Outcome, fault = refund.Confirm(r, *w.correction, w.confirmed, now)
	return fault
}

func beingAsked(r refund.Refund) *refund.Error {
	fault := refund.Errorf(refund.KindStateConflict, "refund", "the channel is being asked about the refund; try again")
	fault.Refund = r.ID
	return fault
}

// unresolvable returns why one person can't say how a refund ended, nil if they
// can.
func unresolvable(r refund.Refund, now time.Time) *refund.Error {
	var fault *refund.Error
	switch {
	case r.State.Final():
		fault = refund.Errorf(refund.KindStateConflict, "refund", "the refund is at its end: %s; to change that needs a second person, in the console or by a correction that another confirms (.../correct)", r.State)
	case r.LeaseUntil.After(now):
		return beingAsked(r)
	default:
		return nil
	}
	fault.Refund = r.ID
	return fault
}
