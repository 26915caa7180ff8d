package engine

import (
	"context"
	"time"

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
	posted, err := e.recordOne(ctx, w)
	switch {
	case err != nil:
		return refund.Refund{}, refund.Wrap(err, "resolve refund")
	case posted.Refund.ID == "":
		fault := refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
		fault.Refund = refundID
		return refund.Refund{}, fault
	case w.refused != nil:
		return refund.Refund{}, w.refused
	}
	e.mu.Lock()
	e.remember(posted.Refund.DueAt)
	e.mu.Unlock()
	return posted.Refund, nil
}

// unresolvable returns why one person can't say how a refund ended, nil if they
// can.
func unresolvable(r refund.Refund, now time.Time) *refund.Error {
	var fault *refund.Error
	switch {
	case r.State.Final():
		fault = refund.Errorf(refund.KindStateConflict, "refund", "the refund is at its end: %s; to change that needs a second person, in the console", r.State)
	case r.LeaseUntil.After(now):
		fault = refund.Errorf(refund.KindStateConflict, "refund", "the channel is being asked about the refund; try again")
	default:
		return nil
	}
	fault.Refund = r.ID
	return fault
}
