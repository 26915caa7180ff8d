package bulk

import (
	"testing"

	"github.com/refundry/refundry/money"
)

// Spreadsheets of several countries write one amount in many ways; what could be
// two amounts is none.
func TestDecimalAmountsOfEveryCountry(t *testing.T) {
	const no = money.Minor(-1)
	for _, c := range []struct {
		text     string
		currency money.Currency
		want     money.Minor
	}{
		{"12.50", "CNY", 1250},
		{"12,50", "CNY", 1250},
		{"12.5", "CNY", 1250},
		{"12", "CNY", 1200},
		{"0.01", "CNY", 1},
		{"1,234.50", "CNY", 123450},
		{"1.234,50", "CNY", 123450},
		{"1 234,50", "CNY", 123450},
		{"1\u00a0234,50", "CNY", 123450},
		{"1\u202f234,5", "CNY", 123450},
		{"1’234.50", "CHF", 123450},
		{"1'234'567.89", "CHF", 123456789},
		{"1,234,567", "CNY", 123456700},
		{"1,234,567.89", "CNY", 123456789},
		{"１２", "CNY", no},
		{"1,234", "CNY", no},
		{"1.234", "CNY", no},
		{"12.345", "CNY", no},
		{"12.", "CNY", no},
		{"1,23,456.00", "CNY", no},
		{"12,34.50", "CNY", no},
		{",50", "CNY", no},
		{"-12.50", "CNY", no},
		{"+12.50", "CNY", no},
		{"1.25E+3", "CNY", no},
		{"¥12.50", "CNY", no},
		{"", "CNY", no},
		{"100", "JPY", 100},
		{"1,234,567", "JPY", 1234567},
		{"1,234", "JPY", no},
		{"100.00", "JPY", no},
		{"1.350", "KWD", 1350},
		{"1,350", "KWD", no},
		{"1.234,567", "KWD", 1234567},
		{"1,234.5", "KWD", 1234500},
		{"99999999999999999999.00", "CNY", no},
	} {
		got, err := decimalAmount(c.text, c.currency)
		if err != nil {
			got = no
		}
		if got != c.want {
			t.Errorf("%q of %s is %d, %v; want %d", c.text, c.currency, got, err, c.want)
		}
	}
}
