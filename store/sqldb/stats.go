package sqldb

import (
	"errors"
	"sync/atomic"
	"time"
)

// Stats are what became of a database's connections and transactions since it was
// opened.
type Stats struct {
	// InUse and Idle are connections that work and that wait for work, of at most
	// Max. On SQLite they are the one connection that writes.
	InUse, Idle, Max int64
	// Waits counts how often a connection had to be waited for, and Waited for how
	// long; on SQLite they are 0.
	Waits  int64
	Waited time.Duration
	// Queued are transactions that wait for their turn to write; 0 on PostgreSQL.
	Queued int64
	// Failed are transactions that did not commit, by why; see the constants.
	Failed map[string]int64
}

// Why transactions did not commit. What their work refused itself is none of it.
const (
	FailedUnknown     = "unknown"     // the connection broke during COMMIT: nobody knows
	FailedUnavailable = "unavailable" // the database could not be used
	FailedLocked      = "locked"      // another transaction held a row for too long
	FailedRepeated    = "repeated"    // deadlocks or a busy file, again and again
)

// failures counts them.
type failures struct{ unknown, unavailable, locked, repeated atomic.Int64 }

func (f *failures) count(err error) {
	var transient *transientError
	switch {
	case err == nil:
	case errors.Is(err, ErrCommitUnknown):
		f.unknown.Add(1)
	case errors.Is(err, ErrUnavailable):
		f.unavailable.Add(1)
	case errors.Is(err, ErrLocked):
		f.locked.Add(1)
	case errors.As(err, &transient):
		f.repeated.Add(1)
	}
}

// Stats returns what became of connections and transactions so far.
func (db *DB) Stats() Stats {
	var stats Stats
	switch engine := db.engine.(type) {
	case *postgresDB:
		pool := engine.pool.Stat()
		stats = Stats{
			InUse: int64(pool.AcquiredConns()), Idle: int64(pool.IdleConns()), Max: int64(pool.MaxConns()),
			Waits: pool.EmptyAcquireCount(), Waited: pool.EmptyAcquireWaitTime(),
		}
	case *sqliteDB:
		busy, waiting := engine.writer.load()
		stats = Stats{InUse: busy, Idle: 1 - busy, Max: 1, Queued: waiting}
	}
	f := &db.failures
	stats.Failed = map[string]int64{
		FailedUnknown: f.unknown.Load(), FailedUnavailable: f.unavailable.Load(),
		FailedLocked: f.locked.Load(), FailedRepeated: f.repeated.Load(),
	}
	return stats
}
