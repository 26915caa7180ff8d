package money

import "strings"

// Currency is an upper-case ISO 4217 code such as "CNY". A value made by
// ParseCurrency is always in the table; any other should be asked for Valid.
type Currency string

// The codes of ISO 4217 list one that have a number of decimals, by that
// number. Metals, bond units, the SDR and test codes have none and are left
// out: nobody is paid back in them. BGN was withdrawn on 1 January 2026 and is
// kept while payments made in it may still come back; a code goes from here
// only when no charge in it can be refunded any more.
const (
	withoutDecimals = `BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF`

	twoDecimals = `AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN
		BWP BYN BZD CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN
		ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD
		KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR
		MVR MWK MXN MXV MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON
		RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT
		TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG`

	threeDecimals = `BHD IQD JOD KWD LYD OMR TND`

	fourDecimals = `CLF UYW`
)

var exponents = exponentTable()

func exponentTable() map[Currency]int {
	table := make(map[Currency]int, 200)
	for exponent, codes := range []string{
		0: withoutDecimals, 2: twoDecimals, 3: threeDecimals, 4: fourDecimals,
	} {
		for _, code := range strings.Fields(codes) {
			table[Currency(code)] = exponent
		}
	}
	return table
}

// ParseCurrency reads a code of three ASCII letters in any case ("cny", "CNY").
// Whatever is not in the table is ErrCurrency.
func ParseCurrency(s string) (Currency, error) {
	// Measured before upper-casing: a few letters outside ASCII become ASCII
	// ones there, and a long text need not be copied.
	if len(s) != 3 {
		return "", ErrCurrency
	}
	c := Currency(strings.ToUpper(s))
	if !c.Valid() {
		return "", ErrCurrency
	}
	return c, nil
}

// Valid reports whether the code is in the table. Lower case is not.
func (c Currency) Valid() bool {
	_, ok := exponents[c]
	return ok
}

// Exponent is the number of decimals of the currency by ISO 4217, 0 to 4:
// 1 CNY is 10^2 minor units. It is 0 for a code that is not in the table.
func (c Currency) Exponent() int { return exponents[c] }
