package payin

import (
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// getTransaction is GET /transactions/{id}/merchant (Y3-4): the payment, or the
// transaction of a refund.
func (d *Dialect) getTransaction(c *call) (any, error) {
	unknown := refund.Errorf(refund.KindNotFound, "", "there is no such transaction")
	orderID, n, ok := wire.SplitTransactionID(c.id)
	if !ok {
		return nil, unknown
	}
	o, err := d.order(c.r.Context(), c, orderID)
	if err == nil && n == payment {
		told, err := d.Deliveries.PaymentSummary(c.r.Context(), merchant.Payin, o.Charge)
		return c.paymentTransaction(o, told), err
	}
	var r refund.Refund
	if err == nil {
		r, err = d.nthRefund(c.r.Context(), o, n-payment)
	}
	switch refund.KindOf(err) {
	case refund.KindChargeNotFound, refund.KindRefundNotFound:
		return nil, unknown
	}
	if err != nil {
		return nil, err
	}
	told, err := d.Deliveries.DeliverySummary(c.r.Context(), merchant.Payin, r)
	if err != nil {
		return nil, err
	}
	return c.refundTransaction(r, o, told), nil
}

func (c *call) paymentTransaction(o order, told merchant.DeliverySummary) wire.Transaction {
	return wire.Transaction{
		Amount: wire.Number(o.Amount, o.Currency), ID: wire.TransactionID(o.id, payment), OrderID: o.id,
		ClientID: c.clientID(o), MerchantID: o.merchant, ClientIP: o.clientIP(),
		Result: wire.ResultApproved, CompletedAt: moment(o.PaidAt), Type: wire.TransactionPayment,
		PaymentMethod: o.method(), Currency: string(o.Currency),
		NotificationTimes: told.Tries, SuccessfullyNotifiedAt: moment(told.ReceivedAt), LastNotifiedAt: moment(told.LastAt),
		CreatedAt: wire.Time(o.createdAt()), UpdatedAt: wire.Time(o.PaidAt),
	}
}

func (c *call) refundTransaction(r refund.Refund, o order, told merchant.DeliverySummary) wire.Transaction {
	return wire.Transaction{
		Amount: wire.Number(r.Amount, r.Currency), ID: wire.TransactionID(o.id, payment+r.Sequence), OrderID: o.id,
		ClientID: c.clientID(o), MerchantID: o.merchant, ClientIP: o.clientIP(),
		Result: results[r.State], CompletedAt: moment(finishedAt(r)), Type: wire.TransactionRefund,
		PaymentMethod: o.method(), Currency: string(r.Currency),
		NotificationTimes: told.Tries, SuccessfullyNotifiedAt: moment(told.ReceivedAt), LastNotifiedAt: moment(told.LastAt),
		CreatedAt: wire.Time(r.CreatedAt), UpdatedAt: wire.Time(r.UpdatedAt),
	}
}

// results says how a refund's transaction stands.
var results = map[refund.State]string{
	refund.Held:      wire.ResultNotYet,
	refund.Created:   wire.ResultNotYet,
	refund.Pending:   wire.ResultNotYet,
	refund.Abnormal:  wire.ResultNotYet,
	refund.Succeeded: wire.ResultApproved,
	refund.Failed:    wire.ResultDeclinedNoRetry,
	refund.Canceled:  wire.ResultAborted,
}
