package store

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// carried holds the kept sums against the transfers that they are of.
func (v *verifier) carried(ctx context.Context) error {
	kept := make(map[string]*balances)
	const all = `SELECT b.merchant_id, b.account, b.currency, b.minor, b.carried_to FROM carried_balances b ORDER BY b.merchant_id`
	err := v.q.Query(ctx, all, nil, func(scan func(...any) error) error {
		var merchantID, account, currency string
		var minor, to int64
		err := scan(&merchantID, &account, &currency, &minor, &to)
		b := kept[merchantID]
		if b == nil {
			b = &balances{of: make(map[ledger.Balance]money.Minor)}
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
		moved := balances{of: make(map[ledger.Balance]money.Minor)}
		if err := moved.since(ctx, v.q, merchantID, 0, b.to); err != nil {
			return err
		}
		for of := range b.of {
			if _, there := moved.of[of]; !there {
				moved.of[of] = 0
			}
		}
		for _, of := range slices.SortedFunc(maps.Keys(moved.of), compareBalances) {
			if minor := moved.of[of]; b.of[of] != minor {
				v.found(VerifyBooks, merchantID, "account "+string(of.Account)+" in "+string(of.Currency),
					"the balance kept of it is %d, the transfers until then leave %d (hint: the merchant's rows of carried_balances may be deleted)", b.of[of], minor)
			}
		}
	}
	return nil
}

func compareBalances(a, b ledger.Balance) int {
	return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Account, b.Account))
}
