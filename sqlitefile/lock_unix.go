//go:build unix

package sqlitefile

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the lock of an open file for this process, or fails with
// errLocked. Closing the file gives the lock back.
func lockFile(file *os.File) error {
	err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return errLocked
	}
	return err
}

// ownedElsewhere reports whether another process owns the file.
func ownedElsewhere(file *os.File) bool {
	return errors.Is(syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB), syscall.EWOULDBLOCK)
}

// idOf finds out which file a name stands for; os.ErrNotExist.
func idOf(path string) (fileID, error) {
	info, err := os.Stat(path)
	if err != nil {
		return fileID{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileID{}, errors.New("the system tells no inode")
	}
	return fileID{uint64(stat.Dev), uint64(stat.Ino)}, nil //nolint:unconvert // their types differ between systems
}

// namesOf counts the names (hard links) of an open file.
func namesOf(file *os.File) (int, error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 1, nil
	}
	return int(stat.Nlink), nil //nolint:gosec // a count that no file system lets grow past 32 bits
}
