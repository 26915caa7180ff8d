package engine

import (
	"context"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Reroute sends an abnormal refund elsewhere and returns it as it is then. The
// destination is passed to the connector and kept nowhere; the record says who
// asked. KindStateConflict
// when the refund is not abnormal or is being called about, or when the
// channel refuses the destination; KindRefundNotFound; KindInvalid when its
// channel can't reroute.
func (e *Engine) Reroute(ctx context.Context, merchantID, refundID string, to channel.Destination, record refund.Action) (refund.Refund, error) {
	now := e.now()
	claimed, err := e.store.ClaimAbnormal(ctx, merchantID, refundID, record, now, now.Add(Lease))
	if err != nil {
		return refund.Refund{}, err
	}
	// What was claimed is finished, whatever becomes of the request.
	ctx = context.WithoutCancel(ctx)
	w := &word{pace: unusablePace, until: claimed.Refund.LeaseUntil}
	w.Key = refund.Key{MerchantID: merchantID, ID: refundID}
	w.ChargeID = claimed.Charge.ID
	opened, outcome, ok := e.open(ctx, claimed.Refund.ChannelAccount)
	reroutes := func(l *lane) *turns { return &l.reroutes }
	switch {
	case !ok:
		w.Outcome = outcome
	case !opened.Account.Sends():
		w.pace = opened.Nature.Pace
		w.Outcome = refund.Outcome{Kind: refund.OutcomeRefused, Code: "PAUSED", Message: "the channel account is paused: nothing was sent"}
	case !e.turnNow(ctx, claimed.Refund, opened.Nature.Limits, reroutes):
		w.pace = opened.Nature.Pace
		w.Outcome = refund.Outcome{Kind: refund.OutcomeTryLater, Code: codeLimit, Message: "too many reroutes at once for the channel's limits: nothing was sent"}
	default:
		w.pace = opened.Nature.Pace
		w.Outcome = e.reroute(ctx, opened.Connector, channel.InstructionOf(claimed.Refund, claimed.Charge), to)
		w.Outcome.Sent.AccountVersion = opened.Account.Version
	}
	w.Outcome.Source, w.Outcome.Epoch, w.Outcome.SentAt = refund.Reroute, claimed.Refund.LeaseEpoch, now
	w.Outcome.Cause = refund.Cause{Actor: record.Actor, RequestID: record.RequestID}
	posted, err := e.recordOne(ctx, w)
	if err != nil {
		return refund.Refund{}, refund.Wrap(err, "record reroute")
	}
	e.mu.Lock()
	e.remember(posted.Refund.DueAt)
	e.mu.Unlock()
	if w.Outcome.Code == codeLimit {
		return refund.Refund{}, limited(w.Outcome, refundID)
	}
	if w.Outcome.Kind == refund.OutcomeRefused {
		fault := refund.Errorf(refund.KindStateConflict, "refund", "the channel refused: %s", w.Outcome.Message)
		fault.Refund = refundID
		return refund.Refund{}, fault
	}
	return posted.Refund, nil
}

// turnNow waits for the turn of a call that somebody wants now; of picks the turns of
// its kind. False: none comes before the lease is too short for the call.
func (e *Engine) turnNow(ctx context.Context, r refund.Refund, limits channel.Limits, of func(*lane) *turns) bool {
	e.mu.Lock()
	l := e.lane(refund.AccountKey{MerchantID: r.MerchantID, ID: r.ChannelAccount})
	e.mu.Unlock()
	e.learn(l, limits, "")
	left := r.LeaseUntil.Add(-channel.CallTimeout).Sub(e.now())
	for {
		e.mu.Lock()
		t := of(l)
		wait := t.take(e.now(), e.opts.Turns != nil)
		asked := t.asked
		if asked {
			t.asked, t.asking = false, true
		}
		e.mu.Unlock()
		if wait == 0 {
			return true
		}
		if asked {
			if slots, err := e.takeShared(ctx, t, 1); err != nil || len(slots) == 0 {
				return false
			}
			continue
		}
		if left -= wait; left < 0 {
			return false
		}
		sleep(wait, ctx.Done())
	}
}

func (e *Engine) reroute(ctx context.Context, connector channel.Connector, i channel.Instruction, to channel.Destination) (o refund.Outcome) {
	ctx, cancel := context.WithTimeout(ctx, channel.CallTimeout)
	defer cancel()
	defer func() {
		if problem := recover(); problem != nil {
			// The value and its stack may hold the card: neither is told.
			e.opts.Log.Error("a connector panicked while it rerouted", "account_id", i.Account, "refund_id", i.RefundID)
			o = refund.Outcome{Kind: refund.OutcomeUnknown, Code: "PANIC", Message: "the connector broke off"}
		}
	}()
	o = connector.Reroute(ctx, i, to)
	if !believable(o.Kind, ctx.Err() != nil) {
		o.Kind = refund.OutcomeUnknown
	}
	o.Sent.Request, o.Sent.Answer = "", "" // which name a card, and may repeat it
	return cleaned(o)
}
