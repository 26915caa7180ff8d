// Package money holds amounts of money: whole numbers of a currency's minor
// unit (ISO 4217), read and written exactly, added with a check and split
// without losing a unit. There is no floating point in it.
package money

import "math/big"

// Minor is an amount in minor units (fen, cents, yen) of a currency that is
// known from the context. It is negative only where a balance may be.
type Minor int64

// Amount is an amount together with its currency.
type Amount struct {
	Minor    Minor
	Currency Currency
}

// String returns the amount with all decimals of its currency: "10.00 CNY",
// "1000 JPY". It is for people and logs, not for a protocol. A currency that
// is not in the table has no known decimals, so its amount is shown as a
// number of minor units: "1000 minor units of XYZ".
func (a Amount) String() string {
	return SumString(big.NewInt(int64(a.Minor)), a.Currency)
}

// SumString is Amount.String for a sum of amounts, which may need more than 64
// bits.
func SumString(sum *big.Int, c Currency) string {
	if !c.Valid() {
		return FormatSum(sum, "") + " minor units of " + string(c)
	}
	return FormatSum(sum, c) + " " + string(c)
}

// Add returns a+b, or 0 and false if the sum does not fit into 64 bits.
func Add(a, b Minor) (Minor, bool) {
	sum := a + b
	// The sum of two numbers of one sign wraps around to the other sign.
	if (a >= 0) == (b >= 0) && (sum >= 0) != (a >= 0) {
		return 0, false
	}
	return sum, true
}

// Sub returns a-b, or 0 and false if the difference does not fit into 64 bits.
func Sub(a, b Minor) (Minor, bool) {
	difference := a - b
	if (a >= 0) != (b >= 0) && (difference >= 0) != (a >= 0) {
		return 0, false
	}
	return difference, true
}
