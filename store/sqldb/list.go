package sqldb

import (
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"
)

// maxArrayRows is the most rows of one statement on PostgreSQL: it bounds what one
// message holds, and a batch of the intake is still one.
const maxArrayRows = 1024

// list is a list of rows, until it is known which engine it goes to: SQLite is
// sent VALUES, PostgreSQL an array for each column, and Citus VALUES of one merchant. An array's text is the same
// for any number of rows, so that each statement is prepared once and has one
// plan, and has as many parameters as it has columns.
type list struct {
	rows [][]any
	// columns and body are those of WithValues; into, width and behind those of
	// InsertRows.
	columns      Columns
	body         string
	into, behind string
	width        int
}

// values are the statements of a list as VALUES; a statement without a list is
// itself.
func (s Statement) values() []Statement {
	l := s.list
	if l == nil {
		return []Statement{s}
	}
	var out []Statement
	for _, piece := range pieces(l.rows) {
		if l.into != "" {
			out = append(out, Statement{SQL: insertText(l.into, l.width, len(piece), l.behind), Args: flatten(piece, l.width)})
		} else {
			out = append(out, Statement{SQL: withText(l.columns, len(piece)) + l.body, Args: flatten(piece, l.columns.Width())})
		}
	}
	return out
}

// arrays are the statements of a list as arrays. A list with values of a kind
// that has no array here goes as VALUES.
func (s Statement) arrays() []Statement {
	l := s.list
	if l == nil {
		return []Statement{s}
	}
	var out []Statement
	for rows := l.rows; len(rows) > 0; {
		piece := rows[:min(len(rows), maxArrayRows)]
		rows = rows[len(piece):]
		if l.into == "" {
			out = append(out, Statement{SQL: withArrays(l.columns) + l.body, Args: columnsOf(piece, l.columns.Width())})
			continue
		}
		kinds, known := kindsOf(piece, l.width)
		if !known {
			return s.values()
		}
		args := columnsOf(piece, l.width)
		present := args[:0]
		for n, kind := range []byte(kinds) {
			if kind != kindNull {
				present = append(present, args[n])
			}
		}
		out = append(out, Statement{SQL: insertArrays(l.into, kinds, l.behind), Args: present})
	}
	return out
}

// The kinds of values, as letters of a text that stands for a row.
const (
	kindNull   = '-'
	kindBigint = 'i'
	kindText   = 't'
	kindBytes  = 'b'
	kindTruth  = 'o'
)

var arrayOf = map[byte]string{kindBigint: "BIGINT[]", kindText: "TEXT[]", kindBytes: "BYTEA[]", kindTruth: "BOOLEAN[]"}

// kindsOf finds the kind of each column by its values; kindNull where all are nil.
func kindsOf(rows [][]any, width int) (kinds string, known bool) {
	out := make([]byte, width)
	for n := range out {
		out[n] = kindNull
		for _, row := range rows {
			if len(row) != width {
				panic(unevenRow)
			}
			if row[n] == nil {
				continue
			}
			switch row[n].(type) {
			case string:
				out[n] = kindText
			case int64, int, int32:
				out[n] = kindBigint
			case bool:
				out[n] = kindTruth
			case []byte:
				out[n] = kindBytes
			default:
				return "", false
			}
			break
		}
	}
	return string(out), true
}

// column is one column of a list of rows. It implements pgtype.ArrayGetter.
type column struct {
	rows [][]any
	at   int
}

var _ pgtype.ArrayGetter = column{}

// Dimensions implements pgtype.ArrayGetter.
func (c column) Dimensions() []pgtype.ArrayDimension {
	return []pgtype.ArrayDimension{{Length: int32(len(c.rows)), LowerBound: 1}} //nolint:gosec // at most maxArrayRows
}

// Index implements pgtype.ArrayGetter.
func (c column) Index(i int) any { return c.rows[i][c.at] }

// IndexType implements pgtype.ArrayGetter. Each element's type is found by itself.
func (c column) IndexType() any { return nil }

func columnsOf(rows [][]any, width int) []any {
	for _, row := range rows {
		if len(row) != width {
			panic(unevenRow)
		}
	}
	args := make([]any, width)
	for n := range args {
		args[n] = column{rows, n}
	}
	return args
}

// withArrays is "WITH v (n, id) AS (SELECT u.n, u.id FROM unnest(CAST($1 AS
// BIGINT[]), CAST($2 AS TEXT[])) u (n, id)) ".
func withArrays(columns Columns) string {
	key := textKey{base: columns.definition, behind: "arrays"}
	if text, ok := texts.Load(key); ok {
		return text.(string)
	}
	arrays := make([]string, len(columns.kinds))
	for n, kind := range columns.kinds {
		arrays[n] = "CAST($" + strconv.Itoa(n+1) + " AS " + kind + "[])"
	}
	chosen := "u." + strings.ReplaceAll(columns.names, ", ", ", u.")
	text := "WITH v (" + columns.names + ") AS (SELECT " + chosen + " FROM unnest(" + strings.Join(arrays, ", ") + ") u (" + columns.names + ")) "
	texts.Store(key, text)
	return text
}

// insertArrays is "INSERT INTO t (a, b, c) SELECT v.a, NULL, v.b FROM unnest(CAST($1
// AS BIGINT[]), CAST($2 AS TEXT[])) v (a, b)". A column of nothing but NULL has no
// array: its type is not known here.
func insertArrays(into, kinds, behind string) string {
	key := textKey{base: into + kinds, behind: behind}
	if text, ok := texts.Load(key); ok {
		return text.(string)
	}
	var chosen, arrays, names []string
	for _, kind := range []byte(kinds) {
		if kind == kindNull {
			chosen = append(chosen, "NULL")
			continue
		}
		name := "c" + strconv.Itoa(len(arrays)+1)
		arrays = append(arrays, "CAST($"+strconv.Itoa(len(arrays)+1)+" AS "+arrayOf[kind]+")")
		chosen, names = append(chosen, "v."+name), append(names, name)
	}
	text := strings.TrimSuffix(into, "VALUES") + "SELECT " + strings.Join(chosen, ", ") +
		" FROM unnest(" + strings.Join(arrays, ", ") + ") v (" + strings.Join(names, ", ") + ")"
	if behind != "" {
		text += " " + behind
	}
	texts.Store(key, text)
	return text
}

// QueryStatement runs one statement, which may have a list of rows, and calls each
// for every row that comes back.
func QueryStatement(ctx context.Context, q Querier, s Statement, each func(func(...any) error) error) error {
	for _, one := range q.parts(s) {
		if err := q.Query(ctx, one.SQL, one.Args, each); err != nil {
			return err
		}
	}
	return nil
}

// partsOf returns the parts of statements, and for each of which it is one.
func partsOf(statements []Statement, parts func(Statement) []Statement) (all []Statement, of []int) {
	for n, s := range statements {
		for _, part := range parts(s) {
			all, of = append(all, part), append(of, n)
		}
	}
	return all, of
}

// sendParts sends the parts of statements and returns the rows that each statement
// touched.
func sendParts(statements []Statement, parts func(Statement) []Statement, send func([]Statement) ([]int64, error)) ([]int64, error) {
	all, of := partsOf(statements, parts)
	counts, err := send(all)
	if err != nil {
		return nil, err
	}
	touched := make([]int64, len(statements))
	for n, count := range counts {
		touched[of[n]] += count
	}
	return touched, nil
}
