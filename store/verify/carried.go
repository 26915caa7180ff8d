package verify

import (
	"cmp"
	"context"
	"maps"
	"math/big"
	"slices"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/store/sqldb"
)

// movedUntil adds up what went into each account less what went out, up to a
// time (sqldb.Wide).
const movedUntil = `SELECT b.account, b.currency, CAST(SUM(b.minor / 1000000000) AS BIGINT), CAST(SUM(b.minor % 1000000000) AS BIGINT) FROM (
		SELECT t.to_account AS account, t.currency, t.amount AS minor FROM transfers t
			WHERE t.merchant_id = $1 AND t.created_at <= $2
		UNION ALL
		SELECT t.from_account AS account, t.currency, -t.amount AS minor FROM transfers t
			WHERE t.merchant_id = $1 AND t.created_at <= $2
	) b GROUP BY b.account, b.currency`

// sums are a merchant's accounts up to a time, in microseconds.
type sums struct {
	of map[ledger.Balance]*big.Int
	to int64
}

// carried holds the kept sums against the transfers that they are of.
func (v *verifier) carried(ctx context.Context) error {
	kept := make(map[string]*sums)
	const all = `SELECT b.merchant_id, b.account, b.currency, b.minor, b.carried_to FROM carried_balances b ORDER BY b.merchant_id`
	err := v.q.Query(ctx, all, nil, func(scan func(...any) error) error {
		var merchantID, account, currency string
		var minor, to int64
		err := scan(&merchantID, &account, &currency, &minor, &to)
		b := kept[merchantID]
		if b == nil {
			b = &sums{of: make(map[ledger.Balance]*big.Int)}
			kept[merchantID] = b
		}
		b.of[ledger.Balance{Account: ledger.Account(account), Currency: money.Currency(currency)}] = big.NewInt(minor)
		b.to = to
		return err
	})
	if err != nil {
		return err
	}
	for _, merchantID := range slices.Sorted(maps.Keys(kept)) {
		b := kept[merchantID]
		moved, err := v.movedUntil(ctx, merchantID, b.to)
		if err != nil {
			return err
		}
		for of := range b.of {
			if _, there := moved[of]; !there {
				moved[of] = new(big.Int)
			}
		}
		for _, of := range slices.SortedFunc(maps.Keys(moved), compareBalances) {
			if sum := moved[of]; orZero(b.of[of]).Cmp(sum) != 0 {
				v.found(Books, merchantID, "account "+string(of.Account)+" in "+string(of.Currency),
					"the balance kept of it is %s, the transfers until then leave %s (hint: the merchant's rows of carried_balances may be deleted)", orZero(b.of[of]), sum)
			}
		}
	}
	return nil
}

func (v *verifier) movedUntil(ctx context.Context, merchantID string, to int64) (map[ledger.Balance]*big.Int, error) {
	moved := make(map[ledger.Balance]*big.Int)
	err := v.q.Query(ctx, movedUntil, []any{merchantID, to}, func(scan func(...any) error) error {
		var account, currency string
		var high, low int64
		err := scan(&account, &currency, &high, &low)
		moved[ledger.Balance{Account: ledger.Account(account), Currency: money.Currency(currency)}] = sqldb.Wide(high, low)
		return err
	})
	return moved, err
}

func compareBalances(a, b ledger.Balance) int {
	return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Account, b.Account))
}
