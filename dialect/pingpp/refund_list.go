package pingpp

import (
	"context"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// listRefunds is GET /v1/charges/{ch}/refunds, newest first.
func (d *Dialect) listRefunds(c *call) (any, error) {
	refunds, charge, more, err := d.refundsOfPath(c)
	if err != nil {
		return nil, err
	}
	list := wire.List[wire.Refund]{URL: wire.RefundsPath(namedHere(charge)), HasMore: more}
	for _, r := range refunds {
		list.Data = append(list.Data, d.refundShown(c, r, charge))
	}
	return list, nil
}

// refundsOfPath reads the page that is asked for, of the charge that the path names. A
// first page is one statement with its charge.
func (d *Dialect) refundsOfPath(c *call) (refunds []refund.Refund, of refund.NamedCharge, more bool, err error) {
	most := maxRefundPage
	if size := c.caller.Merchant.Settings.RefundPageSize; size > 0 {
		most = min(size, maxPage)
	}
	name := c.r.PathValue("ch")
	if limit, err := pageLimit(c.params, most); err == nil && isFirstPage(c.params) && wire.IsPossibleID(name) {
		return d.Reader.RefundsByAlias(c.r.Context(), c.caller.Merchant.ID, merchant.PingPP, name, limit)
	}
	charge, err := d.chargeOfPath(c)
	if err != nil {
		return nil, of, false, err
	}
	wanted, err := page(c.r.Context(), c.params, most, func(ctx context.Context, id string) (refund.Position, bool, error) {
		r, ok, err := d.refundOf(ctx, charge, id)
		at, err := dialect.Place(refund.Position{CreatedAt: r.CreatedAt, ID: r.ID}, err)
		return at, ok, err
	})
	if err != nil {
		return nil, of, false, err
	}
	refunds, more, err = d.Reader.RefundList(c.r.Context(), refund.Filter{
		MerchantID: charge.MerchantID, ChargeID: charge.ID, Page: wanted,
	})
	return refunds, charge.Named(), more, err
}
