package sqldb

import (
	"errors"
	"maps"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrLocked says that another transaction holds a row, and did not end while this
// one waited for it. Nothing was changed.
var ErrLocked = errors.New("another transaction holds a row that this one needs")

const (
	// transactionTimeout bounds a transaction. The longest, a batch of refunds or
	// charges, takes a second or two; the rest is for a disk that is busy.
	transactionTimeout = 30 * time.Second
	// lockWait is how long a transaction waits for a row that another one holds:
	// ours hold theirs for milliseconds.
	lockWait = 2 * time.Second
	// sharedLockWait is the same for a transaction that does the work of many.
	sharedLockWait = 300 * time.Millisecond
	// idleTimeout is when the server ends a transaction whose process says
	// nothing, since it stands still or the network lost it. What it held is free
	// then. No work waits for anything but the database between statements.
	idleTimeout = 8 * time.Second
	// A peer that does not answer is gone after keepIdle and keepCount times
	// keepInterval, 14 s, on both sides.
	keepIdle     = 5 * time.Second
	keepInterval = 3 * time.Second
	keepCount    = 3
)

// pgLockTimeout is the server's setting.
const pgLockTimeout = "lock_timeout"

var (
	pgBegin       = []string{"begin"}
	pgBeginShared = []string{"begin", "set local " + pgLockTimeout + " = " + milliseconds(sharedLockWait)}
)

// beginning are the statements that begin a transaction. On Citus it is a worker that
// waits for a row, under settings of its own: it is passed what SET LOCAL says, where
// the session says so.
func (db *postgresDB) beginning(shared bool) []string {
	wait := milliseconds(sharedLockWait)
	switch {
	case db.sharded.Load() && !shared:
		wait = db.lockWait
	case !shared:
		return pgBegin
	case !db.sharded.Load():
		return pgBeginShared
	}
	return []string{"begin", "set local citus.propagate_set_commands = 'local'", "set local " + pgLockTimeout + " = '" + wait + "'"}
}

// boundWaits has neither side wait for ever: for a lock, for a process that
// stands still, or for a peer that is gone. What the database's URL says wins.
func boundWaits(config *pgx.ConnConfig) {
	own := config.RuntimeParams
	config.RuntimeParams = map[string]string{
		pgLockTimeout:                         milliseconds(lockWait),
		"idle_in_transaction_session_timeout": milliseconds(idleTimeout),
		"tcp_keepalives_idle":                 strconv.Itoa(int(keepIdle.Seconds())),
		"tcp_keepalives_interval":             strconv.Itoa(int(keepInterval.Seconds())),
		"tcp_keepalives_count":                strconv.Itoa(keepCount),
		"tcp_user_timeout":                    milliseconds(keepIdle + keepCount*keepInterval),
	}
	maps.Copy(config.RuntimeParams, own)
	dialer := &net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepIdle, Interval: keepInterval, Count: keepCount}}
	config.DialFunc = dialer.DialContext
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
