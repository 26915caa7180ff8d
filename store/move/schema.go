package move

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/refundry/refundry/store/sqldb"
)

// left are the tables that are not copied, each for its reason. Every other table of
// the schema is, so that a new one can't be forgotten.
var left = map[string]string{
	"goose_db_version": "each database has its own, made by its migrations",
	"moves":            "each database has its own: it says where that one stands",
	"move_pieces":      "what has been copied into this database",
	"probes":           "what a process writes to find out whether the database takes writes; nobody reads it",
}

// guarded are tables that are not copied and take no writes either while a database rests.
var guarded = []string{"probes"}

// seeded are the tables into which the migrations themselves put rows, so that an empty
// database has some.
var seeded = []string{"live_audits"}

// Left returns why a table is not copied, "" for one that is.
func Left(name string) string { return left[name] }

// table is a table that is copied.
type table struct {
	name    string
	columns []sqldb.Column
	names   []string // of the columns
	keys    []int    // the key's columns, by their place in columns
	// known are the key's columns as a list of values has them.
	known sqldb.Columns
}

func (t *table) keyNames(prefix string) string {
	names := make([]string, len(t.keys))
	for n, at := range t.keys {
		names[n] = prefix + t.names[at]
	}
	return strings.Join(names, ", ")
}

// key are the values of a row's key.
func (t *table) key(row []any) []any {
	key := make([]any, len(t.keys))
	for n, at := range t.keys {
		key[n] = row[at]
	}
	return key
}

// readTables reads the tables to copy of both databases, which must have the same.
func readTables(ctx context.Context, from, to *sqldb.DB) ([]*table, error) {
	names, columns, err := from.Tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("the old database: %w", err)
	}
	others, otherColumns, err := to.Tables(ctx)
	if err != nil {
		return nil, fmt.Errorf("the new database: %w", err)
	}
	if text := differ(names, others); text != "" {
		return nil, fmt.Errorf("the schemas differ: table %s (hint: both must be made by this version of the program)", text)
	}
	var all []*table
	for _, name := range names {
		if left[name] != "" {
			continue
		}
		if text := differ(described(columns[name]), described(otherColumns[name])); text != "" {
			return nil, fmt.Errorf("the schemas of table %s differ: column %s (hint: both must be made by this version of the program)", name, text)
		}
		t, err := newTable(name, columns[name])
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// differ names the first that only one of two sorted lists has.
func differ(old, fresh []string) string {
	for _, one := range old {
		if !slices.Contains(fresh, one) {
			return one + " is in the old database alone"
		}
	}
	for _, one := range fresh {
		if !slices.Contains(old, one) {
			return one + " is in the new database alone"
		}
	}
	return ""
}

// described are columns with their kinds and places in the key. Whether SQLite says
// NOT NULL of a key depends on how it is written.
func described(columns []sqldb.Column) []string {
	out := make([]string, len(columns))
	for n, c := range columns {
		out[n] = fmt.Sprintf("%s %s key %d", c.Name, c.Kind, c.Key)
	}
	return out
}

func newTable(name string, columns []sqldb.Column) (*table, error) {
	t := &table{name: name, columns: columns}
	for n, c := range columns {
		t.names = append(t.names, c.Name)
		if c.Key > 0 {
			t.keys = append(t.keys, n)
		}
	}
	slices.SortFunc(t.keys, func(a, b int) int { return columns[a].Key - columns[b].Key })
	if len(t.keys) == 0 {
		return nil, fmt.Errorf("table %s has no primary key, by which its rows could be copied", name)
	}
	list := make([]string, len(t.keys))
	for n, at := range t.keys {
		list[n] = fmt.Sprintf("k%d %s", n, columns[at].Kind)
	}
	t.known = sqldb.NewColumns(list...)
	return t, nil
}

// joined is the condition by which a list of keys, named v, meets the table.
func (t *table) joined() string {
	parts := make([]string, len(t.keys))
	for n, at := range t.keys {
		parts[n] = fmt.Sprintf("%s.%s = v.k%d", t.name, t.names[at], n)
	}
	return strings.Join(parts, " AND ")
}

// all are the columns, each with the table's name before it.
func (t *table) all() string { return t.name + "." + strings.Join(t.names, ", "+t.name+".") }
