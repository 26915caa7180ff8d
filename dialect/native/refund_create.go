package native

import (
	"net/http"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/intake"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// createRefund accepts a refund: POST /refunds, 201, or 200 when number or
// Idempotency-Key repeat one that was accepted before.
func (d *Dialect) createRefund(c *call) error {
	key, fault := dialect.IdempotencyKey(c.r)
	if fault != nil {
		return fault
	}
	body, err := c.body()
	if err != nil {
		return err
	}
	in, err := decodeRefund(body)
	if err != nil {
		return err
	}
	result, err := d.accept(c, key, in)
	if err != nil {
		return err
	}
	made := result.Refunds[0]
	answer := answerRefund(made, result.Charges[made.ChargeID].Detail.Coupons)
	if result.Repeated {
		return c.json(http.StatusOK, answer)
	}
	c.w.Header().Set("Location", version+"/refunds/"+made.ID)
	return c.json(http.StatusCreated, answer)
}

// chargeIDOf finds the charge that a refund names by any dialect's name, else by the
// number that a channel or the merchant gave the payment. The charge itself is read
// under its lock.
func (d *Dialect) chargeIDOf(c *call, in refundRequest) (string, error) {
	if !visible(in.charge) {
		return "", noSuchCharge(in.charge)
	}
	id, err := d.s.Reader.ChargeIDByAny(c.ctx, c.merchantID(), in.charge)
	charge, err := dialect.OrFind(c.ctx, d.s.Payments, refund.Charge{ID: id}, err, dialect.Sought{
		MerchantID: c.merchantID(), Key: c.caller.Key.ID, RequestID: c.requestID,
		WantedPayment: admin.WantedPayment{TransactionID: in.charge, OrderNo: in.charge},
	})
	return charge.ID, err
}

func noSuchCharge(name string) *refund.Error {
	e := refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
	e.Charge = name
	return e
}

// createQuote returns what a refund would give back to whom, or answers the very
// problem that it would meet; it moves nothing: POST /quotes.
func (d *Dialect) createQuote(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	in, err := decodeRefund(body)
	if err != nil {
		return err
	}
	if !visible(in.charge) {
		return noSuchCharge(in.charge)
	}
	charge, err := d.s.Reader.ChargeByAny(c.ctx, c.merchantID(), in.charge)
	if err != nil {
		return err
	}
	rules, err := d.s.Rules(c.merchantID())
	if err != nil {
		return err
	}
	amount, parts, fault := refund.Quote(charge, in.request(charge.ID), rules, d.now())
	if fault == nil {
		fault = dialect.Asker(c.caller, c.r, c.requestID).Bounds.CheckRefund(charge, amount)
	}
	if fault != nil {
		return fault
	}
	return c.json(http.StatusOK, quoteAnswer{
		Charge: charge.ID, Amount: amount, Currency: charge.Currency, Mark: refund.QuoteMark(amount, parts),
		Parts:      answerParts(parts, charge.Detail.Coupons),
		Settlement: parts.Settlement(charge.Detail.Coupons),
		Splits:     answerSplits(parts, charge.Detail.Splits),
		Reusable:   reusable(charge, amount),
		Refundable: charge.Refundable() - amount,
	})
}

// accept hands a refund to the intake. Most name their charge by its id, and the
// charge is found where it is locked; for other names it is looked up before.
func (d *Dialect) accept(c *call, key string, in refundRequest) (intake.Result, error) {
	unit := refund.Unit{MerchantID: c.merchantID(), By: dialect.Asker(c.caller, c.r, c.requestID)}
	of := func(chargeID string) refund.Unit {
		return refund.Unit{
			MerchantID: unit.MerchantID, By: unit.By, Key: key,
			Requests: []refund.Request{in.request(chargeID)}, Members: []refund.Content{in.content(chargeID)},
		}
	}
	wait := dialect.Wait(c.r, c.caller.Merchant, merchant.Native)
	if visible(in.charge) {
		unit.ByName = &refund.ByName{Name: in.charge, Complete: func(charge refund.Charge) (refund.Unit, error) { return of(charge.ID), nil }}
		if result, err := d.s.Acceptor.Accept(c.ctx, unit, wait); !dialect.ReadFirst(err) {
			return result, err
		}
	}
	chargeID, err := d.chargeIDOf(c, in)
	if err != nil {
		return intake.Result{}, err
	}
	return d.s.Acceptor.Accept(c.ctx, of(chargeID), wait)
}
