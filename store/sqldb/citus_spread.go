package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Spread says what becomes of a program's tables on Citus. A table whose primary
// key begins with merchant_id is spread by it; any other is replicated to all
// servers, as are those in Replicated; those in Coordinator stay where they are.
type Spread struct {
	Tables                  []string
	Replicated, Coordinator []string
	// Progress is called with what was done; may be nil.
	Progress func(table, how string)
}

// spreadLock is the advisory lock under which tables are spread.
const spreadLock = 7_361_520_014

// ErrNoCitus says that a database can't be spread: it has no extension citus, no
// servers to spread to, or is a SQLite file.
var ErrNoCitus = errors.New("the database is not ready for Citus")

// Sharded reports whether the tables are spread over several servers.
func (db *DB) Sharded() bool {
	server, is := db.engine.(*postgresDB)
	return is && server.sharded.Load()
}

// findShards looks whether the database's tables are spread.
func (db *postgresDB) findShards(ctx context.Context) error {
	var has bool
	for _, text := range []string{
		`SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')`,
		`SELECT EXISTS (SELECT 1 FROM pg_dist_partition p WHERE p.partmethod = 'h')`,
	} {
		err := pgPooled{db}.Query(ctx, text, nil, func(scan func(...any) error) error { return scan(&has) })
		if err != nil {
			return fmt.Errorf("ask whether the tables are spread: %w", err)
		}
		if !has {
			break
		}
	}
	db.sharded.Store(has)
	return nil
}

// Spread spreads the tables that are not spread yet. Tables that refer to each
// other are spread in one transaction, so that it can be run again after it broke;
// nobody else may write meanwhile.
func (db *DB) Spread(ctx context.Context, s Spread) error {
	server, is := db.engine.(*postgresDB)
	if !is {
		return fmt.Errorf("%w: it is a SQLite file", ErrNoCitus)
	}
	config := server.pool.Config().ConnConfig
	config.RuntimeParams[pgLockTimeout] = milliseconds(migrationLockWait)
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("spread tables: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgRollbackTimeout)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	w := &spreading{Spread: s, conn: conn}
	if w.Progress == nil {
		w.Progress = func(string, string) {}
	}
	if err := w.run(ctx); err != nil {
		return fmt.Errorf("spread tables: %w", err)
	}
	return server.findShards(ctx)
}

// spreading is a run of Spread.
type spreading struct {
	Spread
	conn   *pgx.Conn
	tables map[string]*spreadTable
	first  string // a table that is spread, beside whose rows those of the others lie
}

// spreadTable is one table: what it is to be, and whether it is.
type spreadTable struct {
	name, how string
	done      bool
	behind    bool // rows are left in the table that it was before
	keys      []foreignKey
}

type foreignKey struct{ name, table, to, definition string }

const (
	spreadByMerchant = "spread by merchant_id"
	spreadReplicated = "replicated"
	spreadStays      = "stays on the coordinator"
)

func (w *spreading) run(ctx context.Context) error {
	if err := w.ready(ctx); err != nil {
		return err
	}
	if _, err := w.conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(spreadLock)); err != nil {
		return err
	}
	for _, read := range []func(context.Context) error{w.readTables, w.readKeys, w.mayBeSpread} {
		if err := read(ctx); err != nil {
			return err
		}
	}
	for _, group := range w.groups() {
		if err := w.spread(ctx, group); err != nil {
			return err
		}
	}
	return w.clear(ctx)
}

// ready reports what an operator has to do before.
func (w *spreading) ready(ctx context.Context) error {
	var extension, coordinator, servers bool
	err := w.conn.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus')`).Scan(&extension)
	if err == nil && !extension {
		return fmt.Errorf("%w: CREATE EXTENSION citus has not been run in it, on the coordinator and on each worker", ErrNoCitus)
	}
	const nodes = `SELECT COALESCE(BOOL_OR(n.groupid = 0), FALSE), COALESCE(BOOL_OR(n.shouldhaveshards), FALSE) FROM pg_dist_node n WHERE n.isactive AND n.noderole = 'primary'`
	if err == nil {
		err = w.conn.QueryRow(ctx, nodes).Scan(&coordinator, &servers)
	}
	switch {
	case err != nil:
		return err
	case !coordinator:
		return fmt.Errorf("%w: run SELECT citus_set_coordinator_host('HOST') in it, so that the coordinator has the replicated tables", ErrNoCitus)
	case !servers:
		return fmt.Errorf("%w: it has no worker; run SELECT citus_add_node('HOST', PORT) in it for each", ErrNoCitus)
	}
	return nil
}

func (w *spreading) readTables(ctx context.Context) error {
	const text = `SELECT c.relname, a.attname, COALESCE(p.partmethod = 'h' OR p.repmodel = 't', FALSE), COALESCE(p.partmethod = 'h', FALSE), pg_relation_size(c.oid) > 0
		FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1) ORDER BY c.relname`
	w.tables = map[string]*spreadTable{}
	rows, err := w.conn.Query(ctx, text, w.Tables)
	if err != nil {
		return err
	}
	var byMerchant, full bool
	var t spreadTable
	var key string
	_, err = pgx.ForEachRow(rows, []any{&t.name, &key, &t.done, &byMerchant, &full}, func() error {
		one := t
		one.behind = one.done && full
		switch {
		case slices.Contains(w.Coordinator, one.name):
			one.how, one.done = spreadStays, true
		case key == shardColumn && !slices.Contains(w.Replicated, one.name):
			one.how = spreadByMerchant
		default:
			one.how = spreadReplicated
		}
		if byMerchant && w.first == "" {
			w.first = one.name
		}
		w.tables[one.name] = &one
		return nil
	})
	return err
}

func (w *spreading) readKeys(ctx context.Context) error {
	const text = `SELECT k.conname, c.relname, f.relname, pg_get_constraintdef(k.oid) FROM pg_constraint k
		JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid
		WHERE k.contype = 'f' AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1) ORDER BY 1, 2`
	rows, err := w.conn.Query(ctx, text, w.Tables)
	if err != nil {
		return err
	}
	var k foreignKey
	_, err = pgx.ForEachRow(rows, []any{&k.name, &k.table, &k.to, &k.definition}, func() error {
		w.tables[k.table].keys = append(w.tables[k.table].keys, k)
		return nil
	})
	return err
}

// mayBeSpread finds unique keys that no single server could hold.
func (w *spreading) mayBeSpread(ctx context.Context) error {
	const text = `SELECT c.relname, x.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_class x ON x.oid = i.indexrelid
		WHERE i.indisunique AND c.relnamespace = current_schema()::regnamespace AND c.relname = ANY ($1)
		AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = $2 AND a.attnum = ANY (i.indkey)) ORDER BY 1, 2`
	rows, err := w.conn.Query(ctx, text, w.Tables, shardColumn)
	if err != nil {
		return err
	}
	var table, index string
	var wrong []string
	_, err = pgx.ForEachRow(rows, []any{&table, &index}, func() error {
		if w.tables[table].how == spreadByMerchant {
			wrong = append(wrong, index+" of "+table)
		}
		return nil
	})
	if err == nil && len(wrong) > 0 {
		err = fmt.Errorf("%w: no server could hold these unique indexes alone, since %s is not in them: %s", ErrNoCitus, shardColumn, strings.Join(wrong, ", "))
	}
	return err
}

// groups are the tables that refer to each other, replicated ones first.
func (w *spreading) groups() [][]*spreadTable {
	of := map[string]string{}
	root := func(name string) string {
		for of[name] != "" {
			name = of[name]
		}
		return name
	}
	names := make([]string, 0, len(w.tables))
	for name := range w.tables {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, key := range w.tables[name].keys {
			if a, b := root(name), root(key.to); a != b {
				of[a] = b
			}
		}
	}
	groups := map[string][]*spreadTable{}
	var order []string
	for _, how := range []string{spreadReplicated, spreadByMerchant, spreadStays} {
		for _, name := range names {
			if w.tables[name].how != how {
				continue
			}
			at := root(name)
			if groups[at] == nil {
				order = append(order, at)
			}
			groups[at] = append(groups[at], w.tables[name])
		}
	}
	out := make([][]*spreadTable, len(order))
	for n, at := range order {
		out[n] = groups[at]
	}
	return out
}

// spread spreads the tables of a group in one transaction, without the keys by
// which they refer to each other, which come back behind it.
func (w *spreading) spread(ctx context.Context, group []*spreadTable) error {
	if !slices.ContainsFunc(group, func(t *spreadTable) bool { return !t.done }) {
		return nil
	}
	err := pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		statements := []string{"SET LOCAL citus.multi_shard_modify_mode = 'sequential'", "SET LOCAL client_min_messages = 'warning'"}
		var back []string
		for _, t := range group {
			for _, key := range t.keys {
				if t.done && w.tables[key.to].done {
					continue
				}
				of := "ALTER TABLE " + pgx.Identifier{key.table}.Sanitize()
				name := pgx.Identifier{key.name}.Sanitize()
				statements = append(statements, of+" DROP CONSTRAINT "+name)
				back = append(back, of+" ADD CONSTRAINT "+name+" "+key.definition)
			}
		}
		for _, t := range group {
			if !t.done {
				statements = append(statements, w.making(t))
			}
		}
		for _, text := range append(statements, back...) {
			if _, err := tx.Exec(ctx, text); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range group {
		if !t.done {
			w.Progress(t.name, t.how)
			t.done, t.behind = true, true
		}
	}
	return nil
}

// making is the statement that spreads a table.
func (w *spreading) making(t *spreadTable) string {
	if t.how == spreadReplicated {
		return "SELECT create_reference_table('" + t.name + "')"
	}
	beside := w.first
	if beside == "" {
		w.first, beside = t.name, "none"
	}
	return "SELECT create_distributed_table('" + t.name + "', '" + shardColumn + "', colocate_with => '" + beside + "')"
}

// clear removes the rows that were copied, from the tables that they were in.
func (w *spreading) clear(ctx context.Context) error {
	for name, t := range w.tables {
		if !t.behind || t.how == spreadStays {
			continue
		}
		if _, err := w.conn.Exec(ctx, "SELECT truncate_local_data_after_distributing_table($1::text::regclass)", name); err != nil {
			return fmt.Errorf("clear the copied rows of %s: %w", name, err)
		}
	}
	return nil
}
