package sqldb

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	// maxRows is the most rows of one VALUES: none has too many parameters.
	maxRows = 64
	// maxExactRows is the most rows of which every number has a statement of its own;
	// above, it is their multiples. So a list becomes few statements, and there
	// are few texts, each of which stays prepared.
	maxExactRows = 8
)

// Columns are the columns of a list of values, with their types.
type Columns struct {
	definition string // "id TEXT, amount BIGINT"
	names      string // "id, amount"
	kinds      []string
	shard      int // which of them is merchant_id, -1 where none is
}

// NewColumns makes them of a name and a type each: "id TEXT", "amount BIGINT".
// The types are BIGINT, TEXT and BOOLEAN.
func NewColumns(columns ...string) Columns {
	names, kinds := make([]string, len(columns)), make([]string, len(columns))
	for n, column := range columns {
		names[n], kinds[n], _ = strings.Cut(column, " ")
	}
	return Columns{
		definition: strings.Join(columns, ", "), names: strings.Join(names, ", "), kinds: kinds,
		shard: slices.Index(names, shardColumn),
	}
}

// Width is how many values a row has.
func (c Columns) Width() int { return len(c.kinds) }

// InsertRows makes the statement that inserts rows, none for no rows. into is
// "INSERT INTO table (a, b) VALUES" and behind what follows the values.
// Values are bound straight into the columns, so bytes may be among them.
func InsertRows(into string, width int, rows [][]any, behind string) []Statement {
	if len(rows) == 0 {
		return nil
	}
	return []Statement{{list: &list{rows: rows, into: into, width: width, behind: behind}}}
}

// WithValues makes the statement that joins a list of values, none for no rows:
// "WITH v (a, b) AS (VALUES (CAST($1 AS BIGINT), CAST($2 AS TEXT)), ($3, $4)) "
// and then body. Bytes can't be in such a list.
func WithValues(columns Columns, rows [][]any, body string) []Statement {
	if len(rows) == 0 {
		return nil
	}
	return []Statement{{list: &list{rows: rows, columns: columns, body: body}}}
}

// QueryValues runs the statement of WithValues and calls each for every row.
func QueryValues(ctx context.Context, q Querier, columns Columns, rows [][]any, body string, each func(func(...any) error) error) error {
	for _, s := range WithValues(columns, rows, body) {
		if err := QueryStatement(ctx, q, s, each); err != nil {
			return err
		}
	}
	return nil
}

// Sent runs statements and returns how many rows they touched together.
func Sent(ctx context.Context, q Querier, statements []Statement) (touched int64, err error) {
	counts, err := q.Send(ctx, statements)
	for _, count := range counts {
		touched += count
	}
	return touched, err
}

// pieces cuts a list: whole pieces, then what is left down to a multiple of
// maxExactRows, then the rest.
func pieces(rows [][]any) [][][]any {
	var out [][][]any
	for len(rows) > 0 {
		size := min(len(rows), maxRows)
		if size > maxExactRows {
			size -= size % maxExactRows
		}
		out = append(out, rows[:size])
		rows = rows[size:]
	}
	return out
}

const unevenRow = "sqldb: a row has not as many values as its statement has columns"

func flatten(rows [][]any, width int) []any {
	args := make([]any, 0, len(rows)*width)
	for _, row := range rows {
		if len(row) != width {
			panic(unevenRow)
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
			if n == 0 {
				b.WriteString("($")
			} else {
				b.WriteString(", $")
			}
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

func withText(columns Columns, rows int) string {
	key := textKey{base: columns.definition, rows: rows}
	if text, ok := texts.Load(key); ok {
		return text.(string)
	}
	var b strings.Builder
	b.WriteString("WITH v (" + columns.names + ") AS (VALUES ")
	writeValues(&b, columns.kinds, rows, 0)
	b.WriteString(") ")
	texts.Store(key, b.String())
	return b.String()
}
