package payin

import (
	"encoding/json"
	"errors"
	"strings"

	"github.com/refundry/refundry/money"
)

// Limits of a decimal amount in a request (Y7.1-4 and Y7.1-6).
const (
	maxWholeDigits = 12
	// maxDecimals is what the page allows for all of its currencies, also for
	// those that have three.
	maxDecimals = 2
	// threeDecimals is what the switch payin.three_decimals allows for KWD,
	// BHD and OMR.
	threeDecimals = 3
)

// What an amount can be blamed for.
var (
	ErrAmount   = errors.New(`amount must be decimal text above 0, such as "1.35", "99.10" or "127"`)
	ErrDecimals = errors.New("amount has too many decimals")
)

// ParseAmount reads an amount of a request in the currency of its order:
// ^(0|[1-9][0-9]{0,11})(\.[0-9]{1,2})?$, above 0. The result is in ISO minor
// units, so that 1.35 KWD is 1350.
//
// A third decimal is refused, also where the currency has it: the contract
// speaks of two for all. With third, the switch payin.three_decimals, KWD, BHD
// and OMR may have it. It returns ErrAmount or ErrDecimals.
func ParseAmount(text string, currency money.Currency, third bool) (money.Minor, error) {
	whole, decimals, dotted := strings.Cut(text, ".")
	if !isDigits(whole) || len(whole) > maxWholeDigits || whole[0] == '0' && len(whole) > 1 || dotted && !isDigits(decimals) {
		return 0, ErrAmount
	}
	allowed := min(maxDecimals, currency.Exponent())
	if third && currency.Exponent() == threeDecimals {
		allowed = threeDecimals
	}
	if len(decimals) > allowed {
		return 0, ErrDecimals
	}
	amount, err := money.Parse(text, currency)
	if err != nil || amount == 0 {
		return 0, ErrAmount
	}
	return amount, nil
}

// Number writes an amount as a JSON number without zeros at its end: 7, 3.2,
// 3.23. It never goes through a float. A third decimal that an amount has is
// shown: an order may have been paid with it, and rounding would tell another
// amount (Y7.1-14).
func Number(amount money.Minor, currency money.Currency) json.Number {
	return json.Number(money.FormatTrimmed(amount, currency))
}

// Currencies are those that an order may be made in: the page's six, and EGP of
// an older page (Y3.4-6).
func Currencies() []money.Currency {
	return []money.Currency{"SAR", "KWD", "BHD", "AED", "OMR", "QAR", "EGP"}
}
