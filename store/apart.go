package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// SetApart implements engine.Store. It reads nothing of the refund, which may be
// what can't be read. One that another transaction holds is left out: it is met
// again.
func (s *Store) SetApart(ctx context.Context, apart []refund.Apart) error {
	const text = `UPDATE refunds SET due_at = $4 WHERE merchant_id = $1 AND id = $2 AND lease_epoch = $3 AND due_at > 0`
	const free = `SELECT r.merchant_id, r.id FROM v JOIN refunds r ON r.merchant_id = v.merchant_id AND r.id = v.id ORDER BY v.n`
	due := make(map[refund.Key]refund.Apart, len(apart))
	keys := make([]refund.Key, len(apart))
	for n, a := range apart {
		keys[n], due[a.Key] = a.Key, a
	}
	err := s.Share(ctx, func(q sqldb.Querier) error {
		var statements []sqldb.Statement
		err := sqldb.QueryValues(ctx, q, keyColumns, refundKeyRows(keys), free+q.Lock("OF r SKIP LOCKED"), func(scan func(...any) error) error {
			var key refund.Key
			err := scan(&key.MerchantID, &key.ID)
			a := due[key]
			statements = append(statements, sqldb.Statement{SQL: text, Args: []any{a.MerchantID, a.ID, a.LeaseEpoch, sqldb.Micros(a.DueAt)}},
				s.alertStatement(a.MerchantID, refund.Alert{RefundID: a.ID, Text: a.Text}))
			return err
		})
		if err != nil {
			return err
		}
		_, err = q.Send(ctx, statements)
		return err
	})
	if err != nil {
		return fmt.Errorf("set refund apart: %w", err)
	}
	return nil
}
