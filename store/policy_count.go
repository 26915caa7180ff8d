package store

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/refundry/refundry/money"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// maxGates bounds a merchant's gates, and so their rows: two customers that share
	// one wait for each other without need, which is rare and short.
	maxGates = 1024
	// wholeMerchant is the gate of policies that count all refunds of a merchant.
	wholeMerchant = -1

	takeGates = `INSERT INTO policy_gates (merchant_id, gate, taken_at) VALUES`
	gateTaken = `ON CONFLICT (merchant_id, gate) DO UPDATE SET taken_at = excluded.taken_at`
	gateWidth = 3

	// countedSums are sums that may need more than 64 bits, see sqldb.Wide.
	countedSums = `SELECT v.n, COUNT(*), CAST(COALESCE(SUM(CASE WHEN r.currency = v.currency THEN r.amount / 1000000000 ELSE 0 END), 0) AS BIGINT),
		CAST(COALESCE(SUM(CASE WHEN r.currency = v.currency THEN r.amount % 1000000000 ELSE 0 END), 0) AS BIGINT)
		FROM v JOIN `
	countedOfMerchant = countedSums + `refunds r ON r.merchant_id = v.merchant_id AND r.created_at >= v.since
		AND r.state NOT IN ('failed', 'canceled') GROUP BY v.n`
	// countedOfCustomer are the refunds that name a customer, and those that name
	// another though their charge is this one's: a request can't hide whose it is.
	countedOfCustomer = countedSums + `refunds r ON r.merchant_id = v.merchant_id AND r.customer <> '' AND r.customer = v.customer AND r.created_at >= v.since
		AND r.state NOT IN ('failed', 'canceled') GROUP BY v.n
		UNION ALL ` + countedSums + `charges c ON c.merchant_id = v.merchant_id AND c.customer <> '' AND c.customer = v.customer AND c.last_refund_at >= v.since
		JOIN refunds r ON r.merchant_id = c.merchant_id AND r.charge_id = c.id AND r.customer <> v.customer AND r.created_at >= v.since
		AND r.state NOT IN ('failed', 'canceled') GROUP BY v.n`
)

var windowColumns = sqldb.NewColumns("n BIGINT", "merchant_id TEXT", "customer TEXT", "currency TEXT", "since BIGINT")

// gateOf is a customer's gate.
func gateOf(ask refund.WindowAsk) int64 {
	if ask.Customer == "" {
		return wholeMerchant
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(ask.Customer))
	return int64(h.Sum32() % maxGates)
}

// TakeGates implements intake.Tx. Rows are taken in the order of their keys, after
// charges and before numbers, by everyone.
func (t *intakeTx) TakeGates(ctx context.Context, gates []refund.WindowAsk, now time.Time) error {
	type gate struct {
		merchant string
		n        int64
	}
	taken := make([]gate, len(gates))
	for n, ask := range gates {
		taken[n] = gate{ask.MerchantID, gateOf(ask)}
	}
	slices.SortFunc(taken, func(x, y gate) int { return cmp.Or(cmp.Compare(x.merchant, y.merchant), cmp.Compare(x.n, y.n)) })
	taken = slices.Compact(taken)
	rows := make([][]any, len(taken))
	for n, g := range taken {
		rows[n] = []any{g.merchant, g.n, sqldb.Micros(now)}
	}
	if _, err := t.q.Send(ctx, sqldb.InsertRows(takeGates, gateWidth, rows, gateTaken)); err != nil {
		return fmt.Errorf("take the gates of policies: %w", err)
	}
	return nil
}

// Recent implements intake.Tx.
func (t *intakeTx) Recent(ctx context.Context, asks []refund.WindowAsk) (map[refund.WindowAsk]refund.Recent, error) {
	recent := make(map[refund.WindowAsk]refund.Recent, len(asks))
	var ofCustomer, ofMerchant [][]any
	for n, ask := range asks {
		recent[ask] = refund.Recent{}
		row := []any{int64(n), ask.MerchantID, ask.Customer, string(ask.Currency), sqldb.Micros(ask.Since)}
		if ask.Customer != "" {
			ofCustomer = append(ofCustomer, row)
		} else {
			ofMerchant = append(ofMerchant, row)
		}
	}
	read := func(scan func(...any) error) error {
		var n, count, high, low int64
		if err := scan(&n, &count, &high, &low); err != nil {
			return err
		}
		sum := money.Minor(math.MaxInt64)
		if wide := sqldb.Wide(high, low); wide.IsInt64() {
			sum = money.Minor(wide.Int64())
		}
		recent[asks[n]] = recent[asks[n]].Plus(refund.Recent{Count: count, Sum: sum})
		return nil
	}
	err := sqldb.QueryValues(ctx, t.q, windowColumns, ofCustomer, countedOfCustomer, read)
	if err == nil {
		err = sqldb.QueryValues(ctx, t.q, windowColumns, ofMerchant, countedOfMerchant, read)
	}
	if err != nil {
		return nil, fmt.Errorf("count earlier refunds: %w", err)
	}
	return recent, nil
}
