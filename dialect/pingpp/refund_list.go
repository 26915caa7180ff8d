package pingpp

import (
	"context"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// listRefunds is GET /v1/charges/{ch}/refunds, newest first.
func (d *Dialect) listRefunds(c *call) (any, error) {
	charge, err := d.chargeOfPath(c)
	if err != nil {
		return nil, err
	}
	most := maxRefundPage
	if size := c.caller.Merchant.Settings.RefundPageSize; size > 0 {
		most = min(size, maxPage)
	}
	wanted, err := page(c.r.Context(), c.params, most, func(ctx context.Context, id string) (refund.Position, bool, error) {
		r, ok, err := d.refundOf(ctx, charge, id)
		at, err := dialect.Place(refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, err)
		return at, ok, err
	})
	if err != nil {
		return nil, err
	}
	refunds, more, err := d.Reader.RefundList(c.r.Context(), refund.Filter{
		MerchantID: charge.MerchantID, ChargeID: charge.ID, Page: wanted,
	})
	if err != nil {
		return nil, err
	}
	list := wire.List[wire.Refund]{URL: wire.RefundsPath(chargeName(charge)), HasMore: more}
	for _, r := range refunds {
		list.Data = append(list.Data, d.refundShown(c, r, charge))
	}
	return list, nil
}
