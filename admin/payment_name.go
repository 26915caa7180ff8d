package admin

import (
	"context"

	"github.com/refundry/refundry/refund"
)

// oneName gives a payment that has two numbers at its channel the one under which it
// is registered; else the one that sorts first, whichever was asked for, so that
// requests by both at the same time register one charge. The other is its order
// number where the merchant has none, and finds the charge too.
func (a *Admin) oneName(ctx context.Context, merchantID string, p foundPayment, wanted WantedPayment) (foundPayment, error) {
	if p.TransactionID == "" || p.OtherTransactionID == "" {
		return p, nil
	}
	first, second := min(p.TransactionID, p.OtherTransactionID), max(p.TransactionID, p.OtherTransactionID)
	p.TransactionID, p.OtherTransactionID = first, second
	if p.OrderNo == "" && (wanted.OrderNo == "" || wanted.OrderNo == first || wanted.OrderNo == second) {
		p.OrderNo = second
	}
	for _, name := range []string{first, second} {
		known, err := a.s.Store.ChargeByAny(ctx, merchantID, name)
		switch {
		case err == nil && (known.TransactionID == first || known.TransactionID == second):
			p.TransactionID = known.TransactionID
			return p, nil
		case err != nil && refund.KindOf(err) != refund.KindChargeNotFound && refund.KindOf(err) != refund.KindInvalid:
			return foundPayment{}, err
		}
	}
	return p, nil
}
