package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/refundry/refundry/bulk"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	bulkLineColumns = `l.line, l.state, l.charge, l.amount, l.is_decimal, l.says_currency, l.reason, l.reason_code, l.customer, l.number,
	l.kind, l.problem, l.charge_id, l.minor, l.currency, l.refund_id`
	// bulkLinesNow joins what became of a line's refund.
	bulkLinesNow = `SELECT ` + bulkLineColumns + `, COALESCE(r.state, ''), COALESCE(r.failure_code, ''), COALESCE(r.failure_message, ''), COALESCE(r.updated_at, 0)
		FROM bulk_lines l LEFT JOIN refunds r ON r.merchant_id = l.merchant_id AND r.id = l.refund_id AND l.refund_id <> ''
		WHERE l.merchant_id = $1 AND l.job_id = $2`
	insertBulkLines = `INSERT INTO bulk_lines (merchant_id, job_id, line, state, charge, amount, is_decimal, says_currency, reason, reason_code,
	customer, number, kind, problem, charge_id, minor, currency, refund_id) VALUES`
	bulkLineWidth   = 18
	changeBulkLines = `UPDATE bulk_lines SET state = v.state, kind = v.kind, problem = v.problem, charge_id = v.charge_id, minor = v.minor,
		currency = v.currency, refund_id = v.refund_id FROM v
		WHERE bulk_lines.merchant_id = v.merchant_id AND bulk_lines.job_id = v.job_id AND bulk_lines.line = v.line`
)

var (
	bulkLineChange = sqldb.NewColumns("merchant_id TEXT", "job_id TEXT", "line BIGINT", "state TEXT", "kind TEXT", "problem TEXT",
		"charge_id TEXT", "minor BIGINT", "currency TEXT", "refund_id TEXT")
	bulkAsk = sqldb.NewColumns("merchant_id TEXT", "job_id TEXT", "up_to BIGINT", "value TEXT")
)

func bulkLineValues(key bulk.Key, l bulk.Line) []any {
	return []any{
		key.MerchantID, key.ID, l.At, string(l.State), l.Charge, l.Amount, l.Decimal, string(l.SaysCurrency), l.Reason, l.ReasonCode,
		l.Customer, l.Number, string(l.Kind), l.Problem, l.ChargeID, int64(l.Minor), string(l.Currency), l.RefundID,
	}
}

func scanBulkLine(scan func(...any) error) (bulk.Line, error) {
	var l bulk.Line
	var updated int64
	err := scan(&l.At, (*string)(&l.State), &l.Charge, &l.Amount, &l.Decimal, (*string)(&l.SaysCurrency), &l.Reason, &l.ReasonCode, &l.Customer, &l.Number,
		(*string)(&l.Kind), &l.Problem, &l.ChargeID, (*int64)(&l.Minor), (*string)(&l.Currency), &l.RefundID,
		(*string)(&l.Refund.State), &l.Refund.FailureCode, &l.Refund.FailureMessage, &updated)
	if err != nil {
		return l, fmt.Errorf("read line of a bulk job: %w", err)
	}
	l.Refund.UpdatedAt = sqldb.FromMicros(updated)
	return l, nil
}

// AddBulkLines implements admin.BulkJobs.
func (s *Store) AddBulkLines(ctx context.Context, key bulk.Key, lines []bulk.Line, due time.Time) error {
	const count = `UPDATE bulk_jobs SET lines = lines + $3, due_at = $4, updated_at = $5 WHERE merchant_id = $1 AND id = $2 AND state = 'uploading'`
	rows := make([][]any, len(lines))
	for n, l := range lines {
		rows[n] = bulkLineValues(key, l)
	}
	err := s.Share(ctx, func(q sqldb.Querier) error {
		there, err := q.Exec(ctx, count, key.MerchantID, key.ID, int64(len(lines)), sqldb.Micros(due), sqldb.Micros(s.now()))
		if err == nil && there == 0 {
			err = refund.Errorf(refund.KindStateConflict, "state", "the upload was given up, because it stood still")
		}
		if err != nil {
			return err
		}
		_, err = q.Send(ctx, sqldb.InsertRows(insertBulkLines, bulkLineWidth, rows, ""))
		return err
	})
	if err != nil {
		return fmt.Errorf("add lines of a bulk job: %w", err)
	}
	return nil
}

// BulkLines implements bulk.Store.
func (s *Store) BulkLines(ctx context.Context, key bulk.Key, sel bulk.Select) ([]bulk.Line, error) {
	text, args := bulkLinesNow+` AND l.line > $3`, []any{key.MerchantID, key.ID, sel.After}
	if len(sel.States) > 0 {
		marks := make([]string, len(sel.States))
		for n, state := range sel.States {
			args = append(args, string(state))
			marks[n] = fmt.Sprintf("$%d", len(args))
		}
		text += ` AND l.state IN (` + strings.Join(marks, ", ") + `)`
	}
	args = append(args, int64(sel.Limit))
	return s.bulkLines(ctx, text+fmt.Sprintf(` ORDER BY l.line LIMIT $%d`, len(args)), args)
}

// BulkRecent implements bulk.Store. Lines before the cursor are bad or handed over.
func (s *Store) BulkRecent(ctx context.Context, key bulk.Key, upTo int64, limit int) ([]bulk.Line, error) {
	const text = bulkLinesNow + ` AND l.line <= $3 AND l.state <> 'bad' ORDER BY l.line DESC LIMIT $4`
	return s.bulkLines(ctx, text, []any{key.MerchantID, key.ID, upTo, int64(limit)})
}

func (s *Store) bulkLines(ctx context.Context, text string, args []any) (lines []bulk.Line, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			l, err := scanBulkLine(scan)
			lines = append(lines, l)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list lines of a bulk job: %w", err)
	}
	return lines, nil
}

// BulkGoodAfter implements bulk.Store.
func (s *Store) BulkGoodAfter(ctx context.Context, key bulk.Key, after, bound int64) (n int64, err error) {
	const text = `SELECT COUNT(*) FROM (SELECT l.line FROM bulk_lines l
		WHERE l.merchant_id = $1 AND l.job_id = $2 AND l.state = 'good' AND l.line > $3 LIMIT $4) g`
	err = s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{key.MerchantID, key.ID, after, bound}, func(scan func(...any) error) error { return scan(&n) })
	})
	if err != nil {
		return 0, fmt.Errorf("count lines of a bulk job: %w", err)
	}
	return n, nil
}

// BulkOutcomes implements admin.BulkJobs.
func (s *Store) BulkOutcomes(ctx context.Context, key bulk.Key) (map[refund.State]int64, error) {
	const text = `SELECT r.state, COUNT(*) FROM bulk_lines l JOIN refunds r ON r.merchant_id = l.merchant_id AND r.id = l.refund_id
		WHERE l.merchant_id = $1 AND l.job_id = $2 AND l.refund_id <> '' GROUP BY r.state`
	counts := make(map[refund.State]int64)
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, []any{key.MerchantID, key.ID}, func(scan func(...any) error) error {
			var state string
			var n int64
			err := scan(&state, &n)
			counts[refund.State(state)] = n
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("count refunds of a bulk job: %w", err)
	}
	return counts, nil
}

func bulkAsked(key bulk.Key, upTo int64, values []string) [][]any {
	values = slices.Compact(slices.Sorted(slices.Values(values)))
	rows := make([][]any, len(values))
	for n, value := range values {
		rows[n] = []any{key.MerchantID, key.ID, upTo, value}
	}
	return rows
}

// BulkEarlier implements bulk.Store.
func (s *Store) BulkEarlier(ctx context.Context, key bulk.Key, upTo int64, charges []string) (map[string]bulk.Earlier, error) {
	const text = `SELECT l.charge_id, COUNT(*), CAST(SUM(l.minor) AS BIGINT) FROM v JOIN bulk_lines l
		ON l.merchant_id = v.merchant_id AND l.job_id = v.job_id AND l.charge_id = v.value AND l.line <= v.up_to
		WHERE l.charge_id <> '' AND l.state = 'good' GROUP BY l.charge_id`
	earlier := make(map[string]bulk.Earlier)
	err := s.Read(ctx, func(q sqldb.Querier) error {
		return sqldb.QueryValues(ctx, q, bulkAsk, bulkAsked(key, upTo, charges), text, func(scan func(...any) error) error {
			var id string
			var e bulk.Earlier
			err := scan(&id, &e.Lines, (*int64)(&e.Amount))
			earlier[id] = e
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("add up lines of a bulk job: %w", err)
	}
	return earlier, nil
}

// BulkNumbers implements bulk.Store.
func (s *Store) BulkNumbers(ctx context.Context, key bulk.Key, upTo int64, numbers []string) (taken map[string]string, before map[string]int64, err error) {
	const (
		claimed = `SELECT n.value, n.refunds FROM v JOIN refund_numbers n
			ON n.merchant_id = v.merchant_id AND n.namespace = 'number' AND n.value = v.value`
		given = `SELECT l.number, MIN(l.line) FROM v JOIN bulk_lines l
			ON l.merchant_id = v.merchant_id AND l.job_id = v.job_id AND l.number = v.value AND l.line <= v.up_to
			WHERE l.number <> '' GROUP BY l.number`
	)
	taken, before = make(map[string]string), make(map[string]int64)
	rows := bulkAsked(key, upTo, numbers)
	err = s.Read(ctx, func(q sqldb.Querier) error {
		err := sqldb.QueryValues(ctx, q, bulkAsk, rows, claimed, func(scan func(...any) error) error {
			var number, refunds string
			var ids []string
			err := scan(&number, &refunds)
			if err == nil && fromJSON(refunds, &ids) != nil {
				ids = []string{"damaged"} // it is taken, whatever stands there
			}
			taken[number] = strings.Join(ids, ", ")
			return err
		})
		if err != nil {
			return err
		}
		return sqldb.QueryValues(ctx, q, bulkAsk, rows, given, func(scan func(...any) error) error {
			var number string
			var line int64
			err := scan(&number, &line)
			before[number] = line
			return err
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("find refund numbers of a bulk job: %w", err)
	}
	return taken, before, nil
}
