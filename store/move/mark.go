package move

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/refundry/refundry/store/sqldb"
)

// The sides of a move.
const (
	From = "from"
	To   = "to"
)

// The states of a database that is moved, and of one that is filled.
const (
	// Copying: its rows are read; it is served as ever.
	Copying = "copying"
	// Resting: it takes no changes, until the move ends or is given up.
	Resting = "resting"
	// Moved: it never takes any again. This is the switch.
	Moved = "moved"
	// Filling: rows come in; nobody may serve it.
	Filling = "filling"
	// Ready: it has been proved equal; nobody may serve it before the other is Moved.
	Ready = "ready"
	// Complete: it is the database now.
	Complete = "complete"
)

// Mark is where a database stands in a move.
type Mark struct {
	Side, ID, State, Other string
	Begun, Changed         time.Time

	run, kept string
}

// ErrNotServed says that a database may not be served, because of a move.
var ErrNotServed = errors.New("this database is not served")

// Standing returns an error that wraps ErrNotServed for a database that takes no
// changes because of a move, with what to do about it.
func Standing(ctx context.Context, db *sqldb.DB) error {
	marks, err := Marks(ctx, db)
	if err != nil {
		return err
	}
	from, to := marks[From], marks[To]
	switch {
	case from.State == Moved:
		return fmt.Errorf("%w: it was moved to %s at %s (hint: start with --database %s)", ErrNotServed, from.Other, from.Changed.Format(time.RFC3339), from.Other)
	case from.State == Resting:
		return fmt.Errorf("%w: it is being moved to %s (hint: end the move by running refundry migrate --from --to again, or give it up with refundry migrate --from URL --undo)", ErrNotServed, from.Other)
	case to.State == Filling || to.State == Ready:
		return fmt.Errorf("%w: a move from %s fills it and has not ended (hint: run refundry migrate --from --to again)", ErrNotServed, to.Other)
	}
	return nil
}

// Marks are a database's marks by their sides; none where it has no table of them.
func Marks(ctx context.Context, db *sqldb.DB) (map[string]Mark, error) {
	marks := make(map[string]Mark)
	has, err := db.HasTable(ctx, "moves")
	if err != nil || !has {
		return marks, err
	}
	err = db.Read(ctx, func(q sqldb.Querier) error { return readMarks(ctx, q, "", marks) })
	if err != nil {
		return nil, fmt.Errorf("read how far a move is: %w", err)
	}
	return marks, nil
}

func readMarks(ctx context.Context, q sqldb.Querier, lock string, marks map[string]Mark) error {
	clear(marks)
	const text = `SELECT side, id, state, other, run, kept, begun_at, changed_at FROM moves ORDER BY side`
	return q.Query(ctx, text+lock, nil, func(scan func(...any) error) error {
		var m Mark
		var begun, changed int64
		err := scan(&m.Side, &m.ID, &m.State, &m.Other, &m.run, &m.kept, &begun, &changed)
		m.Begun, m.Changed = time.UnixMicro(begun).UTC(), time.UnixMicro(changed).UTC()
		marks[m.Side] = m
		return err
	})
}

// addMark writes the mark of a side that has none, or one of a move that has ended.
func (m *mover) addMark(ctx context.Context, q sqldb.Querier, side, state, other, kept string) error {
	const text = `INSERT INTO moves (side, id, state, other, run, kept, begun_at, changed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (side) DO UPDATE SET id = excluded.id, state = excluded.state, other = excluded.other, run = excluded.run,
			kept = excluded.kept, begun_at = excluded.begun_at, changed_at = excluded.changed_at`
	now := m.options.Now().UnixMicro()
	_, err := q.Exec(ctx, text, side, m.id, state, other, m.run, kept, now, now)
	return err
}

// errTakenOver says that another process goes on with this move.
var errTakenOver = errors.New("another process has taken this move over, or it was given up; nothing more was changed")

// set is a compare-and-set of a side's state by this run.
func (m *mover) set(ctx context.Context, q sqldb.Querier, side, was, state string) error {
	const text = `UPDATE moves SET state = $1, changed_at = $2 WHERE side = $3 AND id = $4 AND run = $5 AND state = $6`
	touched, err := q.Exec(ctx, text, state, m.options.Now().UnixMicro(), side, m.id, m.run, was)
	if err == nil && touched == 0 {
		err = errTakenOver
	}
	return err
}

// takeOver makes this run the one that goes on. It is the source's first, so that no
// other run can switch any more.
func (m *mover) takeOver(ctx context.Context, q sqldb.Querier, side, state string) error {
	const text = `UPDATE moves SET run = $1, state = $2, changed_at = $3 WHERE side = $4 AND id = $5`
	_, err := q.Exec(ctx, text, m.run, state, m.options.Now().UnixMicro(), side, m.id)
	return err
}

// fill runs work in a transaction of the new database, in which this run alone may
// write, as long as it is the one that goes on.
func (m *mover) fill(ctx context.Context, work func(sqldb.Querier) error) error {
	return m.to.Write(ctx, func(q sqldb.Querier) error {
		if err := sqldb.PassRest(ctx, q, m.id); err != nil {
			return err
		}
		if err := work(q); err != nil {
			return err
		}
		return m.set(ctx, q, To, Filling, Filling) // at the end: its lock is held for a moment
	})
}
