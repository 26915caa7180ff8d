package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// SetApart implements engine.Store. It reads nothing of the refund, which may be
// what can't be read.
func (s *Store) SetApart(ctx context.Context, apart []refund.Apart) error {
	const text = `UPDATE refunds SET due_at = $4 WHERE merchant_id = $1 AND id = $2 AND lease_epoch = $3 AND due_at > 0`
	var statements []sqldb.Statement
	for _, a := range apart {
		statements = append(statements, sqldb.Statement{SQL: text, Args: []any{a.MerchantID, a.ID, a.LeaseEpoch, sqldb.Micros(a.DueAt)}},
			s.alertStatement(a.MerchantID, refund.Alert{RefundID: a.ID, Text: a.Text}))
	}
	err := s.Share(ctx, func(q sqldb.Querier) error {
		_, err := q.Send(ctx, statements)
		return err
	})
	if err != nil {
		return fmt.Errorf("set refund apart: %w", err)
	}
	return nil
}
