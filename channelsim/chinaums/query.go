package chinaums

import (
	"github.com/refundry/refundry/channelsim"
)

// The forms in which a refund is asked about. The contract's table has the refund's
// number as merOrderId; public code has the order's there, with the refund's beside it.
// Which one the platform takes is not known, so that a payment may be given either.
const (
	formRefund = "refund"
	formOrder  = "order"
)

// refundQuery asks about a refund of an order.
func (s *Side) refundQuery(c *channelsim.Call, in *request) channelsim.Answer {
	name, number := in.fields["merOrderId"], in.fields["refundOrderId"]
	if !isNumber(name, maxNumber) || number != "" && !isNumber(number, maxNumber) {
		return refuse(c, in, codeBadRequest, "merOrderId and refundOrderId have 6 to 32 characters")
	}
	form := formRefund
	if number != "" && number != name {
		form = formOrder
	} else {
		number = name
	}
	if early := c.Begin(channelsim.StepQuery, number); early != nil {
		return *early
	}
	r := c.Refund(number)
	if r == nil {
		return refuse(c, in, codeNoOrder, "找不到退款订单")
	}
	p := c.Books.Payment(r.TransactionID)
	if p.Attributes[attributeForm] != form || form == formOrder && p.Number != name || p.Attributes[attributeInst] != in.fields["instMid"] || in.fields["instMid"] == instBills {
		return refuse(c, in, codeNoOrder, "找不到退款订单")
	}
	fields := shownRefund(c.Books, p, c.View(r))
	delete(fields, "refundAmount") // the table has sendBackAmount in its place
	fields["errCode"], fields["errMsg"] = codeSuccess, "查询成功"
	return respond(c, in, fields)
}

// billQuery asks about a bill, and with a refund's number about that.
func (s *Side) billQuery(c *channelsim.Call, in *request) channelsim.Answer {
	name, refused := orderName(c, in, true)
	if refused != nil {
		return *refused
	}
	number := in.fields["refundOrderId"]
	step, key := channelsim.StepCharge, name
	if number != "" {
		step, key = channelsim.StepQuery, number
	}
	if early := c.Begin(step, key); early != nil {
		return *early
	}
	p := s.payment(c.Books, in.fields, name, true)
	if p == nil {
		return refuse(c, in, codeNoOrder, "找不到账单")
	}
	total := p.Amount
	if number == "" {
		total = c.Amount(p)
	}
	fields := map[string]any{
		"errCode": codeSuccess, "errMsg": "查询成功", "billNo": p.Number, "billDate": billDate(p), "billStatus": "PAID", "totalAmount": total,
		"billPayment": map[string]any{
			"merOrderId": p.Number, "paySeqId": p.TransactionID, "totalAmount": total, "buyerPayAmount": total, "payTime": stamp(p.PaidAt),
			"settleDate": billDate(p), "status": orderStatus(c.Books, p), "targetOrderId": p.TransactionID, "targetSys": p.Attributes[attributeTarget],
		},
	}
	if orderStatus(c.Books, p) == "TRADE_REFUND" {
		fields["billStatus"] = "REFUND"
	}
	if number != "" {
		r := c.Refund(number)
		if r == nil || r.TransactionID != p.TransactionID {
			return refuse(c, in, codeNoOrder, "找不到退款订单")
		}
		shown := c.View(r)
		fields["refundBillPayment"] = billPayment(p, shown)
		fields["refundStatus"], fields["refundOrderId"] = states[shown.State], shown.Number
	}
	return respond(c, in, fields)
}

// billPayment is a refund of a bill.
func billPayment(p *channelsim.Payment, r channelsim.Refund) map[string]any {
	words := map[channelsim.State]string{channelsim.Succeeded: "TRADE_SUCCESS", channelsim.Processing: "UNKNOWN", channelsim.Abnormal: "UNKNOWN"}
	status := words[r.State]
	if status == "" {
		status = "TRADE_CLOSED"
	}
	out := map[string]any{
		"merOrderId": r.Number, "paySeqId": r.ID, "totalAmount": r.Amount, "buyerPayAmount": r.Amount, "status": status,
		"settleDate": r.CreatedAt.In(beijing).Format("2006-01-02"), "targetOrderId": "50" + r.ID, "targetSys": p.Attributes[attributeTarget],
	}
	if r.State == channelsim.Succeeded {
		out["payTime"] = stamp(r.SucceededAt)
	}
	return out
}

// query asks about an order.
func (s *Side) query(c *channelsim.Call, in *request) channelsim.Answer {
	name, refused := orderName(c, in, false)
	if refused != nil {
		return *refused
	}
	if early := c.Begin(channelsim.StepCharge, name); early != nil {
		return *early
	}
	p := s.payment(c.Books, in.fields, name, false)
	if p == nil {
		return refuse(c, in, codeNoOrder, "找不到订单")
	}
	return respond(c, in, map[string]any{
		"errCode": codeSuccess, "errMsg": "查询成功", "merOrderId": p.Number, "seqId": p.TransactionID, "status": orderStatus(c.Books, p),
		"totalAmount": c.Amount(p), "payTime": stamp(p.PaidAt), "settleDate": billDate(p), "targetOrderId": p.TransactionID,
		"targetSys": p.Attributes[attributeTarget], "targetStatus": "SUCCESS", "merName": "channel-sim",
	})
}
