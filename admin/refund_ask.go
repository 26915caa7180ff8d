package admin

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// AskRefund asks a refund's channel about it at once, whatever its time, and returns
// the refund as it is with the answer. The attempt says who asked. name is any that
// Refunds.RefundByAny takes. Errors: those of RefundByAny; KindStateConflict while
// the channel is being called, where it knows nothing of the refund, and for one
// that ended without success; KindBusy where the channel's limits allow no question.
func (a *Admin) AskRefund(ctx context.Context, by By, merchantID, name string) (refund.Refund, error) {
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.ask", name)
	if err != nil {
		return refund.Refund{}, err
	}
	if r, err = a.s.Engine.Ask(ctx, merchantID, r.ID, record); err != nil {
		return refund.Refund{}, err
	}
	a.done(merchantID)
	return r, nil
}
