package payin

import (
	"testing"

	"github.com/refundry/refundry/money"
)

func TestPaymentsHaveTheLimitsOfThePage(t *testing.T) {
	for currency, want := range map[money.Currency][2]string{
		"SAR": {"0.1", "10000"}, "KWD": {"0.25", "0"}, "BHD": {"0.1", "3000"}, "AED": {"0.1", "29000"},
		"OMR": {"0.1", "3000"}, "QAR": {"0.1", "29000"}, "EGP": {"0", "0"},
	} {
		least, most := PaymentLimits(currency)
		if got := [2]string{string(Number(least, currency)), string(Number(most, currency))}; got != want {
			t.Errorf("%s: got %v, want %v", currency, got, want)
		}
	}
}

func TestAPaymentIsHeldAgainstTheLimitsOfItsCurrency(t *testing.T) {
	for _, test := range []struct {
		name, text string
		currency   money.Currency
		want       string
	}{
		{"the least in riyals", "0.1", "SAR", ""},
		{"less than the least in riyals", "0.09", "SAR", "amount: must be from 0.1 to 10000 SAR"},
		{"the most in riyals", "10000", "SAR", ""},
		{"more than the most in riyals", "10000.01", "SAR", "amount: must be from 0.1 to 10000 SAR"},
		{"the least in Kuwaiti dinars", "0.25", "KWD", ""},
		{"less than the least in Kuwaiti dinars", "0.24", "KWD", "amount: must be at least 0.25 KWD"},
		{"Kuwaiti dinars without end", "999999999999", "KWD", ""},
		{"the most in Bahraini dinars", "3000", "BHD", ""},
		{"more than the most in Bahraini dinars", "3000.01", "BHD", "amount: must be from 0.1 to 3000 BHD"},
		{"the most in dirhams", "29000", "AED", ""},
		{"more than the most in dirhams", "29000.01", "AED", "amount: must be from 0.1 to 29000 AED"},
		{"less than the least in Omani rials", "0.09", "OMR", "amount: must be from 0.1 to 3000 OMR"},
		{"more than the most in Qatari riyals", "29000.01", "QAR", "amount: must be from 0.1 to 29000 QAR"},
		{"a currency without limits", "0.01", "EGP", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			amount, err := ParseAmount(test.text, test.currency, false)
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := CheckPayment(amount, test.currency); err != nil {
				got = err.Error()
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
