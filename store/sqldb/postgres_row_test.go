package sqldb_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/sqldb"
	"github.com/refundry/refundry/store/storetest"
)

// Rows are read the same whether their columns are of the common types or not, and what
// was read of one row stays when the next is read.
func TestColumnsOfAnyTypeAreRead(t *testing.T) {
	db, err := sqldb.Open(t.Context(), storetest.EmptyPostgres(t), sqldb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	long := strings.Repeat("长", 700)
	const common = `SELECT CAST(n AS TEXT), '', CAST(n * -9000000000000000000 AS BIGINT), CASE WHEN n = 1 THEN CAST(7 AS BIGINT) END, CAST($1 AS TEXT), 'é' || n`
	const rows = ` FROM generate_series(0, 1) n`
	read := func(text string, more ...any) (out []string, err error) {
		err = db.Read(t.Context(), func(q sqldb.Querier) error {
			return q.Query(t.Context(), text, []any{long}, func(scan func(...any) error) error {
				var number, empty, big, behind string
				var whole int64
				var absent *int64
				if err := scan(append([]any{&number, &empty, &whole, &absent, &big, &behind}, more...)...); err != nil {
					return err
				}
				seven := "none"
				if absent != nil {
					seven = fmt.Sprint(*absent)
				}
				out = append(out, fmt.Sprint(number, "|", empty, "|", whole, "|", seven, "|", big == long, "|", behind))
				return nil
			})
		})
		return out, err
	}
	want := fmt.Sprint([]string{"0||0|none|true|é0", "1||-9000000000000000000|7|true|é1"})
	if got, err := read(common + rows); err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v %v, want %s", got, err, want)
	}
	var truth bool
	var short int64
	var bytes []byte
	if got, err := read(common+`, true, CAST(5 AS INTEGER), CAST('x' AS BYTEA)`+rows, &truth, &short, &bytes); err != nil || fmt.Sprint(got) != want || !truth || short != 5 || string(bytes) != "x" {
		t.Errorf("with others behind: %v %v %v %d %s, want %s", got, err, truth, short, bytes, want)
	}
	for name, column := range map[string]string{"an absent text": "CAST(NULL AS TEXT)", "a text of letters as a number": "'x'"} {
		var places any = new(string)
		if strings.HasSuffix(name, "number") {
			places = new(int64)
		}
		if got, err := read(common+", "+column+rows, places); err == nil {
			t.Errorf("%s was read: %v", name, got)
		}
	}
}
