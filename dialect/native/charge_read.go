package native

import (
	"net/http"

	"github.com/refundry/refundry/refund"
)

// listCharges returns the merchant's charges, newest first: GET /charges.
func (d *Dialect) listCharges(c *call) error {
	values, page, err := c.pageQuery(chargeParams)
	if err != nil {
		return err
	}
	filter, err := ReadChargeFilter(c.merchantID(), values)
	if err != nil {
		return err
	}
	filter.Page = page
	look, err := d.s.Searcher.ChargeLook(c.ctx, filter)
	if err != nil {
		return err
	}
	out := list[chargeAnswer]{Data: make([]chargeAnswer, len(look.Charges)), Unreadable: unreadableIDs(look.Unreadable)}
	for n, charge := range look.Charges {
		out.Data[n] = answerCharge(d.s.Dialects, charge)
	}
	if out.HasMore = look.Next != nil; out.HasMore {
		out.Next = writeCursor(look.Next.CreatedAt, look.Next.ID)
	}
	return c.json(http.StatusOK, out)
}

// getCharge finds a charge by its id or any dialect's name for it: GET /charges/{id}.
func (d *Dialect) getCharge(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	id, err := c.id(refund.KindChargeNotFound)
	if err != nil {
		return err
	}
	charge, err := d.s.Reader.ChargeByAny(c.ctx, c.merchantID(), id)
	if err != nil {
		return err
	}
	disputes, err := d.s.Disputes.Disputes(c.ctx, c.merchantID(), charge.ID)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerWholeCharge(d.s.Dialects, charge, disputes))
}
