package sqldb

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// CopyRows writes many rows that are not there into a table: by COPY on PostgreSQL, in a
// transaction, and by InsertRows elsewhere. Values are int64, string, []byte, bool or nil.
func CopyRows(ctx context.Context, q Querier, table string, columns []string, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	if server, is := q.(pgQuerier); is {
		if tx, is := server.conn.(pgx.Tx); is {
			_, err := tx.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
			return err
		}
	}
	into := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES"
	_, err := q.Send(ctx, InsertRows(into, len(columns), rows, ""))
	return err
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
