package pingpp

import (
	"context"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// An order is the charges that were registered with its id: their alias's Sub.
// Orders themselves are made elsewhere.

// orderFilter selects the charges of the path's order.
func orderFilter(c *call) refund.ChargeFilter {
	return refund.ChargeFilter{MerchantID: c.caller.Merchant.ID, Dialect: merchant.PingPP, Sub: c.r.PathValue("or")}
}

// orderCharges are the charges of the path's order, newest first, at most as
// many as a list has. An order without any is not found.
func (d *Dialect) orderCharges(c *call) (charges []refund.Charge, more bool, err error) {
	if wire.IsPossibleID(c.r.PathValue("or")) {
		filter := orderFilter(c)
		filter.Page.Limit = maxPage
		if charges, more, err = d.Reader.ChargeList(c.r.Context(), filter); err != nil {
			return nil, false, err
		}
	}
	if len(charges) == 0 {
		return nil, false, &flaw{kind: refund.KindNotFound, words: func(l wire.Locale) wire.Error { return l.NotFound(wire.ObjectOrder, c.pathID("or")) }}
	}
	return charges, more, nil
}

// inOrder reports whether a charge belongs to the path's order.
func inOrder(c *call, charge refund.Charge) bool {
	alias, _ := charge.Alias(merchant.PingPP)
	return alias.Name != "" && alias.Sub == c.r.PathValue("or")
}

// listOrderCharges is GET /v1/orders/{or}/charges, with the cursors of charges.
func (d *Dialect) listOrderCharges(c *call) (any, error) {
	if _, _, err := d.orderCharges(c); err != nil {
		return nil, err
	}
	filter := orderFilter(c)
	var err error
	filter.Page, err = page(c.r.Context(), c.params, maxPage, func(ctx context.Context, id string) (refund.Position, bool, error) {
		charge, err := d.Reader.ChargeByAlias(ctx, filter.MerchantID, merchant.PingPP, id)
		if err != nil && refund.KindOf(err) == refund.KindChargeNotFound {
			return refund.Position{}, false, nil
		}
		return refund.Position{CreatedAt: charge.CreatedAt, ID: charge.ID}, inOrder(c, charge), err
	})
	if err != nil {
		return nil, err
	}
	charges, more, err := d.Reader.ChargeList(c.r.Context(), filter)
	if err != nil {
		return nil, err
	}
	list := wire.List[wire.Charge]{URL: wire.OrderChargesPath(c.r.PathValue("or")), HasMore: more}
	for _, charge := range charges {
		object, err := d.chargeObject(c.r.Context(), c, charge, expandsApp(c.params))
		if err != nil {
			return nil, err
		}
		list.Data = append(list.Data, object)
	}
	return list, nil
}

// getOrderCharge is GET /v1/orders/{or}/charges/{ch}.
func (d *Dialect) getOrderCharge(c *call) (any, error) {
	if _, _, err := d.orderCharges(c); err != nil {
		return nil, err
	}
	charge, err := d.orderCharge(c, c.r.PathValue("ch"))
	if err != nil {
		return nil, err
	}
	return d.chargeObject(c.r.Context(), c, charge, expandsApp(c.params))
}

// orderCharge finds a charge of the path's order by its name. One of another
// order is as unknown as one that is not there.
func (d *Dialect) orderCharge(c *call, name string) (refund.Charge, error) {
	charge, err := d.chargeNamed(c, name)
	if err != nil {
		return refund.Charge{}, err
	}
	if !inOrder(c, charge) {
		return refund.Charge{}, chargeUnknown(name)
	}
	return charge, nil
}

// listOrderRefunds is GET /v1/orders/{or}/order_refunds: the refunds of all of
// the order's charges, newest first, by page and per_page.
func (d *Dialect) listOrderRefunds(c *call) (any, error) {
	charges, _, err := d.orderCharges(c)
	if err != nil {
		return nil, err
	}
	limit, offset, err := numberedPage(c.params)
	if err != nil {
		return nil, err
	}
	refunds, total, err := d.Pager.RefundPage(c.r.Context(), refund.Filter{
		MerchantID: c.caller.Merchant.ID, Dialect: merchant.PingPP, Sub: c.r.PathValue("or"), Page: refund.Page{Limit: limit},
	}, offset)
	if err != nil {
		return nil, err
	}
	known := make(map[string]refund.Charge, len(charges))
	for _, charge := range charges {
		known[charge.ID] = charge
	}
	list := wire.List[wire.Refund]{URL: wire.OrderRefundsPath(c.r.PathValue("or")), HasMore: offset+int64(len(refunds)) < total}
	for _, r := range refunds {
		charge, ok := known[r.ChargeID]
		if !ok { // of an order with more charges than a list has
			if charge, err = d.Reader.Charge(c.r.Context(), r.MerchantID, r.ChargeID); err != nil {
				return nil, err
			}
		}
		list.Data = append(list.Data, d.refundShown(c, r, charge.Named()))
	}
	return list, nil
}

// getOrderRefund is GET /v1/orders/{or}/order_refunds/{re}: one refund, since
// the API has no other object for it any more (P2.8-1).
func (d *Dialect) getOrderRefund(c *call) (any, error) {
	if _, _, err := d.orderCharges(c); err != nil {
		return nil, err
	}
	unknown := refund.Errorf(refund.KindRefundNotFound, "refund", "the order has no such refund")
	if !wire.IsPossibleID(c.r.PathValue("re")) {
		return nil, unknown
	}
	r, err := d.Reader.Refund(c.r.Context(), c.caller.Merchant.ID, c.r.PathValue("re"))
	if err != nil {
		return nil, err
	}
	charge, err := d.Reader.Charge(c.r.Context(), r.MerchantID, r.ChargeID)
	if err != nil {
		return nil, err
	}
	if !inOrder(c, charge) {
		return nil, unknown
	}
	return d.refundShown(c, r, charge.Named()), nil
}
