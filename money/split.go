package money

import (
	"math"
	"math/bits"
)

// HalfUp returns a*b/c rounded to the nearest unit, a half upwards, and 0 if c
// is 0. The product is computed in 128 bits, so it can't overflow; a result
// beyond int64 (only possible if both a and b are above c) is held at
// math.MaxInt64, and callers clamp it. It panics if a, b or c is negative:
// that is a broken invariant, and rounding would hide it.
func HalfUp(a, b, c Minor) Minor {
	if a < 0 || b < 0 || c < 0 {
		panic("money.HalfUp: negative argument")
	}
	if c == 0 {
		return 0
	}
	high, low := bits.Mul64(uint64(a), uint64(b))
	if high >= uint64(c) {
		return math.MaxInt64
	}
	quotient, rest := bits.Div64(high, low, uint64(c))
	if quotient >= math.MaxInt64 {
		return math.MaxInt64
	}
	if rest >= uint64(c)-rest {
		quotient++
	}
	return Minor(quotient)
}

// Clamp returns x, but not less than low and not more than high. If low is
// above high, it gives high: never more than there is.
func Clamp(x, low, high Minor) Minor { return min(max(x, low), high) }

// Split divides total into one part a weight, in proportion. The parts are the
// steps of a running total rounded half up: they add up to total exactly, each
// is at most one unit away from its true share, and a weight of 0 gets 0. So
// 100 by 1, 1, 1 is 33, 34, 33.
//
// It returns nil if no such division exists: all weights are 0 (or there are
// none) while total is not, or the weights add up beyond int64. It panics on a
// negative total or weight, like HalfUp.
func Split(total Minor, weights []Minor) []Minor {
	if total < 0 {
		panic("money.Split: negative total")
	}
	var sum Minor
	for _, weight := range weights {
		if weight < 0 {
			panic("money.Split: negative weight")
		}
		var ok bool
		if sum, ok = Add(sum, weight); !ok {
			return nil
		}
	}
	if sum == 0 && total != 0 {
		return nil
	}
	parts := make([]Minor, len(weights))
	var weightSoFar, given Minor
	for i, weight := range weights {
		weightSoFar += weight
		upToHere := HalfUp(total, weightSoFar, sum)
		parts[i] = upToHere - given
		given = upToHere
	}
	return parts
}
