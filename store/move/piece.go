package move

import (
	"context"
	"fmt"
	"strings"

	"github.com/refundry/refundry/store/sqldb"
)

const (
	// pieceRows is how many rows are copied and remembered as one: few enough for
	// little memory and short transactions, many enough for few of them.
	pieceRows = 1000
	// maxPieceRows is how many rows a piece may come to have before it is cut.
	maxPieceRows = 2 * pieceRows
)

// piece is what has been copied of a table between two keys.
type piece struct {
	after, upto string // keys as texts; "" for the beginning and the end
	rows        int64
	digest      string // "" where the rows have to be compared
}

// reading is a piece as it is in the old database now.
type reading struct {
	piece
	known *piece // as it was copied; nil if it was not
	rest  *piece // what is behind it of a piece that was cut
	all   [][]any
	// damaged is what is wrong with rows, which are in all as well.
	damaged []Damage
}

// same reports whether nothing has changed since the piece was copied.
func (r *reading) same() bool {
	return r.known != nil && r.rest == nil && r.known.digest == r.digest && r.known.upto == r.upto
}

// readPieces reads which pieces of each table have been copied, by table and first key.
func (m *mover) readPieces(ctx context.Context) error {
	m.pieces = make(map[string]map[string]piece)
	const text = `SELECT table_name, after_key, upto_key, row_count, digest FROM move_pieces ORDER BY table_name, after_key`
	err := m.to.Read(ctx, func(q sqldb.Querier) error {
		return q.Query(ctx, text, nil, func(scan func(...any) error) error {
			var table string
			var p piece
			err := scan(&table, &p.after, &p.upto, &p.rows, &p.digest)
			if m.pieces[table] == nil {
				m.pieces[table] = make(map[string]piece)
			}
			m.pieces[table][p.after] = p
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("read what has been copied: %w", err)
	}
	return nil
}

// keep remembers what has been copied.
func keep(ctx context.Context, q sqldb.Querier, table string, p piece) error {
	const text = `INSERT INTO move_pieces (table_name, after_key, upto_key, row_count, digest) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (table_name, after_key) DO UPDATE SET upto_key = excluded.upto_key, row_count = excluded.row_count, digest = excluded.digest`
	_, err := q.Exec(ctx, text, table, p.after, p.upto, p.rows, p.digest)
	return err
}

// eachReading reads a table of the old database from its beginning to its end, piece by
// piece in the order of its key, and calls each in that order. It reads ahead of each.
func (m *mover) eachReading(ctx context.Context, t *table, each func(*reading) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out, failed := make(chan *reading, 2), make(chan error, 1)
	known := make(map[string]piece, len(m.pieces[t.name]))
	for after, p := range m.pieces[t.name] {
		known[after] = p
	}
	go func() {
		defer close(out)
		failed <- func() error {
			for after, more := "", true; more; {
				r, err := m.readPiece(ctx, t, known, after)
				if err != nil {
					return err
				}
				select {
				case out <- r:
				case <-ctx.Done():
					return ctx.Err()
				}
				after, more = r.upto, r.upto != ""
			}
			return nil
		}()
	}()
	var err error
	for r := range out {
		if err == nil {
			if err = each(r); err != nil {
				cancel()
			}
		}
	}
	if problem := <-failed; err == nil {
		err = problem
	}
	return err
}

// readPiece reads the piece behind a key.
func (m *mover) readPiece(ctx context.Context, t *table, known map[string]piece, after string) (*reading, error) {
	r := &reading{piece: piece{after: after}}
	limit, upto := pieceRows, ""
	if p, is := known[after]; is {
		r.known, upto, limit = &p, p.upto, maxPieceRows+1
	}
	if err := m.readRows(ctx, t, r, upto, limit); err != nil {
		return nil, err
	}
	r.upto = upto
	switch n := len(r.all); {
	case n < limit && (upto != "" || n < pieceRows):
	case r.known == nil:
		r.upto = keyText(t.key(r.all[n-1]))
	case upto == "" || n > maxPieceRows:
		r.all = r.all[:pieceRows]
		r.upto = keyText(t.key(r.all[pieceRows-1]))
		r.rest = &piece{after: r.upto, upto: upto}
		known[r.upto] = *r.rest
	}
	for _, row := range r.all {
		key := keyText(t.key(row))
		if problem := t.checked(row); problem != "" {
			r.damaged = append(r.damaged, Damage{t.name, key, problem})
		}
	}
	r.rows, r.digest = int64(len(r.all)), digest(r.all)
	return r, nil
}

// readRows reads rows of the old database with keys above after, up to upto.
func (m *mover) readRows(ctx context.Context, t *table, r *reading, upto string, limit int) error {
	text, args, err := t.within(r.after, upto)
	if err != nil {
		return err
	}
	args = append(args, int64(limit))
	text = fmt.Sprintf("SELECT %s FROM %s %s ORDER BY %s LIMIT $%d", strings.Join(t.names, ", "), t.name, text, t.keyNames(""), len(args))
	err = m.from.Read(ctx, func(q sqldb.Querier) error {
		r.all = make([][]any, 0, pieceRows)
		return q.Query(ctx, text, args, func(scan func(...any) error) error {
			row, err := t.scan(scan)
			r.all = append(r.all, row)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("read table %s of the old database behind row %s: %w", t.name, r.after, err)
	}
	return nil
}

// scan reads a row's values as the database has them.
func (t *table) scan(scan func(...any) error) ([]any, error) {
	row, into := make([]any, len(t.columns)), make([]any, len(t.columns))
	for n := range row {
		into[n] = &row[n]
	}
	return row, scan(into...)
}

// within is the condition of the rows with keys above after and not above upto.
func (t *table) within(after, upto string) (text string, args []any, err error) {
	var parts []string
	for _, bound := range []struct{ key, sign string }{{after, ">"}, {upto, "<="}} {
		if bound.key == "" {
			continue
		}
		key, err := t.keyOf(bound.key)
		if err != nil {
			return "", nil, err
		}
		marks := make([]string, len(key))
		for n, value := range key {
			args = append(args, value)
			marks[n] = fmt.Sprintf("$%d", len(args))
		}
		parts = append(parts, fmt.Sprintf("(%s) %s (%s)", t.keyNames(""), bound.sign, strings.Join(marks, ", ")))
	}
	if len(parts) == 0 {
		return "", nil, nil
	}
	return "WHERE " + strings.Join(parts, " AND "), args, nil
}
