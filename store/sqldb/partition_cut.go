package sqldb

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// maxIdentifier is how many bytes of a name PostgreSQL keeps.
	maxIdentifier = 63
	// forgetTimeout bounds the clean-up behind a cut that failed.
	forgetTimeout = 30 * time.Second
	// swapTimeout bounds each statement of a swap, all of which are matters of names.
	swapTimeout = 5 * time.Second
)

// cut makes a table the first partition of one that has its name. The bound is proved
// by a constraint that is checked while others write, so that the change itself is a
// matter of names. Where it fails the constraint is taken away: it would refuse what is
// written after the bound.
func (c *cutter) cut(ctx context.Context, table string) (err error) {
	bound := monthOf(c.Now.Add(cutMargin)).AddDate(0, 1, 0)
	check := cutCheck(table)
	defer func() {
		if err != nil {
			err = errors.Join(err, c.forget(ctx, table))
		}
	}()
	for _, statements := range [][]string{
		{dropCheck(table), "ALTER TABLE " + table + " ADD CONSTRAINT " + check + " CHECK (created_at < " + micros(bound) + ") NOT VALID"},
		{"ALTER TABLE " + table + " VALIDATE CONSTRAINT " + check}, // reads all rows, and holds up nobody
	} {
		if err := c.briefly(ctx, statements); err != nil {
			return err
		}
	}
	statements, err := c.swap(ctx, table, check, bound)
	if err != nil {
		return err
	}
	if err := c.briefly(ctx, statements); err != nil {
		return err
	}
	c.Progress(table, "cut by month; what was there before "+bound.Format(time.DateOnly)+" is "+before(table))
	return nil
}

func cutCheck(table string) string { return table + "_cut" }

func dropCheck(table string) string {
	return "ALTER TABLE IF EXISTS " + table + " DROP CONSTRAINT IF EXISTS " + cutCheck(table)
}

// forget takes the constraint of a cut that failed away, on a connection of its own: the
// caller may have given up, and the cutter's connection be lost.
func (c *cutter) forget(ctx context.Context, table string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, c.conn.Config())
	if err == nil {
		err = (&cutter{c.Months, conn, cutTries}).briefly(ctx, []string{dropCheck(table)})
		err = errors.Join(err, conn.Close(ctx))
	}
	if err != nil {
		return fmt.Errorf("constraint %s is left, and refuses rows from the month's end on, until serve looks next (it does at its start): %w", cutCheck(table), err)
	}
	return nil
}

// leftovers are the tables that have the constraint of a cut.
func leftovers(ctx context.Context, q Querier, tables []string) (found []string, err error) {
	const text = `SELECT c.relname FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
		WHERE c.relkind = 'r' AND k.conname = c.relname || '_cut' AND pg_table_is_visible(c.oid)`
	err = q.Query(ctx, text, nil, func(scan func(...any) error) error {
		var table string
		err := scan(&table)
		if slices.Contains(tables, table) {
			found = append(found, table)
		}
		return err
	})
	return found, err
}

func before(table string) string { return table + "_before" }

func micros(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

// tableIndex is an index as PostgreSQL writes it.
type tableIndex struct {
	name, definition, key string // key is the constraint's text of a primary key
	unique, timed         bool   // timed: created_at is in it
	valid                 bool
}

// swap are the statements that give a table's name to a new one, of which it is a
// partition. Indexes keep their names on the new table; PostgreSQL finds that those of
// the partition are the same.
func (c *cutter) swap(ctx context.Context, table, check string, bound time.Time) ([]string, error) {
	indexes, err := c.indexes(ctx, table)
	if err != nil {
		return nil, err
	}
	for _, index := range indexes {
		switch {
		case !index.valid: // a partition's would be made anew while everybody waits
			return nil, fmt.Errorf("its index %s is not valid: its making broke off (hint: REINDEX INDEX CONCURRENTLY, or DROP INDEX)", index.name)
		case index.unique && !index.timed && !c.own(table, index.definition):
			return nil, fmt.Errorf("its index %s is unique without created_at, which no index of all partitions can be (hint: drop it)", index.name)
		}
	}
	grants, err := c.strings(ctx, `SELECT 'GRANT ' || a.privilege_type || ' ON `+table+` TO ' ||
		CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END
		FROM pg_class t, aclexplode(t.relacl) a WHERE t.oid = CAST($1 AS regclass) AND a.grantee <> t.relowner`, table)
	if err != nil {
		return nil, err
	}
	first := before(table)
	statements := []string{"SET LOCAL statement_timeout = " + milliseconds(swapTimeout), "ALTER TABLE " + table + " RENAME TO " + first}
	for _, index := range indexes {
		statements = append(statements, "ALTER INDEX "+pgx.Identifier{index.name}.Sanitize()+" RENAME TO "+pgx.Identifier{suffixed(index.name, "_before")}.Sanitize())
	}
	statements = append(statements,
		"CREATE TABLE "+table+" (LIKE "+first+" INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) PARTITION BY RANGE (created_at)",
		"ALTER TABLE "+table+" DROP CONSTRAINT "+check)
	for _, index := range indexes {
		switch {
		case index.key != "":
			statements = append(statements, "ALTER TABLE "+table+" ADD CONSTRAINT "+pgx.Identifier{index.name}.Sanitize()+" "+index.key)
		case index.unique && !index.timed: // each partition has its own
		default:
			statements = append(statements, index.definition)
		}
	}
	statements = append(statements,
		"ALTER TABLE "+table+" ATTACH PARTITION "+first+" FOR VALUES FROM (MINVALUE) TO ("+micros(bound)+")",
		"ALTER TABLE "+first+" DROP CONSTRAINT "+check)
	statements = append(statements, c.alone(table, table+"_other")...)
	statements = append(statements, "ALTER TABLE "+table+" ATTACH PARTITION "+table+"_other DEFAULT")
	return append(statements, grants...), nil
}

// own reports whether each partition gets a unique index of its own like this one.
func (c *cutter) own(table, definition string) bool {
	return slices.ContainsFunc(c.Unique[table], func(unique string) bool {
		columns, _, _ := strings.Cut(unique, " WHERE ")
		return strings.Contains(definition, columns)
	})
}

func suffixed(name, suffix string) string {
	return name[:min(len(name), maxIdentifier-len(suffix))] + suffix
}

func (c *cutter) indexes(ctx context.Context, table string) ([]tableIndex, error) {
	const text = `SELECT x.relname, pg_get_indexdef(i.indexrelid), COALESCE(pg_get_constraintdef(k.oid), ''), i.indisunique, i.indisvalid,
		EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = 'created_at' AND a.attnum = ANY (i.indkey))
		FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u')
		WHERE i.indrelid = CAST($1 AS regclass) ORDER BY 1`
	rows, err := c.conn.Query(ctx, text, table)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(row pgx.CollectableRow) (index tableIndex, err error) {
		err = row.Scan(&index.name, &index.definition, &index.key, &index.unique, &index.valid, &index.timed)
		return index, err
	})
}

// alone makes a table like another one, to be attached to it. Its indexes come with
// that, but for those that are each partition's own.
func (c *cutter) alone(table, name string) []string {
	statements := []string{"CREATE TABLE " + name + " (LIKE " + table + " INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)"}
	for _, unique := range c.Unique[table] {
		statements = append(statements, "CREATE UNIQUE INDEX ON "+name+" "+unique)
	}
	return statements
}

// extend makes the partitions of the months up to the last one, and returns how many.
func (c *cutter) extend(ctx context.Context, table string) (made int, err error) {
	from, cut, err := upTo(ctx, c.querier(), table)
	if err != nil {
		return 0, err
	}
	if !cut {
		return 0, errors.New("it has no partition that ends")
	}
	const columns = `SELECT quote_ident(attname) FROM pg_attribute WHERE attrelid = CAST($1 AS regclass) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`
	names, err := c.strings(ctx, columns, table)
	if err != nil {
		return 0, err
	}
	all := strings.Join(names, ", ")
	for from.Before(c.last()) {
		until := monthOf(from).AddDate(0, 1, 0)
		name := table + "_" + from.Format("2006_01")
		// Rows of a month that came before its partition lie in that of all others.
		other := table + "_other"
		in := "created_at >= " + micros(from) + " AND created_at < " + micros(until)
		statements := append(c.alone(table, name),
			"LOCK TABLE "+other+" IN ACCESS EXCLUSIVE MODE",
			"WITH gone AS (DELETE FROM "+other+" WHERE "+in+" RETURNING "+all+") INSERT INTO "+name+" ("+all+") SELECT "+all+" FROM gone",
			"ALTER TABLE "+table+" ATTACH PARTITION "+name+" FOR VALUES FROM ("+micros(from)+") TO ("+micros(until)+")")
		if err := c.briefly(ctx, statements); err != nil {
			return made, err
		}
		made++
		c.Progress(table, "has a partition "+name)
		from = until
	}
	return made, nil
}

// indexesOf rewrites the statements of a migration that make or drop an index of a
// table that is cut, one after the other without holding up anybody, which PostgreSQL
// does not do for a table with partitions: each partition's index is made so, and the
// table's own is then a matter of names.
func indexesOf(text []byte, leaves map[string][]string) []byte {
	if len(leaves) == 0 {
		return text
	}
	text = cutIndex.ReplaceAllFunc(text, func(line []byte) []byte {
		part := cutIndex.FindSubmatch(line)
		unique, name, table, rest := string(part[1]), string(part[2]), string(part[3]), string(part[4])
		of, is := leaves[table]
		if !is {
			return line
		}
		var b strings.Builder
		for _, leaf := range of {
			index := suffixed(leaf+"_"+strings.TrimPrefix(name, table+"_"), "")
			fmt.Fprintf(&b, dropBroken, index)
			fmt.Fprintf(&b, "CREATE %sINDEX CONCURRENTLY IF NOT EXISTS %s ON %s %s;\n", unique, index, leaf, rest)
		}
		if unique == "" || strings.Contains(rest, "created_at") {
			fmt.Fprintf(&b, "CREATE %sINDEX IF NOT EXISTS %s ON %s %s;", unique, name, table, rest)
		}
		return []byte(b.String())
	})
	return dropIndex.ReplaceAllFunc(text, func(line []byte) []byte {
		name := string(dropIndex.FindSubmatch(line)[1])
		for table := range leaves {
			if strings.HasPrefix(name, table+"_") {
				return []byte("DROP INDEX IF EXISTS " + name + ";")
			}
		}
		return line
	})
}

var (
	cutIndex  = regexp.MustCompile(`(?m)^CREATE (UNIQUE )?INDEX CONCURRENTLY (?:IF NOT EXISTS )?(\w+) ON (\w+) (.*);$`)
	dropIndex = regexp.MustCompile(`(?m)^DROP INDEX CONCURRENTLY (?:IF EXISTS )?(\w+);$`)
)

// dropBroken drops what is left of an index whose making broke off.
const dropBroken = `-- +goose StatementBegin
DO $$ BEGIN
    IF EXISTS (SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid AND pg_table_is_visible(c.oid) AND c.relname = '%[1]s') THEN
        DROP INDEX %[1]s;
    END IF;
END $$;
-- +goose StatementEnd
`
