package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// maxStatements bounds a connection's prepared statements; those with lists
// have a text per size class, a few hundred in all.
const maxStatements = 512

// sqliteConn is one connection with its statements prepared: parsing costs more
// than running. It is the driver's own: database/sql converts each value and
// locks at each row, which for short statements is much of their time. One
// caller at a time has it, also when a row's callback runs another statement.
type sqliteConn struct {
	raw      driver.Conn
	prepared map[string]driver.Stmt
	// broken says that a statement failed: the state of a connection that
	// only reads is not worth finding out, it is opened again.
	broken bool
	// values are a statement's arguments while it begins.
	values []driver.NamedValue
	// row is kept for the next statement's rows.
	row []driver.Value
}

// errDriver says that the driver lacks what this package is written for.
var errDriver = errors.New("the SQLite driver's statements take no context")

func (db *sqliteDB) connect(options string) (*sqliteConn, error) {
	raw, err := db.driver.Open(db.address + options)
	if err != nil {
		return nil, sqliteUnusable(err)
	}
	return &sqliteConn{raw: raw, prepared: make(map[string]driver.Stmt)}, nil
}

func (c *sqliteConn) close() {
	for _, statement := range c.prepared {
		_ = statement.Close()
	}
	clear(c.prepared)
	_ = c.raw.Close()
}

// take returns a statement, which belongs to the caller until keep: the same
// text may be run again while its rows are read.
func (c *sqliteConn) take(ctx context.Context, text string) (driver.Stmt, error) {
	if prepared := c.prepared[text]; prepared != nil {
		delete(c.prepared, text)
		return prepared, nil
	}
	preparer, ok := c.raw.(driver.ConnPrepareContext)
	if !ok {
		return nil, errDriver
	}
	return preparer.PrepareContext(ctx, kept(nameless(text)))
}

// keep takes a statement back for the next time.
func (c *sqliteConn) keep(text string, statement driver.Stmt) {
	if c.prepared[text] != nil {
		_ = statement.Close()
		return
	}
	if len(c.prepared) >= maxStatements {
		for key, old := range c.prepared {
			_ = old.Close()
			delete(c.prepared, key)
		}
	}
	c.prepared[text] = statement
}

func (c *sqliteConn) exec(ctx context.Context, text string, args []any) (int64, error) {
	statement, err := c.take(ctx, text)
	if err != nil {
		c.broken = true
		return 0, sqliteUnusable(err)
	}
	defer c.keep(text, statement)
	executor, ok := statement.(driver.StmtExecContext)
	if !ok {
		return 0, errDriver
	}
	values, err := c.bind(args)
	if err != nil {
		return 0, err
	}
	defer clear(values)
	result, err := executor.ExecContext(ctx, values)
	if err != nil {
		c.broken = true
		return 0, sqliteUnusable(err)
	}
	return result.RowsAffected()
}

func (c *sqliteConn) query(ctx context.Context, text string, args []any, each func(func(...any) error) error) error {
	statement, err := c.take(ctx, text)
	if err != nil {
		c.broken = true
		return sqliteUnusable(err)
	}
	defer c.keep(text, statement)
	queryer, ok := statement.(driver.StmtQueryContext)
	if !ok {
		return errDriver
	}
	values, err := c.bind(args)
	if err != nil {
		return err
	}
	rows, err := queryer.QueryContext(ctx, values) // the driver has copied them then
	clear(values)
	if err != nil {
		c.broken = true
		return sqliteUnusable(err)
	}
	defer func() { _ = rows.Close() }()
	width := len(rows.Columns())
	row := slices.Grow(c.row[:0], width)[:width]
	c.row = nil // a row's callback may run another statement
	defer func() {
		clear(row)
		c.row = row
	}()
	scan := func(into ...any) error { return scanRow(row, into) }
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err := rows.Next(row); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			c.broken = true
			return sqliteUnusable(err)
		}
		if err := each(scan); err != nil {
			return err
		}
	}
}

// bind returns arguments as the driver takes them: of its own few types. They are
// good until the next statement.
func (c *sqliteConn) bind(args []any) ([]driver.NamedValue, error) {
	values := slices.Grow(c.values[:0], len(args))[:len(args)]
	c.values = values
	for n, arg := range args {
		switch arg.(type) {
		case nil, string, int64, []byte, bool:
		default:
			var err error
			if arg, err = driver.DefaultParameterConverter.ConvertValue(arg); err != nil {
				return nil, fmt.Errorf("argument %d: %w", n+1, err)
			}
		}
		values[n] = driver.NamedValue{Ordinal: n + 1, Value: arg}
	}
	return values, nil
}

// scanRow fills in what the store reads rows into. A column is of the type that
// it was declared with, so that nothing has to be converted.
func scanRow(row []driver.Value, into []any) error {
	if len(row) != len(into) {
		return fmt.Errorf("%d columns are read into %d places", len(row), len(into))
	}
	for n, value := range row {
		if !scanValue(value, into[n]) {
			return fmt.Errorf("column %d is %T and can't be read into %T", n+1, value, into[n])
		}
	}
	return nil
}

func scanValue(value driver.Value, into any) bool {
	switch place := into.(type) {
	case *string:
		text, ok := value.(string)
		*place = text
		return ok
	case *int64:
		number, ok := value.(int64)
		*place = number
		return ok
	case *[]byte:
		bytes, ok := value.([]byte)
		*place = bytes
		return ok || value == nil
	case *any:
		*place = value
		return true
	}
	place := reflect.ValueOf(into)
	return place.Kind() == reflect.Pointer && scanOther(value, place.Elem())
}

// scanOther is scanValue for what is rarely read into: what may be absent, and
// types of the same kinds.
func scanOther(value driver.Value, place reflect.Value) bool {
	if place.Kind() == reflect.Pointer {
		if value == nil {
			place.SetZero()
			return true
		}
		place.Set(reflect.New(place.Type().Elem()))
		return scanOther(value, place.Elem())
	}
	switch value := value.(type) {
	case string:
		if place.Kind() == reflect.String {
			place.SetString(value)
			return true
		}
	case int64:
		switch {
		case place.CanInt() && !place.OverflowInt(value):
			place.SetInt(value)
			return true
		case place.Kind() == reflect.Bool:
			place.SetBool(value != 0)
			return true
		}
	}
	return false
}

// nameless writes $1, $2, $3 as ?, ?, ? where they come once each and in
// order, as in all long lists. To SQLite $1 is a name, and binding looks each
// name up in a list of all: for 64 rows of 30 columns that was most of the
// time that a statement took.
func nameless(text string) string {
	var b strings.Builder
	next := 1
	for rest := text; ; next++ {
		before, behind, found := strings.Cut(rest, "$")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		number := strconv.Itoa(next)
		if !strings.HasPrefix(behind, number) {
			return text
		}
		rest = behind[len(number):]
		if rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			return text
		}
		b.WriteByte('?')
	}
}

// bareLimit is a limit that is an argument and nothing else.
var bareLimit = regexp.MustCompile(`\b(LIMIT|OFFSET) (\?|\$[0-9]+)`)

// kept hides from SQLite that a limit is an argument. It looks at its value to
// plan by it, and so parses and plans the statement anew each time that another
// value is bound, which costs ten times what a short statement does. Plans here
// don't depend on limits.
func kept(text string) string { return bareLimit.ReplaceAllString(text, "$1 $2+0") }
