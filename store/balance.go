package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
)

// Balances adds up a merchant's transfers: what went into each named account
// less what went out, of those that ever moved. The sum over all accounts of
// one currency is 0. It reads all of the merchant's transfers.
func (s *Store) Balances(ctx context.Context, merchantID string) (map[ledger.Balance]money.Minor, error) {
	const text = `SELECT b.account, b.currency, CAST(SUM(b.minor) AS BIGINT) FROM (
			SELECT t.to_account AS account, t.currency, t.amount AS minor FROM transfers t WHERE t.merchant_id = $1
			UNION ALL
			SELECT t.from_account AS account, t.currency, -t.amount AS minor FROM transfers t WHERE t.merchant_id = $1
		) b GROUP BY b.account, b.currency`
	found := make(map[ledger.Balance]money.Minor)
	err := s.read(ctx, func(q querier) error {
		return q.query(ctx, text, []any{merchantID}, func(scan func(...any) error) error {
			var account, currency string
			var minor int64
			err := scan(&account, &currency, &minor)
			found[ledger.Balance{Account: ledger.Account(account), Currency: money.Currency(currency)}] = money.Minor(minor)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("add up transfers: %w", err)
	}
	return found, nil
}
