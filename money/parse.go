package money

import (
	"errors"
	"math"
	"strings"
)

// All errors of this package. They are returned as they are, without the text
// that was at fault, so that they may be shown to a caller.
var (
	ErrCurrency        = errors.New("unknown currency")
	ErrSyntax          = errors.New("not a decimal amount")
	ErrNotInteger      = errors.New("not a whole number")
	ErrNegative        = errors.New("negative amount")
	ErrTooManyDecimals = errors.New("more decimals than the currency has")
	ErrOverflow        = errors.New("amount too large")
)

// Parse reads a decimal amount in major units exactly: in CNY "10" is 1000,
// "10.5" and "10.50" are 1050; in JPY "10" is 10 and "10.5" an error. Digits with at most one dot between digits; no plus, blank, exponent or
// separator, and no zero in front except the one of "0" and "0.x".
//
// Errors: ErrCurrency, ErrSyntax, ErrNegative (else well-formed, but with a
// minus in front, "-0" too), ErrTooManyDecimals (even if they are zeros),
// ErrOverflow (beyond int64). The form is judged before the value.
func Parse(text string, c Currency) (Minor, error) {
	if !c.Valid() {
		return 0, ErrCurrency
	}
	unsigned, negative := strings.CutPrefix(text, "-")
	whole, decimals, dotted := strings.Cut(unsigned, ".")
	if !isWhole(whole) || dotted && !isDigits(decimals) {
		return 0, ErrSyntax
	}
	if negative {
		return 0, ErrNegative
	}
	missing := c.Exponent() - len(decimals)
	if missing < 0 {
		return 0, ErrTooManyDecimals
	}
	return accumulate(whole, decimals, "0000"[:missing])
}

// ParseInteger reads the token of a whole number of minor units, as it stands
// in JSON or a form: "0" or digits without a zero in front.
//
// Errors: ErrNegative for a whole number with a minus in front ("-0" too),
// ErrOverflow beyond int64, ErrNotInteger for everything else ("1.0", "1e2",
// "+1", "007", "NaN", "").
func ParseInteger(text string) (Minor, error) {
	unsigned, negative := strings.CutPrefix(text, "-")
	if !isWhole(unsigned) {
		return 0, ErrNotInteger
	}
	if negative {
		return 0, ErrNegative
	}
	return accumulate(unsigned)
}

// accumulate reads runs of digits as one number.
func accumulate(runs ...string) (Minor, error) {
	var value Minor
	for _, run := range runs {
		for i := range len(run) {
			digit := Minor(run[i] - '0')
			if value > (math.MaxInt64-digit)/10 {
				return 0, ErrOverflow
			}
			value = value*10 + digit
		}
	}
	return value, nil
}

// isWhole reports whether s is "0" or digits that don't begin with a zero.
func isWhole(s string) bool {
	return isDigits(s) && (s[0] != '0' || len(s) == 1)
}

func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
