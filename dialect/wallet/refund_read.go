package wallet

import (
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// listRefunds is GET /wallet/{wallet_id}/charges/{charges_id}/refunds, newest
// first (L6-24).
func (d *Dialect) listRefunds(c *call) (any, error) {
	refunds, charge, total, err := d.refundPage(c)
	if err != nil {
		return nil, err
	}
	v := c.voice()
	list := wire.List[wire.Refund]{Total: total}
	for _, r := range refunds {
		list.Data = append(list.Data, v.refund(r, charge))
	}
	return list, nil
}

// listOldRefunds is GET /charges/{id}/refunds, the older generation: a bare
// array (L3-23).
func (d *Dialect) listOldRefunds(c *call) (any, error) {
	refunds, charge, _, err := d.refundPage(c)
	if err != nil {
		return nil, err
	}
	v := c.voice()
	list := []wire.OldRefund{}
	for _, r := range refunds {
		list = append(list, v.oldRefund(r, charge))
	}
	return list, nil
}

// refundPage reads one page of the refunds of the path's charge.
func (d *Dialect) refundPage(c *call) ([]refund.Refund, refund.Charge, int64, error) {
	paging, err := wire.ParsePaging(c.r.URL.Query())
	if err != nil {
		return nil, refund.Charge{}, 0, err
	}
	charge, err := d.chargeNamed(c, c.r.PathValue("charge"))
	if err != nil {
		return nil, refund.Charge{}, 0, err
	}
	from, to := bounds(paging)
	refunds, total, err := d.Pager.RefundPage(c.r.Context(), refund.Filter{
		MerchantID: charge.MerchantID, ChargeID: charge.ID, CreatedFrom: from, CreatedTo: to, Page: refund.Page{Limit: int(paging.Count)},
	}, paging.Offset())
	return refunds, charge, total, err
}

// getOldRefund is GET /charges/{charge_id}/refunds/{refund_id}. A refund of
// another charge is as unknown as one that is not there.
func (d *Dialect) getOldRefund(c *call) (any, error) {
	charge, err := d.chargeNamed(c, c.r.PathValue("charge"))
	if err != nil {
		return nil, err
	}
	r, of, err := d.refundNamed(c, c.r.PathValue("refund"))
	if err != nil {
		return nil, err
	}
	if of.ID != charge.ID {
		return nil, refund.Errorf(refund.KindRefundNotFound, "id", "the charge has no such refund")
	}
	return c.voice().oldRefund(r, charge), nil
}
