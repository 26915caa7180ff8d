package chinaums

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/refundry/refundry/wire/exactjson"
)

// ErrAnswer says that an answer can't be read.
var ErrAnswer = errors.New("the answer can't be read")

// Answer is what an answer to any operation says. What is absent is "" or nil. The
// member that names the original differs: an order's merOrderId, a bill's billNo.
type Answer struct {
	ErrCode Code
	ErrMsg  string // or the gateway's errInfo

	MID, InstMID, MerOrderID, BillNo, BillDate string
	RefundOrderID                              string
	RefundTargetOrderID                        string // the refund's number at the wallet
	SeqID                                      string // the platform's serial number
	TargetOrderID                              string // the payment's number at the wallet
	Status, BillStatus, RefundStatus           string

	TotalAmount    *int64 // of the payment
	RefundAmount   *int64
	SendBackAmount *int64 // what the merchant gives back of it, at most the refund

	PayTime, RefundPayTime time.Time
	// BillPayment is a bill's payment, RefundBillPayment its refund.
	BillPayment, RefundBillPayment *BillPayment
}

// BillPayment is a bill's movement. MerOrderID is a refund's number where it is
// one.
type BillPayment struct {
	MerOrderID, PaySeqID, TargetOrderID, Status string
	TotalAmount                                 *int64
	PayTime                                     time.Time
}

// DecodeAnswer reads an answer's body: a JSON object with an errCode. Errors wrap
// ErrAnswer.
func DecodeAnswer(body []byte) (Answer, error) {
	value, err := exactjson.Decode(body, exactjson.Limits{})
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if value.Kind != exactjson.Object {
		return Answer{}, fmt.Errorf("%w: it is no object", ErrAnswer)
	}
	r := reader{object: value}
	a := Answer{
		ErrCode: Code(r.text("errCode")), ErrMsg: r.text("errMsg"),
		MID: r.text(FieldMID), InstMID: r.text(FieldInstMID), MerOrderID: r.text(FieldMerOrderID), BillNo: r.text(FieldBillNo), BillDate: r.text(FieldBillDate),
		RefundOrderID: r.text(FieldRefundOrderID), RefundTargetOrderID: r.text("refundTargetOrderId"), SeqID: r.text("seqId"),
		TargetOrderID: r.text("targetOrderId"), Status: r.text("status"), BillStatus: r.text("billStatus"), RefundStatus: r.text("refundStatus"),
		TotalAmount: r.amount("totalAmount"), RefundAmount: r.amount(FieldRefundAmount), SendBackAmount: r.amount("sendBackAmount"),
		PayTime: r.moment("payTime"), RefundPayTime: r.moment("refundPayTime"),
	}
	if a.ErrMsg == "" {
		a.ErrMsg = r.text("errInfo")
	}
	a.BillPayment, a.RefundBillPayment = r.movement("billPayment"), r.movement("refundBillPayment")
	if a.ErrCode == "" && r.failure == nil {
		r.fail("errCode", "is missing")
	}
	return a, r.failure
}

// Signed are an answer's fields as its signature covers them, where it has one.
func Signed(body []byte) (m Message, signature string, err error) {
	value, err := exactjson.Decode(body, exactjson.Limits{})
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	m = make(Message, len(value.Members))
	for _, member := range value.Members {
		switch member.Value.Kind {
		case exactjson.Null:
		case exactjson.String:
			m[member.Name] = member.Value.Text
		default:
			m[member.Name] = string(member.Value.Raw)
		}
	}
	return m, m[FieldSign], nil
}

// reader takes members out of an object and keeps the first complaint.
type reader struct {
	object  exactjson.Value
	failure error
}

func (r *reader) fail(name, issue string) {
	if r.failure == nil {
		r.failure = fmt.Errorf("%w: %s %s", ErrAnswer, name, issue)
	}
}

// text reads a text, or a number's digits.
func (r *reader) text(name string) string {
	value, _ := r.object.Get(name)
	switch value.Kind {
	case exactjson.Absent, exactjson.Null:
		return ""
	case exactjson.String, exactjson.Number:
		return value.Text
	}
	r.fail(name, "must be a text")
	return ""
}

// amount reads fen, as a number or as text; nil where there are none.
func (r *reader) amount(name string) *int64 {
	text := r.text(name)
	if text == "" {
		return nil
	}
	fen, err := strconv.ParseInt(text, 10, 64)
	if err != nil || fen < 0 || strings.HasPrefix(text, "+") {
		r.fail(name, "must be a whole number of fen")
		return nil
	}
	return &fen
}

// moment reads a time in Beijing, the zero time where there is none or it has
// another form: no time of ChinaUMS decides anything.
func (r *reader) moment(name string) time.Time {
	t, err := time.ParseInLocation(time.DateTime, r.text(name), shanghai)
	if err != nil {
		return time.Time{}
	}
	return t
}

// movement reads a member that is an object, or an object's text.
func (r *reader) movement(name string) *BillPayment {
	value, _ := r.object.Get(name)
	if value.Kind == exactjson.String && value.Text != "" {
		inner, err := exactjson.Decode([]byte(value.Text), exactjson.Limits{})
		if err != nil {
			r.fail(name, "is no JSON")
			return nil
		}
		value = inner
	}
	switch {
	case value.Kind == exactjson.Absent, value.Kind == exactjson.Null, value.Kind == exactjson.String:
		return nil
	case value.Kind != exactjson.Object:
		r.fail(name, "must be an object")
		return nil
	case len(value.Members) == 0:
		return nil
	}
	inner := reader{object: value}
	p := &BillPayment{
		MerOrderID: inner.text(FieldMerOrderID), PaySeqID: inner.text("paySeqId"), TargetOrderID: inner.text("targetOrderId"), Status: inner.text("status"),
		TotalAmount: inner.amount("totalAmount"), PayTime: inner.moment("payTime"),
	}
	if r.failure == nil {
		r.failure = inner.failure
	}
	return p
}
