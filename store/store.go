// Package store is all SQL: one file per table or topic, one text for SQLite
// and PostgreSQL. It implements what the packages below declare (the intake's,
// the engine's, the webhooks' and the sandbox's stores, and what dialects
// read) and decides nothing about money.
package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
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
}

// Store is an open database.
type Store struct {
	db      database
	keyring *secret.Keyring // nil until UseKeyring
	now     func() time.Time
	newID   func(time.Time) string
	log     *slog.Logger
	url     string
	// dialects are what the registry handed in.
	dialects Dialects
	// directory is what lookups of merchants and keys found, for a moment.
	directory directory
	// channelRules are nil until UseChannelRules.
	channelRules ChannelRules
	// recent is what the fan-out would read next.
	recent recent
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
	s := &Store{now: opts.Now, newID: opts.NewID, log: opts.Log, url: url, dialects: opts.Dialects}
	scheme, rest, _ := strings.Cut(url, ":")
	var err error
	switch scheme {
	case "sqlite":
		var db *sqliteDB
		if db, err = openSQLite(ctx, rest); err == nil {
			s.db = db
		}
	case "postgres", "postgresql":
		var db *postgresDB
		if db, err = openPostgres(ctx, url); err == nil {
			s.db = db
		}
	default:
		err = errors.New("the database's URL begins with neither sqlite: nor postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w (hint: --database takes sqlite:FILE or postgres://USER@HOST/NAME; is the server up?)", err)
	}
	return s, nil
}

// Close ends all connections.
func (s *Store) Close() { s.db.close() }

// Ping says whether the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.db.ping(ctx) }

// ClockOffset is how far the database's clock is ahead of this process's;
// replicas correct their own clocks by it. 0 on SQLite.
func (s *Store) ClockOffset(ctx context.Context) (time.Duration, error) { return s.db.clockOffset(ctx) }

// SQLite reports whether the store is one file, which one serve owns.
func (s *Store) SQLite() bool {
	_, is := s.db.(*sqliteDB)
	return is
}

// UseKeyring gives the store the keys that open and seal its secrets. Reading
// or writing one without is an error.
func (s *Store) UseKeyring(k *secret.Keyring) { s.keyring = k }

// micros is how times are stored: microseconds since 1970, 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// fromMicros is the time of a column, in UTC.
func fromMicros(m int64) time.Time {
	if m == 0 {
		return time.Time{}
	}
	return time.UnixMicro(m).UTC()
}
