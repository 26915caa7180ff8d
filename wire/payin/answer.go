package payin

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/wire/exactjson"
)

// ErrAnswer is wrapped by every complaint about an answer that is not what the
// documents describe.
var ErrAnswer = errors.New("not what the documents describe")

// RefundAnswer is what a caller reads of a refund, in the answers of order.refund
// and refund.detail.
type RefundAnswer struct {
	ID, OrderID, MerchantID string
	MerchantRefundID        string // "" for none
	Status                  string
	Amount                  money.Amount
	FinishedAt              time.Time // zero where the answer does not say
}

// OrderAnswer is what a caller reads of an order.
type OrderAnswer struct {
	ID, MerchantID, MerchantOrderID string
	Status                          string
	PaymentMethod                   string // of its success, "" where the answer does not say
	Amount                          money.Amount
	RefundTimes                     int64
	PaidAt                          time.Time // zero while it is not paid
}

// members takes members out of an answer and keeps the first complaint.
type members struct {
	object  exactjson.Value
	failure error
}

func (m *members) fail(name, issue string) {
	if m.failure == nil {
		m.failure = fmt.Errorf("%w: member %s %s", ErrAnswer, name, issue)
	}
}

// text reads a text; absent and null are "".
func (m *members) text(name string, required bool) string {
	text, present, err := optionalText(m.object, name)
	if err != nil {
		m.fail(name, "is no text")
	}
	if required && (!present || text == "") {
		m.fail(name, "is missing")
	}
	return text
}

// amount reads a number with the decimals of the answer's currency, never as a
// float.
func (m *members) amount(name string, currency money.Currency) money.Amount {
	value, _ := m.object.Get(name)
	if value.Kind != exactjson.Number {
		m.fail(name, "is no number")
		return money.Amount{}
	}
	minor, err := money.Parse(value.Text, currency)
	if err != nil {
		m.fail(name, "is no amount in the currency")
	}
	return money.Amount{Minor: minor, Currency: currency}
}

func (m *members) currency() money.Currency {
	currency, err := money.ParseCurrency(m.text("currency", true))
	if err != nil {
		m.fail("currency", "is not known")
	}
	return currency
}

// count reads a whole number of 0 or more.
func (m *members) count(name string) int64 {
	value, _ := m.object.Get(name)
	number, err := strconv.ParseInt(value.Text, 10, 64)
	if value.Kind != exactjson.Number || err != nil || number < 0 {
		m.fail(name, "is no whole number of 0 or more")
	}
	return number
}

// moment reads a time; absent and null are the zero time.
func (m *members) moment(name string) time.Time {
	text := m.text(name, false)
	if text == "" {
		return time.Time{}
	}
	t, err := ParseTime(text)
	if err != nil {
		m.fail(name, "is no time")
	}
	return t
}

func readMembers(value exactjson.Value) *members {
	m := &members{object: value}
	if value.Kind != exactjson.Object {
		m.failure = fmt.Errorf("%w: no object", ErrAnswer)
	}
	return m
}

// DecodeRefundAnswer reads the answer of order.refund or refund.detail. Errors wrap
// ErrAnswer.
func DecodeRefundAnswer(value exactjson.Value) (RefundAnswer, error) {
	m := readMembers(value)
	out := RefundAnswer{
		ID: m.text("id", true), OrderID: m.text("orderId", true), MerchantID: m.text("merchantId", true), MerchantRefundID: m.text("merchantRefundId", false),
		Status: m.text("status", true), Amount: m.amount("amount", m.currency()), FinishedAt: m.moment("finishedAt"),
	}
	if m.failure == nil && out.Amount.Minor <= 0 {
		m.fail("amount", "is not above 0")
	}
	return out, m.failure
}

// DecodeOrderAnswer reads the answer of order.detail. Errors wrap ErrAnswer.
func DecodeOrderAnswer(value exactjson.Value) (OrderAnswer, error) {
	m := readMembers(value)
	out := OrderAnswer{
		ID: m.text("id", true), MerchantID: m.text("merchantId", true), MerchantOrderID: m.text("merchantOrderId", false), Status: m.text("status", true),
		PaymentMethod: m.text("successPaymentMethod", false), Amount: m.amount("amount", m.currency()), RefundTimes: m.count("refundTimes"), PaidAt: m.moment("paidAt"),
	}
	return out, m.failure
}

// DecodeMerchantAnswer reads the merchant's id of the answer of merchant.detail.
// Errors wrap ErrAnswer.
func DecodeMerchantAnswer(value exactjson.Value) (id string, err error) {
	m := readMembers(value)
	id = m.text("id", true)
	return id, m.failure
}

// DecodeError reads the body of an answer outside 2xx. Errors wrap ErrAnswer: then
// nobody knows whose words the answer has.
func DecodeError(value exactjson.Value) (Error, error) {
	m := readMembers(value)
	out := Error{Code: Code(m.text("code", true)), Message: m.text("message", false)}
	return out, m.failure
}

// Error is the error's code and words. Its data is left out: it may repeat what was
// sent.
func (e Error) Error() string { return string(e.Code) + ": " + e.Message }
