package sqldb

import (
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgtype"
)

func TestOneTextServesListsOfAnyLengthAsArrays(t *testing.T) {
	columns := NewColumns("n BIGINT", "id TEXT")
	rows := func(count int) (rows [][]any) {
		for n := range count {
			rows = append(rows, []any{int64(n), "id"})
		}
		return rows
	}
	texts := make(map[string]bool)
	for _, count := range []int{1, 2, 9, 65, maxArrayRows} {
		for _, one := range WithValues(columns, rows(count), "SELECT v.id FROM v")[0].arrays() {
			texts[one.SQL] = true
			if len(one.Args) != 2 {
				t.Errorf("%d rows have %d parameters, want one for each column", count, len(one.Args))
			}
		}
	}
	if len(texts) != 1 {
		t.Errorf("lists of several lengths have %d texts: %v", len(texts), texts)
	}
	parts := WithValues(columns, rows(maxArrayRows+1), "SELECT v.id FROM v")[0].arrays()
	if len(parts) != 2 || parts[1].Args[0].(column).Dimensions()[0] != (pgtype.ArrayDimension{Length: 1, LowerBound: 1}) || parts[1].Args[0].(column).Index(0) != int64(maxArrayRows) {
		t.Errorf("one row more than a statement has goes as %d parts: %v", len(parts), parts)
	}
}

func TestRowsAreInsertedAsArraysOfTheirKinds(t *testing.T) {
	const into = "INSERT INTO t (a, b, c, d, e) VALUES"
	rows := [][]any{{nil, "x", nil, true, []byte{1}}, {int64(1), "y", nil, false, nil}}
	one := InsertRows(into, 5, rows, "ON CONFLICT DO NOTHING")[0].arrays()[0]
	const want = "INSERT INTO t (a, b, c, d, e) SELECT v.c1, v.c2, NULL, v.c3, v.c4 FROM unnest(CAST($1 AS BIGINT[]), CAST($2 AS TEXT[]), " +
		"CAST($3 AS BOOLEAN[]), CAST($4 AS BYTEA[])) v (c1, c2, c3, c4) ON CONFLICT DO NOTHING"
	if one.SQL != want {
		t.Errorf("the text is\n%s\nwant\n%s", one.SQL, want)
	}
	var first []any
	for _, arg := range one.Args {
		first = append(first, arg.(column).Index(0))
	}
	if len(first) != 4 || first[0] != nil || first[1] != "x" || first[2] != true {
		t.Errorf("the first row is %v", first)
	}
	// What has no array here still goes.
	odd := InsertRows(into, 5, [][]any{{1.5, "x", nil, true, nil}}, "")[0].arrays()
	if len(odd) != 1 || !strings.Contains(odd[0].SQL, "VALUES ($1, $2, $3, $4, $5)") || len(odd[0].Args) != 5 {
		t.Errorf("a value of another kind goes as %v", odd)
	}
}

func TestWhatPartsTouchedIsCountedForTheirStatement(t *testing.T) {
	columns := NewColumns("id TEXT")
	var rows [][]any
	for range maxRows + maxExactRows + 3 {
		rows = append(rows, []any{"id"})
	}
	statements := append(WithValues(columns, rows, "DELETE FROM t WHERE id IN (SELECT v.id FROM v)"), Statement{SQL: "DELETE FROM u"})
	counts, err := sendParts(statements, Statement.values, func(parts []Statement) (counts []int64, err error) {
		for _, part := range parts {
			counts = append(counts, int64(len(part.Args)))
		}
		counts[len(counts)-1] = 7
		return counts, nil
	})
	if err != nil || !slices.Equal(counts, []int64{int64(len(rows)), 7}) {
		t.Errorf("touched %v, %v", counts, err)
	}
}
