package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/refund"
)

// querier runs statements; it is one transaction, or a connection for reads.
// The text is the same on both engines ($1 placeholders, no engine's own
// words), except for what lock appends.
type querier interface {
	// exec runs one statement and says how many rows it touched.
	exec(ctx context.Context, sql string, args ...any) (int64, error)
	// query runs one statement and calls each for every row; scan fills the
	// columns. An error of each ends the query and is returned.
	query(ctx context.Context, sql string, args []any, each func(scan func(...any) error) error) error
	// send runs statements in order, in one round trip where the engine can,
	// and gives the rows that each touched.
	send(ctx context.Context, statements []statement) ([]int64, error)
	// lock is appended to a SELECT whose rows must not change until the end
	// of the transaction: " FOR UPDATE" on PostgreSQL. SQLite has one writer,
	// so there it is empty. More words go behind it, such as lock("SKIP LOCKED").
	lock(more string) string
}

type statement struct {
	sql  string
	args []any
}

// database is one engine.
type database interface {
	// read runs work outside a transaction, on one connection.
	read(ctx context.Context, work func(querier) error) error
	// write runs work in one transaction and commits it. Errors: a
	// *transientError was rolled back and may be run again; one that wraps
	// refund.ErrCommitUnknown may or may not have happened; any other was
	// rolled back.
	write(ctx context.Context, work func(querier) error) error
	// share is write for the short transactions of the loops, which come in
	// crowds: the engine may have those that are waiting share one commit.
	share(ctx context.Context, work func(querier) error) error
	// fresh runs work in one transaction on a connection that is made for it,
	// after one broke. It tries again until ctx ends. work changes nothing, and
	// waits for locks no longer than ctx either.
	fresh(ctx context.Context, work func(querier) error) error
	// snapshot runs work, which only reads, in one transaction that sees the
	// database as it was at its first statement, whatever others write
	// meanwhile. It may last for minutes and holds nobody up.
	snapshot(ctx context.Context, work func(querier) error) error
	// clockOffset is how far the database's clock is ahead of ours; 0 where
	// both are the same.
	clockOffset(ctx context.Context) (time.Duration, error)
	ping(ctx context.Context) error
	close()
}

// transientError is a deadlock, a serialization failure or a busy file: the
// transaction was rolled back and is run again.
type transientError struct{ cause error }

func (e *transientError) Error() string { return "the transaction was rolled back: " + e.cause.Error() }
func (e *transientError) Unwrap() error { return e.cause }

const (
	// mostRepeats bounds how often a transaction is run again; after as many
	// deadlocks in a row something is wrong that repeating won't mend.
	mostRepeats = 10
	// repeatPause is waited before the second repeat and grows with each.
	repeatPause = 5 * time.Millisecond
)

// write runs work in one transaction, again after a transient error. work
// must make everything anew each time. A context that carries a write with an
// Idempotency-Key has it recorded in the same transaction.
func (s *Store) write(ctx context.Context, work func(querier) error) error {
	return s.repeated(ctx, work, s.db.write)
}

// share is write for a loop's short transaction, which may share its commit
// with others.
func (s *Store) share(ctx context.Context, work func(querier) error) error {
	return s.repeated(ctx, work, s.db.share)
}

func (s *Store) repeated(ctx context.Context, work func(querier) error, run func(context.Context, func(querier) error) error) error {
	for repeat := 0; ; repeat++ {
		err := run(ctx, s.keeping(ctx, work))
		var transient *transientError
		switch {
		case err == nil:
			kept(ctx)
			return nil
		case errors.Is(err, errNothingDone):
			return nil
		case !errors.As(err, &transient):
			return err
		}
		if repeat == mostRepeats {
			return fmt.Errorf("repeat transaction %d times: %w", repeat, err)
		}
		select {
		case <-time.After(time.Duration(repeat) * repeatPause):
		case <-ctx.Done():
			return fmt.Errorf("repeat transaction: %w", errors.Join(ctx.Err(), err))
		}
	}
}

// read runs work on one connection, outside a transaction.
func (s *Store) read(ctx context.Context, work func(querier) error) error {
	return s.db.read(ctx, work)
}

func commitUnknown(err error) error {
	return fmt.Errorf("%w: %w", refund.ErrCommitUnknown, err)
}
