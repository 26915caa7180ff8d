package money

import (
	"math/big"
	"strconv"
	"strings"
)

// Format writes m in major units with all decimals of the currency: "10.00"
// for 1000 CNY, "-0.05" for -5 CNY, "1000" for 1000 JPY. What it writes for
// m >= 0, Parse reads back. A code that is not in the table has no decimals.
func Format(m Minor, c Currency) string {
	return formatDigits(strconv.FormatInt(int64(m), 10), c)
}

// FormatSum is Format for a sum of amounts, which may need more than 64 bits.
func FormatSum(sum *big.Int, c Currency) string { return formatDigits(sum.String(), c) }

// formatDigits sets the point into a whole number.
func formatDigits(digits string, c Currency) string {
	exponent := c.Exponent()
	if exponent == 0 {
		return digits
	}
	digits, negative := strings.CutPrefix(digits, "-")
	if short := exponent + 1 - len(digits); short > 0 {
		digits = strings.Repeat("0", short) + digits
	}
	point := len(digits) - exponent
	text := digits[:point] + "." + digits[point:]
	if negative {
		return "-" + text
	}
	return text
}

// FormatTrimmed writes m like Format, without the zeros at the end of the
// decimals: "7", "3.2", "3.23" for 700, 320 and 323 CNY.
func FormatTrimmed(m Minor, c Currency) string {
	text := Format(m, c)
	if c.Exponent() == 0 {
		return text
	}
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}
