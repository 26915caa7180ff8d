package engine

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// take records what a notice tells of a charge: a refund that the channel made
// without us, or a dispute. It returns why it could not, "" where it did.
func (e *Engine) take(ctx context.Context, n refund.Noticed, charge refund.Charge) (problem string) {
	if n.Dispute != nil {
		if err := e.dispute(ctx, *n.Dispute, charge); err != nil {
			return "could not be recorded: " + clean(err.Error(), maxMessage)
		}
		return ""
	}
	if _, _, err := e.adopt(ctx, n, charge, refund.Cause{}); err != nil {
		return "could not be adopted: " + clean(err.Error(), maxMessage)
	}
	return ""
}

// dispute records what a channel says of a dispute of a charge. Told twice, or after
// what came later, it changes nothing.
func (e *Engine) dispute(ctx context.Context, told refund.Dispute, charge refund.Charge) error {
	change, err := e.store.Dispute(ctx, refund.ChargeKey{MerchantID: charge.MerchantID, ID: charge.ID}, told, e.now())
	if err != nil {
		return err
	}
	e.changed(change)
	return nil
}
