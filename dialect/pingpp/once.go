package pingpp

import (
	"slices"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/refund"
)

// Calls that ask for refunds, as content: the same charge and amount under one
// Idempotency-Key are another request where another call asks.
const (
	callRefund      = "refund"
	callReverse     = "reverse"
	callBatch       = "batch_refunds"
	callOrderRefund = "order_refunds"
)

// checkKey refuses a key that stands for anything but these refunds. It is for
// answers that ask for none, and need no key: the intake looks at all others.
func (d *Dialect) checkKey(c *call, key string, members []refund.Content) error {
	if key == "" {
		return nil
	}
	kept, known, err := d.Writes.KeptWrite(c.r.Context(), c.caller.Merchant.ID, key)
	if err != nil || !known {
		return err
	}
	if kept.Call == "" {
		unit, known, err := d.Units.Unit(c.r.Context(), c.caller.Merchant.ID, key)
		if err != nil || known && slices.EqualFunc(unit.Contents, members, refund.SameContent) {
			return err
		}
	}
	return dialect.KeyConflict()
}
