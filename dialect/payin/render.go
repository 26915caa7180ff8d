package payin

import (
	"time"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// noClientIP stands for a payer's address that the charge does not have.
const noClientIP = "0.0.0.0"

// payment is the number of the payment among an order's transactions; the n-th
// refund has payment + n: both share one counter, and a charge is paid before
// it is refunded (Y3.3-4).
const payment = 1

// statuses says what each state of the core looks like (docs/money.md).
var statuses = map[refund.State]string{
	refund.Held:      wire.StatusPending,
	refund.Created:   wire.StatusPending,
	refund.Pending:   wire.StatusPending,
	refund.Abnormal:  wire.StatusPending,
	refund.Succeeded: wire.StatusSuccess,
	refund.Failed:    wire.StatusFail,
	refund.Canceled:  wire.StatusFail,
}

// refundObject returns a refund in the dialect's form.
func refundObject(r refund.Refund, o order) wire.Refund {
	return wire.Refund{
		Amount: wire.Number(r.Amount, r.Currency), Status: statuses[r.State], ID: wire.RefundID(o.id, r.Sequence), OrderID: o.id,
		PaymentMethod: o.method(), MerchantRefundID: filled(r.Number), MerchantID: o.merchant,
		OriginTransactionID: wire.TransactionID(o.id, payment), Currency: string(r.Currency),
		UpdatedAt: wire.Time(r.UpdatedAt), CreatedAt: wire.Time(r.CreatedAt),
	}
}

// refundDetail is the refund with what only a query shows.
func refundDetail(r refund.Refund, o order) wire.RefundDetail {
	return refundObject(r, o).Detail(wire.TransactionID(o.id, payment+r.Sequence), filled(r.Reason), moment(finishedAt(r)))
}

// finishedAt is when a refund ended, zero while it is open.
func finishedAt(r refund.Refund) time.Time {
	switch {
	case r.State == refund.Succeeded:
		return r.SucceededAt
	case r.State.Final():
		return r.UpdatedAt
	}
	return time.Time{}
}

// method is how the order was paid.
func (o order) method() string { return dialect.ChannelName(o.Channel, merchant.Payin) }

// clientIP is the payer's address.
func (o order) clientIP() string {
	if o.Detail.ClientIP == "" {
		return noClientIP
	}
	return o.Detail.ClientIP
}

// createdAt is when the order was made: one that came to us after it was paid
// elsewhere can't be younger than its payment.
func (o order) createdAt() time.Time {
	if o.PaidAt.Before(o.CreatedAt) {
		return o.PaidAt
	}
	return o.CreatedAt
}

// refundStatus is the order's refundStatus. Only open refunds reserve; and
// where none is open and nothing was given back, each that there is has failed.
func (o order) refundStatus() string {
	return wire.RefundStatus(o.Reserved > 0, int64(o.Refunded), int64(o.Amount), o.Refunds > 0)
}

func moment(t time.Time) *wire.Time {
	if t.IsZero() {
		return nil
	}
	out := wire.Time(t)
	return &out
}

func filled(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}
