package native

import (
	"cmp"
	"math/big"
	"net/http"
	"slices"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// Balance is what a named account holds in a currency, as the API shows it.
type Balance struct {
	Account  ledger.Account `json:"account"`
	Currency money.Currency `json:"currency"`
	// Balance is below 0 where more went out than in, and may need more than 64
	// bits.
	Balance *big.Int `json:"balance"`
}

// listBalances returns each named account of each currency that ever moved, by
// currency and name: GET /balances. The sum of each currency is 0.
func (d *Dialect) listBalances(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	balances, err := d.s.Merchants.Balances(c.ctx, c.merchantID())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, list[Balance]{Data: SortedBalances(balances)})
}

// SortedBalances shows balances by currency and name.
func SortedBalances(balances map[ledger.Balance]*big.Int) []Balance {
	out := make([]Balance, 0, len(balances))
	for of, minor := range balances {
		out = append(out, Balance{of.Account, of.Currency, minor})
	}
	slices.SortFunc(out, func(a, b Balance) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Account, b.Account))
	})
	return out
}
