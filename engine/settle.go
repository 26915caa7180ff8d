package engine

import (
	"context"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
)

// Settle records an operator's word that a refund succeeded (OutcomeDone) or
// failed (OutcomeFailed), with the proof as the outcome's message, and gives
// the refund as it is then. It counts against a final state, too: books follow
// the money. KindRefundNotFound; KindStateConflict while the channel is being
// called, whose answer would be older than the word and look newer.
func (e *Engine) Settle(ctx context.Context, merchantID, refundID string, o refund.Outcome) (refund.Refund, error) {
	o.Source, o.Epoch = refund.Operator, 0
	w := &word{pace: channel.BasicPace, idle: true}
	w.Key = refund.Key{MerchantID: merchantID, ID: refundID}
	w.Outcome = cleaned(o)
	posted, err := e.record(ctx, []*word{w})
	switch {
	case err != nil:
		return refund.Refund{}, refund.Wrap(err, "record an operator's word")
	case posted[0].Refund.ID == "":
		fault := refund.Errorf(refund.KindRefundNotFound, "refund", "there is no such refund")
		fault.Refund = refundID
		return refund.Refund{}, fault
	case w.busy:
		fault := refund.Errorf(refund.KindStateConflict, "refund", "the channel is being asked about the refund; try again")
		fault.Refund = refundID
		return refund.Refund{}, fault
	}
	e.mu.Lock()
	e.remember(posted[0].Refund.DueAt)
	e.mu.Unlock()
	return posted[0].Refund, nil
}
