package pingpp

import (
	"slices"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// reverseReason is the refund's text: a reversal has none of its own.
const reverseReason = "撤销"

// reverseCharge is POST /v1/charges/{ch}/reverse (P3.2-11 and P3.2-12). Every charge
// here is paid, so reversing one gives back everything that is left, on the
// channels that do so and in their time. The answer is the charge; reversed is
// true unless the channel has refused by then. A charge that is reversed
// already is answered as it is.
func (d *Dialect) reverseCharge(c *call) (any, error) {
	charge, err := d.chargeOfPath(c)
	if err != nil {
		return nil, err
	}
	if alias, _ := charge.Alias(merchant.PingPP); alias.Sub != "" {
		return nil, &flaw{kind: refund.KindInvalid, words: wire.Locale.OrderCharge}
	}
	key, keyErr := unitKey(c)
	if keyErr != nil {
		return nil, keyErr
	}
	members := []refund.Content{{refund.ContentCharge: charge.ID, refund.ContentAmount: "", refund.ContentCall: callReverse}}
	object, err := d.chargeObject(c.r.Context(), c, charge, false)
	if err != nil {
		return nil, err
	}
	if object.Reversed {
		return object, d.checkKey(c, key, members)
	}
	until, ok := wire.ReversibleUntil(charge.Channel, charge.PaidAt)
	if !ok {
		return nil, &flaw{kind: refund.KindInvalid, text: text{
			"渠道 " + channelName(charge.Channel) + " 不支持撤销已支付的订单，请使用退款。",
			"Channel " + channelName(charge.Channel) + " does not reverse charges that are paid; refund it.",
		}}
	}
	if d.now().After(until) {
		return nil, refund.Errorf(refund.KindWindowOver, "charge", "the channel's time for reversing this charge is over")
	}
	by := dialect.Asker(c.caller, c.r, c.requestID)
	by.Call = refund.ByReverse
	unit := refund.Unit{
		MerchantID: charge.MerchantID, Key: key, Requests: []refund.Request{{ChargeID: charge.ID, Reason: reverseReason}}, By: by,
		Members: members,
	}
	_, refused := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.PingPP))
	if kind := refund.KindOf(refused); refused != nil && kind != refund.KindFullyRefunded && kind != refund.KindAmountExceeded {
		return nil, refused
	}
	after, err := d.reversedCharge(c)
	switch {
	case err != nil && refused == nil:
		// The refund is on disk. What is known for sure is enough for an answer.
		object.Refunded, object.Reversed = true, true
		return object, nil
	case err != nil:
		return nil, err
	case refused != nil && !after.Reversed: // and nobody else reversed it meanwhile
		return nil, refused
	}
	return after, nil
}

// reversedCharge reads the charge of the path once more.
func (d *Dialect) reversedCharge(c *call) (wire.Charge, error) {
	charge, err := d.chargeOfPath(c)
	if err != nil {
		return wire.Charge{}, err
	}
	return d.chargeObject(c.r.Context(), c, charge, false)
}

// reversed reports whether one of a charge's refunds reversed it: one that failed
// did not.
func reversed(refunds []refund.Refund) bool {
	return slices.ContainsFunc(refunds, func(r refund.Refund) bool {
		return r.By.Call == refund.ByReverse && r.State != refund.Failed && r.State != refund.Canceled
	})
}
