package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// acquire takes a connection of the pool. One that can't be had is
// ErrUnavailable, unless it is ctx that ended.
func (db *postgresDB) acquire(ctx context.Context) (*pgxpool.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, pgAcquireTimeout)
	defer cancel()
	conn, err := db.pool.Acquire(limited)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, err
	case limited.Err() != nil:
		err = fmt.Errorf("no connection within %v: %w", pgAcquireTimeout, err)
	}
	return nil, unavailable(err)
}

// pgBroken marks an error of work on a connection, before COMMIT was sent, that
// is the connection's or the server's and not the work's.
func pgBroken(ctx context.Context, conn *pgxpool.Conn, err error) error {
	var problem *pgconn.PgError
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &problem) && problem.Code == "25P03" // this process stood still
	if err != nil && conn.Conn().IsClosed() && ctx.Err() == nil && !ended {
		return unavailable(err)
	}
	return pgUnusable(err)
}

// pgUnusable marks what the server says where nobody could use it now: no
// connection or resource is left (53, such as a full disk), it stops or starts
// (57P), its files fail (58), or it takes no writes since a fail-over (25006).
func pgUnusable(err error) error {
	var problem *pgconn.PgError
	if !errors.As(err, &problem) {
		return err
	}
	code := problem.Code
	if len(code) == 5 && (code[:2] == "08" || code[:2] == "53" || code[:2] == "58" || code[:3] == "57P") || code == "25006" {
		return unavailable(err)
	}
	return refusedAtRest(err)
}

// pgPooled runs each statement on any connection of the pool.
type pgPooled struct{ db *postgresDB }

// on runs work, and ends it where the server says nothing for answerTimeout:
// one that stands still, as on a disk that hangs, breaks no connection. work
// calls heard with each word of the server's, and with false while it is busy
// with one.
func (q pgPooled) on(ctx context.Context, work func(ctx context.Context, one pgQuerier, heard func(waits bool)) error) error {
	conn, err := q.db.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	timer := time.AfterFunc(q.db.answerTimeout, func() { cancel(errNoAnswer) })
	defer timer.Stop()
	err = work(limited, pgQuerier{conn, q.db.sharded.Load()}, func(waits bool) {
		timer.Stop()
		if waits {
			timer.Reset(q.db.answerTimeout)
		}
	})
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(limited), errNoAnswer) {
		return unavailable(fmt.Errorf("%w within %v: %w", errNoAnswer, q.db.answerTimeout, err))
	}
	return pgBroken(ctx, conn, err)
}

var errNoAnswer = errors.New("no answer")

func (q pgPooled) Exec(ctx context.Context, text string, args ...any) (touched int64, err error) {
	err = q.on(ctx, func(ctx context.Context, one pgQuerier, _ func(bool)) (err error) {
		touched, err = one.Exec(ctx, text, args...)
		return err
	})
	return touched, err
}

func (q pgPooled) Query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	return q.on(ctx, func(ctx context.Context, one pgQuerier, heard func(bool)) error {
		return one.Query(ctx, text, args, func(scan func(...any) error) error {
			heard(false)
			defer heard(true)
			return each(scan)
		})
	})
}

func (q pgPooled) Send(ctx context.Context, statements []Statement) (touched []int64, err error) {
	err = q.on(ctx, func(ctx context.Context, one pgQuerier, _ func(bool)) (err error) {
		touched, err = one.Send(ctx, statements)
		return err
	})
	return touched, err
}

func (q pgPooled) parts(s Statement) []Statement { return pgQuerier{sharded: q.Sharded()}.parts(s) }

func (q pgPooled) Lock(more string) string { return pgQuerier{}.Lock(more) }

func (q pgPooled) Sharded() bool { return q.db.sharded.Load() }
