package admin

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// RetryRefund makes an open refund due now and changes nothing else about it:
// what may be at the channel is asked for first, as always. KindRefundNotFound;
// KindStateConflict for one at its end, or that waits for a start time.
func (a *Admin) RetryRefund(ctx context.Context, by By, merchantID, refundID string) (refund.Refund, error) {
	record, err := a.record(by, merchantID, "refund.retry", refundID)
	if err != nil {
		return refund.Refund{}, err
	}
	r, err := a.s.Store.RetryRefund(ctx, merchantID, refundID, record, a.now())
	if err != nil {
		return refund.Refund{}, err
	}
	a.done(merchantID)
	return r, nil
}
