package payin

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// References reads "{order}_R{n}", the n-th refund of an order, and the
// transaction that it is there: "{order}_{n}", of which the first is the
// payment.
func References(text string, _ []merchant.Identity) []refund.Reference {
	order, n, ok := wire.SplitRefundID(text)
	if !ok {
		if order, n, ok = wire.SplitTransactionID(text); !ok {
			return nil
		}
		n -= payment
	}
	return []refund.Reference{{Dialect: merchant.Payin, Charge: order, Sequence: n}}
}
