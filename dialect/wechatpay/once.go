package wechatpay

import (
	"slices"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// ofCard are members that are encrypted anew for each request, with what must
// be kept nowhere, not even as a hash: they are no content of a repeat.
var ofCard = []string{"bank_account", "real_name"}

// applyAbnormalRefundOnce is applyAbnormalRefund, at most once for an
// Idempotency-Key. The key is recorded with the claim that comes before the
// call to the channel, and free again if the channel refuses.
func (d *Dialect) applyAbnormalRefundOnce(c *call) (any, error) {
	body, err := c.object()
	if err != nil {
		return d.applyAbnormalRefund(c, nil) // which says what comes before it in the order of checks
	}
	body.Members = slices.DeleteFunc(slices.Clone(body.Members), func(m exactjson.Member) bool { return slices.Contains(ofCard, m.Name) })
	w := refund.Write{
		MerchantID: c.merchantID(), Call: "wechatpay POST apply-abnormal-refund " + c.account.mchID() + " " + c.r.PathValue("refund_id"),
		Content: dialect.WriteContent(body),
	}
	return dialect.OnceObject(c.r, d.Writes, w, func(w *refund.Write) (any, error) { return d.applyAbnormalRefund(c, w) }, func(id string) (any, error) {
		r, err := d.Reader.Refund(c.r.Context(), w.MerchantID, id)
		if err != nil {
			return nil, err
		}
		charge, err := d.Reader.Charge(c.r.Context(), w.MerchantID, r.ChargeID)
		if err != nil {
			return nil, err
		}
		return refundObject(r, charge, c.account.identity), nil
	})
}
