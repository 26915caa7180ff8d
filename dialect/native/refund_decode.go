package native

import (
	"cmp"

	"github.com/refundry/refundry/dialect"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// Limits on a refund's texts: the widest that a protocol allows.
const (
	maxReason = 255 // Ping++'s and Payin's
	maxNumber = 64  // WeChat's and Payin's
)

// refundRequest is a refund or quote as it was asked for.
type refundRequest struct {
	charge string
	amount *money.Minor
	reason string
	number string
	// quoted is the mark of the quote that it must be as.
	quoted string
	// What describes the refund besides its reason.
	reasonCode, customer string
	goods                []refund.RefundedGoods
}

// decodeRefund reads the body of a refund or a quote.
func decodeRefund(d *decoder) (refundRequest, error) {
	var in refundRequest
	err := d.read(
		required("charge", d.filled(&in.charge, maxName)),
		optional("amount", d.refundAmount(&in.amount)),
		optional("reason", d.text(&in.reason, maxReason)),
		optional("reason_code", d.text(&in.reasonCode, refund.MaxReasonCode)),
		optional("customer", d.text(&in.customer, refund.MaxCustomer)),
		optional("number", d.filledName(&in.number, maxNumber)),
		optional("quote", d.filledName(&in.quoted, maxNumber)),
		optional("goods", d.list(maxGoods, func(v exactjson.Value, path string) {
			var line refund.RefundedGoods
			d.object(v, path, []member{
				required("merchant_goods_id", d.filled(&line.MerchantGoodsID, maxLabel)),
				required("quantity", d.count(&line.Quantity, 1, maxPieces)),
			})
			in.goods = append(in.goods, line)
		})),
	)
	// The rule is the core's; said here, it also comes before the look-up of
	// the charge and the numbers.
	if err == nil && in.amount != nil && *in.amount == 0 {
		err = refuse(refund.KindInvalid, "amount", "must be above 0")
	}
	if fault := cmp.Or(refund.CheckCustomer(in.customer), refund.CheckReasonCode(in.reasonCode)); err == nil && fault != nil {
		err = fault
	}
	return in, err
}

// request is in as the core takes it.
func (in refundRequest) request(chargeID string) refund.Request {
	return refund.Request{
		ChargeID: chargeID, Amount: in.amount, Number: in.number, Reason: in.reason,
		ReasonCode: in.reasonCode, Customer: in.customer,
		Quoted: in.quoted,
		Goods:  in.goods, Detail: refund.RefundDetail{Goods: in.goods},
	}
}

// content is what a repeat must share. The charge goes by its own id, so that
// a repeat may call it by another of its names.
func (in refundRequest) content(chargeID string) refund.Content {
	return refund.Content{
		refund.ContentCharge: chargeID,
		refund.ContentAmount: dialect.AmountContent(in.amount),
		refund.ContentGoods:  dialect.GoodsContent(in.goods),
	}
}
