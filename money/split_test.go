package money_test

import (
	"math"
	"math/big"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/refundry/refundry/money"
)

func TestHalfUp(t *testing.T) {
	tests := []struct {
		name          string
		a, b, c, want money.Minor
	}{
		{"an exact share", 500, 800, 1000, 400},
		{"below a half goes down", 1, 1, 3, 0},
		{"a half goes up", 1, 1, 2, 1},
		{"above a half goes up", 2, 1, 3, 1},
		{"a half of an odd number goes up", 5, 1, 2, 3},
		{"nothing of nothing", 5, 5, 0, 0},
		{"a product beyond 64 bits", math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{"a large divisor does not overflow when doubled", math.MaxInt64 - 1, 1, math.MaxInt64, 1},
		{"a result that needs more than 128/64 bits is held", math.MaxInt64, math.MaxInt64, 1, math.MaxInt64},
		{"a result between 63 and 64 bits is held", math.MaxInt64, 3, 2, math.MaxInt64},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := money.HalfUp(test.a, test.b, test.c); got != test.want {
				t.Errorf("HalfUp(%d, %d, %d) = %d, want %d", test.a, test.b, test.c, got, test.want)
			}
		})
	}
}

func TestHalfUpAgreesWithBigIntegers(t *testing.T) {
	number := rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Min(0))
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := number.Draw(t, "a"), number.Draw(t, "b"), max(1, number.Draw(t, "c"))
		// (2ab + c) / 2c: the half-up share of rule W4.1-2 of
		// docs/rules/wechatpay.md.
		want := new(big.Int).Mul(big.NewInt(a), big.NewInt(b))
		want.Lsh(want, 1).Add(want, big.NewInt(c))
		want.Quo(want, new(big.Int).Lsh(big.NewInt(c), 1))
		if !want.IsInt64() {
			want.SetInt64(math.MaxInt64)
		}
		if got := money.HalfUp(money.Minor(a), money.Minor(b), money.Minor(c)); int64(got) != want.Int64() {
			t.Fatalf("HalfUp(%d, %d, %d) = %d, want %s", a, b, c, got, want)
		}
	})
}

func TestNegativeArgumentsPanic(t *testing.T) {
	tests := []struct {
		name string
		call func()
	}{
		{"a negative first factor", func() { money.HalfUp(-1, 1, 1) }},
		{"a negative second factor", func() { money.HalfUp(1, -1, 1) }},
		{"a negative divisor", func() { money.HalfUp(1, 1, -1) }},
		{"a negative total", func() { money.Split(-1, nil) }},
		{"a negative weight", func() { money.Split(1, []money.Minor{2, -1}) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("did not panic")
				}
			}()
			test.call()
		})
	}
}

func TestClamp(t *testing.T) {
	for _, test := range []struct {
		name               string
		x, low, high, want money.Minor
	}{
		{"within", 5, 1, 9, 5},
		{"below", 0, 1, 9, 1},
		{"above", 10, 1, 9, 9},
		{"crossed bounds give the upper one", 5, 9, 1, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := money.Clamp(test.x, test.low, test.high); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestSplit(t *testing.T) {
	tests := []struct {
		name    string
		total   money.Minor
		weights []money.Minor
		want    []money.Minor
	}{
		{"thirds", 100, []money.Minor{1, 1, 1}, []money.Minor{33, 34, 33}},
		{"halves of an odd total", 5, []money.Minor{1, 1}, []money.Minor{3, 2}},
		{"a weight of zero gets nothing", 5, []money.Minor{0, 1, 0}, []money.Minor{0, 5, 0}},
		{"nothing is split into nothing", 0, []money.Minor{1, 2}, []money.Minor{0, 0}},
		{"nothing without weights", 0, []money.Minor{0, 0}, []money.Minor{0, 0}},
		{"less units than parts", 1, []money.Minor{1, 1, 1}, []money.Minor{0, 1, 0}},
		{"the largest numbers", math.MaxInt64, []money.Minor{math.MaxInt64 - 1, 1}, []money.Minor{math.MaxInt64 - 1, 1}},
		{"no weights, no division", 5, nil, nil},
		{"only zero weights, no division", 5, []money.Minor{0, 0}, nil},
		{"weights beyond int64, no division", 5, []money.Minor{math.MaxInt64, 1}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, money.Split(test.total, test.weights)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestPartsOfASplitAddUpAndAreFair(t *testing.T) {
	number := rapid.OneOf(rapid.Int64Range(0, 20), rapid.Int64Range(0, math.MaxInt64/64))
	rapid.Check(t, func(t *rapid.T) {
		total := number.Draw(t, "total")
		drawn := rapid.SliceOfN(number, 1, 60).Draw(t, "weights")
		weights, sum := make([]money.Minor, len(drawn)), int64(0)
		for i, weight := range drawn {
			weights[i], sum = money.Minor(weight), sum+weight
		}
		if sum == 0 {
			return
		}
		var given money.Minor
		for i, part := range money.Split(money.Minor(total), weights) {
			given += part
			// |part * sum - total * weight| <= sum
			away := new(big.Int).Mul(big.NewInt(int64(part)), big.NewInt(sum))
			away.Sub(away, new(big.Int).Mul(big.NewInt(total), big.NewInt(drawn[i])))
			if part < 0 || away.CmpAbs(big.NewInt(sum)) > 0 || weights[i] == 0 && part != 0 {
				t.Fatalf("part %d of %d by %v is %d", i, total, weights, part)
			}
		}
		if int64(given) != total {
			t.Fatalf("parts of %d by %v add up to %d", total, weights, given)
		}
	})
}
