package wallet

import (
	"strings"

	"github.com/refundry/refundry/money"
)

// CurrencyStyle is a merchant's switch wallet.currency_style (L2.4-6).
type CurrencyStyle string

// The styles. The zero CurrencyStyle is StylePage.
const (
	// StylePage writes the published page's literal CHY for CNY.
	StylePage CurrencyStyle = "seed"
	// StyleISO writes cny.
	StyleISO CurrencyStyle = "iso"
)

// literalCHY is what the page calls the yuan: upper case, and no code of ISO
// 4217, in which nothing has it. It never leaves this contract.
const literalCHY = "CHY"

// yuan is what CHY means.
const yuan money.Currency = "CNY"

// ParseCurrency reads a currency of a request: CHY or any ISO 4217 code, in
// any letter case. It returns money.ErrCurrency.
func ParseCurrency(text string) (money.Currency, error) {
	if strings.EqualFold(text, literalCHY) {
		return yuan, nil
	}
	return money.ParseCurrency(text)
}

// FormatCurrency writes a currency: CHY for the yuan unless the style is
// StyleISO, anything else as an ISO 4217 code in lower case, as the page wants.
func FormatCurrency(currency money.Currency, style CurrencyStyle) string {
	if currency == yuan && style != StyleISO {
		return literalCHY
	}
	return strings.ToLower(string(currency))
}
