package money_test

import (
	"errors"
	"testing"

	"github.com/refundry/refundry/money"
)

func TestExponent(t *testing.T) {
	byExponent := map[int][]money.Currency{
		0: {"JPY", "KRW", "VND", "CLP", "PYG", "UGX", "ISK", "BIF", "DJF", "GNF", "KMF", "RWF", "VUV", "XAF", "XOF", "XPF", "UYI"},
		2: {"CNY", "USD", "EUR", "HKD", "MRU", "MGA", "IDR", "HUF", "TWD", "SLE", "VED", "XCG", "ZWG", "BOV", "CHE", "COU", "MXV", "USN"},
		3: {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"},
		4: {"CLF", "UYW"},
	}
	for exponent, codes := range byExponent {
		for _, code := range codes {
			if !code.Valid() || code.Exponent() != exponent {
				t.Errorf("%s: Valid %v, Exponent %d, want true, %d", code, code.Valid(), code.Exponent(), exponent)
			}
		}
	}
}

func TestParseCurrency(t *testing.T) {
	tests := []struct {
		name, text string
		want       money.Currency
		err        error
	}{
		{"upper case is read", "CNY", "CNY", nil},
		{"lower case is read", "cny", "CNY", nil},
		{"mixed case is read", "kWd", "KWD", nil},
		{"an empty code is unknown", "", "", money.ErrCurrency},
		{"a code that was never given out is unknown", "ABC", "", money.ErrCurrency},
		{"gold is not a currency to pay back in", "XAU", "", money.ErrCurrency},
		{"the test code is unknown", "XTS", "", money.ErrCurrency},
		{"no currency is unknown", "XXX", "", money.ErrCurrency},
		{"a withdrawn code is unknown", "HRK", "", money.ErrCurrency},
		{"a blank is not trimmed", "CNY ", "", money.ErrCurrency},
		{"a letter that only becomes ASCII in upper case is refused", "uſd", "", money.ErrCurrency},
		{"a digit code is unknown", "156", "", money.ErrCurrency},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := money.ParseCurrency(test.text)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("ParseCurrency(%q) = %q, %v; want %q, %v", test.text, got, err, test.want, test.err)
			}
		})
	}
}

func TestLowerCaseCurrencyIsNotValid(t *testing.T) {
	if money.Currency("cny").Valid() {
		t.Error(`Currency("cny").Valid() = true`)
	}
}
