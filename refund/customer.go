package refund

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// MaxCustomer bounds a merchant's own reference of a customer, in characters:
	// an address of e-mail fits in most systems' columns of this width.
	MaxCustomer = 128
	// MaxReasonCode bounds a reason code, in bytes: it is a word or a few.
	MaxReasonCode = 64
)

// CheckCustomer refuses a reference of a customer that could not be looked for
// again as it is shown. "" is absent.
func CheckCustomer(text string) *Error {
	switch {
	case utf8.RuneCountInString(text) > MaxCustomer:
		return Errorf(KindInvalid, "customer", "customer must have at most %d characters", MaxCustomer)
	case text == Masked:
		return Errorf(KindInvalid, "customer", "customer must not be %s, which stands for customers that were masked", Masked)
	case strings.ContainsFunc(text, unicode.IsControl), strings.TrimSpace(text) != text:
		return Errorf(KindInvalid, "customer", "customer must be visible characters, without blanks around them")
	}
	return nil
}

// CheckReasonCode refuses a code of another form than requested_by_customer. ""
// is absent.
func CheckReasonCode(text string) *Error {
	word := func(r rune) bool { return r == '_' || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' }
	if len(text) > MaxReasonCode || strings.ContainsFunc(text, func(r rune) bool { return !word(r) }) {
		return Errorf(KindInvalid, "reason_code", "reason_code must be at most %d of a-z, 0-9 and _, such as requested_by_customer", MaxReasonCode)
	}
	return nil
}
