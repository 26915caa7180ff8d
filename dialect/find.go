package dialect

import (
	"context"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/refund"
)

// Sought is a payment that a refund request names and that is not registered.
type Sought struct {
	MerchantID string
	// Key and RequestID say who asks.
	Key, RequestID string
	// Alias is what the asking dialect is to call the charge: without an identity it
	// is the merchant's first there, without a name the order's number. The zero
	// value is no name of its own.
	Alias refund.Alias
	// Channel, TransactionID, OrderNo and SubMerchant say what is asked for, and where.
	admin.WantedPayment
}

// By is who asks.
func (s Sought) By() admin.By {
	return admin.By{Actor: audit.ByKey(s.Key), RequestID: s.RequestID}
}

// Payments looks for payments that are not registered, at the channels.
type Payments interface {
	// FindPayment looks for a payment at the merchant's channel accounts and registers
	// it, under its alias and a name in each other dialect. It takes a few seconds at
	// most. KindChargeNotFound: no account knows it. KindBusy: that could not be
	// found out now. KindInvalid: the order number stands for several payments.
	FindPayment(ctx context.Context, s Sought) (refund.Charge, error)
}

// OrFind returns the charge that a refund request names: the one that was read, or,
// where there is none, the one that p finds. p may be nil.
func OrFind(ctx context.Context, p Payments, read refund.Charge, err error, s Sought) (refund.Charge, error) {
	if err == nil || p == nil || refund.KindOf(err) != refund.KindChargeNotFound {
		return read, err
	}
	found, problem := p.FindPayment(ctx, s)
	if problem != nil && refund.KindOf(problem) == refund.KindChargeNotFound {
		return read, err // in the words of who asked
	}
	return found, problem
}
