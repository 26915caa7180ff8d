package money_test

import (
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/refundry/refundry/money"
)

func TestAmountString(t *testing.T) {
	tests := []struct {
		name   string
		amount money.Amount
		want   string
	}{
		{"yuan have two decimals", money.Amount{Minor: 1000, Currency: "CNY"}, "10.00 CNY"},
		{"yen have none", money.Amount{Minor: 1000, Currency: "JPY"}, "1000 JPY"},
		{"dinars have three", money.Amount{Minor: 1, Currency: "KWD"}, "0.001 KWD"},
		{"an unknown currency is not given decimals", money.Amount{Minor: 1000, Currency: "XYZ"}, "1000 minor units of XYZ"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.amount.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAddAndSubtractAgreeWithBigIntegers(t *testing.T) {
	check := func(t interface{ Errorf(string, ...any) }, name string, got money.Minor, ok bool, want *big.Int) {
		if ok != want.IsInt64() || ok && int64(got) != want.Int64() || !ok && got != 0 {
			t.Errorf("%s = %d, %v; want %s", name, got, ok, want)
		}
	}
	edges := []int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}
	number := rapid.OneOf(rapid.SampledFrom(edges), rapid.Int64())
	rapid.Check(t, func(t *rapid.T) {
		a, b := number.Draw(t, "a"), number.Draw(t, "b")
		sum, ok := money.Add(money.Minor(a), money.Minor(b))
		check(t, "Add", sum, ok, new(big.Int).Add(big.NewInt(a), big.NewInt(b)))
		difference, ok := money.Sub(money.Minor(a), money.Minor(b))
		check(t, "Sub", difference, ok, new(big.Int).Sub(big.NewInt(a), big.NewInt(b)))
	})
}
