package bulk

import (
	"fmt"
	"strings"

	"github.com/refundry/refundry/money"
)

// Full is an amount that says: everything that is still refundable.
const Full = "full"

// minorAmount reads a whole number of minor units.
func minorAmount(text string) (money.Minor, error) {
	amount, err := money.ParseInteger(text)
	switch {
	case strings.ContainsAny(text, ".,eE+"):
		return 0, fmt.Errorf("amount: %q is no whole number of minor units (hint: name the column amount_decimal where it is written with decimals)", text)
	case err != nil:
		return 0, fmt.Errorf("amount: %q is no whole number of minor units: %w", text, err)
	}
	return amount, nil
}

// decimalAmount reads an amount in major units as spreadsheets of any country
// write it: with a point or a comma before the decimals, and blanks, commas, points or
// apostrophes between groups of three digits. What could be read in two ways is
// refused, and so are more decimals than the currency has.
func decimalAmount(text string, currency money.Currency) (money.Minor, error) {
	fail := func(why string) (money.Minor, error) {
		return 0, fmt.Errorf("amount_decimal: %q is no amount of %s: %s", text, currency, why)
	}
	plain := strings.NewReplacer("\u00a0", " ", "\u202f", " ", "’", "'", "，", ",", "．", ".").Replace(text)
	whole, decimals, sign := plain, "", ""
	if at := strings.LastIndexAny(plain, ".,"); at >= 0 && strings.Count(plain, plain[at:at+1]) == 1 {
		whole, decimals, sign = plain[:at], plain[at+1:], plain[at:at+1]
	}
	exponent := currency.Exponent()
	switch grouped := strings.ContainsAny(whole, ".,' "); {
	case sign == "":
	case len(decimals) == 3 && !grouped && (exponent != 3 || sign == ","):
		// 1,234 may be a thousand and more, or have decimals.
		return fail("it may be in thousands, or have three decimals (hint: write it without marks between thousands, and a point before the decimals)")
	case decimals == "" || len(decimals) > exponent:
		return fail(fmt.Sprintf("the currency has %d decimals", exponent))
	}
	digits, ok := ungroup(whole, sign)
	if !ok {
		return fail("the digits before the decimals are not grouped by three")
	}
	if decimals == "" {
		decimals = strings.Repeat("0", exponent)
	}
	written := digits
	if exponent > 0 {
		written += "." + decimals + strings.Repeat("0", exponent-len(decimals))
	}
	amount, err := money.Parse(written, currency)
	if err != nil {
		return fail(err.Error())
	}
	return amount, nil
}

// ungroup takes the marks out of a number that is grouped by three. decimal is
// the mark before its decimals, which stands between no groups.
func ungroup(whole, decimal string) (string, bool) {
	at := strings.IndexAny(whole, " ',.")
	if at < 0 {
		return whole, whole != ""
	}
	mark := whole[at : at+1]
	if mark == decimal {
		return "", false
	}
	groups := strings.Split(whole, mark)
	for n, group := range groups {
		if n > 0 && len(group) != 3 || n == 0 && (group == "" || len(group) > 3) {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}
