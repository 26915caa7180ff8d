package admin

import (
	"context"
	"time"

	"github.com/refundry/refundry/refund"
)

// Refunds changes refunds for an operator. Where nothing was to be changed,
// no record is written.
type Refunds interface {
	// RefundByAny finds a refund by any number that a person may hold: its id
	// here or in a dialect, the merchant's number, its idempotency key, the number
	// that its channel sees, or the channel's own. Absent is KindRefundNotFound;
	// what stands for several refunds is KindInvalid and names their ids.
	RefundByAny(ctx context.Context, merchantID, name string) (refund.Refund, error)
	// CancelRefund withdraws a refund that the channel has not been told of.
	// One that is canceled already is returned as it is; any other that can't be
	// withdrawn is KindStateConflict, an absent one KindRefundNotFound.
	CancelRefund(ctx context.Context, merchantID, refundID string, record refund.Action, now time.Time) (refund.Refund, refund.Charge, error)
	// RefundList lists refunds, newest first.
	RefundList(ctx context.Context, f refund.Filter) (refunds []refund.Refund, more bool, err error)
	// RetryRefund makes an open refund due now. KindRefundNotFound;
	// KindStateConflict for one at its end, or that waits for a start time.
	RetryRefund(ctx context.Context, merchantID, refundID string, record refund.Action, now time.Time) (refund.Refund, error)
	// RetryShortOfFunds makes those refunds of an account due now that wait for
	// funds, at most limit, and returns how many. Those that have changed since now
	// are left out.
	RetryShortOfFunds(ctx context.Context, merchantID, account string, record refund.Action, limit int, now time.Time) (retried int, err error)
}

// refundNamed finds the refund that an action is about, by any of its numbers,
// and makes the action's record.
func (a *Admin) refundNamed(ctx context.Context, by By, merchantID, action, name string) (refund.Refund, refund.Action, error) {
	record, err := a.record(by, merchantID, action, name)
	if err != nil {
		return refund.Refund{}, refund.Action{}, err
	}
	r, err := a.s.Store.RefundByAny(ctx, merchantID, name)
	record.Object = r.ID
	return r, record, err
}

// CancelRefund withdraws a refund that its channel has not been told of, and
// returns it with its charge. One that is held after an attempt stays held
// until the channel, asked, does not know it. One that is canceled already is
// returned as it is. name is any that Refunds.RefundByAny takes. Errors: those
// of RefundByAny; KindStateConflict where the channel may have been told.
func (a *Admin) CancelRefund(ctx context.Context, by By, merchantID, name string) (refund.Refund, refund.Charge, error) {
	r, record, err := a.refundNamed(ctx, by, merchantID, "refund.cancel", name)
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	r, charge, err := a.s.Store.CancelRefund(ctx, merchantID, r.ID, record, a.now())
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	a.done(merchantID)
	return r, charge, nil
}
