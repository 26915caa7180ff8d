package payin

import (
	"strings"
	"unicode/utf8"

	"github.com/refundry/refundry/wire/exactjson"
)

// Limits of a refund request's texts, in characters (Y7.2-1 and Y7.2-2).
const (
	MaxReason           = 255
	MaxMerchantRefundID = 64
)

// FieldError says which member of a body was refused and why. It is answered
// as CodeBadRequest; its text is safe to show.
type FieldError struct {
	Field string // "" when the body itself is at fault
	Text  string
}

// Error returns the field and the text: "reason: is required".
func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Text
	}
	return e.Field + ": " + e.Text
}

// Options are a merchant's switches for reading amounts (Y7.1-9 and Y7.1-13).
type Options struct {
	// AcceptNumberAmount lets an amount be a JSON number. The contract says
	// text, and a client that writes numbers may have gone through a float.
	AcceptNumberAmount bool
}

// RefundRequest is the body of order.refund (Y3.1-1 to Y3.1-5).
type RefundRequest struct {
	// Amount is the text as sent; ParseAmount reads it with the currency of
	// the order, which the request does not name.
	Amount string
	// Reason has no blanks around it.
	Reason string
	// MerchantRefundID is "" when it is absent or null.
	MerchantRefundID string
}

// DecodeRefundRequest reads the body of order.refund. Members that it doesn't
// know are ignored. Errors are *FieldError, in the order of the members on the
// page.
func DecodeRefundRequest(body exactjson.Value, options Options) (RefundRequest, error) {
	if body.Kind != exactjson.Object {
		return RefundRequest{}, &FieldError{Text: "the body must be a JSON object"}
	}
	var r RefundRequest
	var err error
	if r.Amount, err = amountText(body, options); err != nil {
		return RefundRequest{}, err
	}
	reason, err := requiredText(body, "reason", MaxReason)
	if err != nil {
		return RefundRequest{}, err
	}
	r.Reason = reason
	number, present, err := optionalText(body, "merchantRefundId")
	if err != nil {
		return RefundRequest{}, err
	}
	if present && !isMerchantRefundID(number) {
		return RefundRequest{}, &FieldError{"merchantRefundId", "must have 1 to 64 characters of 0-9, A-Z, a-z, _, . and -"}
	}
	r.MerchantRefundID = number
	return r, nil
}

// amountText finds the member amount and checks its kind only: how many
// decimals it may have depends on the currency.
func amountText(body exactjson.Value, options Options) (string, error) {
	value, _ := body.Get("amount")
	switch {
	case value.Kind == exactjson.String:
	case value.Kind == exactjson.Absent || value.Kind == exactjson.Null:
		return "", &FieldError{"amount", "is required"}
	case value.Kind == exactjson.Number && options.AcceptNumberAmount:
	default:
		return "", &FieldError{"amount", "must be a string, such as \"1.35\", not " + withArticle(value.Kind)}
	}
	return value.Text, nil
}

// requiredText reads a text of 1 to limit characters without the blanks
// around it.
func requiredText(body exactjson.Value, name string, limit int) (string, error) {
	text, present, err := optionalText(body, name)
	if err != nil {
		return "", err
	}
	if !present {
		return "", &FieldError{name, "is required"}
	}
	text = strings.TrimSpace(text)
	if length := utf8.RuneCountInString(text); length == 0 || length > limit {
		return "", &FieldError{name, "must have 1 to " + itoa(limit) + " characters"}
	}
	return text, nil
}

// optionalText reads a text; absent and null are the same, "" is a text.
func optionalText(body exactjson.Value, name string) (text string, present bool, err error) {
	value, _ := body.Get(name)
	switch value.Kind {
	case exactjson.Absent, exactjson.Null:
		return "", false, nil
	case exactjson.String:
		return value.Text, true, nil
	}
	return "", false, &FieldError{name, "must be a string, not " + withArticle(value.Kind)}
}

// withArticle names a kind as in "an object".
func withArticle(kind exactjson.Kind) string {
	if kind == exactjson.Array || kind == exactjson.Object {
		return "an " + kind.String()
	}
	return "a " + kind.String()
}

func isMerchantRefundID(text string) bool {
	for i := range len(text) {
		if !isAlphanumeric(text[i]) && !strings.ContainsRune("_.-", rune(text[i])) {
			return false
		}
	}
	return text != "" && len(text) <= MaxMerchantRefundID
}
