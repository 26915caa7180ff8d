package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// Months says which tables are cut by month on PostgreSQL, by the microseconds in
// their column created_at, which is in their primary keys.
type Months struct {
	Tables []string
	// Unique are unique indexes of a table without created_at, which no index over all
	// partitions can be: each partition gets its own. The text is what stands behind
	// the table's name: "(merchant_id, feed_number) WHERE feed_number > 0".
	Unique map[string][]string
	Now    time.Time
	// Progress is called with what was done; may be nil.
	Progress func(table, what string)
}

const (
	// monthsAhead is for how many months after the present one there are partitions.
	monthsAhead = 3
	// cutMargin is how long a cut may take: rows that come meanwhile belong before it.
	cutMargin = 48 * time.Hour
	// cutLock is the advisory lock under which partitions are made.
	cutLock = 7_361_520_015
	// cutLockWait is how long everybody may wait for a table behind a cut, which waits
	// for those who have it; it is tried cutTries times, cutPause apart.
	cutLockWait = time.Second
	cutTries    = 60
	cutPause    = time.Second
)

// ErrNoPartitions says that tables can't be cut by month: the database is a SQLite
// file, or spread by Citus.
var ErrNoPartitions = errors.New("the tables can't be cut by month")

// PartitionByMonth cuts the tables that are whole: what a table holds becomes the
// partition of all that came until the end of this month or the next, and each later
// month gets one of its own. Others may read and write meanwhile: they wait for about a
// second at most, and again. Run again, it goes on where it broke.
func (db *DB) PartitionByMonth(ctx context.Context, m Months) error {
	server, is := db.engine.(*postgresDB)
	switch {
	case !is:
		return fmt.Errorf("%w: it is a SQLite file", ErrNoPartitions)
	case server.sharded.Load():
		return fmt.Errorf("%w: Citus spreads them", ErrNoPartitions)
	}
	return server.cutting(ctx, m, func(c *cutter) error {
		for _, table := range m.Tables {
			whole, err := c.whole(ctx, table)
			if err == nil && whole {
				err = c.cut(ctx, table)
			}
			if err == nil {
				_, err = c.extend(ctx, table)
			}
			if err != nil {
				return fmt.Errorf("cut %s by month: %w", table, err)
			}
		}
		return nil
	})
}

// KeepMonths makes the partitions of the next months of those tables that are cut, and
// returns how many it made. What a cut that was killed has left is taken away. It does
// nothing for a database without, and while another process makes partitions.
func (db *DB) KeepMonths(ctx context.Context, m Months) (made int, err error) {
	server, is := db.engine.(*postgresDB)
	if !is || server.sharded.Load() {
		return 0, nil
	}
	var left, lacking []string
	err = db.Read(ctx, func(q Querier) (err error) {
		lacking = nil
		if left, err = leftovers(ctx, q, m.Tables); err != nil {
			return err
		}
		for _, table := range m.Tables {
			upTo, cut, err := upTo(ctx, q, table)
			if err != nil {
				return err
			}
			if cut && upTo.Before(m.last()) {
				lacking = append(lacking, table)
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("look for the months that have partitions: %w", err)
	}
	if len(lacking)+len(left) == 0 {
		return 0, nil
	}
	err = server.cutting(ctx, m, func(c *cutter) error {
		c.tries = 1 // there is time for more, and nobody is to wait again and again
		// Under the lock there is no cut under way.
		left, err := leftovers(ctx, c.querier(), m.Tables)
		for _, table := range left {
			if err == nil {
				err = c.briefly(ctx, []string{dropCheck(table)})
			}
		}
		if err != nil {
			return fmt.Errorf("take away what a cut has left: %w", err)
		}
		for _, table := range lacking {
			n, err := c.extend(ctx, table)
			if made += n; err != nil {
				return fmt.Errorf("make the next months of %s: %w", table, err)
			}
		}
		return nil
	})
	if errors.Is(err, errCutting) {
		return made, nil
	}
	return made, err
}

// errCutting says that another process has the lock under which partitions are made.
var errCutting = errors.New("another process makes partitions")

// last is the end of the last month that there is to be a partition of.
func (m Months) last() time.Time { return monthOf(m.Now).AddDate(0, monthsAhead+1, 0) }

func monthOf(t time.Time) time.Time {
	t = t.UTC()
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// upTo returns the time at which a table's last month ends, and whether it is cut.
func upTo(ctx context.Context, q Querier, table string) (until time.Time, cut bool, err error) {
	const text = `SELECT MAX(CAST(SUBSTRING(pg_get_expr(c.relpartbound, c.oid) FROM 'TO \(''(\d+)''\)') AS BIGINT))
		FROM pg_class p JOIN pg_inherits i ON i.inhparent = p.oid JOIN pg_class c ON c.oid = i.inhrelid
		WHERE p.oid = to_regclass($1) AND p.relkind = 'p'`
	err = q.Query(ctx, text, []any{table}, func(scan func(...any) error) error {
		var micros *int64
		err := scan(&micros)
		if micros != nil {
			until, cut = FromMicros(*micros), true
		}
		return err
	})
	return until, cut, err
}

// cutter makes partitions on a connection of its own.
type cutter struct {
	Months
	conn  *pgx.Conn
	tries int // how often it is tried to get a table for a moment
}

func (db *postgresDB) cutting(ctx context.Context, m Months, work func(*cutter) error) error {
	config := db.pool.Config().ConnConfig
	config.RuntimeParams[pgLockTimeout] = milliseconds(migrationLockWait)
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("make partitions: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgRollbackTimeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if m.Progress == nil {
		m.Progress = func(string, string) {}
	}
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(cutLock)); err != nil {
		if errors.Is(pgProblem(err), ErrLocked) {
			return errCutting
		}
		return fmt.Errorf("make partitions: %w", err)
	}
	return work(&cutter{m, conn, cutTries})
}

// querier reads on the cutter's connection.
func (c *cutter) querier() Querier { return pgQuerier{conn: c.conn} }

func (c *cutter) whole(ctx context.Context, table string) (bool, error) {
	var kind string
	err := c.conn.QueryRow(ctx, "SELECT CAST(relkind AS TEXT) FROM pg_class WHERE oid = CAST($1 AS regclass)", table).Scan(&kind)
	return kind == "r", err
}

// briefly runs statements in a transaction that gives up where somebody has the
// table for longer than a moment, so that nobody waits behind it, and tries again.
func (c *cutter) briefly(ctx context.Context, statements []string) error {
	statements = slices.Concat([]string{"SET LOCAL lock_timeout = " + milliseconds(cutLockWait)}, statements)
	for try := 1; ; try++ {
		err := pgx.BeginFunc(ctx, c.conn, func(tx pgx.Tx) error {
			for _, text := range statements {
				if _, err := tx.Exec(ctx, text); err != nil {
					return fmt.Errorf("%s: %w", text, pgProblem(err))
				}
			}
			return nil
		})
		if !errors.Is(err, ErrLocked) || try >= c.tries {
			return err
		}
		select {
		case <-time.After(cutPause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// strings reads a column of texts.
func (c *cutter) strings(ctx context.Context, text string, args ...any) ([]string, error) {
	rows, err := c.conn.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	return slices.Clip(found), err
}
