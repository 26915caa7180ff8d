package move

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/refundry/refundry/store/sqldb"
)

// made is an index or a foreign key of the new database that stands in the way of
// copying, and is made again: rows come faster without indexes, and in an order in which
// a row may come before the one that it refers to.
type made struct {
	Name, Table, Drop, Make string
	// Foreign says that it is a foreign key, and Unique that it is a unique index.
	Foreign, Unique bool
}

// readMade reads the secondary indexes and the foreign keys of a PostgreSQL database.
func readMade(ctx context.Context, q sqldb.Querier) (all []made, err error) {
	const foreign = `SELECT conname, conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
		WHERE contype = 'f' AND connamespace = current_schema()::regnamespace AND conparentid = 0 ORDER BY 2, 1`
	err = q.Query(ctx, foreign, nil, func(scan func(...any) error) error {
		var m made
		err := scan(&m.Name, &m.Table, &m.Make)
		m.Foreign = true
		m.Drop = "ALTER TABLE " + m.Table + " DROP CONSTRAINT IF EXISTS " + m.Name
		m.Make = "ALTER TABLE " + m.Table + " ADD CONSTRAINT " + m.Name + " " + m.Make
		all = append(all, m)
		return err
	})
	if err != nil {
		return nil, err
	}
	const indexes = `SELECT c.relname, i.indrelid::regclass::text, pg_get_indexdef(c.oid), CASE WHEN i.indisunique THEN 1 ELSE 0 END
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition
			AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = c.oid) ORDER BY 2, 1`
	err = q.Query(ctx, indexes, nil, func(scan func(...any) error) error {
		var m made
		var unique int64
		err := scan(&m.Name, &m.Table, &m.Make, &unique)
		m.Unique = unique == 1
		m.Drop = "DROP INDEX IF EXISTS " + m.Name
		m.Make = strings.Replace(strings.Replace(m.Make, "INDEX ", "INDEX IF NOT EXISTS ", 1), " ON ONLY ", " ON ", 1)
		all = append(all, m)
		return err
	})
	return all, err
}

// setAside drops what is in the way, in the caller's transaction, and returns how it is
// made again.
func (m *mover) setAside(ctx context.Context, q sqldb.Querier) (kept string, err error) {
	all, err := readMade(ctx, q)
	if err != nil {
		return "", fmt.Errorf("read indexes and foreign keys: %w", err)
	}
	for _, one := range all {
		if m.isCopied(one.Table) {
			m.kept = append(m.kept, one)
			if _, err := q.Exec(ctx, one.Drop); err != nil {
				return "", fmt.Errorf("set %s aside: %w", one.Name, err)
			}
		}
	}
	text, err := json.Marshal(m.kept)
	return string(text), err
}

// makeIndexes makes the indexes again that are not there. While the old database
// changes, a unique value may be seen on two rows, since they were read one after the
// other: such an index is left for the end, when atEnd is set.
func (m *mover) makeIndexes(ctx context.Context, atEnd bool) error {
	for _, one := range m.kept {
		if one.Foreign {
			continue
		}
		m.part("indexes", one.Name)
		err := m.maintain(ctx, one.Make)
		if err != nil && (atEnd || !one.Unique || !sqldb.Duplicate(err)) {
			return fmt.Errorf("make index %s: %w", one.Name, err)
		}
	}
	return nil
}

// makeKeys makes the foreign keys again, which checks that every row refers to one
// that is there.
func (m *mover) makeKeys(ctx context.Context) error {
	for _, one := range m.kept {
		if !one.Foreign {
			continue
		}
		m.part("foreign keys", one.Name)
		// Made anew, so that what a run before this one made is checked again.
		if err := m.maintain(ctx, one.Drop); err != nil {
			return fmt.Errorf("check foreign key %s: %w", one.Name, err)
		}
		if err := m.maintain(ctx, one.Make); err != nil {
			return fmt.Errorf("check foreign key %s of table %s: a row refers to one that the old database does not have: %w", one.Name, one.Table, err)
		}
	}
	return nil
}

// dropKeys has a run that goes on do without foreign keys, which one before it may
// have made already.
func (m *mover) dropKeys(ctx context.Context) error {
	for _, one := range m.kept {
		if one.Foreign {
			if err := m.maintain(ctx, one.Drop); err != nil {
				return fmt.Errorf("set %s aside: %w", one.Name, err)
			}
		}
	}
	return nil
}

// maintain runs a statement in the new database, again where somebody who reads there
// for long, such as an autovacuum, holds what it needs.
func (m *mover) maintain(ctx context.Context, text string) error {
	return m.unlocked(ctx, func() error { return m.to.Maintain(ctx, text) })
}
