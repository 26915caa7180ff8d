package stripe

import (
	"math"
	"strings"

	"github.com/refundry/refundry/money"
)

// Stripe counts amounts in units of its own, which are ISO 4217's minor units for
// most currencies and not for all.

// unit is how an amount in minor units of ISO 4217 is written for Stripe: times
// times, then divided by per. An amount that per or step does not divide can't be
// refunded at Stripe.
type unit struct{ times, per, step money.Minor }

// plain is the unit of a currency that ISO 4217 and Stripe count alike.
var plain = unit{times: 1, per: 1, step: 1}

// units are the currencies that Stripe counts otherwise, or whose amounts it does not
// all take.
var units = map[money.Currency]unit{
	// Without decimals everywhere, and written with two zeros for compatibility.
	"ISK": {times: 100, per: 1, step: 1},
	"UGX": {times: 100, per: 1, step: 1},
	// Two decimals in ISO 4217, none at Stripe.
	"MGA": {times: 1, per: 100, step: 100},
	// Three decimals of which the last is always 0.
	"BHD": {times: 1, per: 1, step: 10},
	"JOD": {times: 1, per: 1, step: 10},
	"KWD": {times: 1, per: 1, step: 10},
	"OMR": {times: 1, per: 1, step: 10},
	"TND": {times: 1, per: 1, step: 10},
}

// withoutDecimals are the currencies without decimals that Stripe documents. HUF
// and TWD are without decimals in payouts alone.
const withoutDecimals = "BIF CLP DJF GNF JPY KMF KRW PYG RWF VND VUV XAF XOF XPF"

// unitOf returns how Stripe counts a currency; false: Stripe does not document how,
// and a guess could be a hundred times too much.
func unitOf(currency money.Currency) (unit, bool) {
	if known, ok := units[currency]; ok {
		return known, true
	}
	switch currency.Exponent() {
	case 2:
		return plain, currency.Valid()
	case 0:
		return plain, currency.Valid() && strings.Contains(withoutDecimals, string(currency))
	}
	return unit{}, false
}

// toStripe writes an amount in Stripe's units. A text says why it can't be.
func toStripe(amount money.Amount) (units int64, why string) {
	u, known := unitOf(amount.Currency)
	switch {
	case !known:
		return 0, "Stripe does not say how it counts " + string(amount.Currency)
	case amount.Minor%u.step != 0 && u.step == 10:
		return 0, "Stripe takes only amounts in " + string(amount.Currency) + " whose last digit is 0"
	case amount.Minor%u.step != 0:
		return 0, "Stripe takes only whole amounts in " + string(amount.Currency)
	case amount.Minor > math.MaxInt64/u.times:
		return 0, "the amount is more than Stripe can be told of"
	}
	return int64(amount.Minor / u.per * u.times), ""
}

// fromStripe reads an amount and a currency of Stripe's.
func fromStripe(amount int64, currency string) (money.Amount, bool) {
	code, err := money.ParseCurrency(currency)
	if err != nil || amount < 0 {
		return money.Amount{}, false
	}
	u, known := unitOf(code)
	// What was refunded in another way may have another last digit; only a fraction of
	// a minor unit can't be counted.
	if !known || money.Minor(amount)%u.times != 0 || money.Minor(amount) > math.MaxInt64/u.per {
		return money.Amount{}, false
	}
	return money.Amount{Minor: money.Minor(amount) / u.times * u.per, Currency: code}, true
}
