package service

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// lockSuffix is behind a SQLite file's name in the name of its owner lock. The
// file stays when the lock is given back: removing it could take a lock away
// from who just opened it.
const lockSuffix = ".lock"

// ErrOwned says that another process owns the SQLite file.
var ErrOwned = errors.New("another refundry serve owns this file")

// Owner holds a SQLite file for one process.
type Owner struct{ file *os.File }

// Own takes the owner lock of a SQLite database; the operating system gives it
// back when the process ends, however it ends. A database that is no SQLite
// file needs none: then the Owner is empty. It does not wait: ErrOwned.
func Own(database string) (*Owner, error) {
	name, sqlite := SQLiteFile(database)
	if !sqlite {
		return &Owner{}, nil
	}
	file, err := os.OpenFile(name+lockSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock database: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return &Owner{file: file}, nil
	}
	_ = file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("open %s: %w (hint: stop it first, or give this one a --database of its own)", name, ErrOwned)
	}
	return nil, fmt.Errorf("lock %s: %w", name, err)
}

// Release gives the lock back.
func (o *Owner) Release() {
	if o.file != nil {
		_ = o.file.Close() // closing unlocks
	}
}

// SQLiteFile is the file that a database's URL names, false if it is none.
func SQLiteFile(database string) (string, bool) {
	name, is := strings.CutPrefix(database, "sqlite:")
	return strings.TrimPrefix(name, "//"), is
}
