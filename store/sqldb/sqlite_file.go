package sqldb

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"modernc.org/sqlite"
)

// Mark sets a SQLite database's user version to a number, and reports
// whether it is in the file itself, and not only in the write-ahead log, which
// then is empty. Of PostgreSQL's nothing is marked.
func (db *DB) Mark(ctx context.Context, number uint32) (inFile bool, err error) {
	file, is := db.engine.(*sqliteDB)
	if !is {
		return false, nil
	}
	err = file.writer.alone(func() error {
		if _, err := file.writer.conn.exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", number), nil); err != nil {
			return err
		}
		return file.writer.conn.query(ctx, "PRAGMA wal_checkpoint(TRUNCATE)", nil, func(scan func(...any) error) error {
			var busy, frames, copied int64
			err := scan(&busy, &frames, &copied)
			inFile = busy == 0
			return err
		})
	})
	if err != nil {
		return false, fmt.Errorf("mark database: %w", err)
	}
	return inFile, nil
}

// CopyTo writes a SQLite database as it is at one moment into a file that is
// empty or not there, next to whoever writes to it. The copy has number as its
// user version.
func (db *DB) CopyTo(ctx context.Context, name string, number uint32) error {
	file, is := db.engine.(*sqliteDB)
	if !is {
		return errors.New("copy database: it is no SQLite file")
	}
	conn, err := file.connect("")
	if err != nil {
		return fmt.Errorf("copy database: %w", err)
	}
	defer conn.close()
	if _, err := conn.exec(ctx, "VACUUM INTO '"+strings.ReplaceAll(name, "'", "''")+"'", nil); err != nil {
		return fmt.Errorf("copy database: %w", err)
	}
	return MarkFile(ctx, name, number)
}

// MarkFile sets in a SQLite file that nobody has open a number as its user
// version. It leaves no log beside the file.
func MarkFile(ctx context.Context, name string, number uint32) error {
	conn, err := openPlain(name, url.Values{"_pragma": {"journal_mode(DELETE)", "synchronous(FULL)"}})
	if err != nil {
		return fmt.Errorf("mark copy: %w", err)
	}
	defer conn.close()
	if _, err := conn.exec(ctx, fmt.Sprintf("PRAGMA user_version = %d", number), nil); err != nil {
		return fmt.Errorf("mark copy: %w", err)
	}
	return nil
}

// CheckFile reads a whole SQLite file that nobody writes to, and says what is
// damaged.
func CheckFile(ctx context.Context, name string) error {
	conn, err := openPlain(name, url.Values{"mode": {"ro"}, "immutable": {"1"}})
	if err != nil {
		return fmt.Errorf("check database: %w", err)
	}
	defer conn.close()
	return conn.integrity(ctx)
}

// Integrity reads a whole SQLite database and says what is damaged. PostgreSQL
// looks after its own.
func (db *DB) Integrity(ctx context.Context) error {
	file, is := db.engine.(*sqliteDB)
	if !is {
		return nil
	}
	conn, err := file.reader()
	if err != nil {
		return fmt.Errorf("check database: %w", err)
	}
	defer conn.close()
	return conn.integrity(ctx)
}

// integrity returns the first damage.
func (c *sqliteConn) integrity(ctx context.Context) error {
	var damage string
	err := c.query(ctx, "PRAGMA integrity_check(1)", nil, func(scan func(...any) error) error { return scan(&damage) })
	switch {
	case err != nil:
		return fmt.Errorf("check database: %w", err)
	case damage != "ok":
		return fmt.Errorf("check database: it is damaged: %s", strings.Join(strings.Fields(damage), " "))
	}
	return nil
}

func openPlain(name string, options url.Values) (*sqliteConn, error) {
	db := &sqliteDB{driver: &sqlite.Driver{}, address: "file:" + (&url.URL{Path: name}).EscapedPath() + "?" + options.Encode()}
	return db.connect("")
}
