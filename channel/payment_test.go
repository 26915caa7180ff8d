package channel_test

import (
	"testing"

	"github.com/refundry/refundry/channel"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
)

func TestAPaymentIsComparedWithItsCharge(t *testing.T) {
	charge := refund.Charge{TransactionID: "4200", Amount: 1000, Currency: "CNY"}
	paid := channel.Payment{TransactionID: "4200", Amount: money.Amount{Minor: 1000, Currency: "CNY"}, Paid: true}
	for name, test := range map[string]struct {
		change func(*channel.Payment)
		code   string
	}{
		"the same":              {func(*channel.Payment) {}, ""},
		"refunded in part":      {func(p *channel.Payment) { p.Refunded = 100 }, ""},
		"refunded by no amount": {func(p *channel.Payment) { p.RefundedUnknown = true }, ""},
		"not paid":              {func(p *channel.Payment) { p.Paid = false }, channel.CodeNotPaid},
		"another amount":        {func(p *channel.Payment) { p.Amount.Minor = 999 }, channel.CodeOtherAmount},
		"another currency":      {func(p *channel.Payment) { p.Amount.Currency = "USD" }, channel.CodeOtherCurrency},
	} {
		p := paid
		test.change(&p)
		if code, text := p.Contradicts(charge); code != test.code || (text == "") != (code == "") {
			t.Errorf("%s: %q %q, want %q", name, code, text, test.code)
		}
	}
}
