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

// accept hands a refund to the intake. Without a number or a key every call is
// a new refund (L6-21).
func (d *Dialect) accept(c *call, request wire.RefundRequest) (refund.Refund, refund.Charge, error) {
	key, err := c.idempotencyKey()
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	charge, missing := d.chargeNamed(c, request.ChargesID)
	charge, err = dialect.OrFind(c.r.Context(), d.Payments, charge, missing, sought(c, request.ChargesID))
	if _, ours := aliasIn(charge, c.identity.Name); err == nil && !ours {
		err = missing // found, and another wallet's
	}
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	amount := money.Minor(request.Amount)
	unit := refund.Unit{
		MerchantID: charge.MerchantID, Key: key, By: dialect.Asker(c.caller, c.r, c.requestID),
		Requests: []refund.Request{{
			ChargeID: charge.ID, Amount: &amount, Number: request.RefundOrder, Reason: request.Description,
			Detail: refund.RefundDetail{ClientIP: request.ClientIP},
		}},
		Members: []refund.Content{{refund.ContentCharge: charge.ID, refund.ContentAmount: dialect.AmountContent(&amount)}},
	}
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.Wallet))
	if err != nil {
		return refund.Refund{}, refund.Charge{}, err
	}
	// From here on the refund is on disk: whatever happens, it is no error.
	// The charge that was read before has all that a refund shows of it.
	return result.Refunds[0], charge, nil
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
