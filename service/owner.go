package service

import (
	"strings"

	"github.com/refundry/refundry/sqlitefile"
)

// ErrOwned says that another process owns the SQLite file.
var ErrOwned = sqlitefile.ErrOwned

// Owner holds a database for one process: a SQLite file. Others need none, and
// then it is empty.
type Owner struct {
	path string
	file *sqlitefile.Owner
}

// Own takes a database for this process, before it is opened. It does not
// wait: ErrOwned. A SQLite file is looked at first; one that can't be the
// database that it was is an error that says what to do.
func Own(database string) (*Owner, error) {
	path, sqlite := SQLiteFile(database)
	if !sqlite || path == "" {
		return &Owner{}, nil // without a name it can't be opened, which says so
	}
	file, err := sqlitefile.Own(path)
	if err != nil {
		return nil, err
	}
	if err := file.Check(path); err != nil {
		file.Release()
		return nil, err
	}
	return &Owner{path, file}, nil
}

// replaced reports whether the database is not the one that was served last.
func (o *Owner) replaced() (bool, error) {
	if o.file == nil {
		return false, nil
	}
	return o.file.Replaced(o.path)
}

// Release gives the database back, when it is closed.
func (o *Owner) Release() {
	if o.file != nil {
		o.file.Release()
	}
}

// SQLiteFile is the file that a database's URL names, false if it is none.
func SQLiteFile(database string) (string, bool) {
	name, is := strings.CutPrefix(database, "sqlite:")
	return strings.TrimPrefix(name, "//"), is
}
