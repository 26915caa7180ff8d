package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	insertNumbers = `INSERT INTO refund_numbers (merchant_id, namespace, value, refunds, contents, created_at) VALUES`
	numberWidth   = 6
	numbersByKey  = `SELECT r.merchant_id, r.namespace, r.value, r.refunds, r.contents, r.created_at
		FROM v JOIN refund_numbers r ON r.merchant_id = v.merchant_id AND r.namespace = v.namespace AND r.value = v.value`
	moveNumbers = `UPDATE refund_numbers SET refunds = v.refunds, contents = v.contents FROM v
		WHERE refund_numbers.merchant_id = v.merchant_id AND refund_numbers.namespace = v.namespace AND refund_numbers.value = v.value`
	freeNumbers = `DELETE FROM refund_numbers WHERE (merchant_id, namespace, value) IN (SELECT v.merchant_id, v.namespace, v.value FROM v)`
)

var (
	numberKeyColumns  = sqldb.NewColumns("merchant_id TEXT", "namespace TEXT", "value TEXT")
	numberMoveColumns = sqldb.NewColumns("merchant_id TEXT", "namespace TEXT", "value TEXT", "refunds TEXT", "contents TEXT")
)

func numberValues(n refund.Number) ([]any, error) {
	refunds, err := jsonText(n.Refunds)
	if err != nil {
		return nil, fmt.Errorf("encode number: %w", err)
	}
	return []any{n.MerchantID, string(n.Namespace), n.Value, refunds, contentsText(n.Contents), sqldb.Micros(n.CreatedAt)}, nil
}

func scanNumber(scan func(...any) error) (refund.Number, error) {
	var n refund.Number
	var refunds, contents string
	var createdAt int64
	err := scan(&n.MerchantID, (*string)(&n.Namespace), &n.Value, &refunds, &contents, &createdAt)
	if err == nil {
		err = errors.Join(json.Unmarshal([]byte(refunds), &n.Refunds), json.Unmarshal([]byte(contents), &n.Contents))
	}
	if err != nil {
		return refund.Number{}, fmt.Errorf("read number: %w", err)
	}
	// A key that stands for another write than refunds has none.
	if n.Namespace == refund.NumberNamespace && len(n.Refunds) == 0 || len(n.Refunds) != len(n.Contents) {
		return refund.Number{}, refund.Errorf(refund.KindCorrupt, "number", "a number does not say which refunds it stands for")
	}
	n.CreatedAt = sqldb.FromMicros(createdAt)
	return n, nil
}

// ClaimNumbers implements intake.Tx. The unique key makes an INSERT wait for
// another transaction that claims the same number; who owns it is read in a
// new statement, which sees what that one has committed.
func (t *intakeTx) ClaimNumbers(ctx context.Context, claims []refund.Number) (map[refund.NumberKey]refund.Number, error) {
	claims = slices.Clone(claims)
	slices.SortFunc(claims, func(a, b refund.Number) int { return compareNumbers(a.NumberKey, b.NumberKey) })
	values, keys := make([][]any, len(claims)), make([][]any, len(claims))
	mine := make(map[refund.NumberKey]refund.Number, len(claims))
	for n, claim := range claims {
		var err error
		if values[n], err = numberValues(claim); err != nil {
			return nil, err
		}
		keys[n] = values[n][:numberKeyColumns.Width()]
		mine[claim.NumberKey] = claim
	}
	counts, err := t.q.Send(ctx, sqldb.InsertRows(insertNumbers, numberWidth, values, "ON CONFLICT DO NOTHING"))
	if err != nil {
		return nil, fmt.Errorf("claim numbers: %w", err)
	}
	if err := enterBatches(ctx, t.q, claims); err != nil {
		return nil, err
	}
	owners := make(map[refund.NumberKey]refund.Number)
	if sum(counts) == int64(len(claims)) {
		return owners, nil
	}
	found := 0
	err = sqldb.QueryValues(ctx, t.q, numberKeyColumns, keys, numbersByKey, func(scan func(...any) error) error {
		owner, err := scanNumber(scan)
		// Refund ids are new with each request, so a row with ours is our own.
		if err == nil && !slices.Equal(owner.Refunds, mine[owner.NumberKey].Refunds) {
			owners[owner.NumberKey] = owner
		}
		found++
		return err
	})
	if err == nil && found != len(claims) {
		// An owner was deleted between the two statements: its number is free now.
		err = sqldb.Again(errors.New("a number was given up while it was claimed"))
	}
	return owners, err
}

// MoveNumbers implements intake.Tx.
func (t *intakeTx) MoveNumbers(ctx context.Context, claims []refund.Number) error {
	var moved, freed [][]any
	for _, claim := range claims {
		values, err := numberValues(claim)
		if err != nil {
			return err
		}
		if len(claim.Refunds) == 0 {
			freed = append(freed, values[:numberKeyColumns.Width()])
		} else {
			moved = append(moved, values[:numberMoveColumns.Width()])
		}
	}
	statements := sqldb.WithValues(numberKeyColumns, freed, freeNumbers)
	statements = append(statements, sqldb.WithValues(numberMoveColumns, moved, moveNumbers)...)
	counts, err := t.q.Send(ctx, statements)
	if err == nil && sum(counts) != int64(len(claims)) {
		err = fmt.Errorf("%d of %d claims are there", sum(counts), len(claims))
	}
	if err != nil {
		return fmt.Errorf("correct claims of numbers: %w", err)
	}
	return nil
}

func compareNumbers(a, b refund.NumberKey) int {
	return cmp.Or(cmp.Compare(a.MerchantID, b.MerchantID), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Value, b.Value))
}

func sum(counts []int64) (total int64) {
	for _, count := range counts {
		total += count
	}
	return total
}
