package wallet

import (
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// createChargeOnce is createCharge, at most once for an Idempotency-Key.
func (d *Dialect) createChargeOnce(c *call) (any, error) {
	w := refund.Write{
		MerchantID: c.caller.Merchant.ID, Call: "wallet POST /wallet/" + c.identity.Name + "/charges", Content: dialect.WriteContent(c.body),
	}
	return dialect.OnceObject(c.r, d.Writes, w, func(w *refund.Write) (any, error) { return d.createCharge(c, w) }, func(id string) (any, error) {
		charge, err := d.Reader.Charge(c.r.Context(), w.MerchantID, id)
		if err != nil {
			return nil, err
		}
		return d.wholeCharge(c, charge)
	})
}
