package channel

import (
	"fmt"

	"github.com/refundry/refundry/refund"
)

// Codes of refunds that are refused because the channel knows another payment than
// we do. Nothing was sent for them.
const (
	CodeNoPayment     = "PAYMENT_NOT_FOUND"
	CodeNotPaid       = "PAYMENT_NOT_PAID"
	CodeOtherAmount   = "PAYMENT_AMOUNT"
	CodeOtherCurrency = "PAYMENT_CURRENCY"
)

// Contradicts compares a payment as its channel knows it with a charge, before
// anything is refunded of it. It returns "" and "" where they agree, or a code and a
// text that says what differs. What was refunded is not compared here, nor the
// payment's numbers: that the answer is about the payment that was named is the
// connector's to see to.
func (p Payment) Contradicts(c refund.Charge) (code, text string) {
	switch {
	case !p.Paid:
		return CodeNotPaid, "the channel says that the payment has not succeeded"
	case p.Amount.Currency != c.Currency:
		return CodeOtherCurrency, fmt.Sprintf("the payment was made in %s, and the charge is in %s", p.Amount.Currency, c.Currency)
	case p.Amount.Minor != c.Amount:
		return CodeOtherAmount, fmt.Sprintf("%d minor units were paid, and the charge has %d", p.Amount.Minor, c.Amount)
	}
	return "", ""
}
