package admin

import (
	"context"
	"time"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// Refunds changes refunds for an operator. Where nothing was to be changed,
// no record is written.
type Refunds interface {
	// Refund finds a refund; absent is KindRefundNotFound.
	Refund(ctx context.Context, merchantID, id string) (refund.Refund, error)
	// CancelRefund withdraws a refund that the channel has not been told of.
	// One that is canceled already is returned as it is; any other that can't be
	// withdrawn is KindStateConflict, an absent one KindRefundNotFound.
	CancelRefund(ctx context.Context, merchantID, refundID string, record audit.Record, now time.Time) (refund.Refund, refund.Charge, error)
	// RetryRefund makes an open refund due now. KindRefundNotFound;
	// KindStateConflict for one at its end, or that waits for a start time.
	RetryRefund(ctx context.Context, merchantID, refundID string, record audit.Record, now time.Time) (refund.Refund, error)
}

// CancelRefund withdraws a refund that its channel has not been told of, and
// returns it with its charge. One that is held after an attempt stays held
// until the channel, asked, does not know it. One that is canceled already is
// returned as it is. Errors: KindRefundNotFound; KindStateConflict where the
// channel may have been told.
func (a *Admin) CancelRefund(ctx context.Context, by By, merchantID, refundID string) (refund.Refund, refund.Charge, error) {
	record, err := a.record(by, merchantID, "refund.cancel", refundID)
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	r, charge, err := a.s.Store.CancelRefund(ctx, merchantID, refundID, record, a.now())
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	a.done(merchantID)
	return r, charge, nil
}
