package verify

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// movedUntil adds up what went into each account less what went out, up to a
// time.
const movedUntil = `SELECT b.account, b.currency, CAST(SUM(b.minor) AS BIGINT) FROM (
		SELECT t.to_account AS account, t.currency, t.amount AS minor FROM transfers t
			WHERE t.merchant_id = $1 AND t.created_at <= $2
		UNION ALL
		SELECT t.from_account AS account, t.currency, -t.amount AS minor FROM transfers t
			WHERE t.merchant_id = $1 AND t.created_at <= $2
	) b GROUP BY b.account, b.currency`

// sums are a merchant's accounts up to a time, in microseconds.
type sums struct {
	of map[ledger.Balance]money.Minor
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
			b = &sums{of: make(map[ledger.Balance]money.Minor)}
			kept[merchantID] = b
		}
		b.of[ledger.Balance{Account: ledger.Account(account), Currency: money.Currency(currency)}] = money.Minor(minor)
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
				moved[of] = 0
			}
		}
		for _, of := range slices.SortedFunc(maps.Keys(moved), compareBalances) {
			if minor := moved[of]; b.of[of] != minor {
				v.found(Books, merchantID, "account "+string(of.Account)+" in "+string(of.Currency),
					"the balance kept of it is %d, the transfers until then leave %d (hint: the merchant's rows of carried_balances may be deleted)", b.of[of], minor)
			}
		}
	}
	return nil
}

func (v *verifier) movedUntil(ctx context.Context, merchantID string, to int64) (map[ledger.Balance]money.Minor, error) {
	moved := make(map[ledger.Balance]money.Minor)
	err := v.q.Query(ctx, movedUntil, []any{merchantID, to}, func(scan func(...any) error) error {
		var account, currency string
		var minor int64
		err := scan(&account, &currency, &minor)
		moved[ledger.Balance{Account: ledger.Account(account), Currency: money.Currency(currency)}] = money.Minor(minor)
		return err
	})
	return moved, err
}

func compareBalances(a, b ledger.Balance) int {
	return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Account, b.Account))
}
