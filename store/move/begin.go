package move

import (
	"context"
	"fmt"
	"slices"

	"github.com/refundry/refundry/store/sqldb"
)

// begin finds out how far the move is, marks both databases as its, and makes this run
// the one that goes on. switched says that the switch has been made.
func (m *mover) begin(ctx context.Context) (switched bool, err error) {
	m.phase("begin")
	from, err := Marks(ctx, m.from)
	if err != nil {
		return false, err
	}
	to, err := Marks(ctx, m.to)
	if err != nil {
		return false, err
	}
	old, fresh := from[From], to[To]
	if state := from[To].State; state == Filling || state == Ready {
		return false, fmt.Errorf("%s is itself being filled by a move from %s (hint: end that one first)", m.options.From, from[To].Other)
	}
	if old.ID != "" && old.ID != fresh.ID && old.Other != m.options.To {
		return false, fmt.Errorf("%s is being moved, or was moved, to %s, and not to %s (hint: name that one with --to, or give that move up with refundry migrate --from URL --undo)", m.options.From, old.Other, m.options.To)
	}
	if old.State == Moved {
		m.id = old.ID
		if fresh.ID != old.ID || fresh.State == Filling {
			return false, fmt.Errorf("%s was moved to %s, and the database that is named here is another one", m.options.From, old.Other)
		}
		return true, nil
	}
	if fresh.ID != "" && fresh.ID != old.ID && fresh.State != Complete {
		return false, fmt.Errorf("%s is being filled by another move, from %s (hint: name an empty database with --to)", m.options.To, fresh.Other)
	}
	if m.id = old.ID; m.id == "" {
		m.id = m.options.ID()
	}
	if err := m.claimOld(ctx, old); err != nil {
		return false, err
	}
	if err := m.step("old database marked"); err != nil {
		return false, err
	}
	if fresh.ID != m.id {
		return false, m.prepare(ctx)
	}
	return false, m.goOn(ctx, fresh)
}

// claimOld marks the old database. Of two moves that begin at once, one finds the
// other's mark.
func (m *mover) claimOld(ctx context.Context, old Mark) error {
	err := m.from.Write(ctx, func(q sqldb.Querier) error {
		marks := make(map[string]Mark)
		if err := readMarks(ctx, q, q.Lock(""), marks); err != nil {
			return err
		}
		now := marks[From]
		if now.ID != old.ID || now.State != old.State {
			return errTakenOver
		}
		if now.ID == "" {
			return m.addMark(ctx, q, From, Copying, m.options.To, "[]")
		}
		return m.takeOver(ctx, q, From, now.State)
	})
	if err != nil {
		return fmt.Errorf("mark the old database: %w", err)
	}
	if old.State == Resting {
		// It goes on while rows are copied, as in any other run.
		if err := m.wake(ctx); err != nil {
			return fmt.Errorf("wake the old database: %w", err)
		}
	}
	return nil
}

// prepare makes an empty database this move's: nobody else writes to it from then on.
func (m *mover) prepare(ctx context.Context) error {
	err := m.to.Write(ctx, func(q sqldb.Querier) error {
		if err := sqldb.PassRest(ctx, q, m.id); err != nil {
			return err
		}
		message := "a move from " + m.options.From + " fills it and has not ended (hint: run refundry migrate --from --to again)"
		if err := m.to.LayToRest(ctx, q, guardName, message, m.id, m.guardedTables()); err != nil {
			return fmt.Errorf("hold others off: %w", err)
		}
		for _, t := range m.tables {
			if err := m.empty(ctx, q, t); err != nil {
				return err
			}
		}
		kept, err := m.setAside(ctx, q)
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, `DELETE FROM move_pieces`); err != nil {
			return err
		}
		return m.addMark(ctx, q, To, Filling, m.options.From, kept)
	})
	if err != nil {
		return fmt.Errorf("prepare the new database: %w", err)
	}
	if err := m.step("new database prepared"); err != nil {
		return err
	}
	return m.readPieces(ctx)
}

// empty makes sure that a table has no rows but those that the migrations put there.
func (m *mover) empty(ctx context.Context, q sqldb.Querier, t *table) error {
	if slices.Contains(seeded, t.name) {
		_, err := q.Exec(ctx, "DELETE FROM "+t.name)
		return err
	}
	has := false
	err := q.Query(ctx, "SELECT 1 FROM "+t.name+" LIMIT 1", nil, func(scan func(...any) error) error {
		has = true
		return scan(new(int64))
	})
	if err == nil && has {
		err = fmt.Errorf("%s is not empty: table %s has rows (hint: name an empty database with --to; what is in this one is left as it is)", m.options.To, t.name)
	}
	return err
}

// HasRows returns the name of a table of refundry's that has rows, "" if there is none:
// a database that was only migrated has none.
func HasRows(ctx context.Context, db *sqldb.DB) (table string, err error) {
	names, _, err := db.Tables(ctx)
	if err != nil {
		return "", err
	}
	err = db.Read(ctx, func(q sqldb.Querier) error {
		for _, name := range names {
			if left[name] != "" || slices.Contains(seeded, name) || table != "" {
				continue
			}
			if err := q.Query(ctx, "SELECT 1 FROM "+name+" LIMIT 1", nil, func(scan func(...any) error) error {
				table = name
				return scan(new(int64))
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("look for rows: %w", err)
	}
	return table, nil
}

// goOn takes a move over that was begun.
func (m *mover) goOn(ctx context.Context, fresh Mark) error {
	if err := m.readKept(fresh); err != nil {
		return err
	}
	err := m.to.Write(ctx, func(q sqldb.Querier) error { return m.takeOver(ctx, q, To, Filling) })
	if err != nil {
		return fmt.Errorf("take the move over: %w", err)
	}
	if err := m.dropKeys(ctx); err != nil {
		return err
	}
	return m.readPieces(ctx)
}

// Undo gives up a move that has not switched: the old database goes on, and what was
// copied is of no use any more. It needs the old database alone. A database of which no
// move is known is fine. What was switched can't be undone: an error.
func Undo(ctx context.Context, from *sqldb.DB) (Mark, error) {
	names, _, err := from.Tables(ctx)
	if err != nil {
		return Mark{}, err
	}
	names = slices.DeleteFunc(names, func(name string) bool { return left[name] != "" && !slices.Contains(guarded, name) })
	var was Mark
	err = ending(from, func(end end) error {
		return from.Write(ctx, func(q sqldb.Querier) error { return undo(ctx, q, end, names, &was) })
	})
	if err != nil {
		return was, fmt.Errorf("give the move up: %w", err)
	}
	return was, nil
}

// undo is Undo's transaction.
func undo(ctx context.Context, q sqldb.Querier, end end, names []string, was *Mark) error {
	marks := make(map[string]Mark)
	if err := readMarks(ctx, q, q.Lock(""), marks); err != nil {
		return err
	}
	switch *was = marks[From]; was.State {
	case "":
		return nil
	case Moved:
		return fmt.Errorf("the move to %s ended at %s: what was accepted and sent since is there alone, so that serving this database again would forget it, and may refund twice (hint: start with --database %s; from there a move goes to another PostgreSQL database)",
			was.Other, was.Changed.Format("2006-01-02T15:04:05Z"), was.Other)
	}
	if err := end(ctx, q, restName, names); err != nil {
		return err
	}
	_, err := q.Exec(ctx, `DELETE FROM moves WHERE side = 'from' AND id = $1`, was.ID)
	return err
}
