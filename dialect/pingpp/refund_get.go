package pingpp

import (
	"context"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// getRefund is GET /v1/charges/{ch}/refunds/{re}. A refund of another charge
// is as unknown as one that is not there.
func (d *Dialect) getRefund(c *call) (any, error) {
	name, id := c.r.PathValue("ch"), c.r.PathValue("re")
	if !wire.IsPossibleID(name) || !wire.IsPossibleID(id) {
		if _, err := d.chargeOfPath(c); err != nil {
			return nil, err
		}
		return nil, refund.Errorf(refund.KindRefundNotFound, "refund", "the charge has no such refund")
	}
	r, charge, err := d.Reader.RefundByAlias(c.r.Context(), c.caller.Merchant.ID, merchant.PingPP, name, id)
	if err != nil {
		return nil, err
	}
	return d.refundShown(c, r, charge), nil
}

// refundOf finds a charge's refund by its id.
func (d *Dialect) refundOf(ctx context.Context, charge refund.Charge, id string) (refund.Refund, bool, error) {
	if !wire.IsPossibleID(id) {
		return refund.Refund{}, false, nil
	}
	r, err := d.Reader.Refund(ctx, charge.MerchantID, id)
	if err != nil {
		if refund.KindOf(err) == refund.KindRefundNotFound {
			err = nil
		}
		return r, r.ChargeID == charge.ID, err
	}
	return r, r.ChargeID == charge.ID, nil
}
