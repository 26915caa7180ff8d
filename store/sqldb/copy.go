package sqldb

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// CopyRows writes many rows that are not there into a table: by COPY on PostgreSQL, in a
// transaction, and by InsertRows elsewhere. Values are int64, string, []byte, bool or nil.
func CopyRows(ctx context.Context, q Querier, table string, columns []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if server, is := q.(pgQuerier); is {
		if tx, is := server.conn.(*pgTx); is {
			return tx.copyRows(ctx, table, columns, rows)
		}
	}
	into := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES"
	_, err := q.Send(ctx, InsertRows(into, len(columns), rows, ""))
	return err
}

// WithLists is WithValues for a statement that is to take all rows at once where the
// engine can: as one array for each column on PostgreSQL.
func WithLists(q Querier, columns Columns, rows [][]any, body string) []Statement {
	switch q.(type) {
	case pgQuerier, pgPooled:
	default:
		return WithValues(columns, rows, body)
	}
	if len(rows) == 0 {
		return nil
	}
	arrays, args := make([]string, len(columns.kinds)), make([]any, len(columns.kinds))
	for n, kind := range columns.kinds {
		arrays[n] = "CAST($" + strconv.Itoa(n+1) + " AS " + kind + "[])"
		args[n] = array(kind, rows, n)
	}
	return []Statement{{SQL: "WITH v (" + columns.names + ") AS (SELECT " + columns.names + " FROM unnest(" + strings.Join(arrays, ", ") + ") AS u (" + columns.names + ")) " + body, Args: args}}
}

// array is a column of rows as the driver takes an array.
func array(kind string, rows [][]any, n int) any {
	if kind == "BIGINT" {
		return values[int64](rows, n)
	}
	return values[string](rows, n)
}

func values[T any](rows [][]any, n int) []T {
	out := make([]T, len(rows))
	for at, row := range rows {
		out[at], _ = row[n].(T)
	}
	return out
}

// Duplicate reports whether an error is a unique constraint's, on PostgreSQL.
func Duplicate(err error) bool {
	var problem *pgconn.PgError
	return errors.As(err, &problem) && problem.Code == "23505"
}

// RefusedRow reports whether an error is about a row's values, on PostgreSQL: they are
// of no such type, or a constraint does not allow them.
func RefusedRow(err error) bool {
	var problem *pgconn.PgError
	return errors.As(err, &problem) && (strings.HasPrefix(problem.Code, "22") || strings.HasPrefix(problem.Code, "23"))
}
