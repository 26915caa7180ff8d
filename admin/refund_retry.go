package admin

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// RetryRefund makes an open refund due now and changes nothing else about it:
// what may be at the channel is asked for first, as always. name is any that
// Refunds.RefundByAny takes. Errors: those of RefundByAny; KindStateConflict for
// a refund at its end, or that waits for a start time.
func (a *Admin) RetryRefund(ctx context.Context, by By, merchantID, name string) (refund.Refund, error) {
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.retry", name)
	if err != nil {
		return refund.Refund{}, err
	}
	if r, err = a.s.Store.RetryRefund(ctx, merchantID, r.ID, record, a.now()); err != nil {
		return refund.Refund{}, err
	}
	a.done(merchantID)
	return r, nil
}
