package payin

import (
	"context"

	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// getRefund is GET /refunds/{id} (Y3-1).
func (d *Dialect) getRefund(c *call) (any, error) {
	unknown := refund.Errorf(refund.KindRefundNotFound, "", "there is no such refund")
	orderID, n, ok := wire.SplitRefundID(c.id)
	if !ok {
		return nil, unknown
	}
	o, err := d.order(c.r.Context(), c, orderID)
	if err != nil {
		if refund.KindOf(err) == refund.KindChargeNotFound {
			return nil, unknown
		}
		return nil, err
	}
	r, err := d.nthRefund(c.r.Context(), o, n)
	if err != nil {
		return nil, err
	}
	return refundDetail(r, o), nil
}

// nthRefund finds an order's refund by its place in the order of acceptance.
func (d *Dialect) nthRefund(ctx context.Context, o order, n int64) (refund.Refund, error) {
	if n >= 1 && n <= o.Refunds {
		refunds, _, err := d.Reader.RefundList(ctx, refund.Filter{
			MerchantID: o.MerchantID, ChargeID: o.ID, Sequence: n, Page: refund.Page{Limit: 1},
		})
		if err != nil {
			return refund.Refund{}, err
		}
		if len(refunds) == 1 {
			return refunds[0], nil
		}
	}
	return refund.Refund{}, refund.Errorf(refund.KindRefundNotFound, "", "there is no such refund")
}
