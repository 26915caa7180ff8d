package sqldb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// pgConnections is the pool's size unless the URL says pool_max_conns: a
	// few batches at a time keep PostgreSQL busier than many small ones.
	pgConnections = 16
	// pgConnectTimeout bounds one attempt to connect.
	pgConnectTimeout = 10 * time.Second
	// pgAcquireTimeout is how long a free connection is waited for: longer than
	// one attempt to connect, and far longer than what connections are busy with.
	pgAcquireTimeout = 15 * time.Second
	// pgRollbackTimeout bounds a rollback; a connection that does not answer
	// is dropped, which rolls back too.
	pgRollbackTimeout = 5 * time.Second
	// pgCommitGrace is how long the answer to a COMMIT is waited for after the
	// caller has given up, so that what it did is known, and one caller that gives
	// up is not taken for an outage.
	pgCommitGrace = 5 * time.Second
	// pgRetryPause is waited before another try of a fresh connection, so that
	// a server that restarts is not hammered.
	pgRetryPause = 50 * time.Millisecond
)

type postgresDB struct {
	pool    *pgxpool.Pool
	planner *planner
	// answerTimeout is how long a statement outside a transaction waits for the
	// server's next word.
	answerTimeout time.Duration
	// lockWait is the server's setting of how long a transaction waits for a row.
	lockWait string
	// sharded says that the merchants' tables are spread by Citus.
	sharded atomic.Bool
}

func openPostgres(ctx context.Context, address string, opts Options) (*postgresDB, error) {
	config, err := pgxpool.ParseConfig(address)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	if !strings.Contains(address, "pool_max_conns") {
		config.MaxConns = pgConnections
	}
	config.ConnConfig.ConnectTimeout = pgConnectTimeout
	boundWaits(config.ConnConfig)
	config.ConnConfig.RuntimeParams["application_name"] = "refundry"
	config.ConnConfig.RuntimeParams["timezone"] = "UTC"
	// Rules are checked under row locks, which READ COMMITTED sees; a database
	// whose default is stricter would only make us repeat.
	config.ConnConfig.RuntimeParams["default_transaction_isolation"] = "read committed"
	// Statements here are short: starting workers for one takes longer than it does.
	config.ConnConfig.RuntimeParams["max_parallel_workers_per_gather"] = "0"
	if opts.ReadOnly {
		config.ConnConfig.RuntimeParams["default_transaction_read_only"] = "on"
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open postgres: %w", err)
	}
	db := &postgresDB{pool: pool, planner: newPlanner(pool, opts), answerTimeout: transactionTimeout, lockWait: config.ConnConfig.RuntimeParams[pgLockTimeout]}
	if err := db.ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("open postgres at %s:%d: %w", config.ConnConfig.Host, config.ConnConfig.Port, err)
	}
	if err := db.findShards(ctx); err != nil {
		pool.Close()
		return nil, err
	}
	return db, nil
}

func (db *postgresDB) ping(ctx context.Context) error {
	_, err := pgPooled{db}.Exec(ctx, "SELECT 1")
	return err
}

// reset closes the idle connections: they broke with the one that was used.
func (db *postgresDB) reset() { db.pool.Reset() }

func (db *postgresDB) close() {
	db.planner.close()
	db.pool.Close()
}

func (db *postgresDB) clockOffset(ctx context.Context) (time.Duration, error) {
	before := time.Now()
	var micros int64
	const text = "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT)"
	err := pgPooled{db}.Query(ctx, text, nil, func(scan func(...any) error) error { return scan(&micros) })
	if err != nil {
		return 0, fmt.Errorf("ask the database for its time: %w", err)
	}
	// The answer was made about half-way between question and answer.
	middle := before.Add(time.Since(before) / 2)
	return time.UnixMicro(micros).Sub(middle), nil
}

func (db *postgresDB) read(ctx context.Context, work func(Querier) error) error {
	return work(pgPooled{db})
}

func (db *postgresDB) write(ctx context.Context, work func(Querier) error) error {
	return db.transact(ctx, db.beginning(false), work)
}

// share is write: PostgreSQL itself flushes commits together. Who shares does the
// work of many, so it waits for a lock only for a moment.
func (db *postgresDB) share(ctx context.Context, work func(Querier) error) error {
	return db.transact(ctx, db.beginning(true), work)
}

func (db *postgresDB) transact(ctx context.Context, begin []string, work func(Querier) error) error {
	outer := ctx
	ctx, cancel := context.WithTimeout(ctx, transactionTimeout)
	defer cancel()
	conn, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx := &pgTx{conn: conn, opening: begin}
	committing := false
	defer func() {
		if !committing { // also when work panics
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgRollbackTimeout)
			defer cancel()
			tx.rollback(ctx)
		}
	}()
	err = work(pgQuerier{tx, db.sharded.Load()})
	if err == nil {
		err = tx.failed // work went on without what it had asked for
	}
	if err != nil {
		if ctx.Err() != nil && outer.Err() == nil {
			return unavailable(fmt.Errorf("no answer within %v: %w", transactionTimeout, err))
		}
		return pgProblem(pgBroken(ctx, conn, err))
	}
	if err := outer.Err(); err != nil {
		return err // nothing was committed
	}
	committing = true
	ctx, done := graced(ctx)
	defer done()
	err = pgCommitted(tx.commit(ctx))
	if err == nil {
		db.planner.committed()
	}
	return err
}

// graced returns a context that ends pgCommitGrace after ctx does.
func graced(ctx context.Context) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(pgCommitGrace, cancel) })
	return longer, func() {
		stop()
		cancel()
	}
}

func (db *postgresDB) fresh(ctx context.Context, work func(Querier) error) error {
	for {
		err := db.once(ctx, work)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(pgRetryPause):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// once runs work in a transaction of a new connection.
func (db *postgresDB) once(ctx context.Context, work func(Querier) error) error {
	config := db.pool.Config().ConnConfig
	config.RuntimeParams[pgLockTimeout] = "0" // ctx bounds it
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgRollbackTimeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return work(pgQuerier{tx, db.sharded.Load()}) })
}

// pgCommitted reads what COMMIT answered. An error that the server reports for
// the statement itself means rollback; a broken connection, or a server that
// was told to end, means that nobody knows. pgx may call an error "safe to retry"
// after COMMIT was sent and its answer was lost, so that it is not asked.
func pgCommitted(err error) error {
	var problem *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return err
	case errors.As(err, &problem) && (problem.SeverityUnlocalized == "ERROR" || problem.Code == "25P03"):
		return pgProblem(pgUnusable(err))
	default:
		return commitUnknown(err)
	}
}

func pgProblem(err error) error {
	var problem *pgconn.PgError
	if errors.As(err, &problem) {
		if problem.Code == "23514" && problem.Routine == "ExecPartitionCheckEmitError" {
			return &transientError{err} // its month's partition was made meanwhile
		}
		switch problem.Code {
		case "40001", "40P01": // serialization_failure, deadlock_detected
			return &transientError{err}
		case "25P03": // idle_in_transaction_session_timeout: this process stood still
			return &transientError{err}
		case "55P03": // lock_not_available: after lock_timeout
			return fmt.Errorf("%w: %w", ErrLocked, err)
		}
	}
	return err
}

// pgConn is a connection or a transaction.
type pgConn interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
}

type pgQuerier struct {
	conn    pgConn
	sharded bool
}

func (q pgQuerier) Exec(ctx context.Context, text string, args ...any) (int64, error) {
	tag, err := q.conn.Exec(ctx, text, args...)
	return tag.RowsAffected(), err
}

func (q pgQuerier) Query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	rows, err := q.conn.Query(ctx, text, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	row := &pgRow{rows: rows}
	scan := row.scan
	for rows.Next() {
		if err := each(scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (q pgQuerier) Send(ctx context.Context, statements []Statement) ([]int64, error) {
	return sendParts(statements, q.parts, func(statements []Statement) ([]int64, error) { return q.send(ctx, statements) })
}

func (q pgQuerier) parts(s Statement) []Statement {
	if q.sharded {
		return s.byMerchant()
	}
	return s.arrays()
}

func (q pgQuerier) send(ctx context.Context, statements []Statement) ([]int64, error) {
	if len(statements) == 0 {
		return nil, nil
	}
	var batch pgx.Batch
	for _, one := range statements {
		batch.Queue(one.SQL, one.Args...)
	}
	results := q.conn.SendBatch(ctx, &batch)
	touched := make([]int64, len(statements))
	for n := range statements {
		tag, err := results.Exec()
		if err != nil {
			return nil, errors.Join(err, results.Close())
		}
		touched[n] = tag.RowsAffected()
	}
	return touched, results.Close()
}

func (q pgQuerier) Lock(more string) string { return strings.TrimRight(" FOR UPDATE "+more, " ") }

func (q pgQuerier) Sharded() bool { return q.sharded }
