package move

import (
	"context"
	"errors"

	"github.com/refundry/refundry/store/sqldb"
)

// rest has the old database take no changes, in one transaction with its mark.
func (m *mover) rest(ctx context.Context) error {
	m.phase("rest")
	message := "it is being moved, or was moved, to " + m.options.To + " (hint: serve that one; to go on with this one while the move has not ended: refundry migrate --from URL --undo)"
	return m.unlocked(ctx, func() error {
		return m.from.Write(ctx, func(q sqldb.Querier) error {
			if err := m.from.LayToRest(ctx, q, restName, message, "", m.guardedTables()); err != nil {
				return err
			}
			return m.set(ctx, q, From, Copying, Resting)
		})
	})
}

// unlocked does something that others' transactions may keep it from, lockTries times
// at most. Each try waits for a lock by itself.
func (m *mover) unlocked(ctx context.Context, work func() error) (err error) {
	for range lockTries {
		if err = work(); !errors.Is(err, sqldb.ErrLocked) || ctx.Err() != nil {
			break
		}
	}
	return err
}

// wake has the old database go on, unless it has been switched or another run has it.
func (m *mover) wake(ctx context.Context) error {
	return ending(m.from, func(end end) error {
		return m.from.Write(ctx, func(q sqldb.Querier) error {
			marks := make(map[string]Mark)
			if err := readMarks(ctx, q, q.Lock(""), marks); err != nil {
				return err
			}
			if mark := marks[From]; mark.ID != m.id || mark.run != m.run || mark.State != Resting {
				return nil
			}
			if err := end(ctx, q, restName, m.guardedTables()); err != nil {
				return err
			}
			return m.set(ctx, q, From, Resting, Copying)
		})
	})
}

// end ends a rest in a transaction.
type end func(ctx context.Context, q sqldb.Querier, name string, tables []string) error

// ending ends a rest of a database. Where somebody reads a table for long, as a backup
// does, its triggers are not waited for, but refuse nothing any more.
func ending(db *sqldb.DB, work func(end) error) (err error) {
	for range endTries {
		if err = work(db.EndRest); !errors.Is(err, sqldb.ErrLocked) || db.SQLite() {
			return err
		}
	}
	return work(func(ctx context.Context, q sqldb.Querier, name string, _ []string) error {
		return sqldb.LiftRest(ctx, q, name)
	})
}
