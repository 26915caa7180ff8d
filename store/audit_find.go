package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/store/sqldb"
)

var _ audit.Reader = (*Store)(nil)

// auditWhere is the condition of a filter's audit records, of a table named a.
func auditWhere(f audit.Filter) (text string, args []any) {
	text, args = `a.number > $2`, []any{f.MerchantID, f.After}
	add := func(condition string, values ...any) {
		for _, value := range values {
			args = append(args, value)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		text += " AND " + condition
	}
	if f.Before > 0 {
		add("a.number < ?", f.Before)
	}
	if f.Actor != "" {
		as := func(kind audit.Kind) string { return audit.Actor{Kind: kind, Name: f.Actor}.String() }
		add("a.actor IN (?, ?, ?, ?)", f.Actor, as(audit.Key), as(audit.User), as(audit.Command))
	}
	switch {
	case strings.HasSuffix(f.Action, "."):
		add("substr(a.action, 1, CAST(? AS INTEGER)) = ?", int64(len(f.Action)), f.Action)
	case f.Action != "":
		add("a.action = ?", f.Action)
	}
	if f.Object != "" {
		add("a.object = ?", f.Object)
	}
	if !f.From.IsZero() {
		add("a.created_at >= ?", sqldb.Micros(f.From))
	}
	if !f.To.IsZero() {
		add("a.created_at < ?", sqldb.Micros(f.To))
	}
	return text, args
}

// FindAudit implements audit.Reader.
func (s *Store) FindAudit(ctx context.Context, f audit.Filter) ([]audit.Record, error) {
	where, args := auditWhere(f)
	order := "ASC"
	if f.Newest {
		order = "DESC"
	}
	args = append(args, int64(f.Limit))
	text := fmt.Sprintf(`SELECT `+auditColumns+` FROM audit_records a WHERE a.merchant_id = $1 AND %s ORDER BY a.number %s LIMIT $%d`, where, order, len(args))
	var found []audit.Record
	err := s.Read(ctx, func(q sqldb.Querier) error {
		found = nil
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			r, err := scanAudit(scan)
			found = append(found, r)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("find audit records: %w", err)
	}
	return found, nil
}
