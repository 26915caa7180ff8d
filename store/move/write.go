package move

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/refundry/refundry/store/sqldb"
)

// errNotEqual says that the new database did not keep what was written.
var errNotEqual = errors.New("what was read back differs from what was written")

// take writes a piece that is new or has changed, reads it back, and remembers it, in
// one transaction: what is remembered is in the new database, equal byte for byte. It
// returns how many rows were written.
func (m *mover) take(ctx context.Context, t *table, r *reading) (written int64, err error) {
	err = m.fill(ctx, func(q sqldb.Querier) error {
		rows := r.all
		if r.known != nil {
			if rows, err = differing(ctx, q, t, r.all); err != nil {
				return err
			}
			if err := remove(ctx, q, t, rows); err != nil {
				return err
			}
		}
		if err := sqldb.CopyRows(ctx, q, t.name, t.names, rows); err != nil {
			return err
		}
		if left, err := differing(ctx, q, t, rows); err != nil || len(left) > 0 {
			return errors.Join(err, notEqual(t, left))
		}
		written = int64(len(rows))
		if err := keep(ctx, q, t.name, r.piece); err != nil {
			return err
		}
		if r.rest != nil {
			return keep(ctx, q, t.name, *r.rest)
		}
		return nil
	})
	return written, err
}

func notEqual(t *table, rows [][]any) error {
	if len(rows) == 0 {
		return nil
	}
	return fmt.Errorf("%w: table %s, row %s", errNotEqual, t.name, keyText(t.key(rows[0])))
}

// put is take where something may be in the way: a unique value that another row of
// the new database has still, or a row that it does not take.
func (m *mover) put(ctx context.Context, t *table, r *reading) (written int64, err error) {
	written, err = m.take(ctx, t, r)
	switch {
	case sqldb.Duplicate(err):
		// That row is a later piece's, or gone: this piece comes once more.
		m.again[t.name] = err
		return 0, m.takeOut(ctx, t, r)
	case sqldb.RefusedRow(err):
		return 0, m.findRefused(ctx, t, r, err)
	}
	return written, err
}

// takeOut removes a piece's rows from the new database, and remembers that.
func (m *mover) takeOut(ctx context.Context, t *table, r *reading) error {
	return m.fill(ctx, func(q sqldb.Querier) error {
		if err := remove(ctx, q, t, r.all); err != nil {
			return err
		}
		out := r.piece
		out.rows, out.digest = 0, ""
		if err := keep(ctx, q, t.name, out); err != nil || r.rest == nil {
			return err
		}
		return keep(ctx, q, t.name, *r.rest)
	})
}

// errTried takes back what was only tried.
var errTried = errors.New("this was tried and taken back")

// findRefused finds the row that the new database does not take, and reports it.
func (m *mover) findRefused(ctx context.Context, t *table, r *reading, cause error) error {
	for _, row := range r.all {
		err := m.fill(ctx, func(q sqldb.Querier) error {
			if err := remove(ctx, q, t, [][]any{row}); err != nil {
				return err
			}
			if err := sqldb.CopyRows(ctx, q, t.name, t.names, [][]any{row}); err != nil {
				return err
			}
			return errTried
		})
		switch {
		case errors.Is(err, errTried):
		case sqldb.RefusedRow(err):
			m.damaged = append(m.damaged, Damage{t.name, keyText(t.key(row)), "the new database refuses it: " + err.Error()})
			return nil
		default:
			return err
		}
	}
	return cause
}

// differing returns the rows that the new database does not have like that.
func differing(ctx context.Context, q sqldb.Querier, t *table, rows [][]any) ([][]any, error) {
	there, err := byKeys(ctx, q, t, rows)
	if err != nil {
		return nil, err
	}
	var out [][]any
	var raw []byte
	for _, row := range rows {
		raw = appendRow(raw[:0], row)
		if was, is := there[string(appendRow(nil, t.key(row)))]; !is || !bytes.Equal(was, raw) {
			out = append(out, row)
		}
	}
	return out, nil
}

// byKeys reads the rows that have the keys of the given ones, as bytes by their keys' bytes.
func byKeys(ctx context.Context, q sqldb.Querier, t *table, rows [][]any) (map[string][]byte, error) {
	there := make(map[string][]byte, len(rows))
	text := "SELECT " + t.all() + " FROM v JOIN " + t.name + " ON " + t.joined()
	for _, s := range sqldb.WithLists(q, t.known, t.keysOf(rows), text) {
		err := sqldb.QueryStatement(ctx, q, s, func(scan func(...any) error) error {
			row, err := t.scan(scan)
			if err != nil {
				return err
			}
			key := string(appendRow(nil, t.key(row)))
			if problem := t.checked(row); problem != "" {
				return fmt.Errorf("table %s of the new database: %s", t.name, problem)
			}
			there[key] = appendRow(nil, row)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return there, nil
}

func (t *table) keysOf(rows [][]any) [][]any {
	keys := make([][]any, len(rows))
	for n, row := range rows {
		keys[n] = t.key(row)
	}
	return keys
}

// remove deletes the rows that have the keys of the given ones.
func remove(ctx context.Context, q sqldb.Querier, t *table, rows [][]any) error {
	_, err := q.Send(ctx, sqldb.WithLists(q, t.known, t.keysOf(rows), "DELETE FROM "+t.name+" WHERE EXISTS (SELECT 1 FROM v WHERE "+t.joined()+")"))
	return err
}

// sweep deletes rows that the old database does not have any more.
func (m *mover) sweep(ctx context.Context, t *table) (gone int64, err error) {
	for after := ""; ; {
		var page [][]any
		bound, args, err := t.within(after, "")
		if err != nil {
			return gone, err
		}
		args = append(args, int64(pieceRows))
		text := fmt.Sprintf("SELECT %s FROM %s %s ORDER BY %s LIMIT $%d", strings.Join(t.names, ", "), t.name, bound, t.keyNames(""), len(args))
		err = m.to.Read(ctx, func(q sqldb.Querier) error {
			return q.Query(ctx, text, args, func(scan func(...any) error) error {
				row, err := t.scan(scan)
				page = append(page, row)
				return err
			})
		})
		if err != nil || len(page) == 0 {
			return gone, err
		}
		after = keyText(t.key(page[len(page)-1]))
		var there map[string][]byte
		if err := m.from.Read(ctx, func(q sqldb.Querier) error {
			there, err = byKeys(ctx, q, t, page)
			return err
		}); err != nil {
			return gone, err
		}
		extra := page[:0]
		for _, row := range page {
			if _, is := there[string(appendRow(nil, t.key(row)))]; !is {
				extra = append(extra, row)
			}
		}
		if gone += int64(len(extra)); len(extra) > 0 {
			if err := m.fill(ctx, func(q sqldb.Querier) error { return remove(ctx, q, t, extra) }); err != nil {
				return gone, err
			}
		}
	}
}
