package payin

import "github.com/refundry/refundry/money"

// PaymentLimits are the least and the most that one payment may have (Y3.4-28
// to Y3.4-32), in minor units; most 0 is without limit. They are of payments
// and not of refunds. A currency that is not in the table has no limits.
func PaymentLimits(currency money.Currency) (least, most money.Minor) {
	limits := paymentLimits[currency]
	return limits[0], limits[1]
}

// paymentLimits are the page's, 0.1 to 10000 SAR and so on. Those of KWD, BHD
// and OMR are in thousandths.
var paymentLimits = map[money.Currency][2]money.Minor{
	"SAR": {10, 10_000_00},
	"KWD": {250, 0},
	"BHD": {100, 3_000_000},
	"AED": {10, 29_000_00},
	"OMR": {100, 3_000_000},
	"QAR": {10, 29_000_00},
}

// CheckPayment holds an order's amount against the limits of a payment. The
// error is a *FieldError that names them.
func CheckPayment(amount money.Minor, currency money.Currency) error {
	least, most := PaymentLimits(currency)
	switch {
	case amount < least && most == 0:
		return &FieldError{"amount", "must be at least " + string(Number(least, currency)) + " " + string(currency)}
	case amount < least, most > 0 && amount > most:
		return &FieldError{"amount", "must be from " + string(Number(least, currency)) + " to " + string(Number(most, currency)) + " " + string(currency)}
	}
	return nil
}
