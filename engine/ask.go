package engine

import (
	"context"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Ask asks a refund's channel about it at once, whenever it is due, and returns the
// refund as it is with the answer. record says who asked. KindRefundNotFound;
// KindStateConflict where refund.Ask says so; KindBusy where the channel's limits
// allow no question now. What the channel answers is no error, whatever it is.
func (e *Engine) Ask(ctx context.Context, merchantID, refundID string, record refund.Action) (refund.Refund, error) {
	now := e.now()
	claimed, err := e.store.ClaimAsk(ctx, merchantID, refundID, record, now, now.Add(Lease))
	if err != nil {
		return refund.Refund{}, err
	}
	// What was claimed is finished, whatever becomes of the request.
	ctx = context.WithoutCancel(ctx)
	w := &word{pace: unusablePace, until: claimed.Refund.LeaseUntil}
	w.Key = refund.Key{MerchantID: merchantID, ID: refundID}
	w.ChargeID = claimed.Charge.ID
	opened, outcome, ok := e.open(ctx, claimed.Refund.ChannelAccount)
	queries := func(l *lane) *turns { return &l.queries.turns }
	switch {
	case !ok:
		w.Outcome = outcome
	case !e.turnNow(ctx, claimed.Refund, opened.Nature.Limits, queries):
		w.pace = opened.Nature.Pace
		w.Outcome = refund.Outcome{Kind: refund.OutcomeTryLater, Code: codeLimit, Message: "too many questions at once for the channel's limits: nothing was asked"}
	default:
		w.pace = opened.Nature.Pace
		now = e.now()
		w.Outcome = e.askOnce(ctx, opened, claimed)
	}
	w.Outcome.Source, w.Outcome.Epoch, w.Outcome.SentAt = refund.Query, claimed.Refund.LeaseEpoch, now
	w.Outcome.Cause = refund.Cause{Actor: record.Actor, RequestID: record.RequestID}
	posted, err := e.recordOne(ctx, w)
	if err != nil {
		return refund.Refund{}, refund.Wrap(err, "record answer")
	}
	e.mu.Lock()
	e.remember(posted.Refund.DueAt)
	e.mu.Unlock()
	if w.Outcome.Code == codeLimit {
		return refund.Refund{}, limited(w.Outcome, refundID)
	}
	return posted.Refund, nil
}

// codeLimit is the code of a call that the channel's limits did not allow.
const codeLimit = "LIMIT"

// limited is the error about such a call.
func limited(o refund.Outcome, refundID string) *refund.Error {
	fault := refund.Errorf(refund.KindBusy, "refund", "%s", o.Message)
	fault.Refund = refundID
	return fault
}

// askOnce makes one question.
func (e *Engine) askOnce(ctx context.Context, opened channel.Opened, c refund.Claimed) refund.Outcome {
	ctx, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	sentAt := e.now()
	o := e.call(ctx, opened.Connector, refund.StepQuery, channel.InstructionOf(c.Refund, c.Charge))
	o.Sent.AccountVersion = opened.Account.Version
	return e.heard(ctx, opened, o, sentAt, c)
}
