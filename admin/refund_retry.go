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

const (
	// maxRetried bounds the refunds of one commit: a tenth of a second of a busy
	// database.
	maxRetried = 1000
	// maxRetryRounds bounds the commits of one action: a million refunds.
	maxRetryRounds = 1000
)

// RetryAccount has all refunds of a channel account that wait for funds sent again
// now, and returns how many: the funds are back. None is no error, and leaves no
// record. KindNotFound for an account that is not the merchant's.
func (a *Admin) RetryAccount(ctx context.Context, by By, merchantID, account string) (retried int, err error) {
	record, err := a.record(by, merchantID, "account.retry", account)
	if err != nil {
		return 0, err
	}
	if _, err := a.Account(ctx, merchantID, account); err != nil {
		return 0, err
	}
	now := a.now()
	for range maxRetryRounds {
		n, err := a.s.Store.RetryShortOfFunds(ctx, merchantID, account, record, maxRetried, now)
		if err != nil {
			return retried, err
		}
		if retried += n; n < maxRetried {
			break
		}
	}
	if retried > 0 {
		a.done(merchantID)
	}
	return retried, nil
}
