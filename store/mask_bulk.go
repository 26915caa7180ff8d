package store

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// maskLines masks what lines of files say of a person. It is given the lines that
	// a condition selects.
	maskLines = `UPDATE bulk_lines SET customer = CASE WHEN customer = '' THEN '' ELSE '` + refund.Masked + `' END,
			reason = CASE WHEN reason = '' THEN '' ELSE '` + refund.Masked + `' END
		WHERE bulk_lines.merchant_id = $1 AND (customer NOT IN ('', '` + refund.Masked + `') OR reason NOT IN ('', '` + refund.Masked + `')) AND `
	// lineEnded says that nothing is sent any more of what a line says: its refund is
	// masked for itself.
	lineEnded = `(bulk_lines.state IN ('bad', 'refused') OR bulk_lines.state IN ('new', 'good') AND EXISTS (SELECT 1 FROM bulk_jobs j
		WHERE j.merchant_id = $1 AND j.id = bulk_lines.job_id AND j.state IN ('stopped', 'finished')))`

	maskLineOfRefund  = maskLines + `refund_id <> '' AND refund_id = $2`
	maskLinesOfCharge = maskLines + `charge_id <> '' AND charge_id = $2 AND ` + lineEnded
	// maskLinesOfCustomer takes some of them in each commit.
	maskLinesOfCustomer = maskLines + `(job_id, line) IN (SELECT l.job_id, l.line FROM bulk_lines l
		WHERE l.merchant_id = $1 AND l.customer NOT IN ('', '` + refund.Masked + `') AND l.customer = $2
			AND (l.state IN ('bad', 'refused') OR l.state IN ('new', 'good') AND EXISTS (SELECT 1 FROM bulk_jobs j
				WHERE j.merchant_id = $1 AND j.id = l.job_id AND j.state IN ('stopped', 'finished'))) LIMIT $3)`
	// openLines are those that name a customer and may still be sent, or of which the
	// refund has not ended.
	openLines = `SELECT COUNT(*) FROM bulk_lines l WHERE l.merchant_id = $1 AND l.customer NOT IN ('', '` + refund.Masked + `') AND l.customer = $2`
)

// MaskLines implements admin.Masks.
func (s *Store) MaskLines(ctx context.Context, merchantID, customer string, record refund.Action, limit int) (masked int64, more bool, err error) {
	err = s.write(ctx, func(q sqldb.Querier) (err error) {
		masked, err = q.Exec(ctx, maskLinesOfCustomer, merchantID, customer, int64(limit))
		if err != nil || masked == 0 {
			return err
		}
		one := record.Record
		one.Action, one.Object = "bulk.mask", ""
		return s.appendAudit(ctx, q, one.With("lines", fmt.Sprint(masked)))
	})
	if err != nil {
		return 0, false, fmt.Errorf("mask lines of files: %w", err)
	}
	return masked, masked >= int64(limit), nil
}

// OpenLines implements admin.Masks.
func (s *Store) OpenLines(ctx context.Context, merchantID, customer string) (n int64, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, openLines, []any{merchantID, customer}, func(scan func(...any) error) error { return scan(&n) })
	})
	if err != nil {
		return 0, fmt.Errorf("count lines of files: %w", err)
	}
	return n, nil
}

// lines masks lines of files about a charge or a refund.
func (m *masking) lines(ctx context.Context, text, id string) error {
	masked, err := m.q.Exec(ctx, text, m.merchant, id)
	m.report.Lines += masked
	return err
}
