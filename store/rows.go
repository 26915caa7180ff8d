package store

import (
	"context"
	"strconv"
	"strings"
	"sync"
)

const (
	// mostRows is the most rows of one statement: none has too many parameters.
	mostRows = 64
	// fewRows is the most rows of which every number has a statement of its own;
	// above, it is their multiples. So a list becomes few statements, and there
	// are few texts, each of which stays prepared.
	fewRows = 8
)

// column is a column of a list of values with its type: BIGINT, TEXT, BOOLEAN.
type column struct{ name, kind string }

// insertRows makes the statements that insert rows. into is
// "INSERT INTO table (a, b) VALUES" and behind what follows the values.
// Values are bound straight into the columns, so bytes may be among them.
func insertRows(into string, width int, rows [][]any, behind string) []statement {
	var out []statement
	for _, piece := range pieces(rows) {
		out = append(out, statement{insertText(into, width, len(piece), behind), flatten(piece, width)})
	}
	return out
}

// withValues makes the statements that join a list of values:
// "WITH v (a, b) AS (VALUES (CAST($1 AS BIGINT), CAST($2 AS TEXT)), ($3, $4)) "
// and then body. Bytes can't be in such a list.
func withValues(columns []column, rows [][]any, body string) []statement {
	var out []statement
	for _, piece := range pieces(rows) {
		out = append(out, statement{withText(columns, len(piece)) + body, flatten(piece, len(columns))})
	}
	return out
}

// queryValues runs the statements of withValues one after the other and calls
// each for every row.
func queryValues(ctx context.Context, q querier, columns []column, rows [][]any, body string, each func(func(...any) error) error) error {
	for _, s := range withValues(columns, rows, body) {
		if err := q.query(ctx, s.sql, s.args, each); err != nil {
			return err
		}
	}
	return nil
}

// pieces cuts a list: whole pieces, then what is left down to a multiple of
// fewRows, then the rest.
func pieces(rows [][]any) [][][]any {
	var out [][][]any
	for len(rows) > 0 {
		size := min(len(rows), mostRows)
		if size > fewRows {
			size -= size % fewRows
		}
		out = append(out, rows[:size])
		rows = rows[size:]
	}
	return out
}

func flatten(rows [][]any, width int) []any {
	args := make([]any, 0, len(rows)*width)
	for _, row := range rows {
		if len(row) != width {
			panic("store: a row has not as many values as its statement has columns")
		}
		args = append(args, row...)
	}
	return args
}

type textKey struct {
	base        string
	width, rows int
	behind      string
}

// texts keeps the statements' texts: there are few, and each is long.
var texts sync.Map

func insertText(into string, width, rows int, behind string) string {
	key := textKey{into, width, rows, behind}
	if text, ok := texts.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	b.WriteString(into)
	b.WriteByte(' ')
	parameter := 0
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		for n := range width {
			b.WriteString([]string{", $", "($"}[b2i(n == 0)])
			parameter++
			b.WriteString(strconv.Itoa(parameter))
		}
		b.WriteByte(')')
	}
	if behind != "" {
		b.WriteByte(' ')
		b.WriteString(behind)
	}
	texts.Store(key, b.String())
	return b.String()
}

func withText(columns []column, rows int) string {
	names := make([]string, len(columns))
	kinds := make([]string, len(columns))
	for n, c := range columns {
		names[n], kinds[n] = c.name, c.kind
	}
	base := strings.Join(names, ", ") + "|" + strings.Join(kinds, ",")
	key := textKey{base: base, rows: rows}
	if text, ok := texts.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	b.WriteString("WITH v (" + strings.Join(names, ", ") + ") AS (VALUES ")
	parameter := 0
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for n := range columns {
			if n > 0 {
				b.WriteString(", ")
			}
			parameter++
			// Types are told in the first row; the others follow it.
			if row == 0 {
				b.WriteString("CAST($" + strconv.Itoa(parameter) + " AS " + kinds[n] + ")")
			} else {
				b.WriteString("$" + strconv.Itoa(parameter))
			}
		}
		b.WriteByte(')')
	}
	b.WriteString(") ")
	texts.Store(key, b.String())
	return b.String()
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}
