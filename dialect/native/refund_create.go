package native

import (
	"net/http"

	"github.com/refundry/refundry/dialect"
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
	charge, err := d.chargeOf(c, in)
	if err != nil {
		return err
	}
	result, err := d.s.Acceptor.Accept(c.ctx, refund.Unit{
		MerchantID: c.merchantID(),
		Key:        key,
		Requests:   []refund.Request{in.request(charge.ID)},
		By:         dialect.Asker(c.caller, c.r, c.requestID),
		Members:    []refund.Content{in.content(charge.ID)},
	}, dialect.Wait(c.r, c.caller.Merchant, merchant.Native))
	if err != nil {
		return err
	}
	made := result.Refunds[0]
	answer := answerRefund(made, charge.Detail.Coupons)
	if result.Repeated {
		return c.json(http.StatusOK, answer)
	}
	c.w.Header().Set("Location", version+"/refunds/"+made.ID)
	return c.json(http.StatusCreated, answer)
}

// chargeOf finds the charge that a refund or quote names in any dialect's
// words.
func (d *Dialect) chargeOf(c *call, in refundRequest) (refund.Charge, error) {
	if !visible(in.charge) {
		e := refund.Errorf(refund.KindChargeNotFound, "charge", "there is no such charge")
		e.Charge = in.charge
		return refund.Charge{}, e
	}
	return d.s.Reader.ChargeByAny(c.ctx, c.merchantID(), in.charge)
}

// createQuote says what a refund would give back to whom, or answers the very
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
	charge, err := d.chargeOf(c, in)
	if err != nil {
		return err
	}
	rules, err := d.s.Rules(c.merchantID())
	if err != nil {
		return err
	}
	amount, parts, fault := refund.Quote(charge, in.request(charge.ID), rules, d.now())
	if fault != nil {
		return fault
	}
	return c.json(http.StatusOK, quoteAnswer{
		Charge: charge.ID, Amount: amount, Currency: charge.Currency,
		Parts:      answerParts(parts, charge.Detail.Coupons),
		Settlement: parts.Settlement(charge.Detail.Coupons),
		Splits:     answerSplits(parts, charge.Detail.Splits),
		Reusable:   reusable(charge, amount),
		Refundable: charge.Refundable() - amount,
	})
}
