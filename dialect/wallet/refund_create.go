package wallet

import (
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/wallet"
)

// createRefund is POST /wallet/{wallet_id}/refund (L2.1-1). The answer is the
// refund with 200 as soon as it is accepted, also when the channel has refused
// it by then: an error would make callers repeat it.
func (d *Dialect) createRefund(c *call) (any, error) {
	request, err := wire.DecodeRefundRequest(c.body)
	if err != nil {
		return nil, err
	}
	r, charge, err := d.accept(c, request)
	if err != nil {
		return nil, err
	}
	return c.voice().refund(r, charge), nil
}

// createOldRefund is POST /charges/{id}/refunds, the older generation (L3-16):
// the wallet is the key's, the charge stands in the path.
func (d *Dialect) createOldRefund(c *call) (any, error) {
	request, err := wire.DecodeOldRefundRequest(c.body)
	if err != nil {
		return nil, err
	}
	request.ChargesID = c.r.PathValue("charge")
	r, charge, err := d.accept(c, request)
	if err != nil {
		return nil, err
	}
	return c.voice().oldRefund(r, charge), nil
}

// accept hands a refund to the intake. The charge is found where it is locked, or,
// if it is not registered, looked for.
func (d *Dialect) accept(c *call, request wire.RefundRequest) (refund.Refund, refund.Charge, error) {
	key, err := c.idempotencyKey()
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	var charge refund.Charge
	unit := refund.Unit{MerchantID: c.caller.Merchant.ID, By: dialect.Asker(c.caller, c.r, c.requestID)}
	unit.ByName = &refund.ByName{Dialect: merchant.Wallet, Name: request.ChargesID, Complete: func(found refund.Charge) (refund.Unit, error) {
		if _, ours := aliasIn(found, c.identity.Name); !ours {
			return refund.Unit{}, dialect.ErrReadFirst
		}
		charge = found
		return refundUnit(key, request, found), nil
	}}
	err = dialect.ErrReadFirst
	var r refund.Refund
	if isPossibleID(request.ChargesID) {
		r, err = d.acceptOne(c, unit)
	}
	if dialect.ReadFirst(err) {
		if charge, err = d.chargeFound(c, request.ChargesID); err != nil {
			return refund.Refund{}, refund.Charge{}, err
		}
		known := refundUnit(key, request, charge)
		known.MerchantID, known.By = unit.MerchantID, unit.By
		r, err = d.acceptOne(c, known)
	}
	// Once it is accepted, the refund is on disk: whatever happens, it is no error.
	// charge has all that a refund shows of it.
	return r, charge, err
}

func (d *Dialect) acceptOne(c *call, unit refund.Unit) (refund.Refund, error) {
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.Wallet))
	if err != nil {
		return refund.Refund{}, err
	}
	return result.Refunds[0], nil
}

// chargeFound is a charge of the key's wallet that may be registered or not.
func (d *Dialect) chargeFound(c *call, name string) (refund.Charge, error) {
	charge, missing := d.chargeNamed(c, name)
	charge, err := dialect.OrFind(c.r.Context(), d.Payments, charge, missing, sought(c, name))
	if _, ours := aliasIn(charge, c.identity.Name); err == nil && !ours {
		err = missing // found, and another wallet's
	}
	return charge, err
}

// refundUnit puts a request into the core's words. Without a number or a key every
// call is a new refund (L6-21).
func refundUnit(key string, request wire.RefundRequest, charge refund.Charge) refund.Unit {
	amount := money.Minor(request.Amount)
	return refund.Unit{
		Key: key,
		Requests: []refund.Request{{
			ChargeID: charge.ID, Amount: &amount, Number: request.RefundOrder, Reason: request.Description,
			Detail: refund.RefundDetail{ClientIP: request.ClientIP},
		}},
		Members: []refund.Content{{refund.ContentCharge: charge.ID, refund.ContentAmount: dialect.AmountContent(&amount)}},
	}
}

// sought is a charge that is not registered. No channel knows the wallet's name of
// it, unless it was the number of the order there.
func sought(c *call, name string) dialect.Sought {
	s := dialect.Sought{
		MerchantID: c.caller.Merchant.ID, Key: c.caller.Key.ID, RequestID: c.requestID,
		Alias: refund.Alias{Dialect: merchant.Wallet, Identity: c.identity.Name, Name: name},
	}
	s.OrderNo = name
	return s
}
