package tidy

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/refundry/refundry/store/migration"
)

func TestSelectStar(t *testing.T) {
	expect(t, SelectStar, []File{source(t, "bench/a.go", `package bench

const a = "SELECT * FROM x"
const b = "select distinct t.* from x t"
const c = "SELECT " + "* FROM x"
const d = "SELECT a, t.* FROM t"
const e = "SELECT count(*) FROM x"
const f = "SELECT a * b FROM x"
`+"const g = `\n\tSELECT\n\t\t* FROM x`\n")},
		"bench/a.go:3", "bench/a.go:4", "bench/a.go:5", "bench/a.go:6", "bench/a.go:9")
}

func TestMerchantID(t *testing.T) {
	tests := []struct {
		name   string
		body   string
		broken bool
	}{
		{"a statement that names the merchant", `q("SELECT id FROM charges WHERE merchant_id = $1")`, false},
		{"a statement that does not", `q("SELECT id FROM charges WHERE id = $1")`, true},
		{"selecting the column is not enough", `q("SELECT merchant_id FROM charges WHERE id = $1")`, true},
		{"returning the column is not enough", `q("UPDATE refunds SET state = 1 WHERE id = $1 RETURNING merchant_id")`, true},
		{"an insert of unknown columns", `q("INSERT INTO transfers (" + columns() + ") VALUES ($1)")`, true},
		{"an insert of known columns", `q("INSERT INTO transfers (" + transferColumns + ") VALUES ($1)")`, false},
		{"an insert of a list of columns", `q("INSERT INTO transfers (" + strings.Join(columnList, ", ") + ") VALUES ($1)")`, false},
		{"a deletion", `q("DELETE FROM deliveries")`, true},
		{"a join", `q("SELECT 1 FROM merchants m JOIN events e ON e.id = m.id")`, true},
		{"a list of tables", `q("SELECT 1 FROM v x, attempts a WHERE a.id = x.id")`, true},
		{"one of two statements", `q("DELETE FROM events WHERE merchant_id = $1; DELETE FROM charges")`, true},
		{"another table", `q("SELECT id FROM sandbox_refunds WHERE account = $1")`, false},
		{"a format", `q(fmt.Sprintf("SELECT id FROM charges WHERE %s", where))`, false},
		{"a format without", `q(fmt.Sprintf("SELECT id FROM charges WHERE %s", "id = $1"))`, true},
		{"a constant with its condition", `q(selectCharge + where)`, false},
		{"a constant alone", `q(selectCharge)`, true},
		{"a text that grows", `s := "SELECT id FROM charges"; s += " WHERE merchant_id = $1"; q(s)`, false},
		{"a text that grows without", `s := "SELECT id FROM charges"; s += " WHERE id = $1"; q(s)`, true},
		{"a builder", `var b strings.Builder; b.WriteString("DELETE FROM events"); b.WriteString(where); q(b.String())`, false},
		{"a builder without", `var b strings.Builder; b.WriteString("DELETE FROM events"); fmt.Fprintf(&b, " x"); q(b.String())`, true},
		{"small letters", `q("delete from events where id = $1")`, true},
		{"an error text", `q("update refunds: not found")`, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			declared := source(t, "store/declared.go", `package store

const where = " WHERE merchant_id = $1"
const selectCharge = "SELECT " + "id FROM charges"
const transferColumns = "merchant_id, id"

var columnList = []string{"merchant_id", "id"}
`)
			used := source(t, "store/used.go", "package store\n\nfunc f() {\n"+test.body+"\n}\n")
			var want []string
			if test.broken {
				want = []string{"store/used.go:4"}
			}
			expect(t, firstPerLine(MerchantID), []File{declared, used}, want...)
		})
	}
}

// firstPerLine keeps one finding a line: a text that grows is judged at each use.
func firstPerLine(rule Rule) Rule {
	return func(files []File) []Finding {
		return slices.CompactFunc(rule(files), func(a, b Finding) bool { return a.File == b.File && a.Line == b.Line })
	}
}

func TestMerchantIDLeavesOutWhatReadsAcross(t *testing.T) {
	const text = "package store\n\nvar a = []string{\"SELECT id FROM charges\"}\n"
	expect(t, MerchantID, []File{
		source(t, "store/due.go", text),
		source(t, "store/verify/ledger.go", text),
		source(t, "channel/acme/verify.go", text),
		source(t, "store/migration/a.go", text),
		source(t, "store/charge_test.go", text),
		source(t, "store/storetest/suite.go", text),
		source(t, "engine/a.go", text),
		source(t, "store/charge.go", text),
		source(t, "channel/acme/tables.go", text),
	}, "store/charge.go:3", "channel/acme/tables.go:3")
}

// TestMerchantTablesExist keeps the list honest when a table is renamed.
func TestMerchantTablesExist(t *testing.T) {
	names, err := fs.Glob(migration.Files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatal("no migrations", err)
	}
	var all strings.Builder
	for _, name := range names {
		text, err := migration.Files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	for _, table := range merchantTables {
		if !strings.Contains(all.String(), "CREATE TABLE "+table+" (") {
			t.Errorf("no migration creates %s", table)
		}
	}
}
