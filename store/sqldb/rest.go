package sqldb

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// AtRest is the beginning of what a database says that takes no changes: a trigger
// on each table refuses them, whichever program they come from, because the
// database is being moved or has been moved to another one. What is refused so is
// ErrUnavailable, and a probe that writes shows when the rest has ended.
const AtRest = "this refundry database takes no changes: "

// refusedAtRest marks an error that such a trigger raised.
func refusedAtRest(err error) error {
	if err != nil && strings.Contains(err.Error(), AtRest) {
		return unavailable(err)
	}
	return err
}

// restNames are the triggers of a rest, which has a name of its own; the function is
// PostgreSQL's.
func restNames(name, table string) (triggers [3]string, function string) {
	for n, event := range restEvents {
		triggers[n] = name + "_" + table + "_" + strings.ToLower(event)
	}
	return triggers, name + "_refuse"
}

var restEvents = [...]string{"INSERT", "UPDATE", "DELETE"}

// LayToRest has the database refuse every change of the given tables, in the caller's
// transaction: none that commits later changes one of them. message follows AtRest in
// the error. name, of small letters, tells this rest from others. Whoever has called
// PassRest in its transaction with a pass that is not "" is let through, on PostgreSQL
// alone.
func (db *DB) LayToRest(ctx context.Context, q Querier, name, message, pass string, tables []string) error {
	var statements []Statement
	text := "'" + strings.ReplaceAll(AtRest+message, "'", "''") + "'"
	_, function := restNames(name, "")
	if !db.SQLite() {
		// All locks at once: whoever changes one of the tables has ended then.
		statements = append(statements, Statement{SQL: "LOCK TABLE " + strings.Join(tables, ", ") + " IN SHARE ROW EXCLUSIVE MODE"})
		statements = append(statements, Statement{SQL: `CREATE OR REPLACE FUNCTION ` + function + `() RETURNS trigger LANGUAGE plpgsql AS $body$
			BEGIN
				IF '` + pass + `' = '' OR current_setting('` + passSetting + `', true) IS DISTINCT FROM '` + pass + `' THEN
					RAISE EXCEPTION USING ERRCODE = 'RF001', MESSAGE = ` + text + `;
				END IF;
				RETURN NULL;
			END $body$`})
	}
	for _, table := range tables {
		triggers, _ := restNames(name, table)
		for n, event := range restEvents {
			if db.SQLite() {
				statements = append(statements, Statement{SQL: "CREATE TRIGGER " + triggers[n] + " BEFORE " + event + " ON " + table +
					" BEGIN SELECT RAISE(ABORT, " + text + "); END"})
				continue
			}
			if event == "DELETE" {
				event += " OR TRUNCATE"
			}
			statements = append(statements, Statement{SQL: "CREATE OR REPLACE TRIGGER " + triggers[n] + " BEFORE " + event + " ON " + table +
				" FOR EACH STATEMENT EXECUTE FUNCTION " + function + "()"})
		}
	}
	return each(ctx, q, statements)
}

// LiftRest has the triggers of a rest of PostgreSQL refuse nothing any more, in the
// caller's transaction. Unlike EndRest it waits for no reader of the tables; the
// triggers stay until the next rest and its end.
func LiftRest(ctx context.Context, q Querier, name string) error {
	_, function := restNames(name, "")
	return each(ctx, q, []Statement{{SQL: `CREATE OR REPLACE FUNCTION ` + function + `() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN RETURN NULL; END $body$`}})
}

// EndRest takes back what LayToRest did, in the caller's transaction.
func (db *DB) EndRest(ctx context.Context, q Querier, name string, tables []string) error {
	var statements []Statement
	for _, table := range tables {
		triggers, _ := restNames(name, table)
		for _, trigger := range triggers {
			if !db.SQLite() {
				trigger += " ON " + table
			}
			statements = append(statements, Statement{SQL: "DROP TRIGGER IF EXISTS " + trigger})
		}
	}
	if _, function := restNames(name, ""); !db.SQLite() {
		statements = append(statements, Statement{SQL: "DROP FUNCTION IF EXISTS " + function + "()"})
	}
	return each(ctx, q, statements)
}

// passSetting is where a transaction keeps its pass.
const passSetting = "refundry.pass"

// PassRest lets the rest of a PostgreSQL transaction through where a rest with that pass
// refuses everybody else.
func PassRest(ctx context.Context, q Querier, pass string) error {
	return q.Query(ctx, "SELECT set_config('"+passSetting+"', $1, true)", []any{pass}, func(scan func(...any) error) error {
		return scan(new(string))
	})
}

// each runs statements one by one: a schema's are not worth preparing.
func each(ctx context.Context, q Querier, statements []Statement) error {
	for _, one := range statements {
		if _, err := q.Exec(ctx, one.SQL, one.Args...); err != nil {
			return err
		}
	}
	return nil
}

// Maintain runs one statement outside a transaction for as long as it takes, such as
// one that reads a whole table to check a constraint. On SQLite other writers of this
// process wait.
func (db *DB) Maintain(ctx context.Context, text string) error {
	switch engine := db.engine.(type) {
	case *sqliteDB:
		return engine.writer.alone(func() error {
			_, err := engine.writer.conn.exec(ctx, text, nil)
			return err
		})
	case *postgresDB:
		_, err := engine.pool.Exec(ctx, text)
		return pgProblem(pgUnusable(err))
	}
	return errors.New("maintain database: it is of no known kind")
}

// ErrTaken says that another process has what Only was asked for.
var ErrTaken = errors.New("another process has it")

// Only has this process be the only one that holds number in a PostgreSQL database,
// until release is called or its connection ends. It does not wait: ErrTaken. On
// SQLite, whose file has an owner, it holds nothing.
func (db *DB) Only(ctx context.Context, number int64) (release func(), err error) {
	server, is := db.engine.(*postgresDB)
	if !is {
		return func() {}, nil
	}
	conn, err := server.acquire(ctx)
	if err != nil {
		return nil, err
	}
	taken := false
	// A connection may have broken while it lay idle, as where the server began anew.
	for try := 1; ; try++ {
		if err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", number).Scan(&taken); err == nil && !taken {
			err = ErrTaken
		}
		if err == nil {
			break
		}
		again := conn.Conn().IsClosed() && try < pgConnections
		conn.Release()
		if !again {
			return nil, fmt.Errorf("hold %d: %w", number, err)
		}
		if conn, err = server.acquire(ctx); err != nil {
			return nil, err
		}
	}
	return func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgRollbackTimeout)
		defer cancel()
		if err := conn.QueryRow(ctx, "SELECT pg_advisory_unlock($1)", number).Scan(&taken); err == nil && taken {
			conn.Release()
			return
		}
		_ = conn.Hijack().Close(ctx) // the connection ends, and what it held with it
	}, nil
}

// kinds are the kinds of columns that tables may have, by the engines' names for them.
var kinds = map[string]string{"bigint": "BIGINT", "text": "TEXT", "bytea": "BYTEA", "boolean": "BOOLEAN"}

// Column is a column of a table as it is in the database.
type Column struct {
	Name string
	// Kind is BIGINT, TEXT, BYTEA or BOOLEAN, or what else the engine calls it.
	Kind     string
	Nullable bool
	// Key is its place in the primary key, from 1 on; 0 for none.
	Key int
}

// Tables are the tables of the database, in the order of their names, with their
// columns in the order of their names. A table's partitions are not listed.
func (db *DB) Tables(ctx context.Context) (names []string, columns map[string][]Column, err error) {
	text := `SELECT c.relname, a.attname, format_type(a.atttypid, NULL), CASE WHEN a.attnotnull THEN 1 ELSE 0 END,
			COALESCE(array_position(i.indkey::int[], a.attnum::int) + 1, 0)
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		ORDER BY c.relname COLLATE "C", a.attname COLLATE "C"`
	if db.SQLite() {
		text = `SELECT m.name, c.name, c.type, c."notnull", c.pk FROM sqlite_master m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY m.name, c.name`
	}
	columns = make(map[string][]Column)
	err = db.Read(ctx, func(q Querier) error {
		return q.Query(ctx, text, nil, func(scan func(...any) error) error {
			var table string
			var c Column
			var fixed, key int64
			if err := scan(&table, &c.Name, &c.Kind, &fixed, &key); err != nil {
				return err
			}
			if kind := kinds[strings.ToLower(c.Kind)]; kind != "" {
				c.Kind = kind
			}
			if c.Nullable, c.Key = fixed == 0, int(key); len(columns[table]) == 0 {
				names = append(names, table)
			}
			columns[table] = append(columns[table], c)
			return nil
		})
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the schema: %w", err)
	}
	slices.Sort(names)
	return names, columns, nil
}
