package payin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// Values of a refund's status (Y0-11).
const (
	StatusPending = "pending"
	StatusSuccess = "success"
	StatusFail    = "fail"
)

// Values of a payment method that the page prints.
const (
	MethodSTCPay     = "stcpay"
	MethodMastercard = "mastercard"
	MethodApplePay   = "applePay"
	MethodTap        = "tap"
)

// Refund is the answer of order.refund (Y3.2-1), its members in the order of
// the page's example, all always present. Amount is this refund's, not the
// order's. MerchantRefundID is null when the request had none.
type Refund struct {
	Amount              json.Number `json:"amount"`
	Status              string      `json:"status"`
	ID                  string      `json:"id"`
	OrderID             string      `json:"orderId"`
	PaymentMethod       string      `json:"paymentMethod"`
	MerchantRefundID    *string     `json:"merchantRefundId"`
	MerchantID          string      `json:"merchantId"`
	OriginTransactionID string      `json:"originTransactionId"`
	Currency            string      `json:"currency"`
	UpdatedAt           Time        `json:"updatedAt"`
	CreatedAt           Time        `json:"createdAt"`
}

// RefundDetail is the answer of refund.detail: the same refund with three more
// members, and in another order, as its page has it. FinishedAt is null until
// the refund has ended.
type RefundDetail struct {
	Amount              json.Number `json:"amount"`
	ID                  string      `json:"id"`
	MerchantID          string      `json:"merchantId"`
	OrderID             string      `json:"orderId"`
	MerchantRefundID    *string     `json:"merchantRefundId"`
	RefundTransactionID string      `json:"refundTransactionId"`
	OriginTransactionID string      `json:"originTransactionId"`
	PaymentMethod       string      `json:"paymentMethod"`
	Status              string      `json:"status"`
	Currency            string      `json:"currency"`
	Reason              *string     `json:"reason"`
	FinishedAt          *Time       `json:"finishedAt"`
	CreatedAt           Time        `json:"createdAt"`
	UpdatedAt           Time        `json:"updatedAt"`
}

// Detail adds what refund.detail shows more.
func (r Refund) Detail(refundTransactionID string, reason *string, finishedAt *Time) RefundDetail {
	return RefundDetail{
		Amount: r.Amount, ID: r.ID, MerchantID: r.MerchantID, OrderID: r.OrderID, MerchantRefundID: r.MerchantRefundID,
		RefundTransactionID: refundTransactionID, OriginTransactionID: r.OriginTransactionID,
		PaymentMethod: r.PaymentMethod, Status: r.Status, Currency: r.Currency, Reason: reason, FinishedAt: finishedAt,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// timeLayout has always three decimals and Z (Y3.2-8).
const timeLayout = "2006-01-02T15:04:05.000Z"

// Time is written as UTC with milliseconds: 2023-07-26T04:06:33.227Z.
type Time time.Time

// MarshalJSON writes the time. A fraction of a millisecond is cut off.
func (t Time) MarshalJSON() ([]byte, error) {
	return []byte(`"` + time.Time(t).UTC().Format(timeLayout) + `"`), nil
}

// UnmarshalJSON reads a time as ParseTime does.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return err
	}
	parsed, err := ParseTime(text)
	*t = Time(parsed)
	return err
}

// ParseTime reads a time with any zone and any number of decimals (RFC 3339).
func ParseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("read time: not RFC 3339")
	}
	return t, nil
}

// Marshal writes compact JSON with raw UTF-8, without HTML escapes and without
// a trailing newline. It fails like json.Marshal.
func Marshal(v any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}
