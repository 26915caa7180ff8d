package pingpp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Values of the member object.
const (
	ObjectCharge      = "charge"
	ObjectRefund      = "refund"
	ObjectEvent       = "event"
	ObjectList        = "list"
	ObjectApp         = "app"
	ObjectBatchRefund = "batch_refund"
	ObjectOrder       = "order"
)

// Values of a refund's status (P2.3-2). Succeed must be true exactly with
// StatusSucceeded, and time_succeed is set only then.
const (
	StatusPending   = "pending"
	StatusSucceeded = "succeeded"
	StatusFailed    = "failed"
)

// Values of a refund's funding_source (P3.3-11).
const (
	FundingUnsettled = "unsettled_funds"
	FundingRecharge  = "recharge_funds"
)

// ErrNotObject tells that a member which clients decode into a map holds
// something else, or that a data.object is missing.
var ErrNotObject = errors.New("not a JSON object")

// Refund is the refund object with the 17 members of the newer page, all always
// present, and two optional ones at the end (P2.3-1). Amount is above 0;
// Description is never null; Object is written as "refund" whatever it holds.
type Refund struct {
	ID            string          `json:"id"`
	Object        string          `json:"object"`
	OrderNo       string          `json:"order_no"`
	Amount        int64           `json:"amount"`
	Created       int64           `json:"created"`
	Succeed       bool            `json:"succeed"`
	Status        string          `json:"status"`
	TimeSucceed   *int64          `json:"time_succeed"`
	Description   string          `json:"description"`
	FailureCode   *string         `json:"failure_code"`
	FailureMsg    *string         `json:"failure_msg"`
	Metadata      json.RawMessage `json:"metadata"`
	Charge        string          `json:"charge"`
	ChargeOrderNo string          `json:"charge_order_no"`
	TransactionNo *string         `json:"transaction_no"`
	FundingSource *string         `json:"funding_source"`
	Extra         json.RawMessage `json:"extra"`
	// App was added by the service in 2026 and Currency is known to one client
	// only; both are left out when empty.
	App      string `json:"app,omitempty"`
	Currency string `json:"currency,omitempty"`
}

// MarshalJSON writes empty metadata and extra as {}. It fails with ErrNotObject
// when one of them holds anything but an object, an empty list or nothing.
func (refund Refund) MarshalJSON() ([]byte, error) { return refund.appendTo(make([]byte, 0, 1<<10)) }

// appendTo is MarshalJSON behind what is there.
func (refund Refund) appendTo(out []byte) ([]byte, error) {
	if err := fillObject("metadata", &refund.Metadata); err != nil {
		return nil, fmt.Errorf("write refund %s: %w", refund.ID, err)
	}
	if err := fillObject("extra", &refund.Extra); err != nil {
		return nil, fmt.Errorf("write refund %s: %w", refund.ID, err)
	}
	out = appendString(append(out, `{"id":`...), refund.ID)
	out = appendText(out, "object", ObjectRefund)
	out = appendText(out, "order_no", refund.OrderNo)
	out = appendNumber(out, "amount", refund.Amount)
	out = appendNumber(out, "created", refund.Created)
	out = appendTruth(out, "succeed", refund.Succeed)
	out = appendText(out, "status", refund.Status)
	out = appendNumberOrNull(out, "time_succeed", refund.TimeSucceed)
	out = appendText(out, "description", refund.Description)
	out = appendTextOrNull(out, "failure_code", refund.FailureCode)
	out = appendTextOrNull(out, "failure_msg", refund.FailureMsg)
	out, err := appendRaw(out, "metadata", refund.Metadata)
	if err != nil {
		return nil, fmt.Errorf("write refund %s: metadata: %w", refund.ID, err)
	}
	out = appendText(out, "charge", refund.Charge)
	out = appendText(out, "charge_order_no", refund.ChargeOrderNo)
	out = appendTextOrNull(out, "transaction_no", refund.TransactionNo)
	out = appendTextOrNull(out, "funding_source", refund.FundingSource)
	if out, err = appendRaw(out, "extra", refund.Extra); err != nil {
		return nil, fmt.Errorf("write refund %s: extra: %w", refund.ID, err)
	}
	if refund.App != "" {
		out = appendText(out, "app", refund.App)
	}
	if refund.Currency != "" {
		out = appendText(out, "currency", refund.Currency)
	}
	return append(out, '}'), nil
}

// Marshal writes compact JSON with raw UTF-8, without HTML escapes and without
// a trailing newline. Sign and send exactly these bytes (P1.7-1). It fails like
// json.Marshal, and as the MarshalJSON methods of this package tell.
func Marshal(v any) ([]byte, error) {
	if own, is := v.(printed); is {
		return own.appendTo(make([]byte, 0, 1<<10))
	}
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buffer.Bytes(), []byte("\n")), nil
}

// fillObject makes an absent, null or empty-list value {}: PHP merchants send
// an empty map as [], and a typed client cannot decode [] into a map. Anything
// else that is no object is an error, because every client would choke on it.
func fillObject(member string, raw *json.RawMessage) error {
	text := bytes.TrimSpace(*raw)
	switch {
	case len(text) == 0 || bytes.Equal(text, []byte("null")) || isEmptyList(text):
		*raw = json.RawMessage("{}")
	case text[0] != '{':
		return fmt.Errorf("member %s: %w", member, ErrNotObject)
	}
	return nil
}

func isEmptyList(text []byte) bool {
	return len(text) >= 2 && text[0] == '[' && text[len(text)-1] == ']' &&
		len(bytes.TrimSpace(text[1:len(text)-1])) == 0
}
