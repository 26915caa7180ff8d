package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrCommitUnknown says that the connection broke during COMMIT, so that it
// is not known whether the transaction happened.
var ErrCommitUnknown = errors.New("the connection broke during COMMIT")

func commitUnknown(err error) error {
	return fmt.Errorf("%w: %w", ErrCommitUnknown, err)
}

// transientError is a deadlock, a serialization failure or a busy file: the
// transaction was rolled back and is run again.
type transientError struct{ cause error }

func (e *transientError) Error() string { return "the transaction was rolled back: " + e.cause.Error() }
func (e *transientError) Unwrap() error { return e.cause }

// Again marks an error of a transaction's work: another transaction was
// quicker, and this one is to be rolled back and run again.
func Again(err error) error { return &transientError{err} }

const (
	// maxRepeats bounds how often a transaction is run again; after as many
	// deadlocks in a row something is wrong that repeating won't mend.
	maxRepeats = 10
	// repeatPause is waited before the second repeat and grows with each.
	repeatPause = 5 * time.Millisecond
)

// repeat runs work in a transaction of run's, again after a transient error.
func repeat(ctx context.Context, work func(Querier) error, run func(context.Context, func(Querier) error) error) error {
	for repeats := 0; ; repeats++ {
		err := run(ctx, work)
		var transient *transientError
		if err == nil || !errors.As(err, &transient) {
			return err
		}
		if repeats == maxRepeats {
			return fmt.Errorf("repeat transaction %d times: %w", repeats, err)
		}
		select {
		case <-time.After(time.Duration(repeats) * repeatPause):
		case <-ctx.Done():
			return fmt.Errorf("repeat transaction: %w", errors.Join(ctx.Err(), err))
		}
	}
}
