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
