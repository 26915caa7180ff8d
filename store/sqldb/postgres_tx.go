package sqldb

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// pgTx is a transaction that begins with its first statement: BEGIN goes in the
// same message, which saves a round trip, and one that does nothing costs nothing.
type pgTx struct {
	conn *pgxpool.Conn
	// opening are the statements that begin it, nil once they were sent.
	opening []string
	// failed is why it did not begin: what the first statement needs may fail before
	// BEGIN is sent, and no other statement may run on the connection then.
	failed error
}

// open returns a batch that begins with what is still to be sent before the first
// statement, and how many statements that is.
func (t *pgTx) open() (batch *pgx.Batch, before int) {
	batch, before = &pgx.Batch{}, len(t.opening)
	for _, text := range t.opening {
		batch.Queue(text)
	}
	t.opening = nil
	return batch, before
}

// Exec implements pgConn.
func (t *pgTx) Exec(ctx context.Context, text string, args ...any) (pgconn.CommandTag, error) {
	if t.failed != nil {
		return pgconn.CommandTag{}, t.failed
	}
	if t.opening != nil && len(args) == 0 {
		// It may be several statements, which go in no batch.
		if err := t.begin(ctx); err != nil {
			return pgconn.CommandTag{}, err
		}
	}
	if t.opening == nil {
		return t.conn.Exec(ctx, text, args...)
	}
	batch, before := t.open()
	batch.Queue(text, args...)
	results := t.conn.SendBatch(ctx, batch)
	if err := t.began(results, before); err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := results.Exec()
	return tag, errors.Join(err, results.Close())
}

// Query implements pgConn.
func (t *pgTx) Query(ctx context.Context, text string, args ...any) (pgx.Rows, error) {
	if t.failed != nil {
		return nil, t.failed
	}
	if t.opening == nil {
		return t.conn.Query(ctx, text, args...)
	}
	batch, before := t.open()
	batch.Queue(text, args...)
	results := t.conn.SendBatch(ctx, batch)
	if err := t.began(results, before); err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		return nil, errors.Join(err, results.Close())
	}
	return &lastRows{rows, results, nil}, nil
}

// SendBatch implements pgConn.
func (t *pgTx) SendBatch(ctx context.Context, batch *pgx.Batch) pgx.BatchResults {
	if t.failed != nil {
		return failedResults{t.failed}
	}
	if t.opening == nil {
		return t.conn.SendBatch(ctx, batch)
	}
	whole, before := t.open()
	whole.QueuedQueries = append(whole.QueuedQueries, batch.QueuedQueries...)
	results := t.conn.SendBatch(ctx, whole)
	if err := t.began(results, before); err != nil {
		return failedResults{err}
	}
	return results
}

// copyRows writes rows by COPY, which goes in no batch: the transaction begins before.
func (t *pgTx) copyRows(ctx context.Context, table string, columns []string, rows [][]any) error {
	if err := t.begin(ctx); err != nil {
		return err
	}
	_, err := t.conn.CopyFrom(ctx, pgx.Identifier{table}, columns, pgx.CopyFromRows(rows))
	return err
}

// begin has the transaction begin, if it has not.
func (t *pgTx) begin(ctx context.Context) error {
	if t.failed != nil || t.opening == nil {
		return t.failed
	}
	batch, before := t.open()
	results := t.conn.SendBatch(ctx, batch)
	if err := t.began(results, before); err != nil {
		return err
	}
	return results.Close()
}

// began reads the results of the statements that begin the transaction.
func (t *pgTx) began(results pgx.BatchResults, before int) error {
	for range before {
		if _, err := results.Exec(); err != nil {
			t.failed = errors.Join(err, results.Close())
			return t.failed
		}
	}
	return nil
}

// commit ends the transaction; without a statement there was none.
func (t *pgTx) commit(ctx context.Context) error {
	if t.opening != nil {
		return nil
	}
	tag, err := t.conn.Exec(ctx, "commit")
	switch {
	case err != nil:
		if t.conn.Conn().PgConn().TxStatus() != 'I' {
			_ = t.conn.Conn().Close(ctx) // what it says is not known
		}
		return err
	case tag.String() == "ROLLBACK":
		return pgx.ErrTxCommitRollback
	}
	return nil
}

// rollback takes everything back; a connection that can't is closed, which does so
// too.
func (t *pgTx) rollback(ctx context.Context) {
	if t.opening != nil || t.conn.Conn().IsClosed() {
		return
	}
	if _, err := t.conn.Exec(ctx, "rollback"); err != nil {
		_ = t.conn.Conn().Close(ctx)
	}
}

// lastRows are the rows of a batch's last statement, which end the batch.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
	err     error
}

// Next implements pgx.Rows, which are closed behind their last row.
func (r *lastRows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// Close implements pgx.Rows.
func (r *lastRows) Close() {
	r.Rows.Close()
	r.err = errors.Join(r.err, r.results.Close())
}

// Err implements pgx.Rows.
func (r *lastRows) Err() error { return errors.Join(r.Rows.Err(), r.err) }

// failedResults are those of a batch whose transaction could not begin.
type failedResults struct{ err error }

// Exec implements pgx.BatchResults.
func (r failedResults) Exec() (pgconn.CommandTag, error) { return pgconn.CommandTag{}, r.err }

// Query implements pgx.BatchResults.
func (r failedResults) Query() (pgx.Rows, error) { return nil, r.err }

// QueryRow implements pgx.BatchResults.
func (r failedResults) QueryRow() pgx.Row { return failedRow(r) }

// Close implements pgx.BatchResults.
func (r failedResults) Close() error { return r.err }

// Tx implements pgx.BatchResults.
func (failedResults) Tx() pgx.Tx { return nil }

// failedRow is a row of such a batch.
type failedRow struct{ err error }

// Scan implements pgx.Row.
func (r failedRow) Scan(...any) error { return r.err }
