package native

import (
	"net/http"
	"time"

	"github.com/refundry/refundry/refund"
)

const (
	// mostProof bounds an operator's proof, in characters: the attempt that
	// keeps it has room for as many of four bytes each.
	mostProof = 256
	// codeByHand marks the attempt, and the failure, of an operator's word.
	codeByHand = "BY_HAND"
)

// retryRefund makes an open refund due now, and does nothing else: POST
// /refunds/{id}/retry. Whatever may be at the channel is asked for first, as
// always.
func (d *Dialect) retryRefund(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	r, err := d.s.Retrier.RetryRefund(c.ctx, c.merchantID(), id, d.now())
	if err != nil {
		return err
	}
	d.s.Wake()
	return d.answerRefund(c, r)
}

// settleByHand records what an operator has proof of: POST
// /refunds/{id}/settle. It is a word like a channel's, in live mode too: the
// books follow it, and the attempt keeps the proof.
func (d *Dialect) settleByHand(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	o, err := decodeSettlement(body, d.now())
	if err != nil {
		return err
	}
	r, err := c.refund()
	if err != nil {
		return err
	}
	if o.SucceededAt.Before(r.CreatedAt) && !o.SucceededAt.IsZero() {
		return refuse(refund.KindInvalid, "succeeded_at", "is before the refund was created")
	}
	if r, err = d.s.Settler.Settle(c.ctx, c.merchantID(), r.ID, o); err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

func decodeSettlement(body *decoder, now time.Time) (refund.Outcome, error) {
	o := refund.Outcome{Code: codeByHand}
	var state string
	err := body.read(
		required("state", body.oneOf(&state, string(refund.Succeeded), string(refund.Failed))),
		required("proof", body.filled(&o.Message, mostProof)),
		optional("succeeded_at", body.moment(&o.SucceededAt)),
	)
	switch {
	case err != nil:
		return o, err
	case state == string(refund.Failed) && !o.SucceededAt.IsZero():
		return o, refuse(refund.KindInvalid, "succeeded_at", "goes with the state succeeded alone")
	case o.SucceededAt.After(now):
		return o, refuse(refund.KindInvalid, "succeeded_at", "is in the future")
	}
	o.Kind = refund.OutcomeDone
	if state == string(refund.Failed) {
		o.Kind = refund.OutcomeFailed
	}
	return o, nil
}

// answerRefund answers with a refund of any charge.
func (d *Dialect) answerRefund(c *call, r refund.Refund) error {
	charge, err := d.s.Reader.Charge(c.ctx, c.merchantID(), r.ChargeID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerRefund(r, charge.Detail.Coupons))
}
