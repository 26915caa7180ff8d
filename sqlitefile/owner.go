// Package sqlitefile looks after the file of a SQLite database from outside of
// SQLite: which process owns it, and whether the files beside it belong to it.
//
// It opens the database's file itself, and closing such a descriptor takes the
// locks away that this process's SQLite has on the same file (fcntl(2)). So
// everything here is called before SQLite opens the file in this process; what
// this process owns already is not opened again.
package sqlitefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// lockSuffix is behind a file's name in the name of its lock file. The lock
// file stays when the lock is given back: removing it could take a lock away
// from whoever just opened it.
const lockSuffix = ".lock"

// The reasons why a file can't be taken.
var (
	// ErrOwned: another serve has the file, under this name or another one.
	ErrOwned = errors.New("another refundry serve owns this file")
	// ErrUnsafe: what SQLite and we rely on does not hold for this file.
	ErrUnsafe = errors.New("the file can't be locked safely")
)

// errLocked: another process has the lock of a file.
var errLocked = errors.New("locked by another process")

// fileID is a file whatever it is called.
type fileID struct{ device, inode uint64 }

// mine are the files that this process owns.
var mine = struct {
	sync.Mutex
	files map[fileID]bool
}{files: make(map[fileID]bool)}

// Owner holds a file for one process.
type Owner struct {
	id         fileID
	file, lock *os.File
	kept       session
}

// Own takes a database's file for this process; the operating system gives it
// back when the process ends, however it ends. The lock is on the file itself
// and so holds under each of its names, such as a bind mount's; the lock file
// beside it holds against programs that know no other lock, and keeps what
// Mark leaves. It does not wait: ErrOwned. A file that is not there is made.
func Own(path string) (*Owner, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("lock database: %w", err)
	}
	lock, err := os.OpenFile(path+lockSuffix, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock database: %w", err)
	}
	o := &Owner{lock: lock}
	if err := o.take(path); err != nil {
		_ = lock.Close()
		return nil, err
	}
	return o, nil
}

func (o *Owner) take(path string) error {
	if err := flock(o.lock, path); err != nil {
		return err
	}
	mine.Lock()
	defer mine.Unlock()
	if id, err := idOf(path); err == nil && mine.files[id] {
		return owned(path)
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("lock database: %w", err)
	}
	if err = safe(file, path); err == nil {
		err = flock(file, path)
	}
	if err == nil {
		o.id, err = idOf(path)
	}
	if err != nil {
		_ = file.Close()
		return err
	}
	o.file = file
	mine.files[o.id] = true
	o.kept = readSession(o.lock)
	return nil
}

// Release gives the file back. SQLite must have closed it.
func (o *Owner) Release() {
	mine.Lock()
	defer mine.Unlock()
	delete(mine.files, o.id)
	_ = o.file.Close() // closing unlocks
	_ = o.lock.Close()
}

// flock takes the lock of a file that is open, under the name by which it was opened.
func flock(file *os.File, path string) error {
	err := lockFile(file)
	switch {
	case errors.Is(err, errLocked):
		return owned(path)
	case err != nil:
		return fmt.Errorf("open %s: %w: %w (hint: put it on a local disk)", path, ErrUnsafe, err)
	}
	return nil
}

func owned(path string) error {
	return fmt.Errorf("open %s: %w (hint: stop it first, or give this one a --database of its own)", path, ErrOwned)
}

// safe refuses a file with several names, each of which would have a -wal of
// its own, and file systems whose locks other machines do not see.
func safe(file *os.File, path string) error {
	names, err := namesOf(file)
	if err != nil {
		return fmt.Errorf("open %s: %w", path, err)
	}
	if names > 1 {
		return fmt.Errorf("open %s: %w: it has %d names (hard links), and SQLite keeps a -wal for each (hint: remove the others)", path, ErrUnsafe, names)
	}
	if kind := remote(file); kind != "" {
		return fmt.Errorf("open %s: %w: it is on %s, which does not keep SQLite's locks between machines (hint: put it on a local disk, or use PostgreSQL)", path, ErrUnsafe, kind)
	}
	return nil
}

// Owned reports whether a process owns a file that is there.
func Owned(path string) (bool, error) {
	id, err := idOf(path)
	if err != nil {
		return false, fmt.Errorf("look for the owner: %w", err)
	}
	mine.Lock()
	defer mine.Unlock()
	if mine.files[id] {
		return true, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return false, fmt.Errorf("look for the owner: %w", err)
	}
	defer func() { _ = file.Close() }()
	return ownedElsewhere(file), nil
}

const (
	// joinWait and joinTries are how long a command waits until a serve that has
	// just taken the file has opened it.
	joinWait  = 50 * time.Millisecond
	joinTries = 40
)

// Join looks at a file that a command is about to open, perhaps next to a
// serve that has it: safe, under the name by which that serve has it, and
// sound. A file that is not there is fine.
func Join(path string) error {
	id, err := idOf(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	mine.Lock()
	defer mine.Unlock()
	if mine.files[id] {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() { _ = file.Close() }()
	if err := safe(file, path); err != nil {
		return err
	}
	for try := 0; ownedElsewhere(file); try++ {
		// Whoever has it by this name has a -wal beside it.
		if _, err := os.Stat(walOf(path)); err == nil {
			return nil
		}
		if try == joinTries {
			return fmt.Errorf("open %s: a refundry serve has this file under another name, such as a bind mount's, and what is written here would be lost to it (hint: use the name that serve was given)", path)
		}
		time.Sleep(joinWait)
	}
	return check(file, path, readSessionOf(path+lockSuffix))
}

// session is what an owner leaves in the lock file: the number that the
// database has as its user version since that owner came, and the one that it
// had before, until the new one is sure to be in the file. Now is 0 for none.
type session struct {
	Now    uint32  `json:"session"`
	Before *uint32 `json:"before,omitempty"`
}

// Copy is the number of a copy that was made to be restored. Other numbers are
// odd while a service is at work on the database, and even afterwards.
const Copy = 2

// NewSession makes a number from a random one; user versions have 31 bits.
func NewSession(random uint32) uint32 { return random>>3<<1 + Copy + 3 }

// Ended is the number of a session that has ended well.
func Ended(number uint32) uint32 { return number + 1 }

// is reports whether a database with this number is the one that was served
// last. Where nothing is known of that, it was not if it is a copy, or if a
// service was at work on it: that service's last commits are in a -wal beside
// another name, or were still to come when a copy was made.
func (s session) is(number uint32) bool {
	if s.Now == 0 {
		return number != Copy && number%2 == 0
	}
	return number == s.Now || s.Before != nil && number == *s.Before
}

// Mark gives the database a number of its own, by which the next owner sees
// whether it is the same one. write puts the number into the file as its user
// version, and says whether it is there, or only in the -wal.
func (o *Owner) Mark(number uint32, write func(uint32) (bool, error)) error {
	h, _, err := readHeader(o.file)
	if err != nil {
		return fmt.Errorf("mark database: %w", err)
	}
	if err := o.keep(session{Now: number, Before: &h.userVersion}); err != nil {
		return err
	}
	there, err := write(number)
	if err != nil || !there {
		return err
	}
	return o.keep(session{Now: number})
}

// Session is the number that Mark gave last.
func (o *Owner) Session() uint32 { return o.kept.Now }

func (o *Owner) keep(s session) error {
	text, err := json.Marshal(s)
	if err == nil {
		err = o.lock.Truncate(0)
	}
	if err == nil {
		_, err = o.lock.WriteAt(append(text, '\n'), 0)
	}
	if err == nil {
		err = o.lock.Sync()
	}
	if err != nil {
		return fmt.Errorf("write lock file: %w", err)
	}
	o.kept = s
	return nil
}

// maxLockFile is far above what keep writes.
const maxLockFile = 4096

func readSession(lock io.ReaderAt) session {
	var kept session
	text, err := io.ReadAll(io.NewSectionReader(lock, 0, maxLockFile))
	if err != nil || json.Unmarshal(text, &kept) != nil {
		return session{} // a program that knows none leaves it empty
	}
	return kept
}

func readSessionOf(name string) session {
	lock, err := os.Open(name)
	if err != nil {
		return session{}
	}
	defer func() { _ = lock.Close() }()
	return readSession(lock)
}
