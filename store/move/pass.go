package move

import (
	"context"
	"fmt"

	"github.com/refundry/refundry/store/sqldb"
)

const (
	// maxDamages bounds how many rows that can't be copied are listed.
	maxDamages = 100
	// maxAgain bounds how often a table is gone through anew in a pass.
	maxAgain = 3
)

// pass goes through every table once: it copies what is new and what has changed since
// it was copied, and removes what the old database has no more. It returns how many
// rows it wrote or removed. Rows that can't be copied are an error at its end.
func (m *mover) pass(ctx context.Context) (changed int64, err error) {
	m.progress.Pass++
	m.progress.Done = 0
	for _, t := range m.tables {
		if err := m.step("table " + t.name); err != nil {
			return changed, err
		}
		n, err := m.passTable(ctx, t)
		if changed += n; err != nil {
			return changed, fmt.Errorf("copy table %s: %w", t.name, err)
		}
	}
	if len(m.damaged) > 0 {
		return changed, &DamagedError{m.damaged}
	}
	return changed, nil
}

// DamagedError lists rows that can't be copied as they are. Nothing was switched.
type DamagedError struct{ Rows []Damage }

func (e *DamagedError) Error() string {
	return fmt.Sprintf("%d rows of the old database can't be copied as they are, the first in %s (hint: nothing was dropped and nothing switched; mend them, or restore the old database from a backup, and run this again)", len(e.Rows), e.Rows[0])
}

// passTable is pass of one table. Where a unique value was in the way, which another row
// gave up meanwhile, it goes through the table again.
func (m *mover) passTable(ctx context.Context, t *table) (changed int64, err error) {
	for try := 0; ; try++ {
		delete(m.again, t.name)
		n, err := m.passOnce(ctx, t)
		if changed += n; err != nil {
			return changed, err
		}
		if changed > 0 || m.again[t.name] != nil {
			gone, err := m.surplus(ctx, t)
			if changed += gone; err != nil {
				return changed, err
			}
		}
		switch cause := m.again[t.name]; {
		case cause == nil || len(m.damaged) > 0:
			return changed, nil
		case try == maxAgain:
			return changed, cause
		}
	}
}

func (m *mover) passOnce(ctx context.Context, t *table) (changed int64, err error) {
	err = m.eachReading(ctx, t, func(r *reading) error {
		if err := m.step("piece of " + t.name); err != nil {
			return err
		}
		m.counted(t, r.rows)
		switch {
		case len(r.damaged) > 0:
			m.damaged = append(m.damaged, r.damaged...)
			if len(m.damaged) > maxDamages {
				return &DamagedError{m.damaged}
			}
			return nil
		case r.same():
			return nil
		}
		written, err := m.put(ctx, t, r)
		if err != nil {
			return err
		}
		changed += max(written, 1) // what was removed is seen to at the end
		if m.again[t.name] == nil {
			m.remember(t, r)
		}
		return nil
	})
	if err == nil && m.again[t.name] != nil {
		err = m.readPieces(ctx)
	}
	return changed, err
}

// remember notes in memory what keep noted in the new database.
func (m *mover) remember(t *table, r *reading) {
	if m.pieces[t.name] == nil {
		m.pieces[t.name] = make(map[string]piece)
	}
	m.pieces[t.name][r.after] = r.piece
	if r.rest != nil {
		m.pieces[t.name][r.rest.after] = *r.rest
	}
}

// surplus removes rows from the new database that the old one does not have any more, if
// there are more than were copied.
func (m *mover) surplus(ctx context.Context, t *table) (int64, error) {
	there, err := count(ctx, m.to, t.name)
	if err != nil || there <= m.copied(t) {
		return 0, err
	}
	return m.sweep(ctx, t)
}

// copied is how many rows of a table have been copied.
func (m *mover) copied(t *table) (rows int64) {
	for _, p := range m.pieces[t.name] {
		rows += p.rows
	}
	return rows
}

func count(ctx context.Context, db *sqldb.DB, table string) (rows int64, err error) {
	// In a snapshot, since a statement of Read has to answer soon.
	err = db.Snapshot(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, "SELECT COUNT(*) FROM "+table, nil, func(scan func(...any) error) error { return scan(&rows) })
	})
	if err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", table, err)
	}
	return rows, nil
}
