package payin

import (
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// createOrderOnce is createOrder, at most once for an Idempotency-Key.
func (d *Dialect) createOrderOnce(c *call) (any, error) {
	body, err := c.object()
	if err != nil {
		return d.createOrder(c, nil) // which says what comes before it in the order of checks
	}
	w := refund.Write{
		MerchantID: c.caller.Merchant.ID, Call: "payin POST /merchants/" + c.id + "/orders", Content: dialect.WriteContent(body),
	}
	return dialect.OnceObject(c.r, d.Writes, w, func(w *refund.Write) (any, error) { return d.createOrder(c, w) }, func(id string) (any, error) {
		charge, err := d.Reader.Charge(c.r.Context(), w.MerchantID, id)
		if err != nil {
			return nil, err
		}
		o, _ := orderOf(charge, c.identity.Name)
		return c.orderObject(o), nil
	})
}
