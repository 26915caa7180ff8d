package chinaums

import (
	"strings"
	"time"

	"github.com/refundry/refundry/channelsim"
	"github.com/refundry/refundry/money"
)

// attributeDesc is what a request says of its refund.
const attributeDesc = "refundDesc"

// refund is the refund of an order, and of a bill.
func (s *Side) refund(c *channelsim.Call, in *request) channelsim.Answer {
	fields, bill := in.fields, in.op == opBillRefund
	number := fields["refundOrderId"]
	amount, isAmount := amountOf(fields["refundAmount"])
	switch {
	case !isNumber(number, maxNumber):
		return refuse(c, in, codeBadRequest, "refundOrderId has 6 to 32 characters")
	case !strings.HasPrefix(number, s.srcID):
		return refuse(c, in, codeBadRequest, "refundOrderId begins with the source's number")
	case !isAmount:
		return refuse(c, in, codeBadRequest, "refundAmount is 1 to 100000000 fen")
	case fields["platformAmount"] != "" && fields["platformAmount"] != "0", fields["subOrders"] != "":
		return refuse(c, in, codeBadRequest, "the simulated payments are not split")
	}
	name, refused := orderName(c, in, bill)
	if refused != nil {
		return *refused
	}
	if early := c.Begin(channelsim.StepSubmit, number); early != nil {
		return *early
	}
	p := s.payment(c.Books, fields, name, bill)
	if p == nil {
		return refuse(c, in, codeNoOrder, "找不到原订单")
	}
	if r := c.Books.Refund(number); r != nil {
		if r.TransactionID != p.TransactionID {
			return refuse(c, in, codeDuplicate, "退款订单号重复")
		}
		return refunded(c, in, p, r) // a repeat returns the refund that there is
	}
	left := p.Amount - c.Books.Taken(p)
	switch {
	case busy(c.Books, p):
		return refuse(c, in, codeProcessing, "订单处理中，请稍候")
	case left == 0:
		return refuse(c, in, codeClosed, "订单已关闭")
	case amount > left:
		return refuse(c, in, codeTarget, "退款金额超过可退金额")
	}
	settle := time.Duration(0)
	if p.Attributes[attributeSlow] == "yes" {
		settle = walletTime
	}
	r, err := c.Books.Create(p, channelsim.Refund{Number: number, Amount: amount, Attributes: map[string]string{attributeDesc: fields["refundDesc"]}}, settle)
	if err != nil {
		return refuse(c, in, codeTarget, "退款金额超过可退金额")
	}
	return refunded(c, in, p, r)
}

// orderName is what the original is called: a bill by its number and day, an order by
// its merOrderId.
func orderName(c *channelsim.Call, in *request, bill bool) (string, *channelsim.Answer) {
	refused := func(text string) (string, *channelsim.Answer) {
		a := refuse(c, in, codeBadRequest, text)
		return "", &a
	}
	if !bill {
		if name := in.fields["merOrderId"]; isNumber(name, maxNumber) {
			return name, nil
		}
		return refused("merOrderId has 6 to 32 characters")
	}
	if _, err := time.Parse(time.DateOnly, in.fields["billDate"]); err != nil {
		return refused("billDate is yyyy-MM-dd")
	}
	if name := in.fields["billNo"]; isNumber(name, maxBillNo) {
		return name, nil
	}
	return refused("billNo has 6 to 31 characters")
}

// payment finds the original. The institution must be the payment's, a bill's day too,
// and C-scan-B payments are bills.
func (s *Side) payment(books *channelsim.Books, fields map[string]string, name string, bill bool) *channelsim.Payment {
	p := books.PaymentByNumber(name)
	switch {
	case p == nil, p.Attributes[attributeInst] != fields["instMid"], bill != (fields["instMid"] == instBills):
		return nil
	case bill && billDate(p) != fields["billDate"]:
		return nil
	}
	return p
}

func billDate(p *channelsim.Payment) string { return p.PaidAt.In(beijing).Format(time.DateOnly) }

// busy reports whether a refund of the order is under way.
func busy(books *channelsim.Books, p *channelsim.Payment) bool {
	for _, r := range books.RefundsOf(p) {
		if r.State == channelsim.Processing {
			return true
		}
	}
	return false
}

// states are the words of refundStatus.
var states = map[channelsim.State]string{
	channelsim.Processing: "PROCESSING", channelsim.Succeeded: "SUCCESS", channelsim.Failed: "FAIL", channelsim.Abnormal: "UNKNOWN", channelsim.Returned: "FAIL",
}

// refunded answers with a refund as it is.
func refunded(c *channelsim.Call, in *request, p *channelsim.Payment, r *channelsim.Refund) channelsim.Answer {
	shown := c.View(r)
	fields := shownRefund(c.Books, p, shown)
	fields["errCode"], fields["errMsg"] = codeSuccess, "退款成功"
	if in.op == opBillRefund {
		fields["billNo"], fields["billDate"], fields["billStatus"] = p.Number, billDate(p), "REFUND"
		fields["refundPayTime"] = stamp(shown.EndedAt)
	}
	return respond(c, in, fields)
}

// shownRefund are the fields of a refund in answers.
func shownRefund(books *channelsim.Books, p *channelsim.Payment, r channelsim.Refund) map[string]any {
	fields := map[string]any{
		"merOrderId": p.Number, "refundOrderId": r.Number, "refundTargetOrderId": "50" + r.ID, "seqId": r.ID, "status": orderStatus(books, p),
		"refundStatus": states[r.State], "targetSys": p.Attributes[attributeTarget], "targetStatus": states[r.State], "totalAmount": p.Amount,
		"refundAmount": r.Amount, "sendBackAmount": r.Amount, "refundInvoiceAmount": r.Amount, "merName": "channel-sim", "settleRefId": r.ID,
		"settleDate": r.CreatedAt.In(beijing).Format(time.DateOnly), "targetOrderId": p.TransactionID,
	}
	if r.State == channelsim.Succeeded {
		fields["payTime"] = stamp(r.SucceededAt)
	}
	return fields
}

// orderStatus is an order's state.
func orderStatus(books *channelsim.Books, p *channelsim.Payment) string {
	var back money.Minor
	for _, r := range books.RefundsOf(p) {
		if r.State == channelsim.Succeeded {
			back += r.Amount
		}
	}
	if back > 0 {
		return "TRADE_REFUND"
	}
	return "TRADE_SUCCESS"
}

// stamp writes a time as the platform does.
func stamp(at time.Time) string { return at.In(beijing).Format(time.DateTime) }
