package verify

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

// errUndo ends a transaction that is not to be kept.
var errUndo = errors.New("undo")

// Broken returns what Run and Slice find after the statements, with find's one
// text as $1, which then are undone. The database's own guards are out of the
// way meanwhile. It returns that text, too.
func Broken(ctx context.Context, db *sqldb.DB, find string, statements []string, checks ...Check) (row string, found, sliced []refund.Finding, err error) {
	if db.SQLite() {
		defer func() { err = errors.Join(err, db.Write(ctx, holdChecks)) }()
	}
	err = db.Write(ctx, func(q sqldb.Querier) error {
		if err := dropGuards(ctx, q); err != nil {
			return err
		}
		rows, err := oneText(ctx, q, find)
		if err != nil || len(rows) != 1 || rows[0] == "" {
			return fmt.Errorf("the load left no row to break: %v, %w", rows, err)
		}
		row = rows[0]
		for _, statement := range statements {
			var args []any
			if strings.Contains(statement, "$1") {
				args = append(args, row)
			}
			if touched, err := q.Exec(ctx, statement, args...); err != nil || touched == 0 {
				return fmt.Errorf("%s: %d rows, %w", statement, touched, err)
			}
		}
		r := newRun(checks)
		if err := r.work(ctx, q); err != nil {
			return err
		}
		found = r.findings()
		if sliced, err = inSlices(ctx, q); err != nil {
			return err
		}
		return errUndo
	})
	if errors.Is(err, errUndo) {
		err = nil
	}
	return row, found, sliced, err
}

// inSlices returns what Slice finds of all charges, a few at a time, so that slices
// begin and end within a merchant.
func inSlices(ctx context.Context, q sqldb.Querier) (found []refund.Finding, err error) {
	for after := (Position{}); ; {
		var part Part
		if err := part.read(ctx, q, after, 3); err != nil {
			return nil, err
		}
		found = append(found, part.Findings...)
		if after = part.Last; after == (Position{}) {
			return found, nil
		}
	}
}

// Carried returns what Run finds of the kept balances.
func Carried(ctx context.Context, db *sqldb.DB) ([]refund.Finding, error) {
	v := &verifier{}
	err := db.Snapshot(ctx, func(q sqldb.Querier) error {
		v.q = q
		return v.carried(ctx)
	})
	return v.list, err
}

// holdChecks has SQLite hold rows against their CHECKs again.
func holdChecks(q sqldb.Querier) error {
	_, err := q.Exec(context.Background(), "PRAGMA ignore_check_constraints = 0")
	return err
}

// dropGuards takes constraints and unique indexes away, until the rollback.
func dropGuards(ctx context.Context, q sqldb.Querier) error {
	finds := []string{
		`SELECT 'ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(conname)
			FROM pg_constraint WHERE contype IN ('c', 'f') AND connamespace = 'public'::regnamespace AND conrelid <> 0`,
		`SELECT 'DROP INDEX ' || indexrelid::regclass FROM pg_index
			WHERE indisunique AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid) AND indrelid IN
			(SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)`,
	}
	if q.Lock("") == "" { // SQLite
		finds = []string{
			`SELECT 'PRAGMA ignore_check_constraints = 1'`,
			`SELECT 'PRAGMA defer_foreign_keys = 1'`,
			`SELECT 'DROP INDEX ' || name FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE%'`,
		}
	}
	for _, find := range finds {
		guards, err := oneText(ctx, q, find)
		if err != nil {
			return err
		}
		for _, guard := range guards {
			if _, err := q.Exec(ctx, guard); err != nil {
				return fmt.Errorf("%s: %w", guard, err)
			}
		}
	}
	return nil
}

func oneText(ctx context.Context, q sqldb.Querier, query string) (out []string, err error) {
	err = q.Query(ctx, query, nil, func(scan func(...any) error) error {
		var text *string
		err := scan(&text)
		if text != nil {
			out = append(out, *text)
		}
		return err
	})
	return out, err
}

// SlicePlan returns how SQLite reads a slice: a line for each step.
func SlicePlan(ctx context.Context, db *sqldb.DB) (lines []string, err error) {
	err = db.Read(ctx, func(q sqldb.Querier) error {
		for _, text := range []string{chargeStream(true), refundStream(true), textsOf(true)} {
			err := q.Query(ctx, "EXPLAIN QUERY PLAN "+text, []any{fieldEnd, "mer", "", "ch"}, func(scan func(...any) error) error {
				var line string
				err := scan(new(int64), new(int64), new(int64), &line)
				lines = append(lines, line)
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return lines, err
}
