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
	r, o, err := d.refundNamed(c)
	if dialect.ReadFirst(err) {
		r, o, err = d.refundFound(c)
	}
	if err != nil {
		return nil, err
	}
	// From here on the refund is on disk: whatever happens, it is no error.
	return refundObject(r, o), nil
}

// refundNamed accepts a refund of the order of the path, which is looked up where it
// is locked.
func (d *Dialect) refundNamed(c *call) (r refund.Refund, o order, err error) {
	if !wire.IsPossibleID(c.id) {
		return r, o, dialect.ErrReadFirst
	}
	// An order that is not there counts for more than a body that can't be read.
	in, bad := readRefund(c)
	r, err = d.acceptOne(c, refund.Unit{
		MerchantID: c.caller.Merchant.ID, By: dialect.Asker(c.caller, c.r, c.requestID),
		ByName: &refund.ByName{Dialect: merchant.Payin, Name: c.id, Complete: func(charge refund.Charge) (refund.Unit, error) {
			var ours bool
			if o, ours = orderNamed(charge, c.id, c.identity.Name); !ours {
				return refund.Unit{}, dialect.ErrReadFirst
			}
			if bad != nil {
				return refund.Unit{}, bad
			}
			return refundUnit(c, in, o)
		}},
	})
	return r, o, err
}

// refundFound is refundNamed for an order that may be registered or not.
func (d *Dialect) refundFound(c *call) (r refund.Refund, o order, err error) {
	if o, err = d.orderToRefund(c); err != nil {
		return r, o, err
	}
	in, err := readRefund(c)
	if err != nil {
		return r, o, err
	}
	unit, err := refundUnit(c, in, o)
	if err != nil {
		return r, o, err
	}
	r, err = d.acceptOne(c, unit)
	return r, o, err
}

func (d *Dialect) acceptOne(c *call, unit refund.Unit) (refund.Refund, error) {
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.Payin))
	if err != nil {
		return refund.Refund{}, err
	}
	return result.Refunds[0], nil
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

// asked is a refund request, and the key of its header.
type asked struct {
	wire.RefundRequest
	key string
}

// readRefund reads the header and the body.
func readRefund(c *call) (in asked, err error) {
	key, fault := dialect.IdempotencyKey(c.r)
	if fault != nil {
		return in, fault
	}
	body, err := c.object()
	if err != nil {
		return in, err
	}
	request, err := wire.DecodeRefundRequest(body, c.options())
	if err != nil {
		return in, invalid(err, "")
	}
	return asked{request, key}, nil
}

// refundUnit puts a request into the core's words.
func refundUnit(c *call, in asked, o order) (refund.Unit, error) {
	amount, err := wire.ParseAmount(in.Amount, o.Currency, c.on(wire.SwitchThreeDecimals))
	if err != nil {
		return refund.Unit{}, invalid(err, "amount")
	}
	if in.key == "" && in.MerchantRefundID == "" {
		// The same bytes with the same timestamp come twice only when a client
		// or proxy sends a request again. The timestamp must be within 300 s of
		// now both times, so that 10 minutes later nothing is taken for a
		// repeat any more (Y7.2-9 and Y7.2-11).
		in.key = retransmissions + c.seen.Fingerprint(c.body)
	}
	return refund.Unit{
		MerchantID: c.caller.Merchant.ID, Key: in.key, By: dialect.Asker(c.caller, c.r, c.requestID),
		Requests: []refund.Request{{ChargeID: o.ID, Amount: &amount, Number: in.MerchantRefundID, Reason: in.Reason}},
		Members:  []refund.Content{{refund.ContentCharge: o.ID, refund.ContentAmount: dialect.AmountContent(&amount)}},
	}, nil
}
