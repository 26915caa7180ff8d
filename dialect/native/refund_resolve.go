package native

import (
	"net/http"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/refund"
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
	r, err := d.s.Admin.RetryRefund(c.ctx, c.by(), c.merchantID(), id)
	if err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

// resolveRefund records how a refund ended, of which an operator has proof:
// POST /refunds/{id}/resolve, or .../settle, its former name. The books follow
// it, in live mode too, and the attempt keeps the proof and who said so.
func (d *Dialect) resolveRefund(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	how, err := decodeResolution(body)
	if err != nil {
		return err
	}
	id, err := c.id(refund.KindRefundNotFound)
	if err != nil {
		return err
	}
	r, err := d.s.Admin.ResolveRefund(c.ctx, c.by(), c.merchantID(), id, how)
	if err != nil {
		return err
	}
	return d.answerRefund(c, r)
}

func decodeResolution(body *decoder) (admin.Resolution, error) {
	var how admin.Resolution
	err := body.read(
		required("state", oneOf(body, &how.State, refund.Succeeded, refund.Failed)),
		required("proof", body.filled(&how.Proof, admin.MaxProof)),
		optional("succeeded_at", body.moment(&how.SucceededAt)),
	)
	return how, err
}

// answerRefund answers with a refund of any charge.
func (d *Dialect) answerRefund(c *call, r refund.Refund) error {
	charge, err := d.s.Reader.Charge(c.ctx, c.merchantID(), r.ChargeID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerRefund(r, charge.Detail.Coupons))
}
