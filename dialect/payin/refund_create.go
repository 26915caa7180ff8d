package payin

import (
	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/payin"
)

// retransmissions begin the keys by which a request that carries no number is
// known again. No header can hold a key that begins with a blank.
const retransmissions = " payin "

// createRefund is POST /orders/{id}/refunds (Y0-4). The answer is the refund
// with 200 as soon as it is accepted, and for a repeat the refund as it is now.
func (d *Dialect) createRefund(c *call) (any, error) {
	o, err := d.orderToRefund(c)
	if err != nil {
		return nil, err
	}
	unit, err := d.refundUnit(c, o)
	if err != nil {
		return nil, err
	}
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.Payin))
	if err != nil {
		return nil, err
	}
	// From here on the refund is on disk: whatever happens, it is no error.
	return refundObject(result.Refunds[0], o), nil
}

// orderToRefund finds the order of the path, at Payin where it is not registered.
func (d *Dialect) orderToRefund(c *call) (order, error) {
	o, missing := d.order(c.r.Context(), c, c.id)
	charge, err := dialect.OrFind(c.r.Context(), d.Payments, o.Charge, missing, sought(c))
	if missing == nil || err != nil {
		return o, err
	}
	if o, ok := orderNamed(charge, c.id, c.identity.Name); ok {
		return o, nil
	}
	return order{}, missing
}

// sought is the order of the path where it is not registered: one that was paid at
// Payin itself.
func sought(c *call) dialect.Sought {
	return dialect.Sought{
		MerchantID: c.caller.Merchant.ID, Key: c.caller.Key.ID, RequestID: c.requestID,
		Alias:         refund.Alias{Dialect: merchant.Payin, Identity: c.identity.Name, Name: c.id},
		WantedPayment: admin.WantedPayment{Channel: merchant.Payin, TransactionID: c.id, Owner: c.identity.Name},
	}
}

// refundUnit reads and checks the body.
func (d *Dialect) refundUnit(c *call, o order) (refund.Unit, error) {
	key, fault := dialect.IdempotencyKey(c.r)
	if fault != nil {
		return refund.Unit{}, fault
	}
	body, err := c.object()
	if err != nil {
		return refund.Unit{}, err
	}
	in, err := wire.DecodeRefundRequest(body, c.options())
	if err != nil {
		return refund.Unit{}, invalid(err, "")
	}
	amount, err := wire.ParseAmount(in.Amount, o.Currency, c.on(wire.SwitchThreeDecimals))
	if err != nil {
		return refund.Unit{}, invalid(err, "amount")
	}
	if key == "" && in.MerchantRefundID == "" {
		// The same bytes with the same timestamp come twice only when a client
		// or proxy sends a request again. The timestamp must be within 300 s of
		// now both times, so that 10 minutes later nothing is taken for a
		// repeat any more (Y7.2-9 and Y7.2-11).
		key = retransmissions + c.seen.Fingerprint(c.body)
	}
	return refund.Unit{
		MerchantID: c.caller.Merchant.ID, Key: key, By: dialect.Asker(c.caller, c.r, c.requestID),
		Requests: []refund.Request{{ChargeID: o.ID, Amount: &amount, Number: in.MerchantRefundID, Reason: in.Reason}},
		Members:  []refund.Content{{refund.ContentCharge: o.ID, refund.ContentAmount: dialect.AmountContent(&amount)}},
	}, nil
}
