package admin

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// RetryNotice looks again for what a notice of the inbox is about: it is recorded
// with its refund, or adopted where it tells of a refund that the channel made
// without us, or else stays where it is, with the reason. KindNotFound;
// KindStateConflict for a notice that has found its refund, and for one that was
// refused: of those nothing was kept.
func (a *Admin) RetryNotice(ctx context.Context, by By, merchantID, id string) (refund.KeptNotice, error) {
	record, err := a.record(by, merchantID, "notice.retry", id)
	if err != nil {
		return refund.KeptNotice{}, err
	}
	n, err := a.s.Engine.RetryNotice(ctx, merchantID, id, record)
	if err != nil {
		return refund.KeptNotice{}, err
	}
	a.done(merchantID)
	return n, nil
}
