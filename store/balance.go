package store

import (
	"context"
	"fmt"
	"math/big"
	"time"

	"github.com/refundry/refundry/ledger"
	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// carryFrom is how many transfers Balances adds up before it has their sum kept: a
	// few milliseconds.
	carryFrom = 2500
	// carrySlice is how many transfers are added to the kept sum at once, so that
	// who waits for it does so for a moment only, however many there are.
	carrySlice = 20_000
	// carryLag is how far the kept sum stays behind: what a transaction that is
	// under way will write must not be older. It is more than lateAfter and the
	// longest transaction together, which ends within half a minute.
	carryLag = 2 * time.Minute
	// lateAfter is how old a change may be when it is written without looking
	// at the kept sum. Changes are decided in the transaction that writes them.
	lateAfter = time.Minute
)

const (
	// moved adds up what went from one account to another (sqldb.Wide).
	moved = `SELECT t.from_account, t.to_account, t.currency, CAST(SUM(t.amount / 1000000000) AS BIGINT), CAST(SUM(t.amount % 1000000000) AS BIGINT), COUNT(*)
		FROM transfers t WHERE t.merchant_id = $1 AND t.created_at > $2 AND t.created_at <= $3 GROUP BY t.from_account, t.to_account, t.currency`
	carriedOf = `SELECT b.account, b.currency, b.minor / 1000000000, b.minor % 1000000000, b.carried_to FROM carried_balances b WHERE b.merchant_id = $1`
	keepCarry = `INSERT INTO carried_balances (merchant_id, account, currency, minor, carried_to) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (merchant_id, account, currency) DO UPDATE SET minor = excluded.minor, carried_to = excluded.carried_to`
	// endOfSlice is the time of the last transfer of a slice, if there are that many.
	endOfSlice = `SELECT t.created_at FROM transfers t WHERE t.merchant_id = $1 AND t.created_at > $2 AND t.created_at <= $3
		ORDER BY t.created_at LIMIT 1 OFFSET $4`
	// allTimes is later than any row.
	allTimes = int64(1) << 62
)

// balances are a merchant's accounts as they are kept, and what came since.
type balances struct {
	of     map[ledger.Balance]*big.Int
	to     int64 // the kept part, in microseconds
	counts int64 // transfers that came later
}

// Balances returns what went into each of a merchant's named accounts less what
// went out, of those that ever moved. The sum over all accounts of one currency
// is 0. A sum may need more than 64 bits. It reads the transfers since a time not long
// ago: the sum of those before is kept (CarryBalances), and moved on by whoever finds
// that much came since, too.
func (s *Store) Balances(ctx context.Context, merchantID string) (map[ledger.Balance]*big.Int, error) {
	var b balances
	err := s.db.Snapshot(ctx, func(q sqldb.Querier) error { return b.read(ctx, q, merchantID) })
	if err != nil {
		return nil, fmt.Errorf("add up transfers: %w", err)
	}
	if b.counts > carryFrom {
		if _, err := s.CarryBalances(ctx, merchantID); err != nil {
			s.log.Warn("balances could not be carried forward; the next look reads the same once more", "error", err)
		}
	}
	return b.of, nil
}

// read adds up a merchant's balances as they are.
func (b *balances) read(ctx context.Context, q sqldb.Querier, merchantID string) error {
	if err := b.kept(ctx, q, merchantID); err != nil {
		return err
	}
	return b.since(ctx, q, merchantID, b.to, allTimes)
}

// kept reads the kept sum.
func (b *balances) kept(ctx context.Context, q sqldb.Querier, merchantID string) error {
	*b = balances{of: make(map[ledger.Balance]*big.Int)}
	return q.Query(ctx, carriedOf, []any{merchantID}, func(scan func(...any) error) error {
		var account, currency string
		var high, low int64
		err := scan(&account, &currency, &high, &low, &b.to)
		b.add(account, currency, sqldb.Wide(high, low))
		return err
	})
}

// since adds the transfers behind one time up to another.
func (b *balances) since(ctx context.Context, q sqldb.Querier, merchantID string, from, until int64) error {
	return q.Query(ctx, moved, []any{merchantID, from, until}, func(scan func(...any) error) error {
		var out, in, currency string
		var high, low, count int64
		err := scan(&out, &in, &currency, &high, &low, &count)
		sum := sqldb.Wide(high, low)
		b.add(in, currency, sum)
		b.add(out, currency, sum.Neg(sum))
		b.counts += count
		return err
	})
}

func (b *balances) add(account, currency string, sum *big.Int) {
	of := ledger.Balance{Account: ledger.Account(account), Currency: money.Currency(currency)}
	if b.of[of] == nil {
		b.of[of] = new(big.Int)
	}
	b.of[of].Add(b.of[of], sum)
}

// CarryBalances adds a merchant's next transfers to the kept sum, those up to a time
// not long ago, and reports whether there are more of them. Who writes a late change
// waits for it, and the other way round.
func (s *Store) CarryBalances(ctx context.Context, merchantID string) (more bool, err error) {
	err = s.write(ctx, func(q sqldb.Querier) error {
		more = false
		if err := lockCarried(ctx, q, merchantID); err != nil {
			return err
		}
		var b balances
		if err := b.kept(ctx, q, merchantID); err != nil {
			return err
		}
		to, full := sqldb.Micros(s.now().Add(-carryLag)), false
		err := q.Query(ctx, endOfSlice, []any{merchantID, b.to, to, int64(carrySlice - 1)}, func(scan func(...any) error) error {
			full = true
			return scan(&to)
		})
		if err != nil || b.to >= to {
			return err
		}
		if err := b.since(ctx, q, merchantID, b.to, to); err != nil {
			return err
		}
		for _, sum := range b.of {
			if !sum.IsInt64() {
				return nil // no column holds it: all is added up each time
			}
		}
		for of, sum := range b.of {
			if _, err := q.Exec(ctx, keepCarry, merchantID, string(of.Account), string(of.Currency), sum.Int64(), to); err != nil {
				return err
			}
		}
		more = full
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("carry balances forward: %w", err)
	}
	return more, nil
}

// uncarry drops the kept sums that a change is too late for, as it may be where
// a clock was wrong: everything is then added up again.
func (s *Store) uncarry(ctx context.Context, q sqldb.Querier, changes []refund.Change) error {
	late := sqldb.Micros(s.now().Add(-lateAfter))
	done := make(map[string]bool)
	for _, change := range changes {
		merchantID := change.Charge.MerchantID
		if len(change.Transfers) == 0 || sqldb.Micros(change.Charge.UpdatedAt) > late || done[merchantID] {
			continue
		}
		done[merchantID] = true
		if err := dropCarried(ctx, q, merchantID); err != nil {
			return err
		}
	}
	return nil
}

func dropCarried(ctx context.Context, q sqldb.Querier, merchantID string) error {
	if err := lockCarried(ctx, q, merchantID); err != nil {
		return err
	}
	_, err := q.Exec(ctx, `DELETE FROM carried_balances WHERE merchant_id = $1`, merchantID)
	return err
}

// lockCarried has one transaction at a time work on a merchant's kept sum. On Citus it
// locks the merchant's row of stat_cursors: to lock a row of a replicated table is to
// lock all of it there, so that merchants would wait for each other.
func lockCarried(ctx context.Context, q sqldb.Querier, merchantID string) error {
	text := `SELECT m.id FROM merchants m WHERE m.id = $1`
	if q.Sharded() {
		if _, err := q.Exec(ctx, newCursor, merchantID); err != nil {
			return err
		}
		text = cursorOf
	}
	return q.Query(ctx, text+q.Lock(""), []any{merchantID}, ignoreRow)
}
