package sqldb

import (
	"slices"
	"strings"
	"testing"
)

func textsOf(statements []Statement) []string {
	out := make([]string, len(statements))
	for n, s := range statements {
		out[n] = s.SQL
	}
	return out
}

// Of a list that names two merchants, Citus gets one statement for each, in which
// the merchant is one value, so that it goes to one server.
func TestListsAreSplitByMerchant(t *testing.T) {
	columns := NewColumns("n BIGINT", "merchant_id TEXT", "id TEXT")
	whole := WithValues(columns, [][]any{{int64(1), "b", "x"}, {int64(2), "a", "y"}, {int64(3), "b", "z"}}, "SELECT v.id FROM v")
	if len(whole) != 1 {
		t.Fatalf("got %d statements", len(whole))
	}
	split, of := partsOf(append(whole, Statement{SQL: "SELECT 1"}), Statement.byMerchant)
	want := []string{
		"WITH v (n, merchant_id, id) AS NOT MATERIALIZED (SELECT w.n, CAST($1 AS TEXT), w.id FROM (VALUES (CAST($2 AS BIGINT), CAST($3 AS TEXT)), ($4, $5)) w (n, id)) SELECT v.id FROM v",
		"WITH v (n, merchant_id, id) AS NOT MATERIALIZED (SELECT w.n, CAST($1 AS TEXT), w.id FROM (VALUES (CAST($2 AS BIGINT), CAST($3 AS TEXT))) w (n, id)) SELECT v.id FROM v",
		"SELECT 1",
	}
	if got := textsOf(split); !slices.Equal(got, want) || !slices.Equal(of, []int{0, 0, 1}) {
		t.Fatalf("got %v\n%s", of, strings.Join(got, "\n"))
	}
	if got := split[0].Args; !slices.Equal(got, []any{"b", int64(1), "x", int64(3), "z"}) {
		t.Errorf("the first has %v", got)
	}
}

func TestInsertedRowsAreSplitByMerchant(t *testing.T) {
	whole := InsertRows("INSERT INTO t (id, merchant_id) VALUES", 2, [][]any{{"x", "a"}, {"y", "b"}, {"z", "a"}}, "ON CONFLICT DO NOTHING")
	split, of := partsOf(whole, Statement.byMerchant)
	want := []string{"INSERT INTO t (id, merchant_id) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING", "INSERT INTO t (id, merchant_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"}
	if got := textsOf(split); !slices.Equal(got, want) || !slices.Equal(of, []int{0, 0}) {
		t.Fatalf("got %v\n%s", of, strings.Join(got, "\n"))
	}
	if got := split[0].Args; !slices.Equal(got, []any{"x", "a", "z", "a"}) {
		t.Errorf("the first has %v", got)
	}
}

// What has no merchant stays as it is, and so does what names only one.
func TestOtherListsAreLeftWhole(t *testing.T) {
	for _, whole := range [][]Statement{
		WithValues(NewColumns("account TEXT"), [][]any{{"a"}, {"b"}}, "SELECT 1 FROM v"),
		InsertRows("INSERT INTO t (id) VALUES", 1, [][]any{{"x"}, {"y"}}, ""),
		InsertRows("INSERT INTO t (merchant_id) VALUES", 1, [][]any{{"x"}, {"x"}}, ""),
	} {
		want, _ := partsOf(whole, Statement.values)
		if split, _ := partsOf(whole, Statement.byMerchant); !slices.Equal(textsOf(split), textsOf(want)) {
			t.Errorf("got %v of %v", textsOf(split), textsOf(want))
		}
	}
}
