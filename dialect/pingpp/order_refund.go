package pingpp

import (
	"slices"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
	wire "github.com/refundry/refundry/wire/pingpp"
)

// modeToSource is the one refund_mode there is: money goes back the way it came.
const modeToSource = "to_source"

// createOrderRefund is POST /v1/orders/{or}/order_refunds (P3.6-1): one charge
// of the order, or everything that is left of all of them, together or not at
// all. The answer is a list of the refunds.
func (d *Dialect) createOrderRefund(c *call) (any, error) {
	charges, more, err := d.orderCharges(c)
	if err != nil {
		return nil, err
	}
	request, err := orderRequest(c)
	if err != nil {
		return nil, err
	}
	key, keyErr := unitKey(c)
	if keyErr != nil {
		return nil, keyErr
	}
	chosen, err := d.orderChoice(c, charges, more, key, request.Amount != nil)
	if err != nil {
		return nil, err
	}
	unit := refund.Unit{MerchantID: c.caller.Merchant.ID, Key: key, By: dialect.Asker(c.caller, c.r, c.requestID)}
	known := make(map[string]refund.Charge, len(chosen))
	for _, charge := range chosen {
		channel, _ := wire.ChannelNamed(channelName(charge.Channel))
		if err := limitedText(request.Reason, "description", channel.Description); err != nil {
			return nil, err
		}
		known[charge.ID] = charge
		request.ChargeID = charge.ID
		if request.Detail.Password, err = d.needsPassword(c.r.Context(), charge); err != nil {
			return nil, err
		}
		unit.Requests = append(unit.Requests, request)
		unit.Members = append(unit.Members, refund.Content{
			refund.ContentCharge: charge.ID, refund.ContentAmount: dialect.AmountContent(request.Amount), refund.ContentSplits: "",
			refund.ContentCall: callOrderRefund,
		})
	}
	result, err := d.Acceptor.Accept(c.r.Context(), unit, dialect.Wait(c.r, c.caller.Merchant, merchant.PingPP))
	if err != nil {
		if core := refund.As(err); core != nil {
			c.charge = known[core.Charge]
		}
		return nil, err
	}
	list := wire.List[wire.Refund]{URL: wire.OrderRefundsPath(c.r.PathValue("or"))}
	for _, r := range result.Refunds {
		list.Data = append(list.Data, d.refundShown(c, r, known[r.ChargeID].Named()))
	}
	return list, nil
}

// orderRequest reads what all refunds of the call have in common.
func orderRequest(c *call) (refund.Request, error) {
	ordinary, _ := wire.ChannelNamed("")
	reason, err := description(c.params, ordinary.Description)
	if err != nil {
		return refund.Request{}, err
	}
	request := refund.Request{Reason: reason}
	if value, ok := given(c.params, "charge_amount"); ok {
		amount, ok := amountAbove0(value)
		if !ok {
			return refund.Request{}, invalid("charge_amount", wantAmount)
		}
		minor := money.Minor(amount)
		request.Amount = &minor
	}
	if request.Detail.Metadata, err = metadata(c.params); err != nil {
		return refund.Request{}, err
	}
	if err := fundingSource(&request.Detail, c.params); err != nil {
		return refund.Request{}, err
	}
	mode, err := optionalText(c.params, "refund_mode", "refund_mode")
	if err != nil {
		return refund.Request{}, err
	}
	if mode != "" && mode != modeToSource {
		return refund.Request{}, invalid("refund_mode", text{"必须是 " + modeToSource, "it must be " + modeToSource})
	}
	// Shares of other users say who pays for the refund: ignoring them would
	// take the money from someone else than the merchant wants.
	if users, ok := given(c.params, "royalty_users"); ok && (users.Kind != exactjson.Array || len(users.Items) > 0) {
		return refund.Request{}, invalid("royalty_users", text{"不支持分润", "shares of users are not served"})
	}
	return request, nil
}

// orderChoice returns the charges to refund: the one that the request names, or
// all that have something left. partial says that the request has an amount,
// which belongs to one charge.
func (d *Dialect) orderChoice(c *call, charges []refund.Charge, more bool, key string, partial bool) ([]refund.Charge, error) {
	name, err := optionalText(c.params, "charge", "charge")
	if err != nil {
		return nil, err
	}
	if name != "" {
		charge, err := d.orderCharge(c, name)
		return []refund.Charge{charge}, err
	}
	if more {
		return nil, invalid("charge", text{"该订单的 charge 过多，请指定其中一个", "the order has too many charges for one call: name one"})
	}
	if partial && len(charges) > 1 {
		return nil, invalid("charge", text{"指定 charge_amount 时必须指定 charge", "it is required with charge_amount"})
	}
	if partial {
		return charges, nil
	}
	if key != "" {
		// What a repeat has nothing left to refund of is what it refunded before.
		unit, ok, err := d.Units.Unit(c.r.Context(), c.caller.Merchant.ID, key)
		if err != nil {
			return nil, err
		}
		if repeated := unitCharges(unit); ok && !slices.ContainsFunc(repeated, func(charge refund.Charge) bool { return !inOrder(c, charge) }) {
			return repeated, nil
		}
	}
	var left []refund.Charge
	for _, charge := range charges {
		if charge.Refundable() > 0 {
			left = append(left, charge)
		}
	}
	if len(left) == 0 {
		return charges[:1], nil // which is refused in the words for it
	}
	return left, nil
}

// unitCharges are the charges of a unit's refunds, in their order.
func unitCharges(unit Unit) []refund.Charge {
	charges := make([]refund.Charge, len(unit.Refunds))
	for n, r := range unit.Refunds {
		charges[n] = unit.Charges[r.ChargeID]
	}
	return charges
}
