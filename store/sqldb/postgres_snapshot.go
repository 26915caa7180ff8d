package sqldb

import (
	"context"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// snapshotOptions are those of a transaction that sees one moment.
var snapshotOptions = pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}

func (db *postgresDB) snapshot(ctx context.Context, work func(Querier) error) error {
	conn, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	return db.snapshotOn(ctx, conn, "", func(q pgQuerier) error { return work(q) })
}

// snapshotOn runs work in a transaction of a connection, which is released then, that
// sees the moment of another transaction, by its exported name; for "", its own.
func (db *postgresDB) snapshotOn(ctx context.Context, conn *pgxpool.Conn, name string, work func(pgQuerier) error) error {
	defer conn.Release()
	err := pgx.BeginTxFunc(ctx, conn, snapshotOptions, func(tx pgx.Tx) error {
		if name != "" {
			// The server made the name, of digits and dashes.
			if _, err := tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+name+"'"); err != nil {
				return err
			}
		}
		// work may think for long between statements, and holds no locks.
		if _, err := tx.Exec(ctx, "SET LOCAL idle_in_transaction_session_timeout = 0"); err != nil {
			return err
		}
		return work(pgQuerier{tx, db.sharded.Load()})
	})
	return pgBroken(ctx, conn, err)
}

func (db *postgresDB) snapshots(ctx context.Context, connections int, work func(context.Context, Querier) error) error {
	conn, err := db.acquire(ctx)
	if err != nil {
		return err
	}
	return db.snapshotOn(ctx, conn, "", func(first pgQuerier) error {
		if first.sharded || connections < 2 {
			return work(ctx, first) // the servers of the shards know nothing of its moment
		}
		return db.exported(ctx, first, connections-1, work)
	})
}

// exported runs work on a transaction, and on others that see its moment. The others
// come when connections are free, or not at all: nobody waits for them.
func (db *postgresDB) exported(ctx context.Context, first pgQuerier, others int, work func(context.Context, Querier) error) error {
	var name string
	err := first.Query(ctx, "SELECT pg_export_snapshot()", nil, func(scan func(...any) error) error { return scan(&name) })
	if err != nil {
		return err
	}
	working, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	joining, closed := context.WithCancel(working)
	defer closed()
	var joined sync.WaitGroup
	for range others {
		joined.Go(func() {
			conn, err := db.acquire(joining)
			if err != nil {
				return
			}
			works := false
			err = db.snapshotOn(working, conn, name, func(q pgQuerier) error {
				works = true
				return work(working, q)
			})
			if works && err != nil {
				fail(err)
			}
		})
	}
	if err := work(working, first); err != nil {
		fail(err)
	}
	closed() // nothing is left to be begun
	joined.Wait()
	return context.Cause(working)
}
