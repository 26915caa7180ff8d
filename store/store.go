// Package store is all SQL but that of channels with tables of their own: one
// file per table or topic, run by store/sqldb. It implements what others declare
// (the intake's, the engine's and the webhooks' stores, and what dialects read)
// and decides nothing about money.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
	"github.com/refundry/refundry/store/sqldb"
)

// Options of a store.
type Options struct {
	// Now is the clock; default time.Now.
	Now func() time.Time
	// NewID makes ids of 24 letters and digits that sort by time; default
	// refund.NewID. Simulations give their own.
	NewID func(time.Time) string
	// Log is where the store says what an operator should know; default
	// slog.Default().
	Log *slog.Logger
	// Dialects is what the registry knows of them; default nothing.
	Dialects Dialects
	// Growing are the tables of channels to which each refund adds rows, and
	// DeleteRefunds the statements that delete what those hold of refunds, both as
	// in channel.Tables; default none.
	Growing, DeleteRefunds []string
	// ReadOnly refuses whatever would change the database; default false.
	ReadOnly bool
}

// Store is an open database.
type Store struct {
	db      *sqldb.DB
	keyring *secret.Keyring // nil until UseKeyring
	sealing sealing
	now     func() time.Time
	newID   func(time.Time) string
	log     *slog.Logger
	url     string
	// dialects and deleteRefunds are what the registry handed in.
	dialects      Dialects
	deleteRefunds []string
	// directory is what lookups of merchants and keys found, for a moment.
	directory directory
	// accountTerms is nil until UseAccountTerms.
	accountTerms AccountTerms
	// held are charges that another transaction held.
	held heldCharges
	// deliveriesHeld is until when another session may hold a delivery, in microseconds.
	deliveriesHeld atomic.Int64
	// writers are the actions that have a connection now.
	writers writers
	// recent is what the fan-out would read next.
	recent recent
	// together are reads whose callers share statements.
	together together
}

// Open opens a database by its URL: "sqlite:file.db" or "postgres://...". It
// neither migrates nor needs the master key. An unreachable database is one
// clear error with a hint.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.NewID == nil {
		opts.NewID = refund.NewID
	}
	if opts.Log == nil {
		opts.Log = slog.Default()
	}
	s := &Store{now: opts.Now, newID: opts.NewID, log: opts.Log, url: url, dialects: opts.Dialects, deleteRefunds: opts.DeleteRefunds}
	db, err := sqldb.Open(ctx, url, sqldb.Options{Growing: append(slices.Clone(growing), opts.Growing...), ReadOnly: opts.ReadOnly, Log: opts.Log, Refused: refused})
	if err != nil {
		return nil, err
	}
	s.db = db
	s.together.make(s)
	s.writers.room = db.Connections() / 2
	return s, nil
}

// growing are the tables to which each refund adds rows.
var growing = []string{
	"charges", "charge_aliases", "refunds", "refund_numbers", "attempts", "transfers",
	"events", "deliveries", "delivery_attempts",
}

// DB is the open database itself, for store/verify.
func (s *Store) DB() *sqldb.DB { return s.db }

// Close ends all connections.
func (s *Store) Close() { s.db.Close() }

// Ping reports whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.Ping(ctx) }

// ClockOffset is how far the database's clock is ahead of this process's;
// replicas correct their own clocks by it. 0 on SQLite.
func (s *Store) ClockOffset(ctx context.Context) (time.Duration, error) { return s.db.ClockOffset(ctx) }

// SQLite reports whether the store is one file, which one serve owns.
func (s *Store) SQLite() bool { return s.db.SQLite() }

// UseKeyring gives the store the keys that open and seal its secrets. Reading
// or writing one without is an error.
func (s *Store) UseKeyring(k *secret.Keyring) { s.keyring = k }

// Read runs work on one connection, outside a transaction.
func (s *Store) Read(ctx context.Context, work func(sqldb.Querier) error) error {
	return s.db.Read(ctx, work)
}

// write runs work in one transaction, again after a deadlock: work must make
// everything anew each time. An error that wraps refund.ErrCommitUnknown may or
// may not have happened; refund.ErrLocked says that another transaction held a
// row for longer than this one waited.
func (s *Store) write(ctx context.Context, work func(sqldb.Querier) error) error {
	return ended(ctx, s.db.Write(ctx, work))
}

// Share is write for a loop's short transaction, which may share its commit
// with others, and waits for a row only for a moment. Channels that keep tables of their own have theirs so.
func (s *Store) Share(ctx context.Context, work func(sqldb.Querier) error) error {
	return ended(ctx, s.db.Share(ctx, work))
}

// ended is what a transaction returns to its caller, which returned err.
func ended(ctx context.Context, err error) error {
	switch {
	case err == nil:
		refund.Committed(ctx)
	case errors.Is(err, errNothingDone):
		return nil
	case errors.Is(err, sqldb.ErrCommitUnknown):
		return fmt.Errorf("%w: %w", refund.ErrCommitUnknown, err)
	case errors.Is(err, sqldb.ErrLocked):
		fault := refund.Errorf(refund.KindBusy, "", "another change of the same is under way; nothing was changed, try again")
		fault.Cause = fmt.Errorf("%w: %w", refund.ErrLocked, err)
		return fault
	}
	return err
}
