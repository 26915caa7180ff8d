package chinaums

import (
	"context"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/refund"
	wire "github.com/refundry/refundry/wire/chinaums"
)

// Query implements channel.Connector. The documents say that a refund query's
// merOrderId is the refund's number, and public code disagrees: where ChinaUMS
// knows no order of that number, it is asked once more by the order's, with the
// refund's beside it. That counts only where ChinaUMS knows the order.
func (c *connector) Query(ctx context.Context, i channel.Instruction) refund.Outcome {
	of, refused := c.order(i.TransactionID, i.Charge.OrderNo, i.Charge)
	if refused != nil {
		return *refused
	}
	c = c.at(of)
	if of.bill() {
		return c.queryBillByDate(ctx, i, of)
	}
	o := c.outcome(c.call(ctx, wire.RefundQuery, wire.Message{wire.FieldMerOrderID: i.Number}), refund.Query, i, of.number)
	if o.Kind == refund.OutcomeNotFound {
		a := c.call(ctx, wire.RefundQuery, wire.Message{wire.FieldMerOrderID: of.number, wire.FieldRefundOrderID: i.Number})
		o = c.outcome(a, refund.Query, i, of.number)
		if a.ok() && a.RefundOrderID == "" {
			// Of an order with several refunds, which one?
			o = refund.Outcome{Kind: unknown, Code: "OTHER_REFUND", Message: "the answer does not say which refund of the order it is about"}
		}
		o.Sent = a.sent
	}
	if o.Kind == refund.OutcomeNotFound && !c.call(ctx, orderQuery(of), of.fields()).ok() {
		o = inconclusive(o)
	}
	o.Sent.Shown = nil
	return o
}

// inconclusive is NO_ORDER where the payment is not found either: the account's mid,
// tid or instMid may be other ones than the refund was sent with, and ChinaUMS
// answers so whatever became of it.
func inconclusive(o refund.Outcome) refund.Outcome {
	o.Kind, o.Message = refund.OutcomeInconclusive, "a question of the payment does not find it either, so that this proves nothing: "+o.Message
	return o
}

// queryBill asks for a bill with its refund of our number.
func (c *connector) queryBill(ctx context.Context, i channel.Instruction, of original) refund.Outcome {
	fields := of.fields()
	fields[wire.FieldRefundOrderID] = i.Number
	a := c.call(ctx, wire.BillQuery, fields)
	a.sent.Shown = nil
	if !a.ok() {
		o := c.outcome(a, refund.Query, i, of.number)
		if o.Kind == refund.OutcomeNotFound {
			o = inconclusive(o) // it is the bill that is not found
		}
		return o
	}
	o := refund.Outcome{Kind: unknown, Sent: a.sent}
	moved := a.RefundBillPayment
	switch {
	case a.BillNo != "" && a.BillNo != of.number:
		o.Code, o.Message = "OTHER_ORDER", "the answer is about another bill"
	case moved == nil && a.BillStatus == wire.BillPaid:
		// Nothing of the bill was refunded.
		o.Kind, o.Code = refund.OutcomeNotFound, "NO_REFUND"
	case moved == nil && a.BillStatus == wire.BillRefund:
		// Something was, and not under our number: what is still under way may not
		// show.
		o.Kind, o.Code = refund.OutcomeInconclusive, "NO_REFUND"
	case moved == nil:
		o.Code, o.Message = "STATUS", "the answer shows no refund of the bill, whose status is "+a.BillStatus
	case moved.MerOrderID != i.Number:
		o.Code, o.Message = "OTHER_REFUND", "the answer is about another refund"
	case moved.TotalAmount != nil && fen(moved.TotalAmount) != i.Amount.Minor:
		amount := fen(moved.TotalAmount)
		o.Amount, o.Code = &amount, "AMOUNT"
	default:
		return movement(o, a, moved)
	}
	return o
}

// billStates are what the status of a bill's refund says: a movement that has
// succeeded, or one that turned the bill into a refunded one. The documents name
// no status of one that failed, so that all others are unknown.
var billStates = map[string]refund.OutcomeKind{
	wire.TradeSuccess: refund.OutcomeDone, wire.TradeRefund: refund.OutcomeDone,
	wire.RefundSuccess: refund.OutcomeDone, wire.RefundProcessing: refund.OutcomeAccepted, wire.RefundFail: refund.OutcomeFailed,
}

// movement is what a bill's refund says.
func movement(o refund.Outcome, a answer, moved *wire.BillPayment) refund.Outcome {
	kind, known := billStates[moved.Status]
	if !known {
		o.Code, o.Message = "STATUS", "the bill's refund has a status that is not known, "+moved.Status
		return o
	}
	o.Kind, o.ChannelRefundID = kind, moved.TargetOrderID
	if moved.TotalAmount != nil {
		amount := fen(moved.TotalAmount)
		o.Amount = &amount
	}
	switch kind {
	case refund.OutcomeDone:
		o.SucceededAt = moved.PayTime
	case refund.OutcomeFailed:
		o.Code, o.Message = moved.Status, a.ErrMsg
	}
	return o
}
