package sqldb

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// shardColumn is by which Citus spreads rows: a statement that says one value of
// it goes to one shard.
const shardColumn = "merchant_id"

// byMerchant returns the statements that do on Citus what this one does
// elsewhere: one for each merchant of its list, in the order in which they first
// appear, so that rows are locked in the order of the list.
func (s Statement) byMerchant() []Statement {
	if s.list == nil {
		return []Statement{s}
	}
	at := s.list.shardAt()
	if at < 0 {
		return s.values()
	}
	var groups [][][]any
	place := make(map[any]int, 1)
	for _, row := range s.list.rows {
		n, known := place[row[at]]
		if !known {
			n = len(groups)
			place[row[at]] = n
			groups = append(groups, nil)
		}
		groups[n] = append(groups[n], row)
	}
	if len(groups) == 1 && s.list.into != "" {
		return s.values()
	}
	var out []Statement
	for _, rows := range groups {
		for _, piece := range pieces(rows) {
			out = append(out, s.list.of(at, piece))
		}
	}
	return out
}

// shardAt is which value of a row is the merchant, -1 where none is.
func (l *list) shardAt() int {
	if l.into == "" {
		return l.columns.shard
	}
	if at, known := shardsAt.Load(l.into); known {
		return at.(int)
	}
	_, names, _ := strings.Cut(l.into, "(")
	names, _, _ = strings.Cut(names, ")")
	at := slices.Index(strings.Fields(strings.ReplaceAll(names, ",", " ")), shardColumn)
	shardsAt.Store(l.into, at)
	return at
}

// shardsAt keeps what shardAt found in the head of an INSERT.
var shardsAt sync.Map

// of makes the statement for rows of one merchant.
func (l *list) of(at int, rows [][]any) Statement {
	if l.into != "" {
		return Statement{SQL: insertText(l.into, l.width, len(rows), l.behind), Args: flatten(rows, l.width)}
	}
	args := make([]any, 1, 1+len(rows)*(len(l.columns.kinds)-1))
	args[0] = rows[0][at]
	for _, row := range rows {
		args = append(append(args, row[:at]...), row[at+1:]...)
	}
	return Statement{SQL: shardText(l.columns, len(rows)) + l.body, Args: args}
}

// shardText is withText for rows of one merchant: "WITH v (n, merchant_id, id) AS
// NOT MATERIALIZED (SELECT w.n, CAST($1 AS TEXT), w.id FROM (VALUES (CAST($2 AS
// BIGINT), CAST($3 AS TEXT)), ($4, $5)) w (n, id)) ". The planner sees the one
// value through it in whatever is joined on merchant_id, and so Citus the shard.
func shardText(columns Columns, rows int) string {
	key := textKey{base: columns.definition, rows: rows, behind: "of one merchant"}
	if text, ok := texts.Load(key); ok {
		return text.(string)
	}
	names := strings.Split(columns.names, ", ")
	chosen := make([]string, len(names))
	for n, name := range names {
		chosen[n] = "w." + name
	}
	chosen[columns.shard] = "CAST($1 AS " + columns.kinds[columns.shard] + ")"
	var b strings.Builder
	b.WriteString("WITH v (" + columns.names + ") AS NOT MATERIALIZED (SELECT " + strings.Join(chosen, ", "))
	if len(names) > 1 {
		b.WriteString(" FROM (VALUES ")
		writeValues(&b, slices.Delete(slices.Clone(columns.kinds), columns.shard, columns.shard+1), rows, 1)
		b.WriteString(") w (" + strings.Join(slices.Delete(names, columns.shard, columns.shard+1), ", ") + ")")
	}
	b.WriteString(") ")
	texts.Store(key, b.String())
	return b.String()
}

// writeValues writes rows of parameters behind the first ones: "(CAST($2 AS
// BIGINT), CAST($3 AS TEXT)), ($4, $5)". Types are told in the first row; the
// others follow it.
func writeValues(b *strings.Builder, kinds []string, rows, parameter int) {
	for row := range rows {
		if row > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		for n, kind := range kinds {
			if n > 0 {
				b.WriteString(", ")
			}
			parameter++
			if row == 0 {
				b.WriteString("CAST($" + strconv.Itoa(parameter) + " AS " + kind + ")")
			} else {
				b.WriteString("$" + strconv.Itoa(parameter))
			}
		}
		b.WriteByte(')')
	}
}
