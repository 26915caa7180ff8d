package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	batchWidth = 6
	// insertBatches enters batches whose keys are claimed. A batch that is there
	// already, or was claimed by a replica of the version before, has its
	// claim's time.
	insertBatches = `INSERT INTO batches (merchant_id, key, dialect, id, identity, created_at)
		SELECT v.merchant_id, v.key, v.dialect, v.id, v.identity, r.created_at FROM v
		JOIN refund_numbers r ON r.merchant_id = v.merchant_id AND r.namespace = 'key' AND r.value = v.key
		WHERE TRUE ON CONFLICT DO NOTHING`
	// isBatch is the condition of the index refund_numbers_batches, to the letter.
	isBatch = `r.namespace = 'key' AND substr(r.value, 1, 14) = ' pingpp batch '`
	// enterOlder enters the batches of schemas before 14, and of replicas that
	// still have one. Their contents name the app: a text that a JSON text holds
	// is told by what is left without it. In a JSON text's strings the quotes
	// are escaped, so that only a member reads like one.
	enterOlder = `INSERT INTO batches (merchant_id, key, dialect, id, identity, created_at)
		SELECT r.merchant_id, r.value, 'pingpp', substr(r.value, 15), COALESCE(i.name, ''), r.created_at FROM refund_numbers r
		LEFT JOIN identities i ON i.merchant_id = r.merchant_id AND i.dialect = 'pingpp' AND replace(r.contents, '"app":"' || i.name || '"', '') <> r.contents
		WHERE ` + isBatch + ` AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.merchant_id = r.merchant_id AND b.key = r.value)
		ON CONFLICT DO NOTHING`
)

var batchColumns = sqldb.NewColumns("merchant_id TEXT", "key TEXT", "dialect TEXT", "id TEXT", "identity TEXT")

// enterBatches enters the batches among claims that are there. They go with
// their claims where those are given up.
func enterBatches(ctx context.Context, q sqldb.Querier, claims []refund.Number) error {
	var rows [][]any
	for _, claim := range claims {
		if b := claim.Batch; b != (refund.Batch{}) {
			rows = append(rows, []any{claim.MerchantID, claim.Value, b.Dialect, b.ID, b.Identity})
		}
	}
	if len(rows) == 0 {
		return nil
	}
	if _, err := q.Send(ctx, sqldb.WithValues(batchColumns, rows, insertBatches)); err != nil {
		return fmt.Errorf("enter batches: %w", err)
	}
	return nil
}

// Batches lists a dialect's batches with their refunds, newest first.
func (s *Store) Batches(ctx context.Context, f refund.BatchFilter) (units []refund.Together, more bool, err error) {
	const text = `SELECT ` + numberColumns + ` FROM batches b
		JOIN refund_numbers r ON r.merchant_id = b.merchant_id AND r.namespace = 'key' AND r.value = b.key
		WHERE b.merchant_id = $1 AND b.dialect = $2 AND ($3 = '' OR b.identity = $3)
		AND b.created_at >= $4 AND (CAST($5 AS BIGINT) = 0 OR b.created_at < CAST($5 AS BIGINT))
		ORDER BY b.created_at DESC, b.id DESC LIMIT $6 OFFSET $7`
	from, to := int64(0), int64(0)
	if !f.CreatedFrom.IsZero() {
		from = sqldb.Micros(f.CreatedFrom)
	}
	if !f.CreatedTo.IsZero() {
		to = max(sqldb.Micros(f.CreatedTo), 1) // 0 is open
	}
	units, err = s.units(ctx, f.MerchantID, text, f.MerchantID, f.Dialect, f.Identity, from, to, int64(f.Limit)+1, f.Offset)
	if more = len(units) > f.Limit; more {
		units = units[:f.Limit]
	}
	return units, more, err
}
