package sqldb

import "math/big"

// WideUnit is by what a sum of amounts is taken apart where it may need more
// than 64 bits: SQLite fails on a SUM that overflows, and no column holds one. A
// statement selects SUM(x / 1000000000) and SUM(x % 1000000000), each of which
// fits for a thousand million rows of any amount.
const WideUnit = 1_000_000_000

// Wide puts the two sums together.
func Wide(high, low int64) *big.Int {
	sum := new(big.Int).Mul(big.NewInt(high), big.NewInt(WideUnit))
	return sum.Add(sum, big.NewInt(low))
}
