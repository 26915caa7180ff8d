package sqldb

import "testing"

func TestALimitThatIsAnArgumentIsHiddenFromSQLite(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT a FROM t ORDER BY a LIMIT $2":           "SELECT a FROM t ORDER BY a LIMIT $2+0",
		"SELECT a FROM t LIMIT ? OFFSET ?":              "SELECT a FROM t LIMIT ?+0 OFFSET ?+0",
		"SELECT a FROM (SELECT a FROM t LIMIT $12) n":   "SELECT a FROM (SELECT a FROM t LIMIT $12+0) n",
		"SELECT a FROM t LIMIT 2":                       "SELECT a FROM t LIMIT 2",
		"SELECT a, delimit FROM t WHERE offset_of = $1": "SELECT a, delimit FROM t WHERE offset_of = $1",
	} {
		if got := kept(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

// With a limit that is an argument, each run would parse the statement anew.
func BenchmarkAStatementWithALimit(b *testing.B) {
	n := newNotebook(b)
	for i := 0; b.Loop(); i++ {
		err := n.db.read(b.Context(), func(q Querier) error {
			return q.Query(b.Context(), "SELECT note FROM notes ORDER BY note LIMIT $1", []any{int64(i%7 + 1)}, func(scan func(...any) error) error { return scan(new(string)) })
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
